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

/* Where the sums of the vector of channels from k on begin. */
LANES_INLINE float *channel_sums(float *sums, int32_t k, int32_t patches)
{
    return sums + (k / LANES) * (int64_t)(2 * patches * LANES) + k % LANES;
}

/*
 * sum_patches of winograd_kernels.h for outputs k, ...: transformed [plane][4][patch][lanes], weights [c][4][outputs],
 * sums [plane][patch][2][lanes]. The sum is over channels `begin` to `end` - 1; `weights` are those of the first one.
 * If it has several pieces, the products are stored, [vector][q][patch].
 */
LANES_INLINE void sum_channel_patches(const struct convolution *convolution, const float *transformed,
                                      const float *weights, int32_t begin, int32_t end, int32_t k, float *sums,
                                      bool several, const int vectors, const int patches)
{
    const int32_t output_count = convolution->outputs;
    lanes sum[2][4][PATCHES];

    weights += k;
    LANES_FOR (n, vectors)
        LANES_FOR (q, 4)
            LANES_FOR (t, patches)
                sum[n][q][t] = lanes_splat(0.0f);
    for (int32_t c = begin; c < end; ++c, weights += (int64_t)4 * output_count) {
        const float *input = transformed + (c / LANES) * (int64_t)(4 * patches * LANES) + c % LANES;

        LANES_FOR (q, 4) {
            lanes weight[2];

            LANES_FOR (n, vectors)
                weight[n] = lanes_load_anywhere(weights + q * output_count + n * VECTOR_LANES);
            LANES_FOR (t, patches) {
                const lanes value = lanes_splat(input[(q * patches + t) * LANES]);

                LANES_FOR (n, vectors)
                    sum[n][q][t] = lanes_fma(weight[n], value, sum[n][q][t]);
            }
        }
    }
    if (several) {
        LANES_FOR (n, vectors)
            LANES_FOR (q, 4)
                LANES_FOR (t, patches)
                    lanes_store(sums + ((n * 4 + q) * patches + t) * VECTOR_LANES, sum[n][q][t]);
        return;
    }
    LANES_FOR (n, vectors) {
        float *to = channel_sums(sums, k + n * VECTOR_LANES, patches);

        LANES_FOR (t, patches) {
            store_patch_row(to + 2 * t * LANES, sum[n][0][t], sum[n][1][t], sum[n][2][t], sum[n][3][t]);
        }
    }
}

typedef void winograd_channel_sum_function(const struct convolution *convolution, const float *transformed,
                                           const float *weights, int32_t begin, int32_t end, int32_t k, float *sums,
                                           bool several);

#define DEFINE_WINOGRAD_CHANNEL_SUMS(vectors, patches)                                                                 \
    static void KERNEL(winograd_channel_sums_##vectors##x##patches)(                                                   \
        const struct convolution *convolution, const float *transformed, const float *weights, int32_t begin,          \
        int32_t end, int32_t k, float *sums, bool several)                                                             \
    {                                                                                                                  \
        sum_channel_patches(convolution, transformed, weights, begin, end, k, sums, several, vectors, patches);        \
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

/* One tile whose sums have several pieces; `weights` are those of row r. */
static void KERNEL(sum_long_channel_tile)(const struct convolution *convolution, const float *transformed,
                                          const float *weights, int32_t k, float *sums, int32_t vectors,
                                          int32_t patches)
{
    const int32_t inputs = convolution->inputs, step = patches * VECTOR_LANES;
    struct long_sums pieces;
    const float *m;

    begin_long_sums(&pieces, 4 * vectors * step);
    for (int32_t c = 0; c < inputs; c += PIECE_TERMS)
        winograd_channel_sum_tiles[vectors - 1][patches - 1](
            convolution, transformed, weights + (int64_t)4 * c * convolution->outputs, c,
            min_int(inputs, c + PIECE_TERMS), k, KERNEL(begin_piece)(&pieces), true);
    m = KERNEL(finish_long_sums)(&pieces);
    for (int32_t n = 0; n < vectors; ++n)
        for (int32_t t = 0; t < patches; ++t) {
            const float *from = m + 4 * n * step + t * VECTOR_LANES;

            store_patch_row(channel_sums(sums, k + n * VECTOR_LANES, patches) + 2 * t * LANES, lanes_load(from),
                            lanes_load(from + step), lanes_load(from + 2 * step), lanes_load(from + 3 * step));
        }
}

/* The sums of row r of a strip for all outputs; `weights` are those of the row. */
static void sum_channel_row(const struct convolution *convolution, const float *transformed, const float *weights,
                            int32_t patches, float *sums)
{
    for (int32_t k = 0, vectors; k < convolution->outputs; k += vectors * VECTOR_LANES) {
        vectors = choose_vectors(convolution->outputs - k, TILE_VECTORS);
        if (convolution->inputs > PIECE_TERMS)
            KERNEL(sum_long_channel_tile)(convolution, transformed, weights, k, sums, vectors, patches);
        else
            winograd_channel_sum_tiles[vectors - 1][patches - 1](convolution, transformed, weights, 0,
                                                                 convolution->inputs, k, sums, false);
    }
}

/* convolve_patches of winograd_kernels.h. */
static void convolve_channel_patches(const struct convolution *convolution, const float *x, const float *weights,
                                     const struct epilogue *epilogue, int32_t i, int32_t j, int32_t patches, float *y,
                                     const float *zeros, float *scratch)
{
    const struct patch_strip strip = {i - convolution->padding, j - convolution->padding, patches};
    float *sums = scratch + (int64_t)4 * convolution->x.channels * patches * LANES;

    for (int32_t r = 0; r < 4; ++r) {
        KERNEL(transform_input)(&convolution->x, x, &strip, r, zeros, scratch);
        sum_channel_row(convolution, scratch, weights + (int64_t)4 * r * convolution->inputs * convolution->outputs,
                        patches, sums + (int64_t)2 * r * convolution->y.channels * patches * LANES);
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
