/* SPDX-License-Identifier: MIT */
/* Whole files: read into memory, and replaced so that the old file or the new one is there at any moment. */
#ifndef NORMNET_IO_FILE_H
#define NORMNET_IO_FILE_H

#include "base/allocator.h"
#include "io/output.h"

/*
 * Reads a regular file into a block of the allocator, which the caller gives back with its size; an empty one gives
 * NULL. NORMNET_EIO with the reason, NORMNET_ELIMIT above `limit` bytes (0 = no limit), NORMNET_ENOMEM,
 * NORMNET_ETRUNCATED or NORMNET_EFORMAT if the file shrinks or grows meanwhile.
 */
normnet_status normnet__read_file(const char *path, int64_t limit, const struct allocator *allocator,
                                  unsigned char **bytes, int64_t *size);

/*
 * Writes a file next to `path`, brings it to the disk and puts it in the place of `path`; on POSIX systems with the
 * permissions of the regular file that was there. After NORMNET_EIO the old file is as it was and nothing else is left,
 * unless the sentence says that only the directory's own entry may not have reached the disk. A symbolic link is
 * replaced, not followed.
 */
normnet_status normnet__replace_file(const char *path, const void *bytes, int64_t size);

/* The same with what `put` writes of `context`, built in a block of the allocator: NORMNET_ENOMEM. */
typedef void put_function(struct output *output, const void *context);
normnet_status normnet__write_file(const char *path, put_function *put, const void *context,
                                   const struct allocator *allocator);

#endif
