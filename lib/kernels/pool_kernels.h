/* SPDX-License-Identifier: MIT */
/* Pooling; included by kernel_table.c only. */
#ifndef NORMNET_KERNELS_POOL_KERNELS_H
#define NORMNET_KERNELS_POOL_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/relu_kernels.h"

/* The offset of group (c, i, j) of a map in floats. */
LANES_INLINE int64_t group_at(const struct map *map, int32_t c, int32_t i, int32_t j)
{
    return (c * map->channel_stride + i * map->row_stride + j) * LANES;
}

/* ---- The maximum: the usual window of 2 x 2 is a constant, so that its loops are unrolled --------- */

/* One window: per lane its maximum and the position of the maximum. */
LANES_INLINE void max_of_window(const struct map *map, const float *x, const int32_t kernel, float *y, uint8_t *indices)
{
    lanes best = lanes_load(x);
    lanes_int index = {0};

    for (int32_t position = 1; position < kernel * kernel; ++position) {
        const lanes value = lanes_load(x + group_at(map, 0, position / kernel, position % kernel));
        const lanes_int wins = (value > best) | (value != value); /* NOLINT(misc-redundant-expression): NaN */

        best = lanes_select(wins, value, best);
        index = (lanes_int)lanes_select(wins, (lanes)((lanes_int){0} + position), (lanes)index);
    }
    lanes_store(y, best);
    lanes_to_bytes(indices, index);
}

LANES_INLINE void max_of_windows(const struct map *x_map, const float *x, const int32_t kernel, const struct map *y_map,
                                 float *y, uint8_t *indices)
{
    for (int32_t c = 0; c < y_map->channels; ++c)
        for (int32_t i = 0; i < y_map->height; ++i)
            for (int32_t j = 0; j < y_map->width; ++j)
                for (int lane = 0; lane < LANES; lane += VECTOR_LANES)
                    max_of_window(x_map, x + group_at(x_map, c, i * kernel, j * kernel) + lane, kernel,
                                  y + group_at(y_map, c, i, j) + lane, indices + group_at(y_map, c, i, j) + lane);
}

static void KERNEL(max_pool)(struct map x_map, const float *x, int32_t kernel, struct map y_map, float *y,
                             uint8_t *indices)
{
    if (kernel == 2)
        max_of_windows(&x_map, x, 2, &y_map, y, indices);
    else
        max_of_windows(&x_map, x, kernel, &y_map, y, indices);
}

/* The gradient of the rows and columns after the last whole window is 0. */
static void clear_rest(struct map y_map, int32_t height, int32_t width, struct map x_map, float *x)
{
    const int32_t rows = y_map.height * height, columns = y_map.width * width;

    for (int32_t c = 0; c < x_map.channels; ++c)
        for (int32_t i = 0; i < x_map.height; ++i) {
            const int32_t first = i < rows ? columns : 0;

            memset(x + group_at(&x_map, c, i, first), 0, (size_t)(x_map.width - first) * LANES * sizeof *x);
        }
}

LANES_INLINE void gradient_of_windows(const struct map *y_map, const float *dy, const uint8_t *indices,
                                      const int32_t kernel, const struct map *x_map, float *x, const bool relu_mask)
{
    for (int32_t c = 0; c < y_map->channels; ++c)
        for (int32_t i = 0; i < y_map->height; ++i)
            for (int32_t j = 0; j < y_map->width; ++j)
                for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
                    const int64_t at = group_at(y_map, c, i, j) + lane;
                    float *window = x + group_at(x_map, c, i * kernel, j * kernel) + lane;
                    const lanes_int index = lanes_from_bytes(indices + at);
                    const lanes gradient = lanes_load(dy + at);

                    for (int32_t u = 0; u < kernel; ++u)
                        for (int32_t v = 0; v < kernel; ++v)
                            store_gradient(window + group_at(x_map, 0, u, v),
                                           (lanes)((index == u * kernel + v) & (lanes_int)gradient), relu_mask);
                }
}

static void KERNEL(max_pool_gradient)(struct map y_map, const float *dy, const uint8_t *indices, int32_t kernel,
                                      struct map x_map, float *x, bool relu_mask)
{
    if (kernel == 2 && relu_mask)
        gradient_of_windows(&y_map, dy, indices, 2, &x_map, x, true);
    else if (kernel == 2)
        gradient_of_windows(&y_map, dy, indices, 2, &x_map, x, false);
    else
        gradient_of_windows(&y_map, dy, indices, kernel, &x_map, x, relu_mask);
    clear_rest(y_map, kernel, kernel, x_map, x);
}

/* ---- The mean -------------------------------------------------------------------------------------- */

/* So many values are summed in float. A larger window goes in pieces of as many columns of a row, added in double. */
enum { WINDOW_PIECE = 16 };

LANES_INLINE lanes sum_small_window(const struct map *map, const float *x, int32_t height, int32_t width)
{
    lanes total = {0};

    for (int32_t u = 0; u < height; ++u)
        for (int32_t v = 0; v < width; ++v)
            total += lanes_load(x + group_at(map, 0, u, v));
    return total;
}

LANES_INLINE lanes_double sum_large_window(const struct map *map, const float *x, int32_t height, int32_t width)
{
    lanes_double total = {{0}, {0}};

    for (int32_t u = 0; u < height; ++u)
        for (int32_t v = 0; v < width; v += WINDOW_PIECE) {
            const int32_t columns = width - v < WINDOW_PIECE ? width - v : WINDOW_PIECE;
            const lanes piece = sum_small_window(map, x + group_at(map, 0, u, v), 1, columns);

            total = lanes_double_add(total, lanes_to_double(piece));
        }
    return total;
}

static void KERNEL(average_pool)(struct map x_map, const float *x, int32_t height, int32_t width, struct map y_map,
                                 float *y)
{
    const bool small = (int64_t)height * width <= WINDOW_PIECE;
    const double count = (double)height * width;

    for (int32_t c = 0; c < y_map.channels; ++c)
        for (int32_t i = 0; i < y_map.height; ++i)
            for (int32_t j = 0; j < y_map.width; ++j)
                for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
                    const float *window = x + group_at(&x_map, c, i * height, j * width) + lane;
                    lanes mean;

                    if (small)
                        mean = sum_small_window(&x_map, window, height, width) / lanes_splat((float)count);
                    else
                        mean = lanes_from_double(
                            lanes_double_divide(sum_large_window(&x_map, window, height, width), count));
                    lanes_store(y + group_at(&y_map, c, i, j) + lane, mean);
                }
}

static void KERNEL(average_pool_gradient)(struct map y_map, const float *dy, int32_t height, int32_t width,
                                          struct map x_map, float *x, bool relu_mask)
{
    const lanes count = lanes_splat((float)height * (float)width);

    for (int32_t c = 0; c < y_map.channels; ++c)
        for (int32_t i = 0; i < y_map.height; ++i)
            for (int32_t j = 0; j < y_map.width; ++j)
                for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
                    const lanes share = lanes_load(dy + group_at(&y_map, c, i, j) + lane) / count;
                    float *window = x + group_at(&x_map, c, i * height, j * width) + lane;

                    for (int32_t u = 0; u < height; ++u)
                        for (int32_t v = 0; v < width; ++v)
                            store_gradient(window + group_at(&x_map, 0, u, v), share, relu_mask);
                }
    clear_rest(y_map, height, width, x_map, x);
}

#endif
