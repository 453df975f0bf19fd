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

/* The next strip of the rows before `end`, row by row; the first one after {.i = begin}. False after the last one. */
static bool next_strip(const struct map *map, int32_t end, int32_t size, struct patch_strip *strip)
{
    strip->j += size * strip->patches;
    if (strip->j >= map->width) {
        strip->j = 0;
        strip->i += size;
    }
    strip->patches = next_pixels((map->width - strip->j + size - 1) / size);
    return strip->i < end;
}

typedef void strip_function(const struct winograd *winograd, const struct convolution *convolution, const float *x,
                            const float *weights, const struct epilogue *epilogue, const struct patch_strip *strip,
                            float *y, const float *zeros, float *scratch);

/* All strips of some rows. `scratch` begins with the row of zeros. */
static void for_each_strip(const struct winograd *winograd, const struct convolution *convolution, const float *x,
                           const float *weights, const struct epilogue *epilogue, struct rows rows, float *y,
                           float *scratch, strip_function *convolve_strip)
{
    const int64_t row = (int64_t)convolution->x.width * LANES;
    struct patch_strip strip = {.i = rows.begin};

    memset(scratch, 0, (size_t)row * sizeof *scratch);
    while (next_strip(&convolution->y, rows.end, winograd->outputs, &strip))
        convolve_strip(winograd, convolution, x, weights, epilogue, &strip, y, scratch, scratch + row);
}

#endif
