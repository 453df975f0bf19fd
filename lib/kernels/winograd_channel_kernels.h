/* SPDX-License-Identifier: MIT */
/*
 * Winograd's algorithm for a single image whose channels are the lanes; included by kernel_table.c only. The transforms
 * are those of many images, and the sums have the same terms in the same order. Lanes as in
 * direct_channel_kernels.h.
 */
#ifndef NORMNET_KERNELS_WINOGRAD_CHANNEL_KERNELS_H
#define NORMNET_KERNELS_WINOGRAD_CHANNEL_KERNELS_H

#include "kernels/algorithm.h"
#include "kernels/long_sums.h"
#include "kernels/tiles.h"
#include "kernels/winograd_kernels.h"

/* Where the products of a tile are stored: the distances between its positions, panels and patches in floats. */
struct product_output {
    float *m;
    int64_t position, panel, patch;
};

/*
 * The positions of a call, and how many of them a tile sums at once: as many as there are registers for (tiles.h).
 * Each loaded input serves the vectors of outputs, and each weight the patches.
 */
enum { CHANNEL_POSITIONS = 4 };

LANES_INLINE int tile_positions(const int vectors)
{
    return VECTOR_REGISTERS >= 32 || vectors == 1 ? CHANNEL_POSITIONS : CHANNEL_POSITIONS / 2;
}

/* The terms of a sum: the channels for each part. */
LANES_INLINE int64_t channel_terms(const struct convolution *convolution)
{
    const int64_t parts = normnet__winograd_parts(convolution);

    return parts * parts * convolution->inputs;
}

/*
 * The products of a few positions for a few vectors of outputs. `transformed` is [position][plane][patch].
 * The sum is over terms `begin` to `end` - 1; `weights` are those of the first of these positions and terms and
 * of the first output, in panels of `panel` floats.
 */
LANES_INLINE void multiply_channel_tile(const struct convolution *convolution, const float *transformed,
                                        const float *weights, int64_t panel, int32_t begin, int32_t end, float *m,
                                        const struct product_output *to, const int positions, const int vectors,
                                        const int patches)
{
    const int32_t inputs = convolution->inputs;
    const int64_t position = channel_terms(convolution) * LANES, plane = (int64_t)patches * LANES;
    const int64_t step = position_size(term_planes(convolution), patches);
    lanes sum[TILE_VECTORS][CHANNEL_POSITIONS][PATCHES];

    LANES_FOR (n, vectors)
        LANES_FOR (q, positions)
            LANES_FOR (t, patches)
                sum[n][q][t] = lanes_splat(0.0f);
    for (int32_t term = begin, c = begin % inputs; term < end; c = 0) {
        /* The planes of each part follow those of the one before. */
        const float *part = transformed + term / inputs * convolution->x.channels * plane;

        for (; c < inputs && term < end; ++c, ++term, weights += LANES) {
            const float *input = part + panel_at(plane, c);

            LANES_FOR (q, positions) {
                lanes weight[TILE_VECTORS];

                LANES_FOR (n, vectors) {
                    weight[n] = lanes_load(weights + q * position + panel_at(panel, n * VECTOR_LANES));
                    lanes_keep(&weight[n]);
                }
                LANES_FOR (t, patches) {
                    const lanes value = lanes_splat(input[q * step + t * LANES]);

                    LANES_FOR (n, vectors)
                        sum[n][q][t] = lanes_fma(weight[n], value, sum[n][q][t]);
                }
            }
        }
    }
    LANES_FOR (n, vectors)
        LANES_FOR (q, positions)
            LANES_FOR (t, patches)
                lanes_store(m + q * to->position + panel_at(to->panel, n * VECTOR_LANES) + t * to->patch, sum[n][q][t]);
}

/* All positions of a call. */
LANES_INLINE void multiply_channel_tiles(const struct convolution *convolution, const float *transformed,
                                         const float *weights, int64_t panel, int32_t begin, int32_t end,
                                         const struct product_output *to, const int vectors, const int patches)
{
    const int64_t position = channel_terms(convolution) * LANES;
    const int64_t step = position_size(term_planes(convolution), patches);

    for (int q = 0; q < CHANNEL_POSITIONS; q += tile_positions(vectors))
        multiply_channel_tile(convolution, transformed + q * step, weights + q * position, panel, begin, end,
                              to->m + q * to->position, to, tile_positions(vectors), vectors, patches);
}

typedef void winograd_channel_function(const struct convolution *convolution, const float *transformed,
                                       const float *weights, int64_t panel, int32_t begin, int32_t end,
                                       const struct product_output *to);

#define DEFINE_WINOGRAD_CHANNEL_TILE(vectors, patches)                                                                 \
    static void KERNEL(winograd_channel_tile_##vectors##x##patches)(                                                   \
        const struct convolution *convolution, const float *transformed, const float *weights, int64_t panel,          \
        int32_t begin, int32_t end, const struct product_output *to)                                                   \
    {                                                                                                                  \
        multiply_channel_tiles(convolution, transformed, weights, panel, begin, end, to, vectors, patches);            \
    }

DEFINE_WINOGRAD_CHANNEL_TILE(1, 1)
DEFINE_WINOGRAD_CHANNEL_TILE(1, 2)
DEFINE_WINOGRAD_CHANNEL_TILE(1, 3)
#if VECTOR_REGISTERS >= 16
DEFINE_WINOGRAD_CHANNEL_TILE(2, 1)
DEFINE_WINOGRAD_CHANNEL_TILE(2, 2)
DEFINE_WINOGRAD_CHANNEL_TILE(2, 3)
#endif

static winograd_channel_function *const winograd_channel_tiles[TILE_VECTORS][PATCHES] = {
    {KERNEL(winograd_channel_tile_1x1), KERNEL(winograd_channel_tile_1x2), KERNEL(winograd_channel_tile_1x3)},
#if VECTOR_REGISTERS >= 16
    {KERNEL(winograd_channel_tile_2x1), KERNEL(winograd_channel_tile_2x2), KERNEL(winograd_channel_tile_2x3)},
#endif
};

/* One tile whose sums have several pieces. These are dense: [position][panel][patch], of the outputs of the tile. */
static void KERNEL(multiply_long_channel_tile)(const struct convolution *convolution, int32_t piece,
                                               const float *transformed, const float *weights, int64_t panel,
                                               const struct product_output *to, int32_t vectors, int32_t patches)
{
    const int32_t outputs = vectors * VECTOR_LANES, terms = (int32_t)channel_terms(convolution);
    struct product_output dense = {.patch = min_int(outputs, LANES)};
    struct long_sums pieces;
    const float *m;

    dense.panel = patches * dense.patch;
    dense.position = (int64_t)patches * outputs;
    begin_long_sums(&pieces, (int32_t)(CHANNEL_POSITIONS * dense.position));
    for (int32_t term = 0; term < terms; term += piece) {
        dense.m = KERNEL(begin_piece)(&pieces);
        winograd_channel_tiles[vectors - 1][patches - 1](convolution, transformed, weights + (int64_t)term * LANES,
                                                         panel, term, min_int(terms, term + piece), &dense);
    }
    m = KERNEL(finish_long_sums)(&pieces);
    for (int q = 0; q < CHANNEL_POSITIONS; ++q)
        for (int32_t k = 0; k < outputs; k += VECTOR_LANES)
            for (int32_t t = 0; t < patches; ++t)
                lanes_store(to->m + q * to->position + panel_at(to->panel, k) + t * to->patch,
                            lanes_load(m + q * dense.position + panel_at(dense.panel, k) + t * dense.patch));
}

/*
 * A few strips at once, so that weights are used for more patches than a tile has once they are in the L1 cache. The
 * transformed inputs of strip n begin n * transformed floats after those of the first one, and its products n * m.
 */
struct channel_strips {
    struct patch_strip strips[NORMNET__CHANNEL_STRIPS];
    int32_t count;
    int64_t transformed, m;
};

/* The products of four positions of a strip, [position][plane][patch], for the outputs of a tile. */
static void multiply_channel_strip(const struct convolution *convolution, int32_t piece, const float *transformed,
                                   const float *weights, int64_t panel, int32_t k, int32_t vectors, int32_t patches,
                                   float *m)
{
    const int32_t terms = (int32_t)channel_terms(convolution);
    const struct product_output to = {.m = m + panel_at((int64_t)patches * LANES, k),
                                      .position = position_size(convolution->y.channels, patches),
                                      .panel = (int64_t)patches * LANES,
                                      .patch = LANES};

    if (terms > piece)
        KERNEL(multiply_long_channel_tile)(convolution, piece, transformed, weights, panel, &to, vectors, patches);
    else
        winograd_channel_tiles[vectors - 1][patches - 1](convolution, transformed, weights, panel, 0, terms, &to);
}

/* All products; those of all outputs are in memory at once. */
static void multiply_channel_strips(const struct winograd *winograd, const struct convolution *convolution,
                                    const struct channel_strips *all, const float *transformed, const float *weights,
                                    float *m)
{
    const int64_t position = channel_terms(convolution) * LANES, panel = winograd->positions * position;

    for (int32_t q = 0; q < winograd->positions; q += CHANNEL_POSITIONS)
        for (int32_t k = 0, vectors; k < convolution->outputs; k += vectors * VECTOR_LANES) {
            const float *own = weights + q * position + panel_at(panel, k);

            vectors = choose_vectors(convolution->outputs - k, TILE_VECTORS);
            for (int32_t n = 0; n < all->count; ++n) {
                const int32_t patches = all->strips[n].patches;
                const int64_t x_size = position_size(term_planes(convolution), patches);
                const int64_t y_size = position_size(convolution->y.channels, patches);

                multiply_channel_strip(convolution, winograd->piece, transformed + n * all->transformed + q * x_size,
                                       own, panel, k, vectors, patches, m + n * all->m + q * y_size);
            }
        }
}

static void convolve_channel_strips(const struct winograd *winograd, const struct convolution *convolution,
                                    const float *x, const float *weights, const struct epilogue *epilogue,
                                    const struct channel_strips *all, float *y, const float *zeros, float *transformed)
{
    float *m = transformed + NORMNET__CHANNEL_STRIPS * all->transformed;

    for (int32_t n = 0; n < all->count; ++n)
        transform_parts(winograd, convolution, x, &all->strips[n], zeros, transformed + n * all->transformed);
    multiply_channel_strips(winograd, convolution, all, transformed, weights, m);
    for (int32_t n = 0; n < all->count; ++n)
        winograd->transform_output(&convolution->y, m + n * all->m, epilogue, true, &all->strips[n], 0,
                                   convolution->y.channels, y);
}

/* `scratch` holds a row of zeros, the transformed inputs of the strips and their products. */
static void convolve_channel_patches(const struct winograd *winograd, const struct convolution *convolution,
                                     const float *x, const float *weights, const struct epilogue *epilogue, float *y,
                                     float *scratch)
{
    const int64_t row = (int64_t)convolution->x.width * LANES;
    struct channel_strips all = {.transformed = winograd->positions * position_size(term_planes(convolution), PATCHES),
                                 .m = winograd->positions * position_size(convolution->y.channels, PATCHES)};
    const int32_t patches = normnet__count_units(convolution);

    memset(scratch, 0, (size_t)row * sizeof *scratch);
    for (int32_t patch = 0; patch < patches;) {
        all.strips[all.count] = find_strip(winograd, &convolution->y, patch, patches);
        patch += all.strips[all.count++].patches;
        if (patch == patches || all.count == NORMNET__CHANNEL_STRIPS) {
            convolve_channel_strips(winograd, convolution, x, weights, epilogue, &all, y, scratch, scratch + row);
            all.count = 0;
        }
    }
}

#endif
