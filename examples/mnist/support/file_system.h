/* SPDX-License-Identifier: MIT */
/* Files by name: links, permissions, and replacing one file by another. */
#ifndef MNIST_FILE_SYSTEM_H
#define MNIST_FILE_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

bool file_exists(const char *path);

/*
 * The file that holds what the path names: the path itself, or its beginning if that is a file and the rest a name in
 * it, as in "digits.zip/raw/images"; free() it. NULL without memory.
 */
char *file_holder(const char *path);

/* The path with all symbolic links resolved, even if no file has that name yet; free() it. NULL without memory. */
char *file_resolve(const char *path);

/* Whether two paths, however they are written, name the same file. */
bool file_same(const char *a, const char *b);

bool file_is_folder(const char *path);

#if !defined(_WIN32)
/*
 * Whether the file of the descriptor still has this name, and not one of another process or a link. Does only what a
 * handler of a signal may.
 */
bool file_has_name(int descriptor, const char *name);
#endif

/* True unless the path names something other than a regular file, such as a directory or a device. */
bool file_replaceable(const char *path);

/* What changes if a file is replaced or written; all 0 if there is none. */
struct file_stamp {
    uint64_t device, number;
    int64_t size, seconds;
};
struct file_stamp file_stamp(const char *path);

/* Whether standard output or standard error is written to the file. */
bool file_is_output(const char *path);

/* Whether standard input is read from the file. */
bool file_is_input(const char *path);

/* The bytes of the path before its last part: 4 of "out/model". */
int file_folder_length(const char *path);

/*
 * Creates a file for writing in the folder of `path`, under a name that no file has and nobody foresees, with no more
 * permissions than the file at `path` has, and than the umask allows. *name is its path; free() it. NULL, with errno,
 * if it cannot.
 */
FILE *file_create_beside(const char *path, char **name);

/* Copies the permissions of the file at `path`, if there is one, to the new file; false on failure. */
bool file_take_permissions(FILE *file, const char *path);

/* Writes the file through to the disk; false on failure. */
bool file_sync(FILE *file);

/* Renames `from` to `to` and replaces a file of that name in one step; false on failure. */
bool file_rename(const char *from, const char *to);

#endif
