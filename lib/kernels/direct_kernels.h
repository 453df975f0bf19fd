/* SPDX-License-Identifier: MIT */
/* Direct convolution; included by kernel_table.c only. */
#ifndef NORMNET_KERNELS_DIRECT_KERNELS_H
#define NORMNET_KERNELS_DIRECT_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/long_sums.h"
#include "kernels/relu_kernels.h"
#include "kernels/tiles.h"

/* A tile of 4 x 3 sums, 3 inputs and 1 weight fills 16 registers; of 32, 8 x 3 sums, 3 inputs and 1 weight use 28. */
enum { TILE_OUTPUTS = VECTOR_REGISTERS / 4 };

/* The outputs of a tile, which begin at channel k of the convolution. */
struct tile_output {
    const struct epilogue *epilogue;
    const float *before; /* of several pieces: the sums to which the last one is added; else NULL */
    float *sums;         /* where the sums of any other piece are stored; else NULL */
    int32_t k, output_count;
    int64_t channel_stride; /* groups */
    float *y;
};

/* What happens to the sums of channel k before they are stored at y. */
LANES_INLINE lanes apply_epilogue(const struct epilogue *epilogue, int32_t k, lanes sum, const float *y)
{
    if (epilogue->bias != NULL)
        sum += lanes_splat(epilogue->bias[k]);
    if (epilogue->relu)
        sum = lanes_max_zero(sum);
    if (epilogue->relu_mask)
        sum = mask_gradient(y, sum);
    return sum;
}

/*
 * One tile: the sums over the (c, u, v) of a piece and, if it is the last one, their epilogue. `weights` is at the
 * tile's first channel; those of the next (c, u, v) follow after `output_count`.
 */
LANES_INLINE void convolve_tile(const struct convolution *convolution, const float *x, const float *weights,
                                const struct tile_output *to, const int lane, const int outputs, const int pixels)
{
    const int64_t row = convolution->x.row_stride * LANES;
    const int64_t step = (int64_t)convolution->stride * LANES;
    const int64_t channel = to->channel_stride * LANES;
    const struct epilogue *epilogue = to->epilogue;
    const int32_t kernel = convolution->kernel, output_count = to->output_count;
    float *y = to->y + lane;
    lanes sum[TILE_OUTPUTS][TILE_PIXELS];

    x += lane;
    LANES_FOR (k, outputs)
        LANES_FOR (p, pixels)
            sum[k][p] = lanes_splat(0.0f);
    for (int32_t c = 0; c < convolution->x.channels; ++c, x += convolution->x.channel_stride * LANES)
        for (int32_t u = 0; u < kernel; ++u)
            for (int32_t v = 0; v < kernel; ++v, weights += output_count) {
                const float *input = x + u * row + (int64_t)v * LANES;
                lanes value[TILE_PIXELS];

                LANES_FOR (p, pixels)
                    value[p] = lanes_load(input + p * step);
                LANES_FOR (k, outputs) {
                    const lanes weight = lanes_splat(weights[k]);

                    LANES_FOR (p, pixels)
                        sum[k][p] = lanes_fma(weight, value[p], sum[k][p]);
                }
            }
    if (to->sums != NULL) {
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                lanes_store(to->sums + (k * pixels + p) * LANES + lane, sum[k][p]);
        return;
    }
    if (to->before != NULL)
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                sum[k][p] += lanes_load(to->before + (k * pixels + p) * LANES + lane);
    if (epilogue->bias != NULL)
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                sum[k][p] += lanes_splat(epilogue->bias[to->k + k]);
    if (epilogue->relu)
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                sum[k][p] = lanes_max_zero(sum[k][p]);
    if (epilogue->relu_mask)
        LANES_FOR (k, outputs)
            LANES_FOR (p, pixels)
                sum[k][p] = mask_gradient(y + k * channel + p * LANES, sum[k][p]);
    LANES_FOR (k, outputs)
        LANES_FOR (p, pixels)
            lanes_store(y + k * channel + p * LANES, sum[k][p]);
}

/*
 * One function per size of a tile, since the sizes must be compile-time constants. A switch over calls of convolve_tile
 * is not enough: before clang inlines them, it merges calls that differ only in a constant.
 */
typedef void direct_tile_function(const struct convolution *convolution, const float *x, const float *weights,
                                  const struct tile_output *to);

#define DEFINE_TILE(outputs, pixels)                                                                                   \
    static void KERNEL(direct_tile_##outputs##x##pixels)(const struct convolution *convolution, const float *x,        \
                                                         const float *weights, const struct tile_output *to)           \
    {                                                                                                                  \
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES)                                                         \
            convolve_tile(convolution, x, weights, to, lane, outputs, pixels);                                         \
    }
#define DEFINE_TILES(outputs) DEFINE_TILE(outputs, 1) DEFINE_TILE(outputs, 2) DEFINE_TILE(outputs, 3)
#define TILES(outputs)                                                                                                 \
    {                                                                                                                  \
        KERNEL(direct_tile_##outputs##x1), KERNEL(direct_tile_##outputs##x2), KERNEL(direct_tile_##outputs##x3)        \
    }

DEFINE_TILES(1)
#if VECTOR_REGISTERS >= 16
DEFINE_TILES(2)
DEFINE_TILES(3)
DEFINE_TILES(4)
#endif
#if VECTOR_REGISTERS >= 32
DEFINE_TILES(5)
DEFINE_TILES(6)
DEFINE_TILES(7)
DEFINE_TILES(8)
#endif

/* direct_tiles[outputs - 1][pixels - 1] */
static direct_tile_function *const direct_tiles[TILE_OUTPUTS][TILE_PIXELS] = {
    TILES(1),
#if VECTOR_REGISTERS >= 16
    TILES(2), TILES(3), TILES(4),
#endif
#if VECTOR_REGISTERS >= 32
    TILES(5), TILES(6), TILES(7), TILES(8),
#endif
};

/* The epilogue of sums in memory. */
static void KERNEL(finish_long_tile)(const struct tile_output *to, const float *sums, int32_t outputs, int32_t pixels)
{
    for (int32_t k = 0; k < outputs; ++k)
        for (int32_t i = 0; i < pixels * LANES; i += VECTOR_LANES) {
            float *y = to->y + k * to->channel_stride * LANES + i;

            lanes_store(y, apply_epilogue(to->epilogue, to->k + k, lanes_load(sums + k * pixels * LANES + i), y));
        }
}

/*
 * A piece of a sum over (c, u, v): a convolution of as many whole channels as have up to 96 terms. A larger kernel goes
 * row by row, in pieces that are like channels of a 1 x 1 kernel, one pixel apart.
 */
static struct convolution choose_piece(const struct convolution *convolution)
{
    const int32_t terms = convolution->kernel * convolution->kernel;
    struct convolution piece = *convolution;

    if (terms <= PIECE_TERMS) {
        piece.x.channels = PIECE_TERMS / terms;
        return piece;
    }
    piece.x.channels = min_int(PIECE_TERMS, convolution->kernel);
    piece.x.channel_stride = 1;
    piece.kernel = 1;
    return piece;
}

/* One tile whose sums have several pieces. */
static void convolve_long_tile(const struct convolution *convolution, const float *x, const float *weights,
                               struct tile_output to, int32_t outputs, int32_t pixels)
{
    const struct convolution whole = choose_piece(convolution);
    const bool by_rows = whole.kernel < convolution->kernel;
    const int32_t rows = by_rows ? convolution->x.channels * convolution->kernel : 1;
    const int32_t length = by_rows ? convolution->kernel : convolution->x.channels;
    struct convolution piece = whole;
    struct long_sums sums;

    begin_long_sums(&sums, outputs * pixels * LANES);
    for (int32_t row = 0; row < rows; ++row) {
        const int64_t at = row / convolution->kernel * convolution->x.channel_stride +
                           row % convolution->kernel * convolution->x.row_stride;

        for (int32_t c = 0; c < length; c += piece.x.channels) {
            piece.x.channels = min_int(length - c, whole.x.channels);
            to.before = row + 1 == rows && c + whole.x.channels >= length ? KERNEL(begin_last_piece)(&sums) : NULL;
            to.sums = to.before == NULL ? KERNEL(begin_piece)(&sums) : NULL;
            direct_tiles[outputs - 1][pixels - 1](&piece, x + (at + c * whole.x.channel_stride) * LANES, weights, &to);
            weights += (int64_t)piece.x.channels * whole.kernel * whole.kernel * to.output_count;
        }
    }
    if (to.before == NULL)
        KERNEL(finish_long_tile)(&to, KERNEL(finish_long_sums)(&sums), outputs, pixels);
}

/* All output channels of `pixels` neighbours. */
static void convolve_pixels(const struct convolution *convolution, const float *x, const float *weights,
                            const struct epilogue *epilogue, float *y, int32_t pixels)
{
    const bool several = has_several_pieces(convolution->x.channels, convolution->kernel);
    struct tile_output to = {epilogue, NULL, NULL, 0, convolution->y.channels, convolution->y.channel_stride, y};

    for (int32_t outputs; to.k < to.output_count; to.k += outputs) {
        outputs = even_share(to.output_count - to.k, TILE_OUTPUTS);
        to.y = y + to.k * to.channel_stride * LANES;
        if (several)
            convolve_long_tile(convolution, x, weights + to.k, to, outputs, pixels);
        else
            direct_tiles[outputs - 1][pixels - 1](convolution, x, weights + to.k, &to);
    }
}

/* A 1 x 1 kernel with stride 1 treats contiguous rows as one long row. */
static struct convolution merge_rows(struct convolution merged)
{
    if (merged.kernel == 1 && merged.stride == 1 && merged.x.width == merged.y.width &&
        merged.x.row_stride == merged.x.width && merged.y.row_stride == merged.y.width && merged.y.height > 1) {
        merged.x.width = merged.y.width = merged.y.width * merged.y.height;
        merged.x.row_stride = merged.y.row_stride = merged.y.width;
        merged.x.height = merged.y.height = 1;
    }
    return merged;
}

static void direct_convolve(const struct convolution *convolution, const float *x, const float *weights,
                            const struct epilogue *epilogue, float *y)
{
    const struct convolution merged = merge_rows(*convolution);
    const int32_t width = merged.y.width;

    for (int32_t i = 0; i < merged.y.height; ++i) {
        const float *row_x = x + i * merged.stride * merged.x.row_stride * LANES;
        float *row_y = y + i * merged.y.row_stride * LANES;

        for (int32_t j = 0, pixels; j < width; j += pixels) {
            pixels = next_pixels(width - j);
            convolve_pixels(&merged, row_x + (int64_t)j * merged.stride * LANES, weights, epilogue,
                            row_y + (int64_t)j * LANES, pixels);
        }
    }
}

#endif
