/* SPDX-License-Identifier: MIT */
/* Files of other kinds than safetensors, told by their first bytes. */
#ifndef NORMNET_IO_FILE_KIND_H
#define NORMNET_IO_FILE_KIND_H

#include "normnet.h"

struct file_kind {
    const char *name;   /* "a PNG image" */
    const char *advice; /* how to get to a file that can be read; NULL = nothing to say */
};

/* NULL if the bytes are of no kind that is known here. */
const struct file_kind *normnet__find_file_kind(const unsigned char *bytes, int64_t size);

#endif
