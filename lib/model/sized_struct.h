/* SPDX-License-Identifier: MIT */
/* Public structs begin with their size, because caller and library may have been compiled against different headers. */
#ifndef NORMNET_MODEL_SIZED_STRUCT_H
#define NORMNET_MODEL_SIZED_STRUCT_H

#include "normnet.h"

/* Sizes in the first release: a caller's struct is at least this large. */
enum {
    NORMNET__CONFIG_MIN_SIZE = 256 + 10 * (int)sizeof(void *),
    NORMNET__TENSOR_MIN_SIZE = 152,
    NORMNET__METRICS_MIN_SIZE = 72,
    NORMNET__BATCH_MIN_SIZE = 24,
    NORMNET__PREDICT_OPTIONS_MIN_SIZE = 16,
    NORMNET__SAVE_OPTIONS_MIN_SIZE = 16,
    NORMNET__LAYER_INFO_MIN_SIZE = 40 + 2 * (int)sizeof(void *),
    NORMNET__STATE_INFO_MIN_SIZE = 80 + 2 * (int)sizeof(void *)
};

/* Which public struct it is. */
enum sized_struct {
    NORMNET__CONFIG,
    NORMNET__TENSOR,
    NORMNET__METRICS,
    NORMNET__BATCH,
    NORMNET__PREDICT_OPTIONS,
    NORMNET__SAVE_OPTIONS,
    NORMNET__LAYER_INFO,
    NORMNET__STATE_INFO
};

/* NORMNET_EINVAL for a size that the struct has in no release. `name` is the argument's, for the message. */
normnet_status normnet__check_struct_size(int32_t size, enum sized_struct type, const char *name);

/* The struct_size of the caller's struct `from`, checked; read once, since another thread may change it. */
normnet_status normnet__read_struct_size(const void *from, enum sized_struct type, const char *name, int32_t *size);

/*
 * Copies the caller's struct `from` over `to`, a struct of `size` bytes, which holds the defaults and keeps its own
 * struct_size. Fields that the caller's struct does not have stay as they are. NORMNET_EINVAL for an impossible size,
 * or for a field beyond `size` that is not zero.
 */
normnet_status normnet__read_struct(void *to, int32_t size, enum sized_struct type, const void *from, const char *name);

/*
 * Copies `from`, a struct of `size` bytes, to the caller's struct `to`, which keeps its struct_size. That was read as
 * `given_size` before; bytes from `size` to there become zero.
 */
void normnet__write_struct(void *to, int32_t given_size, const void *from, int32_t size);

#endif
