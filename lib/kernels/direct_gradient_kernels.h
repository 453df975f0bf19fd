/* SPDX-License-Identifier: MIT */
/* The weight gradient of a convolution, directly; included by kernel_table.c only. */
#ifndef NORMNET_KERNELS_DIRECT_GRADIENT_KERNELS_H
#define NORMNET_KERNELS_DIRECT_GRADIENT_KERNELS_H

#include "kernels/gradient_sums.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/tiles.h"

/*
 * A tile: the products of up to 4 outputs with a grid of inputs, 1 or, where there are registers, 2 rows of 3: 4 x 3 or
 * 4 x 6 sums.
 */
enum { GRID_COLUMNS = 3, GRID_ROWS = VECTOR_REGISTERS >= 32 ? 2 : 1 };

/* The strides of a grid of inputs. An input is an element (c, u, v) of the sum that a convolution computes. */
struct grid {
    int64_t row, column; /* floats of x */
    int64_t sum_row;     /* inputs in `sums` */
};

/*
 * Adds the products of `height` rows of dy with a grid: sums[r * sum_row + s][k] += x[r][s] * dy[k], summed over the
 * pixels, where x[r][s] are the values of one input.
 */
LANES_INLINE void add_products(const struct convolution *convolution, int32_t height, const float *x,
                               const struct grid *grid, const float *dy, float *sums, const int outputs, const int rows,
                               const int columns)
{
    const int64_t step = (int64_t)convolution->stride * LANES;
    const int64_t channel = convolution->y.channel_stride * LANES;
    lanes sum[GRID_ROWS][GRID_COLUMNS][GRADIENT_OUTPUTS];

    LANES_FOR (r, rows)
        LANES_FOR (s, columns)
            LANES_FOR (k, outputs)
                sum[r][s][k] = lanes_splat(0.0f);
    for (int32_t i = 0; i < height; ++i) {
        const float *row_x = x + i * convolution->stride * convolution->x.row_stride * LANES;
        const float *row_dy = dy + i * convolution->y.row_stride * LANES;

        for (int32_t j = 0; j < convolution->y.width; ++j, row_x += step, row_dy += LANES) {
            lanes value[GRID_ROWS][GRID_COLUMNS];

            LANES_FOR (r, rows)
                LANES_FOR (s, columns)
                    value[r][s] = lanes_load(row_x + r * grid->row + s * grid->column);
            LANES_FOR (k, outputs) {
                lanes gradient = lanes_load(row_dy + k * channel);

                lanes_keep(&gradient);
                LANES_FOR (r, rows)
                    LANES_FOR (s, columns)
                        sum[r][s][k] = lanes_fma(value[r][s], gradient, sum[r][s][k]);
            }
        }
    }
    LANES_FOR (r, rows)
        LANES_FOR (s, columns)
            LANES_FOR (k, outputs) {
                float *to = sums + ((r * grid->sum_row + s) * GRADIENT_OUTPUTS + k) * LANES;

                lanes_store(to, lanes_load(to) + sum[r][s][k]);
            }
}

typedef void direct_gradient_function(const struct convolution *convolution, int32_t height, const float *x,
                                      const struct grid *grid, const float *dy, float *sums);

#define DEFINE_GRID(outputs, rows, columns)                                                                            \
    static void KERNEL(direct_gradient_##outputs##x##rows##x##columns)(                                                \
        const struct convolution *convolution, int32_t height, const float *x, const struct grid *grid,                \
        const float *dy, float *sums)                                                                                  \
    {                                                                                                                  \
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES)                                                         \
            add_products(convolution, height, x + lane, grid, dy + lane, sums + lane, outputs, rows, columns);         \
    }
#if VECTOR_REGISTERS >= 16
#define DEFINE_GRIDS(rows, columns)                                                                                    \
    DEFINE_GRID(1, rows, columns)                                                                                      \
    DEFINE_GRID(2, rows, columns) DEFINE_GRID(3, rows, columns) DEFINE_GRID(4, rows, columns)
#define GRIDS(rows, columns)                                                                                           \
    {                                                                                                                  \
        KERNEL(direct_gradient_1x##rows##x##columns), KERNEL(direct_gradient_2x##rows##x##columns),                    \
            KERNEL(direct_gradient_3x##rows##x##columns), KERNEL(direct_gradient_4x##rows##x##columns)                 \
    }
#else
#define DEFINE_GRIDS(rows, columns) DEFINE_GRID(1, rows, columns)
#define GRIDS(rows, columns)                                                                                           \
    {                                                                                                                  \
        KERNEL(direct_gradient_1x##rows##x##columns)                                                                   \
    }
#endif

DEFINE_GRIDS(1, 1)
DEFINE_GRIDS(1, 2)
DEFINE_GRIDS(1, 3)
#if VECTOR_REGISTERS >= 32
DEFINE_GRIDS(2, 1)
DEFINE_GRIDS(2, 2)
DEFINE_GRIDS(2, 3)
#endif

/* direct_gradient_tiles[rows - 1][columns - 1][outputs - 1] */
static direct_gradient_function *const direct_gradient_tiles[GRID_ROWS][GRID_COLUMNS][GRADIENT_OUTPUTS] = {
    {GRIDS(1, 1), GRIDS(1, 2), GRIDS(1, 3)},
#if VECTOR_REGISTERS >= 32
    {GRIDS(2, 1), GRIDS(2, 2), GRIDS(2, 3)},
#endif
};

/* A grid of any number of columns. */
static void add_rows(const struct convolution *convolution, int32_t height, const float *x, const struct grid *grid,
                     int32_t rows, int32_t columns, const float *dy, float *sums, int32_t outputs)
{
    for (int32_t s = 0, width; s < columns; s += width) {
        width = next_pixels(columns - s);
        direct_gradient_tiles[rows - 1][width - 1][outputs - 1](convolution, height, x + s * grid->column, grid, dy,
                                                                sums + (int64_t)s * GRADIENT_OUTPUTS * LANES);
    }
}

/* Adds the products of `height` rows of dy with all inputs: for each channel a grid of u by v. */
static void KERNEL(add_inputs)(const struct convolution *convolution, int32_t height, const float *x, const float *dy,
                               float *sums, int32_t outputs)
{
    const int32_t kernel = convolution->kernel;
    const int64_t row_sums = (int64_t)kernel * GRADIENT_OUTPUTS * LANES;
    const struct grid grid = {convolution->x.row_stride * LANES, LANES, kernel};

    for (int32_t c = 0; c < convolution->x.channels; ++c, x += convolution->x.channel_stride * LANES) {
        for (int32_t u = 0, rows; u < kernel; u += rows, sums += rows * row_sums) {
            rows = kernel - u < GRID_ROWS ? kernel - u : GRID_ROWS;
            add_rows(convolution, height, x + u * grid.row, &grid, rows, kernel, dy, sums, outputs);
        }
    }
}

/* The same for a 1 x 1 kernel, whose inputs are the channels: a grid with half of them in each row, then the rest. */
static void KERNEL(add_inputs_1x1)(const struct convolution *convolution, int32_t height, const float *x,
                                   const float *dy, float *sums, int32_t outputs)
{
    const int64_t channel = convolution->x.channel_stride * LANES;
    const int32_t half = GRID_ROWS == 2 ? convolution->x.channels / 2 : 0, rest = convolution->x.channels - 2 * half;
    const struct grid grid = {half * channel, channel, half};

    if (half > 0)
        add_rows(convolution, height, x, &grid, 2, half, dy, sums, outputs);
    if (rest > 0)
        add_rows(convolution, height, x + 2 * half * channel, &grid, 1, rest, dy,
                 sums + (int64_t)2 * half * GRADIENT_OUTPUTS * LANES, outputs);
}

/* The sums over the lanes of a tile of outputs, to dw[output][input], where an output has `row` inputs. */
static void store_tile(const float *sums, int32_t outputs, int64_t inputs, double *dw, int64_t row)
{
    for (int32_t o = 0; o < outputs; ++o)
        lanes_sums(sums + o * LANES, GRADIENT_OUTPUTS * LANES, inputs, dw + o * row);
}

/* 16 KiB: half of the smallest L1 cache. */
enum { MAX_NEAR_SUMS = 4096 };

/*
 * Input channels for one pass over the map: of a map of one piece, as many as have sums that stay in the L1 cache from
 * their products to their sums over lanes. A larger map is cut into pieces, for each of which dy is read once.
 */
static int32_t next_channels(const struct convolution *convolution)
{
    const int64_t per_channel = (int64_t)convolution->kernel * convolution->kernel * GRADIENT_OUTPUTS * LANES;
    const bool one_piece = (int64_t)convolution->y.height * convolution->y.width <= PIECE_PIXELS;

    return one_piece ? max_int(1, (int32_t)(MAX_NEAR_SUMS / per_channel)) : convolution->x.channels;
}

static void KERNEL(direct_weight_gradient)(const struct convolution *convolution, const float *x, const float *dy,
                                           double *dw, float *scratch)
{
    const int64_t taps = (int64_t)convolution->kernel * convolution->kernel, row = convolution->x.channels * taps;
    const int32_t max_channels = next_channels(convolution);
    add_piece_function *const add = convolution->kernel == 1 ? KERNEL(add_inputs_1x1) : KERNEL(add_inputs);
    struct convolution part = *convolution;

    for (int32_t k = 0, outputs; k < convolution->y.channels; k += outputs) {
        outputs = even_share(convolution->y.channels - k, GRADIENT_OUTPUTS);
        for (int32_t c = 0; c < convolution->x.channels; c += part.x.channels) {
            part.x.channels = even_share(convolution->x.channels - c, max_channels);
            const int64_t inputs = part.x.channels * taps;
            const struct gradient_sums sums = place_sums(&part, scratch, inputs * GRADIENT_OUTPUTS * LANES);

            KERNEL(sum_pieces)
            (&part, x + c * convolution->x.channel_stride * LANES, dy + k * convolution->y.channel_stride * LANES,
             outputs, &sums, add);
            store_tile(sums.sums, outputs, inputs, dw + k * row + c * taps, row);
        }
    }
}

#endif
