/* SPDX-License-Identifier: MIT */
/* Convolution and its weight gradient over lanes; included by kernels_lanes.c only. */
#ifndef NORMNET_KERNELS_CONVOLUTION_KERNELS_H
#define NORMNET_KERNELS_CONVOLUTION_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"

/*
 * A tile of outputs is held in registers while the sum over (c, u, v) runs: OUTPUTS channels by
 * PIXELS neighbours of one row. Two multiply-adds of four cycles each may be under way at a time, so
 * eight chains keep the units busy; 4 x 3 chains with 3 inputs and 1 weight fill the 16 registers of AVX2.
 */
enum { TILE_OUTPUTS = 4, TILE_PIXELS = 3 };

struct convolution {
    struct normnet__map x, y;
    int32_t kernel, stride;
};

LANES_INLINE void convolve_tile(const struct convolution *shape, const float *x, const float *weights,
                                const float *bias, float *y, const int outputs, const int pixels)
{
    const int64_t row = shape->x.row_stride * NORMNET__LANES;
    const int64_t step = (int64_t)shape->stride * NORMNET__LANES;
    const int32_t kernel = shape->kernel, all_outputs = shape->y.channels;
    lanes sum[TILE_OUTPUTS * 2][TILE_PIXELS];

    LANES_FOR (k, outputs)
        LANES_FOR (p, pixels)
            sum[k][p] = lanes_splat(bias != NULL ? bias[k] : 0.0f);
    for (int32_t c = 0; c < shape->x.channels; ++c, x += shape->x.channel_stride * NORMNET__LANES)
        for (int32_t u = 0; u < kernel; ++u)
            for (int32_t v = 0; v < kernel; ++v, weights += all_outputs) {
                const float *input = x + u * row + (int64_t)v * NORMNET__LANES;
                lanes value[TILE_PIXELS];

                LANES_FOR (p, pixels)
                    value[p] = lanes_load(input + p * step);
                LANES_FOR (k, outputs) {
                    const lanes weight = lanes_splat(weights[k]);
                    LANES_FOR (p, pixels)
                        sum[k][p] = lanes_fma(weight, value[p], sum[k][p]);
                }
            }
    LANES_FOR (k, outputs)
        LANES_FOR (p, pixels)
            lanes_store(y + (k * shape->y.channel_stride + p) * NORMNET__LANES, sum[k][p]);
}

/* All output channels of `pixels` neighbours, one vector of lanes after the other. */
LANES_INLINE void convolve_pixels(const struct convolution *shape, const float *x, const float *weights,
                                  const float *bias, float *y, const int pixels)
{
    const int32_t outputs = shape->y.channels;
    int32_t k = 0;

    while (k < outputs) {
        const int32_t left = outputs - k;
        const float *tile_bias = bias == NULL ? NULL : bias + k;
        float *tile_y = y + k * shape->y.channel_stride * NORMNET__LANES;
        /* One pixel leaves registers for more channels. */
        const int32_t tile = pixels == 1 && left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;

        for (int vector = 0; vector < LANE_VECTORS; ++vector) {
            const float *vector_x = x + vector * LANE_WIDTH;
            float *vector_y = tile_y + vector * LANE_WIDTH;

            if (pixels == 1 && tile == 8)
                convolve_tile(shape, vector_x, weights + k, tile_bias, vector_y, 8, 1);
            else if (tile == 4)
                convolve_tile(shape, vector_x, weights + k, tile_bias, vector_y, 4, pixels);
            else if (tile == 2)
                convolve_tile(shape, vector_x, weights + k, tile_bias, vector_y, 2, pixels);
            else
                convolve_tile(shape, vector_x, weights + k, tile_bias, vector_y, 1, pixels);
        }
        k += tile;
    }
}

/* Rows that lie behind one another and are walked pixel by pixel are one long row. */
static struct convolution join_rows(struct convolution shape)
{
    if (shape.kernel == 1 && shape.stride == 1 && shape.x.width == shape.y.width &&
        shape.x.row_stride == shape.x.width && shape.y.row_stride == shape.y.width && shape.y.height > 1) {
        shape.x.width = shape.y.width = shape.y.width * shape.y.height;
        shape.x.row_stride = shape.y.row_stride = shape.y.width;
        shape.x.height = shape.y.height = 1;
    }
    return shape;
}

static void convolve(struct normnet__map x_map, const float *x, int32_t kernel, int32_t stride, const float *weights,
                     const float *bias, struct normnet__map y_map, float *y)
{
    const struct convolution shape = join_rows((struct convolution){x_map, y_map, kernel, stride});
    const int32_t width = shape.y.width;

    for (int32_t i = 0; i < shape.y.height; ++i) {
        const float *row_x = x + i * shape.stride * shape.x.row_stride * NORMNET__LANES;
        float *row_y = y + i * shape.y.row_stride * NORMNET__LANES;
        int32_t j = 0;

        while (j < width) {
            const int32_t left = width - j;
            const float *tile_x = row_x + (int64_t)j * shape.stride * NORMNET__LANES;
            float *tile_y = row_y + (int64_t)j * NORMNET__LANES;

            /* Four pixels are two tiles of two: a tile of one leaves the units half idle. */
            if (left >= 3 && left != 4) {
                convolve_pixels(&shape, tile_x, weights, bias, tile_y, 3);
                j += 3;
            } else if (left >= 2) {
                convolve_pixels(&shape, tile_x, weights, bias, tile_y, 2);
                j += 2;
            } else {
                convolve_pixels(&shape, tile_x, weights, bias, tile_y, 1);
                j += 1;
            }
        }
    }
}

/* ---- Weight gradient ------------------------------------------------------------------------- */

/*
 * The sum over 16 lanes by the tree of base/tree.h: neighbours first. `sum` is read as [16] of one
 * weight; the additions of one level are independent, which the compiler turns into vectors.
 */
LANES_INLINE double sum_lanes(const float *sum)
{
    double level[NORMNET__LANES / 2];

    for (int i = 0; i < 8; ++i)
        level[i] = (double)sum[2 * i] + (double)sum[2 * i + 1];
    for (int i = 0; i < 4; ++i)
        level[i] = level[2 * i] + level[2 * i + 1];
    return ((level[0] + level[1]) + (level[2] + level[3])) + 0.0; /* + 0.0: an empty half must not show as -0 */
}

/*
 * Adds `rows` rows of products to the sums of `outputs` channels by `taps` neighbouring inputs, which
 * are `tap` floats apart: sum[t][k] += x[i][j + t] * dy[k][i][j].
 */
LANES_INLINE void weight_gradient_tile(const struct convolution *shape, int32_t rows, const float *x, int64_t tap,
                                       const float *dy, float *sums, const int outputs, const int taps)
{
    const int64_t step = (int64_t)shape->stride * NORMNET__LANES;
    const int64_t channel = shape->y.channel_stride * NORMNET__LANES;
    lanes sum[TILE_PIXELS][TILE_OUTPUTS];

    LANES_FOR (t, taps)
        LANES_FOR (k, outputs)
            sum[t][k] = lanes_load(sums + (t * TILE_OUTPUTS + k) * NORMNET__LANES);
    for (int32_t i = 0; i < rows; ++i) {
        const float *row_x = x + i * shape->stride * shape->x.row_stride * NORMNET__LANES;
        const float *row_dy = dy + i * shape->y.row_stride * NORMNET__LANES;

        for (int32_t j = 0; j < shape->y.width; ++j, row_x += step, row_dy += NORMNET__LANES) {
            lanes gradient[TILE_OUTPUTS];

            LANES_FOR (k, outputs)
                gradient[k] = lanes_load(row_dy + k * channel);
            LANES_FOR (t, taps) {
                const lanes value = lanes_load(row_x + t * tap);
                LANES_FOR (k, outputs)
                    sum[t][k] = lanes_fma(value, gradient[k], sum[t][k]);
            }
        }
    }
    LANES_FOR (t, taps)
        LANES_FOR (k, outputs)
            lanes_store(sums + (t * TILE_OUTPUTS + k) * NORMNET__LANES, sum[t][k]);
}

LANES_INLINE void weight_gradient_taps(const struct convolution *shape, int32_t rows, const float *x, int64_t tap,
                                       const float *dy, float *sums, int32_t outputs, const int taps)
{
    for (int vector = 0; vector < LANE_VECTORS; ++vector) {
        const int64_t lane = (int64_t)vector * LANE_WIDTH;

        if (outputs == 4)
            weight_gradient_tile(shape, rows, x + lane, tap, dy + lane, sums + lane, 4, taps);
        else if (outputs == 3)
            weight_gradient_tile(shape, rows, x + lane, tap, dy + lane, sums + lane, 3, taps);
        else if (outputs == 2)
            weight_gradient_tile(shape, rows, x + lane, tap, dy + lane, sums + lane, 2, taps);
        else
            weight_gradient_tile(shape, rows, x + lane, tap, dy + lane, sums + lane, 1, taps);
    }
}

/* One run of inputs with the same distance, in tiles of three, two and one. */
static void weight_gradient_run(const struct convolution *shape, int32_t rows, const float *x, int64_t tap,
                                int32_t taps, const float *dy, float *sums, int32_t outputs)
{
    while (taps > 0) {
        const int32_t tile = taps >= 3 && taps != 4 ? 3 : taps >= 2 ? 2 : 1;

        if (tile == 3)
            weight_gradient_taps(shape, rows, x, tap, dy, sums, outputs, 3);
        else if (tile == 2)
            weight_gradient_taps(shape, rows, x, tap, dy, sums, outputs, 2);
        else
            weight_gradient_taps(shape, rows, x, tap, dy, sums, outputs, 1);
        x += tile * tap;
        sums += (int64_t)tile * TILE_OUTPUTS * NORMNET__LANES;
        taps -= tile;
    }
}

/* The sums of all inputs (c, u, v) and up to four output channels over some rows. */
static void weight_gradient_rows(const struct convolution *shape, int32_t rows, const float *x, const float *dy,
                                 float *sums, int32_t outputs)
{
    const int64_t row = shape->x.row_stride * NORMNET__LANES, channel = shape->x.channel_stride * NORMNET__LANES;

    if (shape->kernel == 1) { /* the channels themselves are the run */
        weight_gradient_run(shape, rows, x, channel, shape->x.channels, dy, sums, outputs);
        return;
    }
    for (int32_t c = 0; c < shape->x.channels; ++c)
        for (int32_t u = 0; u < shape->kernel; ++u) {
            weight_gradient_run(shape, rows, x + c * channel + u * row, NORMNET__LANES, shape->kernel, dy, sums,
                                outputs);
            sums += (int64_t)shape->kernel * TILE_OUTPUTS * NORMNET__LANES;
        }
}

static void weight_gradient(struct normnet__map x_map, const float *x, int32_t kernel, int32_t stride,
                            struct normnet__map dy_map, const float *dy, double *dw, float *scratch)
{
    const struct convolution shape = {x_map, dy_map, kernel, stride};
    const int64_t inputs = (int64_t)shape.x.channels * kernel * kernel;
    /* Rows of four channels of dy that stay in a 32 KiB first-level cache beside the rows of x: 12 KiB. */
    const int32_t chunk = 48 / shape.y.width < 1 ? 1 : 48 / shape.y.width;

    for (int32_t k = 0; k < shape.y.channels; k += TILE_OUTPUTS) {
        const int32_t outputs = shape.y.channels - k < TILE_OUTPUTS ? shape.y.channels - k : TILE_OUTPUTS;
        const float *tile_dy = dy + k * shape.y.channel_stride * NORMNET__LANES;

        memset(scratch, 0, (size_t)(inputs * TILE_OUTPUTS * NORMNET__LANES) * sizeof *scratch);
        for (int32_t i = 0; i < shape.y.height; i += chunk)
            weight_gradient_rows(&shape, shape.y.height - i < chunk ? shape.y.height - i : chunk,
                                 x + i * stride * shape.x.row_stride * NORMNET__LANES,
                                 tile_dy + i * shape.y.row_stride * NORMNET__LANES, scratch, outputs);
        for (int32_t o = 0; o < outputs; ++o)
            for (int64_t input = 0; input < inputs; ++input)
                dw[(k + o) * inputs + input] = sum_lanes(scratch + (input * TILE_OUTPUTS + o) * NORMNET__LANES);
    }
}

#endif
