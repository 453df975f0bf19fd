/* SPDX-License-Identifier: MIT */
/*
 * Direct convolution of a single image whose channels are the lanes; included by kernel_table.c only. Inputs are
 * broadcast and weights are vectors, the other way round than with samples as lanes. The sums have the same terms in
 * the same order.
 *
 * Each plane of a map holds as many channels as lanes. The lanes after the last channel hold sums that nothing reads.
 */
#ifndef NORMNET_KERNELS_DIRECT_CHANNEL_KERNELS_H
#define NORMNET_KERNELS_DIRECT_CHANNEL_KERNELS_H

#include "kernels/direct_kernels.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/long_sums.h"
#include "kernels/tiles.h"

/*
 * A tile: one or two vectors of outputs by 6 pixels, one by 12 pixels, or many by one pixel, so that there are enough
 * sums to keep the units busy (tiles.h) where there are registers for them.
 */
enum { CHANNEL_PIXELS = VECTOR_REGISTERS >= 16 ? 12 : 6, PIXEL_VECTORS = VECTOR_REGISTERS / 4 };

/* The outputs of a tile, which begin at channel k, and the terms that it adds. */
struct channel_tile_output {
    const struct epilogue *epilogue;
    const float *before; /* of several pieces: the sums to which the last one is added; else NULL */
    float *sums;         /* where the sums of any other piece are stored; else NULL */
    int32_t k;
    float *y;
    int32_t begin, end, rows, columns; /* channels, and the part of the kernel */
};

/* What happens to a vector of sums, that of the channels from k on. */
LANES_INLINE lanes apply_channel_epilogue(const struct epilogue *epilogue, bool border, int32_t k, lanes sum)
{
    if (border) /* as direct_kernels.h does */
        sum += lanes_splat(0.0f);
    if (epilogue->bias != NULL)
        sum += lanes_load(epilogue->bias + k);
    if (epilogue->relu)
        sum = lanes_max_zero(sum);
    return sum;
}

/*
 * One tile: the sums over the (c, u, v) of a piece and, if it is the last one, their epilogue. `weights` is at the
 * piece.
 */
LANES_INLINE void convolve_channel_tile(const struct convolution *convolution, const float *x, const float *weights,
                                        const struct channel_tile_output *to, const int vectors, const int pixels)
{
    const struct epilogue *epilogue = to->epilogue;
    const int32_t end = to->end, rows = to->rows, columns = to->columns;
    const int64_t row = convolution->x.row_stride * LANES, plane = convolution->x.channel_stride * LANES;
    const int64_t step = (int64_t)convolution->stride * LANES;
    const int64_t panel = (int64_t)convolution->inputs * convolution->kernel * convolution->kernel * LANES;
    const bool one_tap = rows == 1 && columns == 1;
    /* How far x advances at the end of each turn of the loops; an outer one goes on where the inner one has ended. */
    const int64_t next = one_tap ? 1 : LANES, next_row = row - columns * LANES, next_channel = 1 - rows * row;
    lanes sum[PIXEL_VECTORS][CHANNEL_PIXELS];

    weights += panel_at(panel, to->k);
    LANES_FOR (n, vectors)
        LANES_FOR (p, pixels)
            sum[n][p] = lanes_splat(0.0f);
    for (int32_t c = to->begin, run; c < end; c += run) {
        const float *input = x + panel_at(plane, c);

        /* A run of channels shares a plane. It is the innermost loop if there is one tap. */
        run = panel_end(c, end) - c;
        for (int32_t a = one_tap ? 1 : run; a > 0; --a, input += next_channel)
            for (int32_t u = 0; u < rows; ++u, input += next_row)
                for (int32_t i = one_tap ? run : columns; i > 0; --i, input += next, weights += LANES) {
                    lanes weight[PIXEL_VECTORS];

                    LANES_FOR (n, vectors) {
                        weight[n] = lanes_load(weights + panel_at(panel, n * VECTOR_LANES));
                        if (pixels > 1) /* used more than once */
                            lanes_keep(&weight[n]);
                    }
                    LANES_FOR (p, pixels) {
                        const lanes value = lanes_splat(input[p * step]);

                        LANES_FOR (n, vectors)
                            sum[n][p] = lanes_fma(weight[n], value, sum[n][p]);
                    }
                }
    }
    if (to->sums != NULL) {
        LANES_FOR (n, vectors)
            LANES_FOR (p, pixels)
                lanes_store(to->sums + (n * pixels + p) * VECTOR_LANES, sum[n][p]);
        return;
    }
    if (to->before != NULL)
        LANES_FOR (n, vectors)
            LANES_FOR (p, pixels)
                sum[n][p] += lanes_load(to->before + (n * pixels + p) * VECTOR_LANES);
    LANES_FOR (n, vectors) {
        const int32_t first = to->k + n * VECTOR_LANES;
        float *y = to->y + panel_at(convolution->y.channel_stride * LANES, first);

        if (convolution->border > 0) /* as direct_kernels.h does */
            LANES_FOR (p, pixels)
                sum[n][p] += lanes_splat(0.0f);
        if (epilogue->bias != NULL)
            LANES_FOR (p, pixels)
                sum[n][p] += lanes_load(epilogue->bias + first);
        if (epilogue->relu)
            LANES_FOR (p, pixels)
                sum[n][p] = lanes_max_zero(sum[n][p]);
        LANES_FOR (p, pixels)
            lanes_store(y + p * LANES, sum[n][p]);
    }
}

typedef void channel_tile_function(const struct convolution *convolution, const float *x, const float *weights,
                                   const struct channel_tile_output *to);

#define DEFINE_CHANNEL_TILE(vectors, pixels)                                                                           \
    static void KERNEL(direct_channel_tile_##vectors##x##pixels)(const struct convolution *convolution,                \
                                                                 const float *x, const float *weights,                 \
                                                                 const struct channel_tile_output *to)                 \
    {                                                                                                                  \
        convolve_channel_tile(convolution, x, weights, to, vectors, pixels);                                           \
    }

DEFINE_CHANNEL_TILE(1, 1)
DEFINE_CHANNEL_TILE(1, 2)
DEFINE_CHANNEL_TILE(1, 6)
#if VECTOR_REGISTERS >= 16
DEFINE_CHANNEL_TILE(2, 1)
DEFINE_CHANNEL_TILE(4, 1)
DEFINE_CHANNEL_TILE(2, 2)
DEFINE_CHANNEL_TILE(2, 6)
DEFINE_CHANNEL_TILE(1, 12)
#endif
#if VECTOR_REGISTERS == 16
DEFINE_CHANNEL_TILE(3, 4)
#endif
#if VECTOR_REGISTERS >= 32
DEFINE_CHANNEL_TILE(8, 1)
#endif

/* Three vectors only in rows of a whole tile; a single pixel has tiles of its own. */
static int32_t choose_row_vectors(int32_t outputs, int32_t width)
{
    if (width >= 4)
        return share_vectors(outputs);
    return choose_vectors(outputs, width > 1 ? MAX_EVEN_VECTORS : PIXEL_VECTORS);
}

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
        {KERNEL(direct_channel_tile_2x2), 2, 2},
        {KERNEL(direct_channel_tile_2x6), 2, 6},
        {KERNEL(direct_channel_tile_1x12), 1, 12},
#endif
#if VECTOR_REGISTERS == 16
        {KERNEL(direct_channel_tile_3x4), 3, 4},
#endif
#if VECTOR_REGISTERS >= 32
        {KERNEL(direct_channel_tile_8x1), 8, 1},
#endif
    };
    const struct channel_tile *chosen = tiles;

    for (size_t i = 0; i < sizeof tiles / sizeof *tiles && (chosen->vectors != vectors || chosen->pixels < left); ++i)
        if (tiles[i].vectors == vectors && tiles[i].pixels <= width)
            chosen = &tiles[i];
    return chosen;
}

/* The epilogue of sums in memory. */
static void KERNEL(finish_long_channel_tile)(const struct convolution *convolution,
                                             const struct channel_tile_output *to, const float *sums,
                                             const struct channel_tile *tile)
{
    for (int32_t n = 0; n < tile->vectors; ++n)
        for (int32_t p = 0; p < tile->pixels; ++p) {
            const int32_t first = to->k + n * VECTOR_LANES;
            const lanes sum = lanes_load(sums + (n * tile->pixels + p) * VECTOR_LANES);

            lanes_store(to->y + panel_at(convolution->y.channel_stride * LANES, first) + p * LANES,
                        apply_channel_epilogue(to->epilogue, convolution->border > 0, first, sum));
        }
}

/* One tile whose sums have several pieces: those of cut_pieces (direct_kernels.h). */
static void convolve_long_channel_tile(const struct convolution *convolution, const float *x, const float *weights,
                                       struct channel_tile_output to, const struct channel_tile *tile)
{
    const int32_t inputs = convolution->inputs, kernel = convolution->kernel;
    const struct pieces pieces = cut_pieces(kernel);
    struct long_sums sums;

    begin_long_sums(&sums, tile->vectors * tile->pixels * VECTOR_LANES);
    to.rows = pieces.rows;
    for (to.begin = 0; to.begin < inputs; to.begin = to.end) {
        to.end = min_int(inputs, to.begin + pieces.channels);
        for (int32_t u = 0; u < kernel; u += to.rows)
            for (int32_t v = 0; v < kernel; v += to.columns) {
                to.columns = min_int(kernel - v, pieces.columns);
                to.before = to.end == inputs && u + to.rows == kernel && v + to.columns == kernel
                                ? KERNEL(begin_last_piece)(&sums)
                                : NULL;
                to.sums = to.before == NULL ? KERNEL(begin_piece)(&sums) : NULL;
                tile->run(convolution, x + (u * convolution->x.row_stride + v) * LANES, weights, &to);
                weights += (int64_t)(to.end - to.begin) * to.rows * to.columns * LANES;
            }
    }
    if (to.before == NULL)
        KERNEL(finish_long_channel_tile)(convolution, &to, KERNEL(finish_long_sums)(&sums), tile);
}

static void direct_convolve_channels(const struct convolution *convolution, const float *x, const float *weights,
                                     const struct epilogue *epilogue, float *y)
{
    const int64_t step = (int64_t)convolution->stride * LANES;
    const int32_t width = convolution->y.width;
    const bool several = has_several_pieces(convolution->inputs, convolution->kernel);
    struct channel_tile_output to = {
        .epilogue = epilogue, .end = convolution->inputs, .rows = convolution->kernel, .columns = convolution->kernel};

    for (int32_t i = 0; i < convolution->y.height; ++i)
        for (int32_t k = 0, vectors; k < convolution->outputs; k += vectors * VECTOR_LANES) {
            vectors = choose_row_vectors(convolution->outputs - k, width);
            for (int32_t j = 0; j < width;) {
                const struct channel_tile *tile = choose_channel_tile(vectors, width - j, width);
                /* The last tile of a row is moved back to be whole; it computes some pixels once more. */
                const int32_t from = j + tile->pixels <= width ? j : width - tile->pixels;
                const float *from_x = x + i * convolution->x.row_stride * step + from * step;

                to.k = k;
                to.y = y + (i * convolution->y.row_stride + from) * LANES;
                if (several)
                    convolve_long_channel_tile(convolution, from_x, weights, to, tile);
                else
                    tile->run(convolution, from_x, weights, &to);
                j = from + tile->pixels;
            }
        }
}

#endif
