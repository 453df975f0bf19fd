/* SPDX-License-Identifier: MIT */
/*
 * Convolution of a single image, whose channels are the lanes: inputs are broadcast and weights are vectors, the other
 * way round than with 16 samples. The sums are the same, term by term. Included by kernel_table.c only.
 *
 * Maps have a plane for 16 channels. Lanes beyond the last channel hold sums of whatever weights lie after; nothing
 * reads them.
 */
#ifndef NORMNET_KERNELS_DIRECT_CHANNEL_KERNELS_H
#define NORMNET_KERNELS_DIRECT_CHANNEL_KERNELS_H

#include "kernels/winograd_kernels.h"

/*
 * A tile: up to two vectors of outputs by the four sums of a row of positions for 3 patches, or by 6 pixels; one vector
 * by 12 pixels or many by one, so that there are chains enough for the units (direct_kernels.h) where there are
 * registers.
 */
enum { TILE_VECTORS = LANE_REGISTERS >= 32 ? 2 : 1, CHANNEL_PIXELS = LANE_REGISTERS >= 32 ? 12 : 6 };
enum { PIXEL_VECTORS = LANE_REGISTERS / 4 };

/* Vectors of outputs of the next tile, of `max`, a power of two: no more than these outputs need. */
static int32_t choose_vectors(int32_t outputs, int32_t max)
{
    while (max > 1 && (max - 1) * LANE_WIDTH >= outputs)
        max /= 2;
    return max;
}

/* ---- Directly ------------------------------------------------------------------------------------ */

/* The sums of `pixels` neighbours over (c, u, v), for outputs k, ..., and their epilogue. */
LANES_INLINE void convolve_channel_tile(const struct convolution *convolution, const float *x, const float *weights,
                                        const struct epilogue *epilogue, int32_t k, float *y, const int vectors,
                                        const int pixels)
{
    const int64_t row = convolution->x.row_stride * NORMNET__LANES;
    const int64_t step = (int64_t)convolution->stride * NORMNET__LANES;
    lanes sum[PIXEL_VECTORS][CHANNEL_PIXELS];

    weights += k;
    LANES_FOR (n, vectors)
        LANES_FOR (p, pixels)
            sum[n][p] = lanes_splat(0.0f);
    for (int32_t c = 0; c < convolution->inputs; ++c) {
        const float *plane = x + normnet__channel_at(convolution->x, c);

        for (int32_t u = 0; u < convolution->kernel; ++u)
            for (int32_t v = 0; v < convolution->kernel; ++v, weights += convolution->outputs) {
                const float *input = plane + u * row + (int64_t)v * NORMNET__LANES;
                lanes weight[PIXEL_VECTORS];

                LANES_FOR (n, vectors)
                    weight[n] = lanes_load_anywhere(weights + n * LANE_WIDTH);
                LANES_FOR (p, pixels) {
                    const lanes value = lanes_splat(input[p * step]);
                    LANES_FOR (n, vectors)
                        sum[n][p] = lanes_fma(weight[n], value, sum[n][p]);
                }
            }
    }
    LANES_FOR (n, vectors) {
        const int32_t first = k + n * LANE_WIDTH;
        float *to = y + normnet__channel_at(convolution->y, first);

        LANES_FOR (p, pixels) {
            lanes value = sum[n][p];

            if (epilogue->bias != NULL)
                value += lanes_load(epilogue->bias + first);
            if (epilogue->relu)
                value = lanes_max_zero(value);
            lanes_store(to + p * NORMNET__LANES, value);
        }
    }
}

typedef void channel_tile_function(const struct convolution *convolution, const float *x, const float *weights,
                                   const struct epilogue *epilogue, int32_t k, float *y);

#define DEFINE_CHANNEL_TILE(vectors, pixels)                                                                           \
    static void channel_tile_##vectors##x##pixels(const struct convolution *convolution, const float *x,               \
                                                  const float *weights, const struct epilogue *epilogue, int32_t k,    \
                                                  float *y)                                                            \
    {                                                                                                                  \
        convolve_channel_tile(convolution, x, weights, epilogue, k, y, vectors, pixels);                               \
    }

DEFINE_CHANNEL_TILE(1, 1)
DEFINE_CHANNEL_TILE(1, 2)
DEFINE_CHANNEL_TILE(1, 6)
#if LANE_REGISTERS >= 16
DEFINE_CHANNEL_TILE(2, 1)
DEFINE_CHANNEL_TILE(4, 1)
#endif
#if LANE_REGISTERS >= 32
DEFINE_CHANNEL_TILE(8, 1)
DEFINE_CHANNEL_TILE(2, 2)
DEFINE_CHANNEL_TILE(2, 6)
DEFINE_CHANNEL_TILE(1, 12)
#endif

struct channel_tile {
    channel_tile_function *run;
    int32_t vectors, pixels;
};

/* For the next tile of a row that has so many pixels left: the smallest that holds them, or else the largest. */
static const struct channel_tile *choose_channel_tile(int32_t vectors, int32_t left, int32_t width)
{
    static const struct channel_tile tiles[] = {
        {channel_tile_1x1, 1, 1},
        {channel_tile_1x2, 1, 2},
        {channel_tile_1x6, 1, 6},
#if LANE_REGISTERS >= 16
        {channel_tile_2x1, 2, 1},
        {channel_tile_4x1, 4, 1},
#endif
#if LANE_REGISTERS >= 32
        {channel_tile_8x1, 8, 1},
        {channel_tile_2x2, 2, 2},
        {channel_tile_2x6, 2, 6},
        {channel_tile_1x12, 1, 12},
#endif
    };
    const struct channel_tile *chosen = tiles;

    for (size_t i = 0; i < sizeof tiles / sizeof *tiles && (chosen->vectors != vectors || chosen->pixels < left); ++i)
        if (tiles[i].vectors == vectors && tiles[i].pixels <= width)
            chosen = &tiles[i];
    return chosen;
}

static void convolve_channels_directly(const struct convolution *convolution, const float *x, const float *weights,
                                       const struct epilogue *epilogue, float *y)
{
    const int64_t step = (int64_t)convolution->stride * NORMNET__LANES;
    const int32_t width = convolution->y.width;

    for (int32_t i = 0; i < convolution->y.height; ++i)
        for (int32_t k = 0, vectors; k < convolution->outputs; k += vectors * LANE_WIDTH) {
            vectors = choose_vectors(convolution->outputs - k, width > 1 ? TILE_VECTORS : PIXEL_VECTORS);
            for (int32_t j = 0; j < width;) {
                const struct channel_tile *tile = choose_channel_tile(vectors, width - j, width);
                /* The last one of a row begins early enough to be whole, and writes some pixels once more. */
                const int32_t from = j + tile->pixels <= width ? j : width - tile->pixels;

                tile->run(convolution, x + i * convolution->x.row_stride * step + from * step, weights, epilogue, k,
                          y + (i * convolution->y.row_stride + from) * NORMNET__LANES);
                j = from + tile->pixels;
            }
        }
}

/* ---- By Winograd's algorithm ---------------------------------------------------------------------- */

/*
 * The sums of sum_patches in winograd_kernels.h for outputs k, ...: transformed [plane][4][patch][16],
 * weights [c][4][outputs], sums [plane][patch][2][16].
 */
LANES_INLINE void sum_channel_patches(const struct convolution *convolution, const float *transformed,
                                      const float *weights, int32_t k, float *sums, const int vectors,
                                      const int patches)
{
    const int32_t all_outputs = convolution->outputs;
    lanes sum[2][4][PATCHES];

    weights += k;
    LANES_FOR (n, vectors)
        LANES_FOR (q, 4)
            LANES_FOR (t, patches)
                sum[n][q][t] = lanes_splat(0.0f);
    for (int32_t c = 0; c < convolution->inputs; ++c, weights += (int64_t)4 * all_outputs) {
        const float *input =
            transformed + (c / NORMNET__LANES) * (int64_t)(4 * patches * NORMNET__LANES) + c % NORMNET__LANES;

        LANES_FOR (q, 4) {
            lanes weight[2];

            LANES_FOR (n, vectors)
                weight[n] = lanes_load_anywhere(weights + q * all_outputs + n * LANE_WIDTH);
            LANES_FOR (t, patches) {
                const lanes value = lanes_splat(input[(q * patches + t) * NORMNET__LANES]);
                LANES_FOR (n, vectors)
                    sum[n][q][t] = lanes_fma(weight[n], value, sum[n][q][t]);
            }
        }
    }
    LANES_FOR (n, vectors) {
        const int32_t first = k + n * LANE_WIDTH;
        float *to = sums + (first / NORMNET__LANES) * (int64_t)(2 * patches * NORMNET__LANES) + first % NORMNET__LANES;

        LANES_FOR (t, patches) {
            lanes_store(to + 2 * t * NORMNET__LANES, (sum[n][0][t] + sum[n][1][t]) + sum[n][2][t]);
            lanes_store(to + (2 * t + 1) * NORMNET__LANES, (sum[n][1][t] - sum[n][2][t]) - sum[n][3][t]);
        }
    }
}

typedef void channel_sum_function(const struct convolution *convolution, const float *transformed, const float *weights,
                                  int32_t k, float *sums);

#define DEFINE_CHANNEL_SUM(vectors, patches)                                                                           \
    static void channel_sum_##vectors##x##patches(const struct convolution *convolution, const float *transformed,     \
                                                  const float *weights, int32_t k, float *sums)                        \
    {                                                                                                                  \
        sum_channel_patches(convolution, transformed, weights, k, sums, vectors, patches);                             \
    }

DEFINE_CHANNEL_SUM(1, 1)
DEFINE_CHANNEL_SUM(1, 2)
DEFINE_CHANNEL_SUM(1, 3)
#if LANE_REGISTERS >= 32
DEFINE_CHANNEL_SUM(2, 1)
DEFINE_CHANNEL_SUM(2, 2)
DEFINE_CHANNEL_SUM(2, 3)
#endif

static channel_sum_function *const channel_sums[TILE_VECTORS][PATCHES] = {
    {channel_sum_1x1, channel_sum_1x2, channel_sum_1x3},
#if LANE_REGISTERS >= 32
    {channel_sum_2x1, channel_sum_2x2, channel_sum_2x3},
#endif
};

/* All channels of a group of neighbours, as convolve_patches. */
static void convolve_channel_patches(const struct convolution *convolution, const float *x, const float *weights,
                                     const struct epilogue *epilogue, int32_t i, int32_t j, int32_t patches, float *y,
                                     const float *zeros, float *scratch)
{
    const struct patch_group group = {i - convolution->padding, j - convolution->padding, patches};
    float *sums = scratch + (int64_t)4 * convolution->x.channels * patches * NORMNET__LANES;

    for (int32_t r = 0; r < 4; ++r) {
        transform_input(&convolution->x, x, &group, r, zeros, scratch);
        for (int32_t k = 0, vectors; k < convolution->outputs; k += vectors * LANE_WIDTH) {
            vectors = choose_vectors(convolution->outputs - k, TILE_VECTORS);
            channel_sums[vectors - 1][patches - 1](
                convolution, scratch, weights + (int64_t)4 * r * convolution->inputs * convolution->outputs, k,
                sums + (int64_t)2 * r * convolution->y.channels * patches * NORMNET__LANES);
        }
    }
    transform_output(&convolution->y, sums, epilogue, true, i, j, patches, y);
}

static void convolve_channels(const struct convolution *convolution, const float *x, const float *weights,
                              const struct epilogue *epilogue, float *y, float *scratch)
{
    if (convolution->winograd)
        for_each_group(convolution, x, weights, epilogue, y, scratch, convolve_channel_patches);
    else
        convolve_channels_directly(convolution, x, weights, epilogue, y);
}

#endif
