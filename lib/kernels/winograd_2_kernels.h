/* SPDX-License-Identifier: MIT */
/*
 * The transforms of Winograd's algorithm F(2x2, 3x3): 16 multiply-adds for four outputs instead of 36; included by
 * kernel_table.c only. In one dimension
 *
 *     B' d = (d0 - d2, d1 + d2, d2 - d1, d1 - d3)      G g = (g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2)
 *     A' m = ((m0 + m1) + m2, (m1 - m2) - m3)
 */
#ifndef NORMNET_KERNELS_WINOGRAD_2_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_2_KERNELS_H

#include "kernels/long_sums.h"
#include "kernels/winograd_patches.h"

enum { POSITIONS_2 = 16 };

/* ---- Input: row r of B' d B ---------------------------------------------------------------------- */

/* Two rows of the map from the first column of the first patch, and which of their columns are inside the map. */
struct patch_rows {
    const float *first, *second;
    int32_t begin, end;
};

/* Element j of row r of B' d. */
LANES_INLINE lanes transform_column(const struct patch_rows *rows, int32_t j, const bool add, const bool inside)
{
    lanes first, second;

    if (!inside && (j < rows->begin || j >= rows->end))
        return lanes_splat(0.0f);
    first = lanes_load(rows->first + (int64_t)j * LANES);
    second = lanes_load(rows->second + (int64_t)j * LANES);
    return add ? first + second : first - second;
}

/* Row r of one channel of `patches` neighbours: 4 positions, `step` floats apart, of [patch]. */
LANES_INLINE void transform_row(const struct patch_rows *rows, int32_t patches, const bool add, const bool inside,
                                int64_t step, float *transformed)
{
    lanes a = transform_column(rows, 0, add, inside), b = transform_column(rows, 1, add, inside);

    for (int32_t t = 0; t < patches; ++t, transformed += LANES) {
        const lanes c = transform_column(rows, 2 * t + 2, add, inside);
        const lanes d = transform_column(rows, 2 * t + 3, add, inside);

        lanes_store(transformed, a - c);
        lanes_store(transformed + step, b + c);
        lanes_store(transformed + 2 * step, c - b);
        lanes_store(transformed + 3 * step, b - d);
        a = c;
        b = d;
    }
}

/*
 * Row r of all channels of a strip: 4 positions, `step` floats apart, and channels, `channel` floats apart, of [patch].
 * `zeros` replaces rows outside the map. The strip is that of input_strip.
 */
static void KERNEL(transform_input_row)(const struct map *map, const float *x, const struct patch_strip *strip,
                                        int32_t r, const float *zeros, int64_t step, int64_t channel,
                                        float *transformed)
{
    static const int8_t first_row[4] = {0, 1, 2, 1}, second_row[4] = {2, 2, 1, 3};
    const int32_t first = strip->i + first_row[r], second = strip->i + second_row[r], left = strip->j;
    const bool first_inside = first >= 0 && first < map->height, second_inside = second >= 0 && second < map->height;
    const bool inside = left >= 0 && left + 2 * strip->patches + 2 <= map->width;
    const int64_t offset = (int64_t)left * LANES;
    struct patch_rows rows = {.begin = -left, .end = map->width - left};

    for (int32_t c = 0; c < map->channels; ++c, transformed += channel) {
        const float *plane = x + c * map->channel_stride * LANES;

        for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
            /* A strip may begin left of the map, in the padding: there transform_column reads nothing. */
            rows.first = (first_inside ? plane + first * map->row_stride * LANES : zeros) + offset + lane;
            rows.second = (second_inside ? plane + second * map->row_stride * LANES : zeros) + offset + lane;
            if (inside && r == 1)
                transform_row(&rows, strip->patches, true, true, step, transformed + lane);
            else if (inside)
                transform_row(&rows, strip->patches, false, true, step, transformed + lane);
            else
                transform_row(&rows, strip->patches, r == 1, false, step, transformed + lane);
        }
    }
}

/* Column j of B' d of a patch whose rows are `row` floats apart. */
LANES_INLINE void transform_whole_column(const float *x, int64_t row, lanes column[4])
{
    const lanes d0 = lanes_load(x), d1 = lanes_load(x + row), d2 = lanes_load(x + 2 * row),
                d3 = lanes_load(x + 3 * row);

    column[0] = d0 - d2;
    column[1] = d1 + d2;
    column[2] = d2 - d1;
    column[3] = d1 - d3;
}

/* All 16 positions of one channel of `patches` neighbours inside the map: each input is loaded once. */
LANES_INLINE void transform_whole_patches(const float *x, int64_t row, int32_t patches, int64_t step,
                                          float *transformed)
{
    lanes a[4], b[4], c[4], d[4];

    transform_whole_column(x, row, a);
    transform_whole_column(x + LANES, row, b);
    for (int32_t t = 0; t < patches; ++t, transformed += LANES) {
        x += 2 * LANES;
        transform_whole_column(x, row, c);
        transform_whole_column(x + LANES, row, d);
        LANES_FOR (r, 4) {
            float *to = transformed + 4 * r * step;

            lanes_store(to, a[r] - c[r]);
            lanes_store(to + step, b[r] + c[r]);
            lanes_store(to + 2 * step, c[r] - b[r]);
            lanes_store(to + 3 * step, b[r] - d[r]);
            a[r] = c[r];
            b[r] = d[r];
        }
    }
}

static void KERNEL(transform_input_2)(const struct convolution *convolution, const float *x,
                                      const struct patch_strip *strip, const float *zeros, float *transformed)
{
    const struct map *map = &convolution->x;
    const int64_t step = position_size(term_planes(convolution), strip->patches), channel = strip->patches * LANES;
    const struct patch_strip input = input_strip(convolution, strip);

    if (input.i < 0 || input.i + 4 > map->height || input.j < 0 || input.j + 2 * input.patches + 2 > map->width) {
        for (int32_t r = 0; r < 4; ++r)
            KERNEL(transform_input_row)(map, x, &input, r, zeros, step, channel, transformed + 4 * r * step);
        return;
    }
    x += (input.i * map->row_stride + input.j) * LANES;
    for (int32_t c = 0; c < map->channels; ++c, x += map->channel_stride * LANES, transformed += channel)
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES)
            transform_whole_patches(x + lane, map->row_stride * LANES, input.patches, step, transformed + lane);
}

/* ---- Output -------------------------------------------------------------------------------------- */

/* A' or A of three values: the two outputs. */
struct output_pair {
    lanes first, second;
};

LANES_INLINE struct output_pair transform_products(lanes m0, lanes m1, lanes m2, lanes m3)
{
    return (struct output_pair){(m0 + m1) + m2, (m1 - m2) - m3};
}

/* The outputs of `patches` neighbours of one plane and the distances between their products, rows and columns. */
struct output_strip {
    int64_t step, row; /* floats: from a position to the next in m, from a row to the next in y */
    int32_t patches;
    bool last_row, last_column; /* outside the map: of the patches, of the last patch */
};

/* A' m A and the epilogue of one plane of a strip; `bias` is a lane group or NULL. */
LANES_INLINE void transform_plane(const float *m, const struct output_strip *strip, const float *bias, float *y,
                                  const bool relu, const bool relu_mask)
{
    for (int32_t t = 0; t < strip->patches; ++t, m += LANES, y += 2 * LANES) {
        const bool one_column = strip->last_column && t + 1 == strip->patches;
        struct output_pair row[4], column;

        LANES_FOR (r, 4) {
            const float *from = m + 4 * r * strip->step;

            row[r] = transform_products(lanes_load(from), lanes_load(from + strip->step),
                                        lanes_load(from + 2 * strip->step), lanes_load(from + 3 * strip->step));
        }
        column = transform_products(row[0].first, row[1].first, row[2].first, row[3].first);
        store_output(column.first, bias, y, relu, relu_mask);
        if (!strip->last_row)
            store_output(column.second, bias, y + strip->row, relu, relu_mask);
        if (one_column)
            continue;
        column = transform_products(row[0].second, row[1].second, row[2].second, row[3].second);
        store_output(column.first, bias, y + LANES, relu, relu_mask);
        if (!strip->last_row)
            store_output(column.second, bias, y + strip->row + LANES, relu, relu_mask);
    }
}

static void KERNEL(transform_output_2)(const struct map *map, const float *m, const struct epilogue *epilogue,
                                       bool channels_are_lanes, const struct patch_strip *strip, int32_t begin,
                                       int32_t end, float *y)
{
    const int32_t patches = strip->patches;
    const struct output_strip outputs = {.step = position_size(end - begin, patches),
                                         .row = map->row_stride * LANES,
                                         .patches = patches,
                                         .last_row = strip->i + 1 == map->height,
                                         .last_column = strip->j + 2 * patches > map->width};
    _Alignas(64) float spread[LANES];

    for (int32_t k = begin; k < end; ++k, m += patches * LANES) {
        const float *bias = spread_bias(epilogue->bias, k, channels_are_lanes, spread);
        float *to = y + (k * map->channel_stride + strip->i * map->row_stride + strip->j) * LANES;

        for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
            const float *own = bias == NULL ? NULL : bias + lane;

            if (epilogue->relu)
                transform_plane(m + lane, &outputs, own, to + lane, true, false);
            else if (epilogue->relu_mask)
                transform_plane(m + lane, &outputs, own, to + lane, false, true);
            else
                transform_plane(m + lane, &outputs, own, to + lane, false, false);
        }
    }
}

static const struct winograd winograd_2 = {2, POSITIONS_2, PIECE_TERMS, KERNEL(transform_input_2),
                                           KERNEL(transform_output_2)};

#endif
