/* SPDX-License-Identifier: MIT */
/* Checked views of the caller's tensors. */
#ifndef NORMNET_MODEL_VIEWS_H
#define NORMNET_MODEL_VIEWS_H

#include "net/pack.h"
#include "normnet.h"

#include <stdbool.h>

/* A tensor with its strides filled in, and the range of bytes from its first to its last. */
struct view {
    normnet_tensor tensor;
    int64_t element_bytes;
    int64_t count; /* elements */
    const char *begin, *end;
    const char *name; /* of the argument, for messages */
};

enum { NORMNET__DIMS_TEXT = 176 }; /* eight dimensions of 20 digits */

/* "4x1x28x28", and "f32": for messages. `text` has room for NORMNET__DIMS_TEXT bytes. */
const char *normnet__dims_text(char *text, int32_t rank, const int64_t *shape);
const char *normnet__dtype_name(int32_t dtype);

/* Any valid tensor; no two elements of an output may have the same address. `name` is the argument's, for messages. */
normnet_status normnet__view_tensor(struct view *view, const normnet_tensor *tensor, const char *name, bool is_output);

/* 1 to `max` images of `shape`; f32 pixels are finite. `view` is of the same tensor, which is read once. */
normnet_status normnet__view_images(struct images *images, struct view *view, const normnet_tensor *tensor,
                                    struct shape shape, int64_t max);

/*
 * `count` labels, whose values are checked when they are read: 0 to classes - 1, else NORMNET_ELABEL. A label may be in
 * memory that others change, so the one that is used is the one that was checked: a copy.
 */
struct labels {
    struct view view;
    int32_t classes;
};

normnet_status normnet__view_labels(struct labels *labels, const normnet_tensor *tensor, int64_t count,
                                    int32_t classes);

/* False, without a message, if the label is out of range. */
bool normnet__read_label(const struct labels *labels, int64_t index, int32_t *label);

/* Labels 0, ..., count - 1 to `copy`; only their check if `copy` is NULL. */
normnet_status normnet__copy_labels(const struct labels *labels, int64_t count, int32_t *copy);

/* An output of exactly this shape that shares no byte with `input`. */
normnet_status normnet__view_output(struct view *view, const normnet_tensor *tensor, const char *name, int32_t rank,
                                    const int64_t *shape, const struct view *input);

#endif
