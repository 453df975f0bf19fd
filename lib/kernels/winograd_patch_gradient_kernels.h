/* SPDX-License-Identifier: MIT */
/*
 * The weight gradient of a 3x3 kernel by Winograd's algorithm in two dimensions, the transpose of F(2x2, 3x3) in
 * winograd_kernels.h: 16 products for a patch of four outputs and nine taps instead of 36. Included by kernel_table.c
 * only.
 *
 *     dg = G' [ sum over patches of (A dy A') * (B' x B) ] G        ' transposed, * element by element
 *
 * dy is a patch of 2x2 outputs and x the 4x4 inputs that contribute to it. In one dimension
 *
 *     A dy = (dy0, dy0 + dy1, dy0 - dy1, dy1)          B' x = (x0 - x2, x1 + x2, x2 - x1, x1 - x3)
 *     G' m = (m0 + (m1 + m2) / 2, (m1 - m2) / 2, (m1 + m2) / 2 - m3)
 *
 * B' and A are applied to the columns of a patch, then to its rows; G' to the columns of the sums, then G to the rows.
 * Each of the 16 positions is the weight gradient of a 1x1 kernel on a map of transformed patches, whose tiles are
 * those of direct_gradient_kernels.h. The sums are cut and added as in gradient_sums.h: pieces have up to 48 patches.
 * Outputs and inputs outside the map are 0, which is the padding.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_PATCH_GRADIENT_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_PATCH_GRADIENT_KERNELS_H

#include "kernels/direct_gradient_kernels.h"
#include "kernels/gradient_sums.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/tiles.h"
#include "kernels/winograd_gradient_kernels.h"
#include "kernels/winograd_kernels.h"

/* Inputs that are transformed before their products: few, so that these find them in the L1 cache. */
enum { PATCH_INPUTS = 6 };
_Static_assert((int)PATCH_INPUTS <= (int)NORMNET__MAX_PATCH_INPUTS, "normnet__weight_gradient_scratch assumes it");

/*
 * Some inputs and outputs, whose sums are in memory at once: [position][tile of outputs][input][output]; and the
 * patches of a piece of their maps, a row of positions at a time.
 */
struct gradient_block {
    struct map x_map, dy_map; /* of these channels */
    const float *x, *dy, *zeros;
    int32_t padding;
    struct gradient_sums sums;
    int64_t position;      /* floats of the sums of one */
    float *x_row, *dy_row; /* transformed: [4 positions][channel][patch] */
};

/* A piece: `rows` rows of `columns` patches, from output (i, j) on. `plane` are the floats of a transformed channel. */
struct patch_piece {
    int32_t i, j, rows, columns;
    int64_t plane;
};

/* ---- Transforms ---------------------------------------------------------------------------------- */

/* Element j of A dy of a row of patches. */
LANES_INLINE lanes combine_rows(const float *first, const float *second, int32_t j, const enum pair_kind kind)
{
    lanes value = lanes_load(first + (int64_t)j * LANES);

    if (kind == PAIR_SUM)
        value += lanes_load(second + (int64_t)j * LANES);
    if (kind == PAIR_DIFFERENCE)
        value -= lanes_load(second + (int64_t)j * LANES);
    return value;
}

/* 4 positions, `step` floats apart, of a row of patches, of whose columns `width` are inside the map. */
LANES_INLINE void transform_output_pairs(const float *first, const float *second, int32_t width, int64_t step,
                                         float *transformed, const enum pair_kind kind)
{
    for (int32_t j = 0; j + 1 < width; j += 2, transformed += LANES) {
        const lanes a = combine_rows(first, second, j, kind), b = combine_rows(first, second, j + 1, kind);

        lanes_store(transformed, a);
        lanes_store(transformed + step, a + b);
        lanes_store(transformed + 2 * step, a - b);
        lanes_store(transformed + 3 * step, b);
    }
    if (width % 2 != 0) {
        const lanes last = combine_rows(first, second, width - 1, kind);

        LANES_FOR (q, 3)
            lanes_store(transformed + q * step, last);
        lanes_store(transformed + 3 * step, lanes_splat(0.0f));
    }
}

/* Row r of A dy A' of all outputs of a piece. */
static void KERNEL(transform_gradient)(const struct gradient_block *block, const struct patch_piece *piece, int32_t r)
{
    const struct map *map = &block->dy_map;
    const int64_t row = map->row_stride * LANES, step = map->channels * piece->plane;
    const int32_t width = min_int(2 * piece->columns, map->width - piece->j);

    for (int32_t k = 0; k < map->channels; ++k) {
        const float *first = block->dy + (k * map->channel_stride + piece->j) * LANES + piece->i * row;
        float *to = block->dy_row + k * piece->plane;

        for (int32_t t = 0; t < piece->rows; ++t, first += 2 * row, to += piece->columns * LANES) {
            const float *second = piece->i + 2 * t + 1 < map->height ? first + row : block->zeros;

            for (int lane = 0; lane < LANES; lane += VECTOR_LANES)
                if (r == 1)
                    transform_output_pairs(first + lane, second + lane, width, step, to + lane, PAIR_SUM);
                else if (r == 2)
                    transform_output_pairs(first + lane, second + lane, width, step, to + lane, PAIR_DIFFERENCE);
                else
                    transform_output_pairs((r == 0 ? first : second) + lane, NULL, width, step, to + lane, PAIR_SINGLE);
        }
    }
}

/* G' of four values, or G. */
struct tap_lanes {
    lanes tap[3];
};

LANES_INLINE struct tap_lanes finish_lanes(lanes m0, lanes m1, lanes m2, lanes m3)
{
    const lanes half = lanes_splat(0.5f), mean = (m1 + m2) * half;

    return (struct tap_lanes){{m0 + mean, (m1 - m2) * half, mean - m3}};
}

/* G' m G per lane, then the sums over the lanes: the nine taps of one input and output. */
static void KERNEL(finish_patches)(const float *sums, int64_t step, double *dw)
{
    _Alignas(64) float taps[9][LANES];

    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        struct tap_lanes column[4];

        LANES_FOR (q, 4) {
            const float *from = sums + q * step + lane;

            column[q] = finish_lanes(lanes_load(from), lanes_load(from + 4 * step), lanes_load(from + 8 * step),
                                     lanes_load(from + 12 * step));
        }
        LANES_FOR (u, 3) {
            const struct tap_lanes row =
                finish_lanes(column[0].tap[u], column[1].tap[u], column[2].tap[u], column[3].tap[u]);

            LANES_FOR (v, 3)
                lanes_store(&taps[3 * u + v][lane], row.tap[v]);
        }
    }
    lanes_sums(taps[0], LANES, 9, dw);
}

/* ---- Products ------------------------------------------------------------------------------------ */

/* Adds the products of one position of `inputs` channels: sums[tile of outputs][input][output]. */
static void multiply_position(const struct gradient_block *block, const struct patch_piece *piece, int32_t inputs,
                              const float *x, const float *dy, float *sums)
{
    const struct convolution one = {
        .y = {.width = piece->rows * piece->columns, .channel_stride = piece->plane / LANES}, .stride = 1};
    const int64_t tile = (int64_t)block->x_map.channels * GRADIENT_OUTPUTS * LANES;

    for (int32_t c = 0, rows, columns; c < inputs; c += rows * columns) {
        struct grid grid = {.column = piece->plane};
        float *to = sums + (int64_t)c * GRADIENT_OUTPUTS * LANES;

        rows = inputs - c >= 2 * GRID_ROWS ? GRID_ROWS : 1;
        columns = next_pixels((inputs - c) / rows);
        grid.row = columns * grid.column;
        grid.sum_row = columns;
        for (int32_t k = 0, outputs; k < block->dy_map.channels; k += outputs, to += tile) {
            outputs = even_share(block->dy_map.channels - k, GRADIENT_OUTPUTS);
            direct_gradient_tiles[rows - 1][columns - 1][outputs - 1](&one, 1, x + c * grid.column, &grid,
                                                                      dy + k * grid.column, to);
        }
    }
}

/* Adds the products of a piece. */
static void add_patches(const struct gradient_block *block, const struct patch_piece *piece)
{
    const int64_t dy_step = block->dy_map.channels * piece->plane;
    struct map x_map = block->x_map; /* of a few channels */

    for (int32_t r = 0; r < 4; ++r) {
        KERNEL(transform_gradient)(block, piece, r);
        for (int32_t c = 0; c < block->x_map.channels; c += PATCH_INPUTS) {
            const float *x = block->x + c * x_map.channel_stride * LANES;
            float *sums = block->sums.sums + 4 * r * block->position + (int64_t)c * GRADIENT_OUTPUTS * LANES;
            int64_t x_step;

            x_map.channels = min_int(block->x_map.channels - c, PATCH_INPUTS);
            x_step = x_map.channels * piece->plane;
            for (int32_t t = 0; t < piece->rows; ++t) {
                const struct patch_strip strip = {piece->i + 2 * t - block->padding, piece->j - block->padding,
                                                  piece->columns};

                KERNEL(transform_input_row)
                (&x_map, x, &strip, r, block->zeros, x_step, piece->plane,
                 block->x_row + (int64_t)t * piece->columns * LANES);
            }
            for (int q = 0; q < 4; ++q)
                multiply_position(block, piece, x_map.channels, block->x_row + q * x_step, block->dy_row + q * dy_step,
                                  sums + q * block->position);
        }
    }
}

/* ---- The gradient -------------------------------------------------------------------------------- */

/* The sums over all patches: in block->sums.sums. */
static void KERNEL(sum_patches)(const struct gradient_block *block)
{
    const struct gradient_sums *sums = &block->sums;
    const int32_t height = (block->dy_map.height + 1) / 2, width = (block->dy_map.width + 1) / 2;
    const int32_t max_rows = width < NORMNET__PIECE_PATCHES ? NORMNET__PIECE_PATCHES / width : 1;
    struct patch_piece piece;
    int32_t pieces = 0;

    clear_sums(sums);
    for (int32_t i = 0; i < height; i += piece.rows) {
        piece.i = 2 * i;
        piece.rows = even_share(height - i, max_rows);
        for (int32_t j = 0; j < width; j += piece.columns) {
            piece.j = 2 * j;
            piece.columns = even_share(width - j, NORMNET__PIECE_PATCHES);
            /* An odd number of groups, as in normnet__spaced_map. */
            piece.plane = (int64_t)(piece.rows * piece.columns | 1) * LANES;
            add_patches(block, &piece);
            if (sums->totals != NULL && ++pieces % MAX_FLOAT_PIECES == 0)
                KERNEL(carry_sums)(sums);
        }
    }
    KERNEL(finish_sums)(sums);
}

/* The taps of all inputs and outputs of a block; `per_output` are those of an output. */
static void finish_block(const struct gradient_block *block, int64_t per_output, double *dw)
{
    const int32_t inputs = block->x_map.channels, all = block->dy_map.channels;
    int64_t at = 0;

    for (int32_t k = 0, outputs; k < all; k += outputs, dw += outputs * per_output) {
        outputs = even_share(all - k, GRADIENT_OUTPUTS);
        for (int32_t c = 0; c < inputs; ++c, at += GRADIENT_OUTPUTS * LANES)
            for (int32_t o = 0; o < outputs; ++o) {
                KERNEL(finish_patches)
                (block->sums.sums + at + o * LANES, block->position, dw + o * per_output + 9 * (int64_t)c);
            }
    }
}

/* Where a block has its transformed patches and its sums. */
static void place_block(const struct convolution *convolution, struct gradient_block *block, float *scratch)
{
    const int64_t inputs = block->x_map.channels, outputs = block->dy_map.channels,
                  max_plane = NORMNET__PIECE_PATCHES | 1;
    const int64_t tiles = (outputs + GRADIENT_OUTPUTS - 1) / GRADIENT_OUTPUTS;

    block->x_row = scratch;
    block->dy_row = block->x_row + 4 * PATCH_INPUTS * max_plane * LANES;
    /* Two groups more, so that the sums of all positions do not map to the same sets of the L1 cache. */
    block->position = (tiles * GRADIENT_OUTPUTS * inputs + 2) * LANES;
    block->sums =
        place_sums(convolution, block->dy_row + 4 * outputs * max_plane * LANES, POSITIONS_2 * block->position);
}

/* `scratch` begins with a row of zeros. */
static void KERNEL(winograd_patch_gradient)(const struct convolution *convolution, const float *x, const float *dy,
                                            double *dw, float *scratch)
{
    const int64_t zeros = max_int(convolution->x.width, convolution->y.width) * (int64_t)LANES,
                  per_output = 9 * (int64_t)convolution->x.channels;
    struct gradient_block block = {
        .x_map = convolution->x, .dy_map = convolution->y, .zeros = scratch, .padding = convolution->padding};

    memset(scratch, 0, (size_t)zeros * sizeof *scratch);
    for (int32_t c = 0; c < convolution->x.channels; c += block.x_map.channels) {
        block.x = x + c * convolution->x.channel_stride * LANES;
        block.x_map.channels = even_share(convolution->x.channels - c, NORMNET__BLOCK_INPUTS);
        for (int32_t k = 0; k < convolution->y.channels; k += block.dy_map.channels) {
            block.dy = dy + k * convolution->y.channel_stride * LANES;
            block.dy_map.channels = even_share(convolution->y.channels - k, NORMNET__BLOCK_OUTPUTS);
            place_block(convolution, &block, scratch + zeros);
            KERNEL(sum_patches)(&block);
            finish_block(&block, per_output, dw + k * per_output + 9 * (int64_t)c);
        }
    }
}

#endif
