/* SPDX-License-Identifier: MIT */
/*
 * Winograd's algorithm F(m x m, 3x3): fewer multiplications for the m x m outputs of a 3x3 kernel than their 9 m^2 taps
 * (Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, CVPR 2016). Included by kernel_table.c only.
 *
 *     Y = A' [ sum over c of (G g G') * (B' d B) ] A        ' transposed, * element by element
 *
 * d is a patch of (m + 2) x (m + 2) inputs, which overlaps the next one by two; Y is a patch of m x m outputs; g is the
 * kernel of one input and output channel. The sum over c is a matrix product for each element of a patch, the
 * positions: of the transformed weights, [c][k], and the transformed patches, [c][t], of a strip of up to three
 * neighbours t. packed_weights.c computes G g G' once per step.
 *
 * B' is applied to the columns of a patch, then B to the rows; A to the rows of the products, then A' to the columns.
 * Inputs outside the map are 0, which is the padding; outputs outside the map are not stored.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_PATCHES_H
#define NORMNET_KERNELS_WINOGRAD_PATCHES_H

#include "kernels/algorithm.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/relu_kernels.h"
#include "kernels/tiles.h"

/*
 * A larger kernel is the sum of parts of 3x3 taps, with zeros after the last row and column. Part (p, q) convolves the
 * input shifted by 3 p rows and 3 q columns. So there are as many terms of the sum over c for each channel as parts:
 * [part][c].
 */
enum { PATCHES = TILE_PIXELS };
_Static_assert((int)PATCHES <= (int)NORMNET__MAX_PATCHES, "normnet__convolution_scratch assumes it");

/* A strip of neighbouring patches: the first output of the first one, and their number. */
struct patch_strip {
    int32_t i, j, patches;
};

/* The same in the input: its first row and column are those of the first patch, perhaps in the padding. */
LANES_INLINE struct patch_strip input_strip(const struct convolution *convolution, const struct patch_strip *outputs)
{
    return (struct patch_strip){outputs->i - convolution->padding, outputs->j - convolution->padding, outputs->patches};
}

/*
 * The floats from one position of a strip, [c][patch], to the next: an odd number of groups, since at powers of two the
 * positions of an element would compete for the same places in the L1 cache.
 */
LANES_INLINE int64_t position_size(int32_t channels, int32_t patches)
{
    return ((int64_t)channels * patches | 1) * LANES;
}

/* The planes of terms that are added: those of x for each part. */
LANES_INLINE int32_t term_planes(const struct convolution *convolution)
{
    const int32_t parts = normnet__winograd_parts(convolution);

    return parts * parts * convolution->x.channels;
}

/* What happens to an output before it is stored at y. */
LANES_INLINE void store_output(lanes value, const float *bias, float *y, const bool relu, const bool relu_mask)
{
    if (bias != NULL)
        value += lanes_load(bias);
    if (relu)
        value = lanes_max_zero(value);
    if (relu_mask)
        value = mask_gradient(y, value);
    lanes_store(y, value);
}

/* The bias of plane k as a lane group: that of one channel, or of several if they are the lanes. */
LANES_INLINE const float *spread_bias(const float *bias, int32_t k, bool channels_are_lanes, float spread[LANES])
{
    if (bias == NULL || channels_are_lanes)
        return bias == NULL ? NULL : bias + (int64_t)k * LANES;
    for (int lane = 0; lane < LANES; ++lane)
        spread[lane] = bias[k];
    return spread;
}

/* The transforms for one m. */
struct winograd {
    int32_t outputs, positions; /* m, and (m + 2)^2 */
    int32_t piece;              /* terms of a piece of the sums over c, instead of PIECE_TERMS */

    /* B' d B of a strip in all channels of a part: [position][c][patch]. `zeros`, a row, replaces rows outside the map.
     */
    void (*transform_input)(const struct convolution *convolution, const float *x, const struct patch_strip *strip,
                            const float *zeros, float *transformed);

    /*
     * A' m A and the epilogue of planes `begin` to `end` - 1 of a strip: from their products [position][plane][patch].
     * The bias is that of spread_bias.
     */
    void (*transform_output)(const struct map *map, const float *m, const struct epilogue *epilogue,
                             bool channels_are_lanes, const struct patch_strip *strip, int32_t begin, int32_t end,
                             float *y);
};

/* The same for all parts. */
static void transform_parts(const struct winograd *winograd, const struct convolution *convolution, const float *x,
                            const struct patch_strip *strip, const float *zeros, float *transformed)
{
    const int32_t parts = normnet__winograd_parts(convolution);

    for (int32_t p = 0; p < parts; ++p)
        for (int32_t q = 0; q < parts; ++q) {
            const struct patch_strip shifted = {strip->i + 3 * p, strip->j + 3 * q, strip->patches};

            winograd->transform_input(convolution, x, &shifted, zeros, transformed);
            transformed += (int64_t)convolution->x.channels * strip->patches * LANES;
        }
}

#endif
