/* SPDX-License-Identifier: MIT */
/* Copies the caller's images, scaled, into the lanes of a block. */
#ifndef NORMNET_NET_PACK_H
#define NORMNET_NET_PACK_H

#include "layers/layer.h"

/* A checked view of images: N, C, H, W, strides in elements. */
struct images {
    const void *data;
    bool bytes; /* u8, else f32 */
    int64_t count;
    struct shape shape;
    int64_t strides[4];
};

/*
 * Input scaling as torchvision does it, in float: u8 / 255, then (x - mean) / std. `table` is [C][256], the result for
 * every byte.
 */
struct scaling {
    const float *mean, *std; /* [C] */
    const float *table;
};

void normnet__fill_scaling_table(const float *mean, const float *std, int32_t channels, float *table);

/* Images first, ..., first + lanes - 1, the last one repeated beyond the end, as a map of lanes. */
void normnet__pack(const struct images *images, const struct scaling *scaling, int64_t first, int32_t lanes,
                   float *packed);

/* Image `index` alone, its channels in the lanes; lanes without a channel are 0. */
void normnet__pack_single(const struct images *images, const struct scaling *scaling, int64_t index, int32_t lanes,
                          float *packed);

#endif
