/* SPDX-License-Identifier: MIT */
/*
 * Winograd's algorithm, with the transforms of winograd_2_kernels.h or winograd_4_kernels.h and the products of
 * winograd_product_kernels.h; included by kernel_table.c only.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_KERNELS_H

#include "kernels/winograd_patches.h"
#include "kernels/winograd_product_kernels.h"

/* A strip of patches in all channels. `scratch` holds the transformed input, [position][c][patch], and the products. */
static void convolve_patches(const struct winograd *winograd, const struct convolution *convolution, const float *x,
                             const float *weights, const struct epilogue *epilogue, const struct patch_strip *strip,
                             float *y, const float *zeros, float *scratch)
{
    const int32_t terms = term_planes(convolution), group = choose_order(winograd, terms).outputs;
    float *m = scratch + winograd->positions * position_size(terms, strip->patches);

    transform_parts(winograd, convolution, x, strip, zeros, scratch);
    for (int32_t k = 0, end; k < convolution->y.channels; k = end) {
        end = min_int(k + group, convolution->y.channels);
        multiply_patches(winograd, convolution, scratch, weights, strip->patches, k, end, m);
        winograd->transform_output(&convolution->y, m, epilogue, false, strip, k, end, y);
    }
}

/* The strip that begins with a patch and ends before patch `end`; patches are counted row by row. */
static struct patch_strip find_strip(const struct winograd *winograd, const struct map *map, int32_t patch, int32_t end)
{
    const int32_t size = winograd->outputs, per_row = (map->width + size - 1) / size, column = patch % per_row;

    return (struct patch_strip){patch / per_row * size, column * size,
                                next_pixels(min_int(per_row - column, end - patch))};
}

typedef void strip_function(const struct winograd *winograd, const struct convolution *convolution, const float *x,
                            const float *weights, const struct epilogue *epilogue, const struct patch_strip *strip,
                            float *y, const float *zeros, float *scratch);

/* The patches begin, ..., end - 1. `scratch` begins with the row of zeros. */
static void for_each_strip(const struct winograd *winograd, const struct convolution *convolution, const float *x,
                           const float *weights, const struct epilogue *epilogue, struct units patches, float *y,
                           float *scratch, strip_function *convolve_strip)
{
    const int64_t row = (int64_t)convolution->x.width * LANES;
    struct patch_strip strip;

    memset(scratch, 0, (size_t)row * sizeof *scratch);
    for (int32_t patch = patches.begin; patch < patches.end; patch += strip.patches) {
        strip = find_strip(winograd, &convolution->y, patch, patches.end);
        convolve_strip(winograd, convolution, x, weights, epilogue, &strip, y, scratch, scratch + row);
    }
}

#endif
