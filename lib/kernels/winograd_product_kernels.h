/* SPDX-License-Identifier: MIT */
/*
 * The products of Winograd's algorithm: for each position of a patch, of the transformed weights, [c][k], and the
 * transformed inputs, [c][t]. Included by kernel_table.c only.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_PRODUCT_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_PRODUCT_KERNELS_H

#include "kernels/direct_kernels.h"
#include "kernels/long_sums.h"
#include "kernels/winograd_patches.h"

/* The positions of a tile, and the distances from one to the next in floats; the channels of a piece of a sum. */
struct positions {
    int32_t count;
    int64_t transformed, weights, m;
    int32_t piece;
};

/*
 * One tile of some positions: m[k][t] = sum over c of weights[c][k] * transformed[c][t], of up to MAX_FLOAT_PIECES
 * pieces (long_sums.h). `weights` is at the tile's first output; those of the next c follow after a panel
 * (packed_weights.h).
 */
LANES_INLINE void multiply_tile(int32_t channels, const float *transformed, const float *weights, float *m,
                                struct positions positions, const int outputs, const int patches)
{
    for (int32_t i = 0; i < positions.count; ++i, m += positions.m) {
        const float *input = transformed + i * positions.transformed, *weight_at = weights + i * positions.weights;

        for (int32_t begin = 0, end; begin < channels; begin = end) {
            lanes sum[TILE_OUTPUTS][PATCHES];

            end = min_int(begin + positions.piece, channels);
            LANES_FOR (k, outputs)
                LANES_FOR (t, patches)
                    sum[k][t] = lanes_splat(0.0f);
            for (int32_t c = begin; c < end; ++c, input += patches * LANES, weight_at += LANES) {
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
                LANES_FOR (t, patches) {
                    float *to = m + (k * patches + t) * LANES;

                    if (begin > 0)
                        sum[k][t] += lanes_load(to);
                    lanes_store(to, sum[k][t]);
                }
        }
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

/* A tile of one position whose sums have more pieces: it is a tile of direct convolution by one tap. */
static void multiply_long_tile(int32_t channels, int32_t piece, const float *transformed, const float *weights,
                               float *m, int32_t outputs, int32_t patches)
{
    const int32_t step = patches * LANES;
    struct tile_output to = {.x_step = LANES};
    struct terms terms = {{{1, 0, 0}, {1, 0, 0}, {piece, step, LANES}}, 1, 1, piece};
    struct long_sums pieces;

    begin_long_sums(&pieces, outputs * step);
    for (int32_t c = 0; c < channels; c += piece) {
        terms.last_inner = min_int(channels - c, piece);
        to.sums = KERNEL(begin_piece)(&pieces);
        direct_tiles[outputs - 1][patches - 1](&terms, transformed + (int64_t)c * step, weights + (int64_t)c * LANES,
                                               &to);
    }
    memcpy(m, KERNEL(finish_long_sums)(&pieces), (size_t)(outputs * step) * sizeof *m);
}

/* How the products of a strip are computed: all positions of a tile, or of a group of outputs one position at a time.
 */
struct product_order {
    int32_t positions, outputs;
};

/* The transformed patches of few channels stay in the L1 cache; of many, those of a position stay there. */
static struct product_order choose_order(const struct winograd *winograd, int32_t channels)
{
    enum { MAX_FEW_CHANNELS = 16 };

    return channels <= MAX_FEW_CHANNELS ? (struct product_order){winograd->positions, TILE_OUTPUTS}
                                        : (struct product_order){1, NORMNET__PRODUCT_OUTPUTS};
}

/* The products of a strip for outputs `begin` to `end` - 1: [position][k][patch]. */
static void multiply_patches(const struct winograd *winograd, const struct convolution *convolution,
                             const float *transformed, const float *weights, int32_t patches, int32_t begin,
                             int32_t end, float *m)
{
    const int32_t terms = term_planes(convolution);
    const struct positions positions = {choose_order(winograd, terms).positions, position_size(terms, patches),
                                        (int64_t)terms * LANES, position_size(end - begin, patches), winograd->piece};
    const int64_t panel = winograd->positions * positions.weights;

    for (int32_t first = 0; first < winograd->positions; first += positions.count)
        for (int32_t k = begin, outputs; k < end; k += outputs) {
            const float *input = transformed + first * positions.transformed;
            const float *own = weights + first * positions.weights + panel_at(panel, k);
            float *to = m + first * positions.m + (int64_t)(k - begin) * patches * LANES;

            outputs = tile_outputs(k, end);
            if (terms > MAX_FLOAT_PIECES * winograd->piece) /* one position */
                multiply_long_tile(terms, winograd->piece, input, own, to, outputs, patches);
            else
                winograd_products[outputs - 1][patches - 1](terms, input, own, to, positions);
        }
}

#endif
