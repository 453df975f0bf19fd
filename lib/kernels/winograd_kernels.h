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
 * The sum over c is a matrix product for each of the 16 elements, the positions: of the transformed weights, [c][k],
 * and the transformed patches, [c][t], of a strip of up to three neighbours t. B' is applied to the columns of a patch,
 * then B to the rows; A to the rows of the products, then A' to the columns. packed_weights.c computes G g G' once per
 * step. Inputs outside the map are 0, which is the padding; outputs outside the map are not stored.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_KERNELS_H

#include "kernels/algorithm.h"
#include "kernels/direct_kernels.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/long_sums.h"
#include "kernels/relu_kernels.h"
#include "kernels/tiles.h"

enum { POSITIONS = 16, PATCHES = TILE_PIXELS };
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

/* A strip of neighbouring patches. */
struct patch_strip {
    int32_t top, left; /* of the first patch, in the input */
    int32_t patches;
};

/* The floats of one position of all channels of a strip, [c][patch]. */
LANES_INLINE int64_t position_size(const struct map *map, int32_t patches)
{
    return (int64_t)map->channels * patches * LANES;
}

/*
 * Row r of all channels of a strip: 4 positions, `step` floats apart, and channels, `channel` floats apart, of [patch].
 * `zeros` replaces rows outside the map.
 */
static void KERNEL(transform_input)(const struct map *map, const float *x, const struct patch_strip *strip, int32_t r,
                                    const float *zeros, int64_t step, int64_t channel, float *transformed)
{
    static const int8_t first_row[4] = {0, 1, 2, 1}, second_row[4] = {2, 2, 1, 3};
    const int32_t first = strip->top + first_row[r], second = strip->top + second_row[r];
    const bool first_inside = first >= 0 && first < map->height, second_inside = second >= 0 && second < map->height;
    const bool inside = strip->left >= 0 && strip->left + 2 * strip->patches + 2 <= map->width;
    const int64_t left = (int64_t)strip->left * LANES;
    struct patch_rows rows = {.begin = -strip->left, .end = map->width - strip->left};

    for (int32_t c = 0; c < map->channels; ++c, transformed += channel) {
        const float *plane = x + c * map->channel_stride * LANES;

        for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
            /* A strip may begin left of the map, in the padding: there transform_column reads nothing. */
            rows.first = (first_inside ? plane + first * map->row_stride * LANES : zeros) + left + lane;
            rows.second = (second_inside ? plane + second * map->row_stride * LANES : zeros) + left + lane;
            if (inside && r == 1)
                transform_row(&rows, strip->patches, true, true, step, transformed + lane);
            else if (inside)
                transform_row(&rows, strip->patches, false, true, step, transformed + lane);
            else
                transform_row(&rows, strip->patches, r == 1, false, step, transformed + lane);
        }
    }
}

/* ---- Products ------------------------------------------------------------------------------------ */

/* The positions of a tile, and the distances from one to the next in floats. */
struct positions {
    int32_t count;
    int64_t transformed, weights, m;
};

/*
 * One tile of some positions: m[k][t] = sum over c of weights[c][k] * transformed[c][t]. `weights` is at the tile's
 * first output; those of the next c follow after a panel (packed_weights.h).
 */
LANES_INLINE void multiply_tile(int32_t channels, const float *transformed, const float *weights, float *m,
                                struct positions positions, const int outputs, const int patches)
{
    for (int32_t i = 0; i < positions.count; ++i, m += positions.m) {
        const float *input = transformed + i * positions.transformed, *weight_at = weights + i * positions.weights;
        lanes sum[TILE_OUTPUTS][PATCHES];

        LANES_FOR (k, outputs)
            LANES_FOR (t, patches)
                sum[k][t] = lanes_splat(0.0f);
        for (int32_t c = 0; c < channels; ++c, input += patches * LANES, weight_at += LANES) {
            lanes value[PATCHES];

            LANES_FOR (t, patches) {
                value[t] = lanes_load(input + t * LANES);
                if (outputs > 1) /* used more than once */
                    lanes_keep(&value[t]);
            }
            LANES_FOR (k, outputs) {
                const lanes weight = lanes_splat(weight_at[k]);

                LANES_FOR (t, patches)
                    sum[k][t] = lanes_fma(weight, value[t], sum[k][t]);
            }
        }
        LANES_FOR (k, outputs)
            LANES_FOR (t, patches)
                lanes_store(m + (k * patches + t) * LANES, sum[k][t]);
    }
}

typedef void winograd_product_function(int32_t channels, const float *transformed, const float *weights, float *m,
                                       struct positions positions);

#define DEFINE_PRODUCT(outputs, patches)                                                                               \
    static void KERNEL(winograd_product_##outputs##x##patches)(                                                        \
        int32_t channels, const float *transformed, const float *weights, float *m, struct positions positions)        \
    {                                                                                                                  \
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES)                                                         \
            multiply_tile(channels, transformed + lane, weights, m + lane, positions, outputs, patches);               \
    }
#define DEFINE_PRODUCTS(outputs) DEFINE_PRODUCT(outputs, 1) DEFINE_PRODUCT(outputs, 2) DEFINE_PRODUCT(outputs, 3)
#define PRODUCTS(outputs)                                                                                              \
    {                                                                                                                  \
        KERNEL(winograd_product_##outputs##x1), KERNEL(winograd_product_##outputs##x2),                                \
            KERNEL(winograd_product_##outputs##x3)                                                                     \
    }

DEFINE_PRODUCTS(1)
#if VECTOR_REGISTERS >= 16
DEFINE_PRODUCTS(2)
DEFINE_PRODUCTS(3)
DEFINE_PRODUCTS(4)
#endif
#if VECTOR_REGISTERS >= 32
DEFINE_PRODUCTS(5)
DEFINE_PRODUCTS(6)
DEFINE_PRODUCTS(7)
DEFINE_PRODUCTS(8)
#endif

/* winograd_products[outputs - 1][patches - 1] */
static winograd_product_function *const winograd_products[TILE_OUTPUTS][PATCHES] = {
    PRODUCTS(1),
#if VECTOR_REGISTERS >= 16
    PRODUCTS(2), PRODUCTS(3), PRODUCTS(4),
#endif
#if VECTOR_REGISTERS >= 32
    PRODUCTS(5), PRODUCTS(6), PRODUCTS(7), PRODUCTS(8),
#endif
};

/* A tile of one position whose sums have several pieces: it is a tile of direct convolution by one tap. */
static void multiply_long_tile(int32_t channels, const float *transformed, const float *weights, float *m,
                               int32_t outputs, int32_t patches)
{
    const int32_t step = patches * LANES;
    struct tile_output to = {.x_step = LANES};
    struct terms terms = {{{1, 0, 0}, {1, 0, 0}, {PIECE_TERMS, step, LANES}}};
    struct long_sums pieces;

    begin_long_sums(&pieces, outputs * step);
    for (int32_t c = 0; c < channels; c += PIECE_TERMS) {
        terms.loops[2].count = min_int(channels - c, PIECE_TERMS);
        to.sums = KERNEL(begin_piece)(&pieces);
        direct_tiles[outputs - 1][patches - 1](&terms, transformed + (int64_t)c * step, weights + (int64_t)c * LANES,
                                               &to);
    }
    memcpy(m, KERNEL(finish_long_sums)(&pieces), (size_t)(outputs * step) * sizeof *m);
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

/* What happens to an output before it is stored at y. */
LANES_INLINE void store_output(lanes value, const float *bias, float *y, const bool relu, const bool relu_mask)
{
    if (bias != NULL)
        value += lanes_load(bias);
    if (relu)
        value = lanes_max_zero(value);
    if (relu_mask)
        value = mask_gradient(y, value);
    lanes_store(y, value);
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

/* The bias of plane k as a lane group: that of one channel, or of several if they are the lanes. */
LANES_INLINE const float *spread_bias(const float *bias, int32_t k, bool channels_are_lanes, float spread[LANES])
{
    if (bias == NULL || channels_are_lanes)
        return bias == NULL ? NULL : bias + (int64_t)k * LANES;
    for (int lane = 0; lane < LANES; ++lane)
        spread[lane] = bias[k];
    return spread;
}

/*
 * The outputs of a strip, which begin at (i, j), of planes `begin` to `end` - 1: from their products
 * [position][plane][patch].
 */
static void KERNEL(transform_output)(const struct map *map, const float *m, const struct epilogue *epilogue,
                                     bool channels_are_lanes, int32_t i, int32_t j, int32_t patches, int32_t begin,
                                     int32_t end, float *y)
{
    const struct output_strip strip = {.step = (int64_t)(end - begin) * patches * LANES,
                                       .row = map->row_stride * LANES,
                                       .patches = patches,
                                       .last_row = i + 1 == map->height,
                                       .last_column = j + 2 * patches > map->width};
    _Alignas(64) float spread[LANES];

    for (int32_t k = begin; k < end; ++k, m += patches * LANES) {
        const float *bias = spread_bias(epilogue->bias, k, channels_are_lanes, spread);
        float *to = y + (k * map->channel_stride + i * map->row_stride + j) * LANES;

        for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
            const float *own = bias == NULL ? NULL : bias + lane;

            if (epilogue->relu)
                transform_plane(m + lane, &strip, own, to + lane, true, false);
            else if (epilogue->relu_mask)
                transform_plane(m + lane, &strip, own, to + lane, false, true);
            else
                transform_plane(m + lane, &strip, own, to + lane, false, false);
        }
    }
}

/* ---- The convolution ----------------------------------------------------------------------------- */

/* How the products of a strip are computed: all positions of a tile, or of a group of outputs one position at a time.
 */
struct product_order {
    int32_t positions, outputs;
};

/* The transformed patches of few channels stay in the L1 cache; of many, those of a position stay there. */
static struct product_order choose_order(int32_t channels)
{
    enum { MAX_FEW_CHANNELS = 16 };

    return channels <= MAX_FEW_CHANNELS ? (struct product_order){POSITIONS, TILE_OUTPUTS}
                                        : (struct product_order){1, NORMNET__PRODUCT_OUTPUTS};
}

/* The products of a strip for outputs `begin` to `end` - 1: [position][k][patch]. */
static void multiply_patches(const struct convolution *convolution, const float *transformed, const float *weights,
                             int32_t patches, int32_t begin, int32_t end, float *m)
{
    const int32_t channels = convolution->x.channels;
    const struct positions positions = {choose_order(channels).positions, position_size(&convolution->x, patches),
                                        (int64_t)channels * LANES, (int64_t)(end - begin) * patches * LANES};

    for (int32_t first = 0; first < POSITIONS; first += positions.count)
        for (int32_t k = begin, outputs; k < end; k += outputs) {
            const float *input = transformed + first * positions.transformed;
            const float *own = weights + first * positions.weights + panel_at(POSITIONS * positions.weights, k);
            float *to = m + first * positions.m + (int64_t)(k - begin) * patches * LANES;

            outputs = tile_outputs(k, end);
            if (channels > PIECE_TERMS) /* one position */
                multiply_long_tile(channels, input, own, to, outputs, patches);
            else
                winograd_products[outputs - 1][patches - 1](channels, input, own, to, positions);
        }
}

/* A strip of patches in all channels. `scratch` holds the transformed input, [position][c][patch], and the products. */
static void convolve_patches(const struct convolution *convolution, const float *x, const float *weights,
                             const struct epilogue *epilogue, int32_t i, int32_t j, int32_t patches, float *y,
                             const float *zeros, float *scratch)
{
    const struct patch_strip strip = {i - convolution->padding, j - convolution->padding, patches};
    const int64_t size = position_size(&convolution->x, patches);
    const int32_t group = choose_order(convolution->x.channels).outputs;
    float *m = scratch + POSITIONS * size;

    for (int32_t r = 0; r < 4; ++r)
        KERNEL(transform_input)(&convolution->x, x, &strip, r, zeros, size, patches * LANES, scratch + 4 * r * size);
    for (int32_t k = 0, end; k < convolution->y.channels; k = end) {
        end = min_int(k + group, convolution->y.channels);
        multiply_patches(convolution, scratch, weights, patches, k, end, m);
        KERNEL(transform_output)(&convolution->y, m, epilogue, false, i, j, patches, k, end, y);
    }
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

#endif
