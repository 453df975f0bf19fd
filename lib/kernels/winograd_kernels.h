/* SPDX-License-Identifier: MIT */
/*
 * Winograd's algorithm F(2x2, 3x3): 16 multiply-adds for four outputs of a 3x3 kernel instead of 36 (Lavin and Gray,
 * Fast Algorithms for Convolutional Neural Networks, CVPR 2016). Included by kernel_table.c only.
 *
 *     Y = A' [ sum over c of (G g G') * (B' d B) ] A        ' transposed, * element by element
 *
 * d is a patch of 4x4 inputs, which overlaps the next one by two; Y is a patch of 2x2 outputs; g is the kernel of one
 * input and output channel. In one dimension
 *
 *     B' d = (d0 - d2, d1 + d2, d2 - d1, d1 - d3)      G g = (g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2)
 *     A' m = ((m0 + m1) + m2, (m1 - m2) - m3)
 *
 * B' is applied to the columns, then B to the rows; A to the rows while the sums are in registers, then A' to the
 * columns. packed_weights.c computes G g G' once per step. The four rows r of a transformed patch are computed one
 * after another, so that a row of all channels stays in the L1 cache. Inputs outside the map are 0, which is the
 * padding; outputs outside the map are not stored.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_KERNELS_H

#include "kernels/algorithm.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/long_sums.h"
#include "kernels/relu_kernels.h"
#include "kernels/tiles.h"

/* A tile: the four sums of row r for 3 neighbouring patches and 2 outputs (24 sums) or 1 (12 sums). */
enum { PATCH_OUTPUTS = VECTOR_REGISTERS >= 32 ? 2 : 1, PATCHES = TILE_PIXELS };
_Static_assert((int)PATCHES <= (int)NORMNET__MAX_PATCHES, "normnet__convolution_scratch assumes it");

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

/* Row r of one channel of `patches` neighbours: [4][patch]. */
LANES_INLINE void transform_row(const struct patch_rows *rows, int32_t patches, const bool add, const bool inside,
                                float *transformed)
{
    const int64_t step = (int64_t)patches * LANES;
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

/* A strip of neighbouring patches. */
struct patch_strip {
    int32_t top, left; /* of the first patch, in the input */
    int32_t patches;
};

/* Row r of all channels of a strip: [c][4][patch]. `zeros` replaces rows outside the map. */
static void KERNEL(transform_input)(const struct map *map, const float *x, const struct patch_strip *strip, int32_t r,
                                    const float *zeros, float *transformed)
{
    static const int8_t first_row[4] = {0, 1, 2, 1}, second_row[4] = {2, 2, 1, 3};
    const int32_t first = strip->top + first_row[r], second = strip->top + second_row[r];
    const bool first_inside = first >= 0 && first < map->height, second_inside = second >= 0 && second < map->height;
    const bool inside = strip->left >= 0 && strip->left + 2 * strip->patches + 2 <= map->width;
    const int64_t size = (int64_t)4 * strip->patches * LANES, left = (int64_t)strip->left * LANES;
    struct patch_rows rows = {.begin = -strip->left, .end = map->width - strip->left};

    for (int32_t c = 0; c < map->channels; ++c, transformed += size) {
        const float *plane = x + c * map->channel_stride * LANES;

        for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
            /* A strip may begin left of the map, in the padding: there transform_column reads nothing. */
            rows.first = (first_inside ? plane + first * map->row_stride * LANES : zeros) + left + lane;
            rows.second = (second_inside ? plane + second * map->row_stride * LANES : zeros) + left + lane;
            if (inside && r == 1)
                transform_row(&rows, strip->patches, true, true, transformed + lane);
            else if (inside)
                transform_row(&rows, strip->patches, false, true, transformed + lane);
            else
                transform_row(&rows, strip->patches, r == 1, false, transformed + lane);
        }
    }
}

/* ---- Sums over the channels ---------------------------------------------------------------------- */

/* m A of a row m of a patch. */
LANES_INLINE void store_patch_row(float *to, lanes m0, lanes m1, lanes m2, lanes m3)
{
    lanes_store(to, (m0 + m1) + m2);
    lanes_store(to + LANES, (m1 - m2) - m3);
}

/*
 * One tile of row r: m[k][t][q] = sum over c of weights[c][q][k] * transformed[c][q][t], of which it stores m A,
 * [k][t][2]. `weights` is at the tile's first output; there are `output_count` for each c and q. If the sum has several
 * pieces, the m of this one is stored instead, [k][q][t].
 */
LANES_INLINE void sum_patches(int32_t channels, const float *transformed, const float *weights, int32_t output_count,
                              float *sums, bool several, const int outputs, const int patches)
{
    lanes sum[PATCH_OUTPUTS][4][PATCHES];

    LANES_FOR (k, outputs)
        LANES_FOR (q, 4)
            LANES_FOR (t, patches)
                sum[k][q][t] = lanes_splat(0.0f);
    for (int32_t c = 0; c < channels; ++c) {
        LANES_FOR (q, 4) {
            lanes value[PATCHES];

            LANES_FOR (t, patches) {
                value[t] = lanes_load(transformed + (q * patches + t) * LANES);
                if (outputs > 1) /* used more than once */
                    lanes_keep(&value[t]);
            }
            LANES_FOR (k, outputs) {
                const lanes weight = lanes_splat(weights[q * output_count + k]);

                LANES_FOR (t, patches)
                    sum[k][q][t] = lanes_fma(weight, value[t], sum[k][q][t]);
            }
        }
        transformed += 4 * patches * LANES;
        weights += (int64_t)4 * output_count;
    }
    if (several) {
        LANES_FOR (k, outputs)
            LANES_FOR (q, 4)
                LANES_FOR (t, patches)
                    lanes_store(sums + ((k * 4 + q) * patches + t) * LANES, sum[k][q][t]);
        return;
    }
    LANES_FOR (k, outputs)
        LANES_FOR (t, patches) {
            float *to = sums + (k * patches + t) * 2 * LANES;

            store_patch_row(to, sum[k][0][t], sum[k][1][t], sum[k][2][t], sum[k][3][t]);
        }
}

typedef void winograd_sum_function(int32_t channels, const float *transformed, const float *weights,
                                   int32_t output_count, float *sums, bool several);

#define DEFINE_WINOGRAD_SUMS(outputs, patches)                                                                         \
    static void KERNEL(winograd_sums_##outputs##x##patches)(int32_t channels, const float *transformed,                \
                                                            const float *weights, int32_t output_count, float *sums,   \
                                                            bool several)                                              \
    {                                                                                                                  \
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES)                                                         \
            sum_patches(channels, transformed + lane, weights, output_count, sums + lane, several, outputs, patches);  \
    }

DEFINE_WINOGRAD_SUMS(1, 1)
DEFINE_WINOGRAD_SUMS(1, 2)
DEFINE_WINOGRAD_SUMS(1, 3)
#if VECTOR_REGISTERS >= 32
DEFINE_WINOGRAD_SUMS(2, 1)
DEFINE_WINOGRAD_SUMS(2, 2)
DEFINE_WINOGRAD_SUMS(2, 3)
#endif

/* winograd_sum_tiles[outputs - 1][patches - 1] */
static winograd_sum_function *const winograd_sum_tiles[PATCH_OUTPUTS][PATCHES] = {
    {KERNEL(winograd_sums_1x1), KERNEL(winograd_sums_1x2), KERNEL(winograd_sums_1x3)},
#if VECTOR_REGISTERS >= 32
    {KERNEL(winograd_sums_2x1), KERNEL(winograd_sums_2x2), KERNEL(winograd_sums_2x3)},
#endif
};

/* ---- Output -------------------------------------------------------------------------------------- */

/*
 * One row of outputs: A' of three rows r of sums, which are `step` apart; `add` for the upper of the two rows. `bias`
 * is a lane group or NULL.
 */
static void store_row(const float *bias, const float *sums, int64_t step, int64_t length, bool add,
                      const struct epilogue *epilogue, float *y)
{
    for (int64_t at = 0; at < length; at += VECTOR_LANES) {
        const lanes m0 = lanes_load(sums + at), m1 = lanes_load(sums + step + at);
        const lanes m2 = lanes_load(sums + 2 * step + at);
        lanes value = add ? (m0 + m1) + m2 : (m0 - m1) - m2;

        if (bias != NULL)
            value += lanes_load(bias + at % LANES);
        if (epilogue->relu)
            value = lanes_max_zero(value);
        if (epilogue->relu_mask)
            value = mask_gradient(y + at, value);
        lanes_store(y + at, value);
    }
}

/* The bias of plane k as a lane group: that of one channel, or of several if they are the lanes. */
LANES_INLINE const float *spread_bias(const float *bias, int32_t k, bool channels_are_lanes, float spread[LANES])
{
    if (bias == NULL || channels_are_lanes)
        return bias == NULL ? NULL : bias + (int64_t)k * LANES;
    for (int lane = 0; lane < LANES; ++lane)
        spread[lane] = bias[k];
    return spread;
}

/* The outputs of a strip, which begin at (i, j): from the sums [r][plane][patch][2]. */
static void KERNEL(transform_output)(const struct map *map, const float *sums, const struct epilogue *epilogue,
                                     bool channels_are_lanes, int32_t i, int32_t j, int32_t patches, float *y)
{
    const int64_t step = (int64_t)2 * patches * map->channels * LANES;
    const int64_t length = (map->width - j < 2 * patches ? map->width - j : 2 * patches) * LANES;
    const bool two = i + 1 < map->height;
    _Alignas(64) float spread[LANES];

    y += (i * map->row_stride + j) * LANES;
    for (int32_t k = 0; k < map->channels; ++k, y += map->channel_stride * LANES) {
        const float *bias = spread_bias(epilogue->bias, k, channels_are_lanes, spread);

        store_row(bias, sums, step, length, true, epilogue, y);
        if (two)
            store_row(bias, sums + step, step, length, false, epilogue, y + map->row_stride * LANES);
        sums += (int64_t)2 * patches * LANES;
    }
}

/* ---- The convolution ----------------------------------------------------------------------------- */

/* One tile whose sums have several pieces. */
static void KERNEL(sum_long_tile)(int32_t channels, const float *transformed, const float *weights,
                                  int32_t output_count, float *sums, int32_t outputs, int32_t patches)
{
    const int32_t step = patches * LANES;
    struct long_sums pieces;
    const float *m;

    begin_long_sums(&pieces, 4 * outputs * step);
    for (int32_t c = 0; c < channels; c += PIECE_TERMS)
        winograd_sum_tiles[outputs - 1][patches - 1](
            min_int(channels - c, PIECE_TERMS), transformed + (int64_t)4 * c * step,
            weights + (int64_t)4 * c * output_count, output_count, KERNEL(begin_piece)(&pieces), true);
    m = KERNEL(finish_long_sums)(&pieces);
    for (int32_t k = 0; k < outputs; ++k)
        for (int32_t i = 0; i < step; i += VECTOR_LANES) {
            const float *from = m + 4 * k * step + i;
            float *to = sums + 2 * k * step + i / LANES * 2 * LANES + i % LANES;

            store_patch_row(to, lanes_load(from), lanes_load(from + step), lanes_load(from + 2 * step),
                            lanes_load(from + 3 * step));
        }
}

/* The sums of row r for all outputs, [k][patch][2]; `weights` are those of the row, [c][4][k]. */
static void sum_row(const struct convolution *convolution, const float *transformed, const float *weights,
                    int32_t patches, float *sums)
{
    const int32_t channels = convolution->x.channels, output_count = convolution->y.channels;

    for (int32_t k = 0, outputs; k < output_count; k += outputs) {
        float *to = sums + (int64_t)2 * k * patches * LANES;

        outputs = output_count - k < PATCH_OUTPUTS ? output_count - k : PATCH_OUTPUTS;
        if (channels > PIECE_TERMS)
            KERNEL(sum_long_tile)(channels, transformed, weights + k, output_count, to, outputs, patches);
        else
            winograd_sum_tiles[outputs - 1][patches - 1](channels, transformed, weights + k, output_count, to, false);
    }
}

/* A strip of patches in all channels. `scratch` holds the transformed input, [c][4][patch], and the sums. */
static void convolve_patches(const struct convolution *convolution, const float *x, const float *weights,
                             const struct epilogue *epilogue, int32_t i, int32_t j, int32_t patches, float *y,
                             const float *zeros, float *scratch)
{
    const int64_t inputs = convolution->x.channels, outputs = convolution->y.channels;
    const struct patch_strip strip = {i - convolution->padding, j - convolution->padding, patches};
    float *sums = scratch + 4 * inputs * patches * LANES;

    for (int32_t r = 0; r < 4; ++r) {
        KERNEL(transform_input)(&convolution->x, x, &strip, r, zeros, scratch);
        sum_row(convolution, scratch, weights + 4 * r * inputs * outputs, patches,
                sums + 2 * r * outputs * patches * LANES);
    }
    KERNEL(transform_output)(&convolution->y, sums, epilogue, false, i, j, patches, y);
}

typedef void strip_function(const struct convolution *convolution, const float *x, const float *weights,
                            const struct epilogue *epilogue, int32_t i, int32_t j, int32_t patches, float *y,
                            const float *zeros, float *scratch);

/* All strips, which are two rows of outputs high. `scratch` begins with the row of zeros. */
LANES_INLINE void for_each_strip(const struct convolution *convolution, const float *x, const float *weights,
                                 const struct epilogue *epilogue, float *y, float *scratch,
                                 strip_function *convolve_strip)
{
    const int64_t row = (int64_t)convolution->x.width * LANES;

    memset(scratch, 0, (size_t)row * sizeof *scratch);
    for (int32_t i = 0; i < convolution->y.height; i += 2)
        for (int32_t j = 0, patches; j < convolution->y.width; j += 2 * patches) {
            patches = next_pixels((convolution->y.width - j + 1) / 2);
            convolve_strip(convolution, x, weights, epilogue, i, j, patches, y, scratch, scratch + row);
        }
}

LANES_INLINE void winograd_convolve(const struct convolution *convolution, const float *x, const float *weights,
                                    const struct epilogue *epilogue, float *y, float *scratch)
{
    for_each_strip(convolution, x, weights, epilogue, y, scratch, convolve_patches);
}

#endif
