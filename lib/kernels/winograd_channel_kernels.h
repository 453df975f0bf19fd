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
 * A call computes four positions; of few terms, of one piece, whose weights stay in the L1 cache, all of them. A tile
 * sums as many of them at once as there are registers for (tiles.h). Each loaded input serves the vectors of outputs,
 * and each weight the patches.
 */
enum { CHANNEL_POSITIONS = 4, MAX_FEW_TERMS = 16, CHANNEL_SUMS = VECTOR_REGISTERS >= 32 ? 24 : 12 };

LANES_INLINE int tile_positions(const int vectors, const int patches)
{
    const int fitting = CHANNEL_SUMS / (vectors * patches);

    return fitting >= CHANNEL_POSITIONS ? CHANNEL_POSITIONS : fitting >= 2 ? 2 : 1;
}

/*
 * The products of a convolution. The terms of a sum are the channels for each part, whose planes follow those of the
 * part before it; `position` and `panel` are the distances from a position and a panel of the weights to the next, in
 * floats.
 */
struct channel_products {
    int32_t inputs, part_planes, planes; /* of the transformed inputs: those of a part, and of all */
    int32_t terms, piece;
    int32_t positions; /* of a call of a tile */
    int64_t position, panel;
};

static struct channel_products find_channel_products(const struct winograd *winograd,
                                                     const struct convolution *convolution)
{
    const int32_t parts = normnet__winograd_parts(convolution), terms = parts * parts * convolution->inputs;
    const int64_t position = (int64_t)terms * LANES;
    const bool few = terms <= min_int(MAX_FEW_TERMS, winograd->piece);

    return (struct channel_products){.inputs = convolution->inputs,
                                     .part_planes = convolution->x.channels,
                                     .planes = term_planes(convolution),
                                     .terms = terms,
                                     .piece = winograd->piece,
                                     .positions = few ? winograd->positions : CHANNEL_POSITIONS,
                                     .position = position,
                                     .panel = winograd->positions * position};
}

/*
 * The products of a few positions for a few vectors of outputs. `transformed` is [position][plane][patch].
 * The sum is over terms `begin` to `end` - 1; `weights` are those of the first of these positions and terms and
 * of the first output.
 */
LANES_INLINE void multiply_channel_tile(const struct channel_products *products, const float *transformed,
                                        const float *weights, int32_t begin, int32_t end, float *m,
                                        const struct product_output *to, const int positions, const int vectors,
                                        const int patches)
{
    const int32_t inputs = products->inputs;
    const int64_t position = products->position, panel = products->panel, plane = (int64_t)patches * LANES;
    const int64_t step = position_size(products->planes, patches);
    const struct product_output out = *to;
    const float *part = transformed + begin / inputs * products->part_planes * plane;
    int32_t c = begin % inputs;
    lanes sum[TILE_VECTORS][CHANNEL_POSITIONS][PATCHES];

    LANES_FOR (n, vectors)
        LANES_FOR (q, positions)
            LANES_FOR (t, patches)
                sum[n][q][t] = lanes_splat(0.0f);
    for (int32_t term = begin, run; term < end; term += run, c += run) {
        if (c == inputs) {
            part += products->part_planes * plane;
            c = 0;
        }
        const float *input = part + panel_at(plane, c);

        run = min_int(panel_end(c, inputs) - c, end - term); /* of channels that share a plane */
        for (const float *after = input + run; input < after; ++input, weights += LANES)
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
    LANES_FOR (n, vectors)
        LANES_FOR (q, positions)
            LANES_FOR (t, patches)
                lanes_store(m + q * out.position + panel_at(out.panel, n * VECTOR_LANES) + t * out.patch, sum[n][q][t]);
}

LANES_INLINE void multiply_channel_tiles(const struct channel_products *products, const float *transformed,
                                         const float *weights, int32_t begin, int32_t end,
                                         const struct product_output *to, const int vectors, const int patches)
{
    const int64_t step = position_size(products->planes, patches);
    const int positions = tile_positions(vectors, patches);

    for (int32_t q = 0; q < products->positions; q += positions)
        multiply_channel_tile(products, transformed + q * step, weights + q * products->position, begin, end,
                              to->m + q * to->position, to, positions, vectors, patches);
}

typedef void winograd_channel_function(const struct channel_products *products, const float *transformed,
                                       const float *weights, int32_t begin, int32_t end,
                                       const struct product_output *to);

#define DEFINE_WINOGRAD_CHANNEL_TILE(vectors, patches)                                                                 \
    static void KERNEL(winograd_channel_tile_##vectors##x##patches)(                                                   \
        const struct channel_products *products, const float *transformed, const float *weights, int32_t begin,        \
        int32_t end, const struct product_output *to)                                                                  \
    {                                                                                                                  \
        multiply_channel_tiles(products, transformed, weights, begin, end, to, vectors, patches);                      \
    }

DEFINE_WINOGRAD_CHANNEL_TILE(1, 1)
DEFINE_WINOGRAD_CHANNEL_TILE(1, 2)
DEFINE_WINOGRAD_CHANNEL_TILE(1, 3)
#if VECTOR_REGISTERS >= 16
DEFINE_WINOGRAD_CHANNEL_TILE(2, 1)
DEFINE_WINOGRAD_CHANNEL_TILE(2, 2)
DEFINE_WINOGRAD_CHANNEL_TILE(2, 3)
#endif
#if VECTOR_REGISTERS == 16
DEFINE_WINOGRAD_CHANNEL_TILE(3, 1)
DEFINE_WINOGRAD_CHANNEL_TILE(3, 2)
DEFINE_WINOGRAD_CHANNEL_TILE(3, 3)
#endif

static winograd_channel_function *const winograd_channel_tiles[TILE_VECTORS][PATCHES] = {
    {KERNEL(winograd_channel_tile_1x1), KERNEL(winograd_channel_tile_1x2), KERNEL(winograd_channel_tile_1x3)},
#if VECTOR_REGISTERS >= 16
    {KERNEL(winograd_channel_tile_2x1), KERNEL(winograd_channel_tile_2x2), KERNEL(winograd_channel_tile_2x3)},
#endif
#if VECTOR_REGISTERS == 16
    {KERNEL(winograd_channel_tile_3x1), KERNEL(winograd_channel_tile_3x2), KERNEL(winograd_channel_tile_3x3)},
#endif
};

/* One tile whose sums have several pieces. These are dense: [position][panel][patch], of the outputs of the tile. */
static void KERNEL(multiply_long_channel_tile)(const struct channel_products *products, const float *transformed,
                                               const float *weights, const struct product_output *to, int32_t vectors,
                                               int32_t patches)
{
    const int32_t outputs = vectors * VECTOR_LANES, terms = products->terms;
    struct product_output dense = {.patch = min_int(outputs, LANES)};
    struct long_sums pieces;
    const float *m;

    dense.panel = patches * dense.patch;
    dense.position = (int64_t)patches * outputs;
    begin_long_sums(&pieces, (int32_t)(CHANNEL_POSITIONS * dense.position));
    for (int32_t term = 0; term < terms; term += products->piece) {
        dense.m = KERNEL(begin_piece)(&pieces);
        winograd_channel_tiles[vectors - 1][patches - 1](products, transformed, weights + (int64_t)term * LANES, term,
                                                         min_int(terms, term + products->piece), &dense);
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

/* All products; those of all outputs are in memory at once: [position][plane][patch]. */
static void multiply_channel_strips(const struct channel_products *products, int32_t positions,
                                    const struct convolution *convolution, const struct channel_strips *all,
                                    const float *transformed, const float *weights, float *m)
{
    const bool several = products->terms > products->piece;

    for (int32_t q = 0; q < positions; q += products->positions)
        for (int32_t k = 0, vectors; k < convolution->outputs; k += vectors * VECTOR_LANES) {
            const float *own = weights + q * products->position + panel_at(products->panel, k);

            vectors = several ? choose_vectors(convolution->outputs - k, MAX_EVEN_VECTORS)
                              : share_vectors(convolution->outputs - k);
            for (int32_t n = 0; n < all->count; ++n) {
                const int32_t patches = all->strips[n].patches;
                const float *from = transformed + n * all->transformed + q * position_size(products->planes, patches);
                struct product_output to = {.position = position_size(convolution->y.channels, patches),
                                            .panel = (int64_t)patches * LANES,
                                            .patch = LANES};

                to.m = m + n * all->m + q * to.position + panel_at(to.panel, k);
                if (several)
                    KERNEL(multiply_long_channel_tile)(products, from, own, &to, vectors, patches);
                else
                    winograd_channel_tiles[vectors - 1][patches - 1](products, from, own, 0, products->terms, &to);
            }
        }
}

static void convolve_channel_strips(const struct winograd *winograd, const struct convolution *convolution,
                                    const float *x, const float *weights, const struct epilogue *epilogue,
                                    const struct channel_strips *all, float *y, const float *zeros, float *transformed)
{
    const struct channel_products products = find_channel_products(winograd, convolution);
    float *m = transformed + NORMNET__CHANNEL_STRIPS * all->transformed;

    for (int32_t n = 0; n < all->count; ++n)
        transform_parts(winograd, convolution, x, &all->strips[n], zeros, transformed + n * all->transformed);
    multiply_channel_strips(&products, winograd->positions, convolution, all, transformed, weights, m);
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
