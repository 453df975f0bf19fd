/* SPDX-License-Identifier: MIT */
/*
 * A chain of floats loses digits as it grows, so that the long sums of convolutions go in pieces; included by
 * kernel_table.c only.
 *
 *     up to 96 terms:  a chain of fused multiply-adds that starts at 0, in float
 *     up to 32 pieces: a chain of additions, in float
 *     over these:      in double
 *
 * A tile (tiles.h) computes the sums of one piece in registers. If there are several pieces, it only stores them, and
 * what follows is done here and in memory.
 */
#ifndef NORMNET_KERNELS_LONG_SUMS_H
#define NORMNET_KERNELS_LONG_SUMS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/tiles.h"

enum { PIECE_TERMS = 96, MAX_FLOAT_PIECES = 32 };

/* Whether the sum over (c, u, v) of a direct convolution has more than one piece. */
LANES_INLINE bool has_several_pieces(int32_t channels, int32_t kernel)
{
    return (int64_t)channels * kernel * kernel > PIECE_TERMS;
}

/* The sums of a tile, in lane groups or vectors; MAX_TILE_SUMS groups at most. */
enum { MAX_TILE_SUMS = 24 };
struct long_sums {
    _Alignas(64) float piece[MAX_TILE_SUMS * LANES];  /* of the newest piece */
    _Alignas(64) float recent[MAX_TILE_SUMS * LANES]; /* of up to 32 pieces before */
    double earlier[MAX_TILE_SUMS * LANES];            /* of those before these */
    int32_t count, pieces;                            /* floats; pieces that were begun */
};

static void begin_long_sums(struct long_sums *sums, int32_t count)
{
    sums->count = count;
    sums->pieces = 0;
}

static void KERNEL(carry_long_sums)(struct long_sums *sums)
{
    const bool first = sums->pieces == MAX_FLOAT_PIECES;

    for (int32_t i = 0; i < sums->count; i += VECTOR_LANES) {
        const lanes_double sum = lanes_to_double(lanes_load(sums->recent + i));

        lanes_double_store(sums->earlier + i,
                           first ? sum : lanes_double_add(lanes_double_load(sums->earlier + i), sum));
    }
}

/* Adds the newest piece to the recent ones; the first of them is stored there already. */
static void KERNEL(add_newest_piece)(struct long_sums *sums)
{
    if (sums->pieces > 0 && sums->pieces % MAX_FLOAT_PIECES != 1)
        for (int32_t i = 0; i < sums->count; i += VECTOR_LANES)
            lanes_store(sums->recent + i, lanes_load(sums->recent + i) + lanes_load(sums->piece + i));
}

/* Where the next piece is to be stored. */
static float *KERNEL(begin_piece)(struct long_sums *sums)
{
    const bool first = sums->pieces % MAX_FLOAT_PIECES == 0;

    KERNEL(add_newest_piece)(sums);
    if (first && sums->pieces > 0)
        KERNEL(carry_long_sums)(sums);
    ++sums->pieces;
    return first ? sums->recent : sums->piece;
}

/*
 * The sums to which the last piece is to be added. If all sums are float, that can be done in registers; else NULL: the
 * last piece is like the others, and finish_long_sums follows.
 */
static const float *KERNEL(begin_last_piece)(struct long_sums *sums)
{
    if (sums->pieces >= MAX_FLOAT_PIECES)
        return NULL;
    KERNEL(add_newest_piece)(sums);
    return sums->recent;
}

/* The whole sums, after the last piece. */
static const float *KERNEL(finish_long_sums)(struct long_sums *sums)
{
    KERNEL(add_newest_piece)(sums);
    if (sums->pieces > MAX_FLOAT_PIECES)
        for (int32_t i = 0; i < sums->count; i += VECTOR_LANES) {
            const lanes_double recent = lanes_to_double(lanes_load(sums->recent + i));

            lanes_store(sums->recent + i,
                        lanes_from_double(lanes_double_add(lanes_double_load(sums->earlier + i), recent)));
        }
    return sums->recent;
}

#endif
