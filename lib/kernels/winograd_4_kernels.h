/* SPDX-License-Identifier: MIT */
/*
 * The transforms of Winograd's algorithm F(4x4, 3x3): 36 multiply-adds for 16 outputs instead of 144; included by
 * kernel_table.c only. In one dimension, with a = 11/16 and b = 3/2,
 *
 *     B' d = (a^2 b^2 d0 - (a^2 + b^2) d2 + d4,         G g = (1024/1089 g0,
 *             (d4 - b^2 d2) + a (d3 - b^2 d1),                 -(32768/55055 g0 + 128/455 g2) - 2048/5005 g1,
 *             (d4 - b^2 d2) - a (d3 - b^2 d1),                 -(32768/55055 g0 + 128/455 g2) + 2048/5005 g1,
 *             (d4 - a^2 d2) + b (d3 - a^2 d1),                 (512/4095 g0 + 128/455 g2) + 256/1365 g1,
 *             (d4 - a^2 d2) - b (d3 - a^2 d1),                 (512/4095 g0 + 128/455 g2) - 256/1365 g1,
 *             a^2 b^2 d1 - (a^2 + b^2) d3 + d5)                g2)
 *
 *     A' m = (m0 + ((m1 + m2) + (m3 + m4)),
 *             a (m1 - m2) + b (m3 - m4),
 *             a^2 (m1 + m2) + b^2 (m3 + m4),
 *             a^3 (m1 - m2) + b^3 (m3 - m4) + m5)
 *
 * These are products of polynomials by their values at 0, a, -a, b, -b and infinity. All coefficients of B' and A' are
 * floats. The usual points, 0, 1, -1, 2, -2, have coefficients up to 8 and twice the rounding error; closer ones
 * cancel. Where a product is added, the two are a fused multiply-add.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_4_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_4_KERNELS_H

#include "kernels/lanes.h"
#include "kernels/winograd_patches.h"

#define POINT_A 0.6875f /* macros, since a product of constants that are enumerators cannot be a float */
#define POINT_B 1.5f
#define SQUARE_A (POINT_A * POINT_A)
#define SQUARE_B (POINT_B * POINT_B)

LANES_INLINE lanes add_multiple(lanes to, const float factor, lanes value)
{
    return lanes_fma(lanes_splat(factor), value, to);
}

/*
 * The errors of the sums over c grow with the transforms, so that these sums have shorter pieces than others, which
 * costs little: docs/performance.md.
 */
enum { PIECE_TERMS_4 = 8 };

/* ---- Input --------------------------------------------------------------------------------------- */

/* B' d. */
LANES_INLINE void transform_six(const lanes d[6], lanes transformed[6])
{
    const lanes even_a = add_multiple(d[4], -SQUARE_B, d[2]), odd_a = add_multiple(d[3], -SQUARE_B, d[1]);
    const lanes even_b = add_multiple(d[4], -SQUARE_A, d[2]), odd_b = add_multiple(d[3], -SQUARE_A, d[1]);

    transformed[0] = add_multiple(add_multiple(d[4], -(SQUARE_A + SQUARE_B), d[2]), SQUARE_A * SQUARE_B, d[0]);
    transformed[1] = add_multiple(even_a, POINT_A, odd_a);
    transformed[2] = add_multiple(even_a, -POINT_A, odd_a);
    transformed[3] = add_multiple(even_b, POINT_B, odd_b);
    transformed[4] = add_multiple(even_b, -POINT_B, odd_b);
    transformed[5] = add_multiple(add_multiple(d[5], -(SQUARE_A + SQUARE_B), d[3]), SQUARE_A * SQUARE_B, d[1]);
}

enum { STRIP_COLUMNS = 4 * PATCHES + 2 };

static void KERNEL(transform_input_4)(const struct convolution *convolution, const float *x,
                                      const struct patch_strip *strip, const float *zeros, float *transformed)
{
    const struct map *map = &convolution->x;
    const int32_t top = strip->i - convolution->padding, left = strip->j - convolution->padding;
    const int32_t begin = left < 0 ? -left : 0, end = min_int(4 * strip->patches + 2, map->width - left);
    const int64_t step = position_size(term_planes(convolution), strip->patches);
    lanes columns[6][STRIP_COLUMNS];

    memset(columns, 0, sizeof columns); /* those outside the map remain 0 */
    for (int32_t c = 0; c < map->channels; ++c, x += map->channel_stride * LANES)
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
            const float *rows[6];

            LANES_FOR (r, 6)
                rows[r] =
                    (top + r >= 0 && top + r < map->height ? x + (top + r) * map->row_stride * LANES : zeros) + lane;
            for (int32_t j = begin; j < end; ++j) {
                lanes d[6], column[6];

                LANES_FOR (r, 6)
                    d[r] = lanes_load(rows[r] + (int64_t)(left + j) * LANES);
                transform_six(d, column);
                LANES_FOR (r, 6)
                    columns[r][j] = column[r];
            }
            for (int32_t r = 0; r < 6; ++r)
                for (int32_t t = 0; t < strip->patches; ++t) {
                    float *to = transformed + 6 * r * step + ((int64_t)c * strip->patches + t) * LANES + lane;
                    lanes row[6];

                    transform_six(columns[r] + 4 * t, row);
                    LANES_FOR (q, 6)
                        lanes_store(to + q * step, row[q]);
                }
        }
}

/* ---- Output -------------------------------------------------------------------------------------- */

/* A' m. */
LANES_INLINE void transform_six_products(const lanes m[6], lanes y[4])
{
    const lanes sum_a = m[1] + m[2], difference_a = m[1] - m[2];
    const lanes sum_b = m[3] + m[4], difference_b = m[3] - m[4];

    y[0] = m[0] + (sum_a + sum_b);
    y[1] = add_multiple(lanes_splat(POINT_A) * difference_a, POINT_B, difference_b);
    y[2] = add_multiple(lanes_splat(SQUARE_A) * sum_a, SQUARE_B, sum_b);
    y[3] = add_multiple(add_multiple(m[5], SQUARE_A * POINT_A, difference_a), SQUARE_B * POINT_B, difference_b);
}

/* The outputs of one patch of one plane that are inside the map, and the distance between their rows in floats. */
struct output_square {
    int32_t rows, columns;
    int64_t row;
};

/* A' m A and the epilogue of one patch of one plane; positions are `step` floats apart. `bias` as in spread_bias. */
LANES_INLINE void transform_patch(const float *m, int64_t step, const float *bias, struct output_square square,
                                  float *y, const bool relu, const bool relu_mask)
{
    lanes rows[6][4];

    for (int r = 0; r < 6; ++r, m += 6 * step) {
        lanes row[6];

        LANES_FOR (q, 6)
            row[q] = lanes_load(m + q * step);
        transform_six_products(row, rows[r]);
    }
    for (int32_t j = 0; j < square.columns; ++j, y += LANES) {
        lanes column[6], outputs[4];

        LANES_FOR (r, 6)
            column[r] = rows[r][j];
        transform_six_products(column, outputs);
        LANES_FOR (i, 4)
            if (i < square.rows)
                store_output(outputs[i], bias, y + i * square.row, relu, relu_mask);
    }
}

static void KERNEL(transform_output_4)(const struct map *map, const float *m, const struct epilogue *epilogue,
                                       bool channels_are_lanes, const struct patch_strip *strip, int32_t begin,
                                       int32_t end, float *y)
{
    const int64_t step = position_size(end - begin, strip->patches);
    struct output_square square = {.rows = min_int(4, map->height - strip->i), .row = map->row_stride * LANES};
    _Alignas(64) float spread[LANES];

    y += (strip->i * map->row_stride + strip->j) * LANES;
    for (int32_t k = begin; k < end; ++k) {
        const float *bias = spread_bias(epilogue->bias, k, channels_are_lanes, spread);

        for (int32_t t = 0; t < strip->patches; ++t, m += LANES) {
            float *to = y + (k * map->channel_stride + 4 * t) * LANES;

            square.columns = min_int(4, map->width - strip->j - 4 * t);
            for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
                const float *own = bias == NULL ? NULL : bias + lane;

                if (epilogue->relu)
                    transform_patch(m + lane, step, own, square, to + lane, true, false);
                else if (epilogue->relu_mask)
                    transform_patch(m + lane, step, own, square, to + lane, false, true);
                else
                    transform_patch(m + lane, step, own, square, to + lane, false, false);
            }
        }
    }
}

static const struct winograd winograd_4 = {4, 36, PIECE_TERMS_4, KERNEL(transform_input_4), KERNEL(transform_output_4)};

#endif
