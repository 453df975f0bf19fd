/* SPDX-License-Identifier: MIT */
/* Reading regular files with the calls of the operating system: file_posix.c or file_windows.c. */
#ifndef NORMNET_IO_SOURCE_H
#define NORMNET_IO_SOURCE_H

#include "normnet.h"

struct source {
    intptr_t handle; /* the system's */
    int64_t size;    /* in bytes, when it was opened */
};

/* NORMNET_EIO with the reason, also if it is not a regular file. */
normnet_status normnet__open_source(struct source *source, const char *path);
void normnet__close_source(const struct source *source);

/* Reads up to `size` bytes, fewer only at the end of the file, and returns their number; -1 if the system fails. */
int64_t normnet__read_source(const struct source *source, unsigned char *bytes, int64_t size);

/* NORMNET_EIO with the reason why the last call failed: "cannot <what> '<path>': <reason>". */
normnet_status normnet__reject_file(const char *what, const char *path);

#endif
