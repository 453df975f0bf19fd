/* SPDX-License-Identifier: MIT */
/*
 * Direct convolution of a single image whose channels are the lanes; included by kernel_table.c only. Inputs are
 * broadcast and weights are vectors, the other way round than with 16 samples. The sums have the same terms in the same
 * order.
 *
 * Each plane of a map holds 16 channels. The lanes after the last channel hold sums that nothing reads.
 */
#ifndef NORMNET_KERNELS_DIRECT_CHANNEL_KERNELS_H
#define NORMNET_KERNELS_DIRECT_CHANNEL_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/tiles.h"

/*
 * A tile: one or two vectors of outputs by 6 pixels, one by 12 pixels, or many by one pixel, so that there are enough
 * sums to keep the units busy (tiles.h) where there are registers for them.
 */
enum { CHANNEL_PIXELS = VECTOR_REGISTERS >= 32 ? 12 : 6, PIXEL_VECTORS = VECTOR_REGISTERS / 4 };

/* One tile: the sums over (c, u, v) for outputs k, ... and their epilogue. */
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
                    weight[n] = lanes_load_anywhere(weights + n * VECTOR_LANES);
                LANES_FOR (p, pixels) {
                    const lanes value = lanes_splat(input[p * step]);

                    LANES_FOR (n, vectors)
                        sum[n][p] = lanes_fma(weight[n], value, sum[n][p]);
                }
            }
    }
    LANES_FOR (n, vectors) {
        const int32_t first = k + n * VECTOR_LANES;
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
    static void KERNEL(direct_channel_tile_##vectors##x##pixels)(const struct convolution *convolution,                \
                                                                 const float *x, const float *weights,                 \
                                                                 const struct epilogue *epilogue, int32_t k, float *y) \
    {                                                                                                                  \
        convolve_channel_tile(convolution, x, weights, epilogue, k, y, vectors, pixels);                               \
    }

DEFINE_CHANNEL_TILE(1, 1)
DEFINE_CHANNEL_TILE(1, 2)
DEFINE_CHANNEL_TILE(1, 6)
#if VECTOR_REGISTERS >= 16
DEFINE_CHANNEL_TILE(2, 1)
DEFINE_CHANNEL_TILE(4, 1)
#endif
#if VECTOR_REGISTERS >= 32
DEFINE_CHANNEL_TILE(8, 1)
DEFINE_CHANNEL_TILE(2, 2)
DEFINE_CHANNEL_TILE(2, 6)
DEFINE_CHANNEL_TILE(1, 12)
#endif

struct channel_tile {
    channel_tile_function *run;
    int32_t vectors, pixels;
};

/* The next tile of a row of `width` pixels with `left` to do: the smallest that holds them, else the largest. */
static const struct channel_tile *choose_channel_tile(int32_t vectors, int32_t left, int32_t width)
{
    static const struct channel_tile tiles[] = {
        {KERNEL(direct_channel_tile_1x1), 1, 1},
        {KERNEL(direct_channel_tile_1x2), 1, 2},
        {KERNEL(direct_channel_tile_1x6), 1, 6},
#if VECTOR_REGISTERS >= 16
        {KERNEL(direct_channel_tile_2x1), 2, 1},
        {KERNEL(direct_channel_tile_4x1), 4, 1},
#endif
#if VECTOR_REGISTERS >= 32
        {KERNEL(direct_channel_tile_8x1), 8, 1},
        {KERNEL(direct_channel_tile_2x2), 2, 2},
        {KERNEL(direct_channel_tile_2x6), 2, 6},
        {KERNEL(direct_channel_tile_1x12), 1, 12},
#endif
    };
    const struct channel_tile *chosen = tiles;

    for (size_t i = 0; i < sizeof tiles / sizeof *tiles && (chosen->vectors != vectors || chosen->pixels < left); ++i)
        if (tiles[i].vectors == vectors && tiles[i].pixels <= width)
            chosen = &tiles[i];
    return chosen;
}

static void direct_convolve_channels(const struct convolution *convolution, const float *x, const float *weights,
                                     const struct epilogue *epilogue, float *y)
{
    const int64_t step = (int64_t)convolution->stride * NORMNET__LANES;
    const int32_t width = convolution->y.width;

    for (int32_t i = 0; i < convolution->y.height; ++i)
        for (int32_t k = 0, vectors; k < convolution->outputs; k += vectors * VECTOR_LANES) {
            vectors = choose_vectors(convolution->outputs - k, width > 1 ? TILE_VECTORS : PIXEL_VECTORS);
            for (int32_t j = 0; j < width;) {
                const struct channel_tile *tile = choose_channel_tile(vectors, width - j, width);
                /* The last tile of a row is moved back to be whole; it computes some pixels once more. */
                const int32_t from = j + tile->pixels <= width ? j : width - tile->pixels;

                tile->run(convolution, x + i * convolution->x.row_stride * step + from * step, weights, epilogue, k,
                          y + (i * convolution->y.row_stride + from) * NORMNET__LANES);
                j = from + tile->pixels;
            }
        }
}

#endif
