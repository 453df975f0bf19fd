/* SPDX-License-Identifier: MIT */
/*
 * A file that appears complete or not at all: it is written beside its destination under another name
 * and takes the destination's place in one step. What was there before survives every failure.
 */
#ifndef MNIST_ATOMIC_FILE_H
#define MNIST_ATOMIC_FILE_H

#include <stdio.h>

struct atomic_file {
    FILE *stream; /* to write to */
    char *path, *temporary;
};

/*
 * Where a file called `path` comes to stand, through links; free() it. NULL after a report that nothing may be put
 * there: what it would replace is no regular file, or takes the program's output.
 */
char *atomic_file_place(const char *path);

/* Returns 0, or reports why the place cannot be written to. */
int atomic_file_open(struct atomic_file *file, const char *path);

/* Whether the place can be written to, before there is anything to write; returns 0 or reports why not. */
int atomic_file_check(const char *path);

/* Puts the file in its place; returns 0, or reports what failed. The file is closed either way. */
int atomic_file_commit(struct atomic_file *file);

/* Forgets what was written. */
void atomic_file_discard(struct atomic_file *file);

#endif
