/* SPDX-License-Identifier: MIT */
/* Whole files: read into memory, and replaced so that at any moment either the old or the new file exists. */
#ifndef NORMNET_IO_FILE_H
#define NORMNET_IO_FILE_H

#include "base/allocator.h"
#include "io/output.h"

/*
 * Reads a regular file into a block of the allocator, which the caller frees with its size; NULL if the file is empty.
 * NORMNET_EIO with the reason, NORMNET_ELIMIT above `limit` bytes (0 = no limit), NORMNET_ENOMEM, and
 * NORMNET_ETRUNCATED or NORMNET_EFORMAT if the file shrinks or grows while it is read.
 */
normnet_status normnet__read_file(const char *path, int64_t limit, const struct allocator *allocator,
                                  unsigned char **bytes, int64_t *size);

/*
 * The same from bytes of the caller, which others may change while they are read: a copy, in which what was checked
 * stays as it is. NORMNET_ELIMIT, NORMNET_ENOMEM.
 */
normnet_status normnet__copy_bytes(const void *from, int64_t size, int64_t limit, const struct allocator *allocator,
                                   unsigned char **bytes);

/*
 * Writes a temporary file in the same directory, flushes it to the disk and renames it to `path`. On POSIX systems it
 * has the permissions of the regular file that it replaces. After NORMNET_EIO the old file is unchanged and there is no
 * other, except if the message says that the file was replaced but the directory could not be synced. A symbolic link
 * is replaced, not followed.
 */
normnet_status normnet__replace_file(const char *path, const void *bytes, int64_t size);

/*
 * Writes the name of a temporary file, ".normnet-0123456789abcdef.tmp" with other digits in each call, process and
 * attempt. It is as short for every file, and need not be secret: the file is created only if there is none yet.
 */
enum { NORMNET__TEMPORARY_NAME = 32 };
void normnet__name_temporary(char name[NORMNET__TEMPORARY_NAME], int attempt);

/*
 * The same with the bytes that `put` writes, in a block of the allocator. Also NORMNET_ENOMEM, and NORMNET_EINVAL if
 * they are others when `put` is called again.
 */
typedef void put_function(struct output *output, const void *context);
normnet_status normnet__write_file(const char *path, put_function *put, const void *context,
                                   const struct allocator *allocator);

#endif
