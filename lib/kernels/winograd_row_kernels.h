/* SPDX-License-Identifier: MIT */
/*
 * Winograd's algorithm F(2x2, 3x3) for few channels, where there are 32 registers; included by kernel_table.c only. A
 * tile has the four positions of a row r of its patches, so that A is applied while the sums are in registers: half as
 * much is stored as in winograd_product_kernels.h, which matters if there are few products for each sum. The terms and
 * their order are the same. The rows r are computed one after another, so that one row of all channels is in the L1
 * cache.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_ROW_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_ROW_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/tiles.h"
#include "kernels/winograd_2_kernels.h"

/* More channels do not leave a row in the L1 cache. Measured: docs/performance.md. */
enum { ROW_OUTPUTS = 2, MAX_ROW_CHANNELS = 24 };

/* One tile: m A of row r for a few outputs, [k][patch][2]. `transformed` and `weights` are those of the row. */
LANES_INLINE void multiply_row_tile(int32_t channels, const float *transformed, const float *weights, float *rows,
                                    const int outputs, const int patches)
{
    const int64_t panel = (int64_t)channels * LANES;
    lanes sum[ROW_OUTPUTS][4][PATCHES];

    LANES_FOR (k, outputs)
        LANES_FOR (q, 4)
            LANES_FOR (t, patches)
                sum[k][q][t] = lanes_splat(0.0f);
    for (int32_t c = 0; c < channels; ++c, transformed += 4 * patches * LANES, weights += LANES) {
        LANES_FOR (q, 4) {
            lanes value[PATCHES];

            LANES_FOR (t, patches) {
                value[t] = lanes_load(transformed + (q * patches + t) * LANES);
                lanes_keep(&value[t]);
            }
            LANES_FOR (k, outputs) {
                const lanes weight = lanes_splat(weights[q * panel + k]);

                LANES_FOR (t, patches)
                    sum[k][q][t] = lanes_fma(weight, value[t], sum[k][q][t]);
            }
        }
    }
    LANES_FOR (k, outputs)
        LANES_FOR (t, patches) {
            const struct output_pair pair = transform_products(sum[k][0][t], sum[k][1][t], sum[k][2][t], sum[k][3][t]);
            float *to = rows + (k * patches + t) * 2 * LANES;

            lanes_store(to, pair.first);
            lanes_store(to + LANES, pair.second);
        }
}

#define DEFINE_ROW_TILE(outputs, patches)                                                                              \
    static void KERNEL(winograd_row_tile_##outputs##x##patches)(int32_t channels, const float *transformed,            \
                                                                const float *weights, float *rows)                     \
    {                                                                                                                  \
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES)                                                         \
            multiply_row_tile(channels, transformed + lane, weights, rows + lane, outputs, patches);                   \
    }

DEFINE_ROW_TILE(1, 1)
DEFINE_ROW_TILE(1, 2)
DEFINE_ROW_TILE(1, 3)
DEFINE_ROW_TILE(2, 1)
DEFINE_ROW_TILE(2, 2)
DEFINE_ROW_TILE(2, 3)

typedef void winograd_row_function(int32_t channels, const float *transformed, const float *weights, float *rows);

static winograd_row_function *const winograd_row_tiles[ROW_OUTPUTS][PATCHES] = {
    {KERNEL(winograd_row_tile_1x1), KERNEL(winograd_row_tile_1x2), KERNEL(winograd_row_tile_1x3)},
    {KERNEL(winograd_row_tile_2x1), KERNEL(winograd_row_tile_2x2), KERNEL(winograd_row_tile_2x3)},
};

/* One row of outputs of a plane: A' of three rows r, which are `step` apart; `upper` of the two. `bias` as there. */
static void store_output_row(const float *bias, const float *rows, int64_t step, int64_t length, bool upper,
                             const struct epilogue *epilogue, float *y)
{
    for (int64_t at = 0; at < length; at += VECTOR_LANES) {
        const lanes m0 = lanes_load(rows + at), m1 = lanes_load(rows + step + at);
        const lanes m2 = lanes_load(rows + 2 * step + at);

        store_output(upper ? (m0 + m1) + m2 : (m0 - m1) - m2, bias == NULL ? NULL : bias + at % LANES, y + at,
                     epilogue->relu, epilogue->relu_mask);
    }
}

/* The outputs of a strip: from m A, [r][k][patch][2]. */
static void KERNEL(transform_rows)(const struct map *map, const float *rows, const struct epilogue *epilogue,
                                   const struct patch_strip *strip, float *y)
{
    const int64_t step = (int64_t)2 * strip->patches * map->channels * LANES;
    const int64_t length = (int64_t)min_int(map->width - strip->j, 2 * strip->patches) * LANES;
    _Alignas(64) float spread[LANES];

    y += (strip->i * map->row_stride + strip->j) * LANES;
    for (int32_t k = 0; k < map->channels; ++k, y += map->channel_stride * LANES) {
        const float *bias = spread_bias(epilogue->bias, k, false, spread);

        store_output_row(bias, rows, step, length, true, epilogue, y);
        if (strip->i + 1 < map->height)
            store_output_row(bias, rows + step, step, length, false, epilogue, y + map->row_stride * LANES);
        rows += (int64_t)2 * strip->patches * LANES;
    }
}

/* A strip of patches in all channels. `scratch` holds a row of the transformed input, and m A. */
static void convolve_patch_rows(const struct winograd *winograd, const struct convolution *convolution, const float *x,
                                const float *weights, const struct epilogue *epilogue, const struct patch_strip *strip,
                                float *y, const float *zeros, float *scratch)
{
    const struct patch_strip input = input_strip(convolution, strip);
    const int32_t channels = convolution->x.channels, output_count = convolution->y.channels, patches = strip->patches;
    const int64_t panel = (int64_t)channels * LANES;
    float *rows = scratch + (int64_t)4 * patches * channels * LANES, *to = rows;

    (void)winograd;
    for (int32_t r = 0; r < 4; ++r) {
        KERNEL(transform_input_row)
        (&convolution->x, x, &input, r, zeros, patches * LANES, 4 * patches * LANES, scratch);
        for (int32_t k = 0, outputs; k < output_count; k += outputs, to += 2 * outputs * patches * LANES) {
            outputs = min_int(output_count - k, ROW_OUTPUTS);
            winograd_row_tiles[outputs - 1][patches - 1](
                channels, scratch, weights + 4 * r * panel + panel_at(POSITIONS_2 * panel, k), to);
        }
    }
    KERNEL(transform_rows)(&convolution->y, rows, epilogue, strip, y);
}

#endif
