/* SPDX-License-Identifier: MIT */
/*
 * How a weight gradient sums over a map: in pieces, so that no chain of floats is long; included by kernel_table.c
 * only.
 *
 *     up to 96 pixels: a chain of fused multiply-adds that starts at 0, in float
 *     up to 32 pieces: a chain of additions, in float
 *     over these:      in double, if the map is so large (algorithm.h); else there are at most 43 pieces. The whole
 *                      sum is rounded to float
 *
 * The cuts depend on the size of the map alone.
 */
#ifndef NORMNET_KERNELS_GRADIENT_SUMS_H
#define NORMNET_KERNELS_GRADIENT_SUMS_H

#include "kernels/algorithm.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/long_sums.h"
#include "kernels/tiles.h"

#include <string.h>

/* Pixels of dy for one pass over the inputs: 24 KiB in four planes, which leave room for x in the L1 cache. Even. */
enum { PIECE_PIXELS = 96 };

/* The number of rows of dy, of `left`, for the next pass. */
static int32_t next_rows(int32_t left, int32_t width)
{
    const int32_t max = PIECE_PIXELS / width;

    return even_share(left, max < 1 ? 1 : max);
}

/* Adds the products of a piece with all inputs to `sums`: of `height` rows and piece->y.width columns of dy. */
typedef void add_piece_function(const struct convolution *piece, int32_t height, const float *x, const float *dy,
                                float *sums, int32_t outputs);

/* `count` floats of sums of a few outputs, and as many doubles if they are needed; else NULL. */
struct gradient_sums {
    float *sums;
    double *totals;
    int64_t count;
};

static struct gradient_sums place_sums(const struct convolution *convolution, float *scratch, int64_t count)
{
    /* The sums are lane groups, so that the doubles after them are aligned. */
    double *totals = (double *)(void *)(scratch + count);

    return (struct gradient_sums){scratch, normnet__sums_in_double(convolution) ? totals : NULL, count};
}

static void clear_sums(const struct gradient_sums *to)
{
    memset(to->sums, 0, (size_t)to->count * sizeof *to->sums);
    if (to->totals != NULL)
        memset(to->totals, 0, (size_t)to->count * sizeof *to->totals);
}

/* Not inlined, as sum_pieces: several kernels call them, once for many products. */
static __attribute__((noinline)) void KERNEL(carry_sums)(const struct gradient_sums *to)
{
    for (int64_t i = 0; i < to->count; i += VECTOR_LANES) {
        const lanes_double sum = lanes_to_double(lanes_load(to->sums + i));

        lanes_double_store(to->totals + i, lanes_double_add(lanes_double_load(to->totals + i), sum));
        lanes_store(to->sums + i, lanes_splat(0.0f));
    }
}

/* The whole sums, in to->sums. */
static void KERNEL(finish_sums)(const struct gradient_sums *to)
{
    if (to->totals == NULL)
        return;
    KERNEL(carry_sums)(to);
    for (int64_t i = 0; i < to->count; i += VECTOR_LANES)
        lanes_store(to->sums + i, lanes_from_double(lanes_double_load(to->totals + i)));
}

/* The sums over all pieces, in to->sums. */
static __attribute__((noinline)) void KERNEL(sum_pieces)(const struct convolution *convolution, const float *x,
                                                         const float *dy, int32_t outputs,
                                                         const struct gradient_sums *to, add_piece_function *add)
{
    const int32_t height = convolution->y.height, width = convolution->y.width;
    struct convolution piece = *convolution;
    int32_t pieces = 0;

    clear_sums(to);
    for (int32_t i = 0, rows; i < height; i += rows) {
        rows = next_rows(height - i, width);
        for (int32_t j = 0; j < width; j += PIECE_PIXELS) {
            const int64_t at = (i * convolution->x.row_stride + j) * convolution->stride;

            piece.y.width = min_int(width - j, PIECE_PIXELS);
            add(&piece, rows, x + at * LANES, dy + (i * convolution->y.row_stride + j) * LANES, to->sums, outputs);
            if (to->totals != NULL && ++pieces % MAX_FLOAT_PIECES == 0)
                KERNEL(carry_sums)(to);
        }
    }
    KERNEL(finish_sums)(to);
}

#endif
