/* SPDX-License-Identifier: MIT */
/*
 * The weight gradient of a 3x3 kernel by Winograd's algorithm along the rows, the transpose of F(2, 3): four products
 * for a pair of outputs and three taps (weights of one row of the kernel) instead of six. Included by kernel_table.c
 * only. For each row u of the kernel
 *
 *     dg = G' sum over pairs of (A dy) * (B' x)        ' transposed, * element by element
 *
 *     A dy = (dy0, dy0 + dy1, dy0 - dy1, dy1)          B' x = (x0 - x2, x1 + x2, x2 - x1, x3 - x1)
 *     G' m = (m0 + (m1 + m2) / 2, (m1 - m2) / 2, (m1 + m2) / 2 + m3)
 *
 * dy0 and dy1 are neighbours in a row of dy, and x0 to x3 the inputs that contribute to them. Both transforms are
 * computed while loading, and nothing but the sums is stored: for few channels that is better than fewer products
 * (winograd_patch_gradient_kernels.h).
 */
#ifndef NORMNET_KERNELS_WINOGRAD_GRADIENT_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_GRADIENT_KERNELS_H

#include "kernels/gradient_sums.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/tiles.h"

/* A tile: 4 outputs by the three rows of the kernel by 2 input channels; 1 where there are 16 registers. */
enum { PAIR_CHANNELS = VECTOR_REGISTERS >= 32 ? 2 : 1 };

/* How to compute element q of A dy: from dy0 or dy1 alone, as dy0 + dy1, or as dy0 - dy1. */
enum pair_kind { PAIR_SINGLE, PAIR_SUM, PAIR_DIFFERENCE };

/* Element q of B' x is x[first] - x[second], for PAIR_SUM x[first] + x[second]; that of A dy begins at dy[dy]. */
struct pair_offsets {
    int64_t first, second, dy; /* floats */
};

LANES_INLINE lanes load_pair(const float *from, const enum pair_kind kind)
{
    lanes value = lanes_load(from);

    if (kind == PAIR_SUM)
        value += lanes_load(from + LANES);
    if (kind == PAIR_DIFFERENCE)
        value -= lanes_load(from + LANES);
    return value;
}

/* Adds the products of `height` rows of dy for one q: sums[c][u][k] += (B' x)[c][u] * (A dy)[k]. */
LANES_INLINE void add_pairs(const struct convolution *convolution, int32_t height, const float *x, const float *dy,
                            const struct pair_offsets *offsets, float *sums, const enum pair_kind kind,
                            const int outputs, const int channels)
{
    const int64_t row = convolution->x.row_stride * LANES;
    const int64_t plane = convolution->x.channel_stride * LANES;
    const int64_t dy_plane = convolution->y.channel_stride * LANES;
    lanes sum[PAIR_CHANNELS][3][GRADIENT_OUTPUTS];

    LANES_FOR (c, channels)
        LANES_FOR (u, 3)
            LANES_FOR (k, outputs)
                sum[c][u][k] = lanes_splat(0.0f);
    for (int32_t i = 0; i < height; ++i) {
        const float *first = x + i * row + offsets->first, *second = x + i * row + offsets->second;
        const float *row_dy = dy + i * convolution->y.row_stride * LANES + offsets->dy;

        for (int32_t j = 0; j < convolution->y.width; j += 2) {
            lanes value[PAIR_CHANNELS][3];

            LANES_FOR (c, channels)
                LANES_FOR (u, 3) {
                    value[c][u] = lanes_load(first + c * plane + u * row);
                    if (kind == PAIR_SUM)
                        value[c][u] += lanes_load(second + c * plane + u * row);
                    else
                        value[c][u] -= lanes_load(second + c * plane + u * row);
                }
            LANES_FOR (k, outputs) {
                lanes gradient = load_pair(row_dy + k * dy_plane, kind);

                lanes_keep(&gradient);
                LANES_FOR (c, channels)
                    LANES_FOR (u, 3)
                        sum[c][u][k] = lanes_fma(value[c][u], gradient, sum[c][u][k]);
            }
            first += 2 * LANES;
            second += 2 * LANES;
            row_dy += 2 * LANES;
        }
    }
    LANES_FOR (c, channels)
        LANES_FOR (u, 3)
            LANES_FOR (k, outputs) {
                float *to = sums + ((c * 3 + u) * GRADIENT_OUTPUTS + k) * LANES;

                lanes_store(to, lanes_load(to) + sum[c][u][k]);
            }
}

typedef void winograd_gradient_function(const struct convolution *convolution, int32_t height, const float *x,
                                        const float *dy, const struct pair_offsets *offsets, float *sums);

#define DEFINE_PAIR(name, kind, outputs, channels)                                                                     \
    static void KERNEL(winograd_gradient_##name##_##outputs##x##channels)(                                             \
        const struct convolution *convolution, int32_t height, const float *x, const float *dy,                        \
        const struct pair_offsets *offsets, float *sums)                                                               \
    {                                                                                                                  \
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES)                                                         \
            add_pairs(convolution, height, x + lane, dy + lane, offsets, sums + lane, kind, outputs, channels);        \
    }
#define DEFINE_PAIRS(outputs, channels)                                                                                \
    DEFINE_PAIR(single, PAIR_SINGLE, outputs, channels)                                                                \
    DEFINE_PAIR(sum, PAIR_SUM, outputs, channels) DEFINE_PAIR(difference, PAIR_DIFFERENCE, outputs, channels)
#define PAIRS(outputs, channels)                                                                                       \
    {                                                                                                                  \
        KERNEL(winograd_gradient_single_##outputs##x##channels), KERNEL(winograd_gradient_sum_##outputs##x##channels), \
            KERNEL(winograd_gradient_difference_##outputs##x##channels)                                                \
    }

DEFINE_PAIRS(1, 1)
#if VECTOR_REGISTERS >= 16
DEFINE_PAIRS(2, 1)
DEFINE_PAIRS(3, 1)
DEFINE_PAIRS(4, 1)
#endif
#if VECTOR_REGISTERS >= 32
DEFINE_PAIRS(1, 2)
DEFINE_PAIRS(2, 2)
DEFINE_PAIRS(3, 2)
DEFINE_PAIRS(4, 2)
#endif

/* winograd_gradient_tiles[channels - 1][outputs - 1][kind] */
static winograd_gradient_function *const winograd_gradient_tiles[PAIR_CHANNELS][GRADIENT_OUTPUTS][3] = {
#if VECTOR_REGISTERS >= 16
    {PAIRS(1, 1), PAIRS(2, 1), PAIRS(3, 1), PAIRS(4, 1)},
#else
    {PAIRS(1, 1)},
#endif
#if VECTOR_REGISTERS >= 32
    {PAIRS(1, 2), PAIRS(2, 2), PAIRS(3, 2), PAIRS(4, 2)},
#endif
};

/* Adds the products of `height` rows of dy with all inputs, for a few outputs: sums[q][c][u][k]. */
static void KERNEL(add_winograd_inputs)(const struct convolution *convolution, int32_t height, const float *x,
                                        const float *dy, float *sums, int32_t outputs)
{
    static const struct pair_offsets offsets[4] = {
        {0, 2 * LANES, 0}, {LANES, 2 * LANES, 0}, {2 * LANES, LANES, 0}, {3 * LANES, LANES, LANES}};
    static const enum pair_kind kinds[4] = {PAIR_SINGLE, PAIR_SUM, PAIR_DIFFERENCE, PAIR_SINGLE};
    const int64_t per_channel = 3 * GRADIENT_OUTPUTS * LANES, per_q = convolution->x.channels * per_channel;

    for (int32_t c = 0, channels; c < convolution->x.channels; c += channels) {
        channels = convolution->x.channels - c < PAIR_CHANNELS ? convolution->x.channels - c : PAIR_CHANNELS;
        for (int q = 0; q < 4; ++q)
            winograd_gradient_tiles[channels - 1][outputs - 1][kinds[q]](
                convolution, height, x + c * convolution->x.channel_stride * LANES, dy, &offsets[q],
                sums + q * per_q + c * per_channel);
    }
}

/* G' m per lane, then the sums over the lanes: the three taps of one row of the kernel, input and output. */
static void finish_taps(const float *sums, int64_t per_q, double *dw)
{
    _Alignas(64) float taps[3][LANES];

    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        const lanes m0 = lanes_load(sums + lane), m1 = lanes_load(sums + per_q + lane);
        const lanes m2 = lanes_load(sums + 2 * per_q + lane), m3 = lanes_load(sums + 3 * per_q + lane);
        const lanes half = lanes_splat(0.5f), mean = (m1 + m2) * half;

        lanes_store(&taps[0][lane], m0 + mean);
        lanes_store(&taps[1][lane], (m1 - m2) * half);
        lanes_store(&taps[2][lane], mean + m3);
    }
    for (int v = 0; v < 3; ++v)
        dw[v] = lanes_sum(taps[v]);
}

static void KERNEL(winograd_weight_gradient)(const struct convolution *convolution, const float *x, const float *dy,
                                             double *dw, float *scratch)
{
    const int64_t inputs = (int64_t)3 * convolution->x.channels; /* times the rows of the kernel */
    const int64_t per_q = inputs * GRADIENT_OUTPUTS * LANES;
    const struct gradient_sums sums = place_sums(convolution, scratch, 4 * per_q);

    for (int32_t k = 0, outputs; k < convolution->y.channels; k += outputs) {
        const float *tile_dy = dy + k * convolution->y.channel_stride * LANES;

        outputs = even_share(convolution->y.channels - k, GRADIENT_OUTPUTS);
        KERNEL(sum_pieces)(convolution, x, tile_dy, outputs, &sums, KERNEL(add_winograd_inputs));
        for (int32_t o = 0; o < outputs; ++o)
            for (int64_t input = 0; input < inputs; ++input) {
                const int64_t at = (input * GRADIENT_OUTPUTS + o) * LANES;

                finish_taps(sums.sums + at, per_q, dw + 3 * ((k + o) * inputs + input));
            }
    }
}

#endif
