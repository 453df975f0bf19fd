/* SPDX-License-Identifier: MIT */
/* Regular files as the system reads them: file_posix.c or file_windows.c, which also replace files (file.h). */
#ifndef NORMNET_IO_SOURCE_H
#define NORMNET_IO_SOURCE_H

#include "normnet.h"

struct source {
    intptr_t handle; /* the system's */
    int64_t size;    /* in bytes, when it was opened */
};

/* NORMNET_EIO with the reason, also for what is no regular file. */
normnet_status normnet__open_source(struct source *source, const char *path);
void normnet__close_source(const struct source *source);

/* As many of the next `size` bytes as there are; -1 if the system fails. */
int64_t normnet__read_source(const struct source *source, unsigned char *bytes, int64_t size);

/* NORMNET_EIO, with the reason for which the last call to the system failed: "cannot <what> '<path>': <reason>". */
normnet_status normnet__reject_file(const char *what, const char *path);

#endif
