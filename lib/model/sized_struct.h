/* SPDX-License-Identifier: MIT */
/* Structs that begin with their size, between callers and libraries of different age. */
#ifndef NORMNET_MODEL_SIZED_STRUCT_H
#define NORMNET_MODEL_SIZED_STRUCT_H

#include "normnet.h"

/* NORMNET_EINVAL for a size that no release's struct can have; `first` is the size of the first release. */
normnet_status normnet__check_size(int32_t size, int32_t first, const char *name);

/*
 * Copies min(caller's size, own) bytes of `from` over `to`, which holds the defaults and keeps its own size.
 * NORMNET_EINVAL for a size that cannot be, or a non-zero tail.
 */
normnet_status normnet__read_struct(void *to, int32_t own, int32_t first, const void *from, const char *name);

/* Writes min(own, caller's size) bytes of `from`, zero beyond; the caller's size field stays. */
normnet_status normnet__write_struct(void *to, int32_t first, const void *from, int32_t own, const char *name);

#endif
