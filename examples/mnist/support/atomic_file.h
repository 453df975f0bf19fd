/* SPDX-License-Identifier: MIT */
/*
 * A file that appears complete or not at all. It is written under a temporary name in the directory of its destination
 * and then renamed. After a failure, an older file of the same name is unchanged.
 */
#ifndef MNIST_ATOMIC_FILE_H
#define MNIST_ATOMIC_FILE_H

#include <stdio.h>

struct atomic_file {
    FILE *stream; /* of the temporary file */
    char *path, *temporary;
};

/*
 * The path with symbolic links resolved, where the file can be created; free() it. NULL after reporting that nothing
 * may be written there: the path names something other than a regular file, or the file that the output goes to.
 */
char *atomic_file_place(const char *path);

/* Creates the temporary file. Returns 0, or reports why it cannot. */
int atomic_file_open(struct atomic_file *file, const char *path);

/* Checks that the file could be written, without changing it. Returns 0, or reports why it could not. */
int atomic_file_check(const char *path);

/*
 * An older file at `path` may be replaced if it is empty or was written by `writer`, so that the text `mark` is near
 * its beginning. Returns 0, or reports that it is another file.
 */
int atomic_file_check_older(const char *path, const char *mark, const char *writer);

/* Renames the file to its destination. Returns 0, or reports the failure. Closes the file either way. */
int atomic_file_commit(struct atomic_file *file);

/* Deletes the temporary file. */
void atomic_file_discard(struct atomic_file *file);

#endif
