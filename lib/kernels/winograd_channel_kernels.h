/* SPDX-License-Identifier: MIT */
/*
 * Winograd's algorithm for a single image whose channels are the lanes; included by kernel_table.c only. The transforms
 * are those of winograd_kernels.h, and the sums have the same terms in the same order. Lanes as in
 * direct_channel_kernels.h.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_CHANNEL_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_CHANNEL_KERNELS_H

#include "kernels/tiles.h"
#include "kernels/winograd_kernels.h"

/*
 * sum_patches of winograd_kernels.h for outputs k, ...: transformed [plane][4][patch][16], weights [c][4][outputs],
 * sums [plane][patch][2][16].
 */
LANES_INLINE void sum_channel_patches(const struct convolution *convolution, const float *transformed,
                                      const float *weights, int32_t k, float *sums, const int vectors,
                                      const int patches)
{
    const int32_t output_count = convolution->outputs;
    lanes sum[2][4][PATCHES];

    weights += k;
    LANES_FOR (n, vectors)
        LANES_FOR (q, 4)
            LANES_FOR (t, patches)
                sum[n][q][t] = lanes_splat(0.0f);
    for (int32_t c = 0; c < convolution->inputs; ++c, weights += (int64_t)4 * output_count) {
        const float *input =
            transformed + (c / NORMNET__LANES) * (int64_t)(4 * patches * NORMNET__LANES) + c % NORMNET__LANES;

        LANES_FOR (q, 4) {
            lanes weight[2];

            LANES_FOR (n, vectors)
                weight[n] = lanes_load_anywhere(weights + q * output_count + n * VECTOR_LANES);
            LANES_FOR (t, patches) {
                const lanes value = lanes_splat(input[(q * patches + t) * NORMNET__LANES]);

                LANES_FOR (n, vectors)
                    sum[n][q][t] = lanes_fma(weight[n], value, sum[n][q][t]);
            }
        }
    }
    LANES_FOR (n, vectors) {
        const int32_t first = k + n * VECTOR_LANES;
        float *to = sums + (first / NORMNET__LANES) * (int64_t)(2 * patches * NORMNET__LANES) + first % NORMNET__LANES;

        LANES_FOR (t, patches) {
            lanes_store(to + 2 * t * NORMNET__LANES, (sum[n][0][t] + sum[n][1][t]) + sum[n][2][t]);
            lanes_store(to + (2 * t + 1) * NORMNET__LANES, (sum[n][1][t] - sum[n][2][t]) - sum[n][3][t]);
        }
    }
}

typedef void winograd_channel_sum_function(const struct convolution *convolution, const float *transformed,
                                           const float *weights, int32_t k, float *sums);

#define DEFINE_WINOGRAD_CHANNEL_SUMS(vectors, patches)                                                                 \
    static void KERNEL(winograd_channel_sums_##vectors##x##patches)(                                                   \
        const struct convolution *convolution, const float *transformed, const float *weights, int32_t k, float *sums) \
    {                                                                                                                  \
        sum_channel_patches(convolution, transformed, weights, k, sums, vectors, patches);                             \
    }

DEFINE_WINOGRAD_CHANNEL_SUMS(1, 1)
DEFINE_WINOGRAD_CHANNEL_SUMS(1, 2)
DEFINE_WINOGRAD_CHANNEL_SUMS(1, 3)
#if VECTOR_REGISTERS >= 32
DEFINE_WINOGRAD_CHANNEL_SUMS(2, 1)
DEFINE_WINOGRAD_CHANNEL_SUMS(2, 2)
DEFINE_WINOGRAD_CHANNEL_SUMS(2, 3)
#endif

static winograd_channel_sum_function *const winograd_channel_sum_tiles[TILE_VECTORS][PATCHES] = {
    {KERNEL(winograd_channel_sums_1x1), KERNEL(winograd_channel_sums_1x2), KERNEL(winograd_channel_sums_1x3)},
#if VECTOR_REGISTERS >= 32
    {KERNEL(winograd_channel_sums_2x1), KERNEL(winograd_channel_sums_2x2), KERNEL(winograd_channel_sums_2x3)},
#endif
};

/* convolve_patches of winograd_kernels.h. */
static void convolve_channel_patches(const struct convolution *convolution, const float *x, const float *weights,
                                     const struct epilogue *epilogue, int32_t i, int32_t j, int32_t patches, float *y,
                                     const float *zeros, float *scratch)
{
    const struct patch_strip strip = {i - convolution->padding, j - convolution->padding, patches};
    float *sums = scratch + (int64_t)4 * convolution->x.channels * patches * NORMNET__LANES;

    for (int32_t r = 0; r < 4; ++r) {
        KERNEL(transform_input)(&convolution->x, x, &strip, r, zeros, scratch);
        for (int32_t k = 0, vectors; k < convolution->outputs; k += vectors * VECTOR_LANES) {
            vectors = choose_vectors(convolution->outputs - k, TILE_VECTORS);
            winograd_channel_sum_tiles[vectors - 1][patches - 1](
                convolution, scratch, weights + (int64_t)4 * r * convolution->inputs * convolution->outputs, k,
                sums + (int64_t)2 * r * convolution->y.channels * patches * NORMNET__LANES);
        }
    }
    KERNEL(transform_output)(&convolution->y, sums, epilogue, true, i, j, patches, y);
}

LANES_INLINE void winograd_convolve_channels(const struct convolution *convolution, const float *x,
                                             const float *weights, const struct epilogue *epilogue, float *y,
                                             float *scratch)
{
    for_each_strip(convolution, x, weights, epilogue, y, scratch, convolve_channel_patches);
}

#endif
