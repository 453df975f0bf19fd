/* SPDX-License-Identifier: MIT */
/*
 * The weight gradient of a fully connected layer over several blocks at once; included by kernel_table.c only. The
 * gradient of each sample is the outer product of dy and x. Weights are many and used once for each sample, so that the
 * sums of as many samples as possible have to be in registers before they are stored.
 *
 * The lanes are inputs, and dy is broadcast. The samples of a leaf are summed in float by fused multiply-adds, in
 * order; the leaves in double along the tree of base/tree.h.
 */
#ifndef NORMNET_KERNELS_OUTER_PRODUCT_KERNELS_H
#define NORMNET_KERNELS_OUTER_PRODUCT_KERNELS_H

#include "kernels/algorithm.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/tiles.h"

enum { LEAF = NORMNET__LEAF_SAMPLES, BLOCK_LEAVES = LANES / LEAF, MAX_LEAVES = NORMNET__GROUP_SAMPLES / LEAF };

/* A tile, whose sums are in registers: 4 outputs by 2 vectors of inputs are 8 chains. */
enum { LEAF_OUTPUTS = VECTOR_REGISTERS >= 16 ? 4 : 1, CHUNK_VECTORS = 2, CHUNK_INPUTS = CHUNK_VECTORS * VECTOR_LANES };
_Static_assert((int)CHUNK_INPUTS <= (int)NORMNET__MAX_CHUNK_INPUTS, "normnet__outer_product_scratch assumes it");
_Static_assert((int)LEAF_OUTPUTS <= (int)NORMNET__MAX_SUM_OUTPUTS, "normnet__outer_product_scratch assumes it");

/* The sums of one leaf: [output][input]. x is [sample][input], dy [output][lane]. */
LANES_INLINE void sum_leaf(const float *x, int64_t row, const float *dy, float *sums, const int outputs)
{
    lanes sum[LEAF_OUTPUTS][CHUNK_VECTORS];

    LANES_FOR (k, outputs)
        LANES_FOR (n, CHUNK_VECTORS)
            sum[k][n] = lanes_splat(0.0f);
    for (int sample = 0; sample < LEAF; ++sample, x += row) {
        lanes input[CHUNK_VECTORS];

        LANES_FOR (n, CHUNK_VECTORS) {
            input[n] = lanes_load(x + n * VECTOR_LANES);
            lanes_keep(&input[n]);
        }
        LANES_FOR (k, outputs) {
            const lanes gradient = lanes_splat(dy[k * LANES + sample]);

            LANES_FOR (n, CHUNK_VECTORS)
                sum[k][n] = lanes_fma(gradient, input[n], sum[k][n]);
        }
    }
    LANES_FOR (k, outputs)
        LANES_FOR (n, CHUNK_VECTORS)
            lanes_store(sums + (k * CHUNK_VECTORS + n) * VECTOR_LANES, sum[k][n]);
}

/* Of all leaves, for a chunk of inputs: [leaf][output][input]. */
LANES_INLINE void sum_leaves(const struct outer_products *products, const float *x, const float *dy, float *sums,
                             const int outputs)
{
    for (int32_t b = 0; b < products->blocks; ++b, x += products->stride, dy += products->stride)
        for (int leaf = 0; leaf < BLOCK_LEAVES; ++leaf, sums += LEAF_OUTPUTS * CHUNK_INPUTS)
            sum_leaf(x + leaf * LEAF * products->row, products->row, dy + leaf * LEAF, sums, outputs);
}

static void KERNEL(sum_leaves)(const struct outer_products *products, const float *x, const float *dy, float *sums,
                               int32_t outputs)
{
    if (outputs == LEAF_OUTPUTS)
        sum_leaves(products, x, dy, sums, LEAF_OUTPUTS);
#if VECTOR_REGISTERS >= 16
    else
        sum_leaves(products, x, dy, sums, 1);
#endif
}

/* The sum of up to 4 leaves, a power of two, for one vector of inputs. */
LANES_INLINE lanes_double add_4_leaves(const float *sums, const int leaves)
{
    lanes_double sum[4];

    LANES_FOR (n, leaves)
        sum[n] = lanes_to_double(lanes_load(sums + n * LEAF_OUTPUTS * CHUNK_INPUTS));
    LANES_FOR (n, leaves / 2)
        sum[n] = lanes_double_add(sum[2 * n], sum[2 * n + 1]);
    return leaves == 4 ? lanes_double_add(sum[0], sum[1]) : sum[0];
}

/* The same for any power of two: four leaves at a time, since more do not fit into the registers. */
LANES_INLINE lanes_double add_leaves(const float *sums, const int leaves)
{
    lanes_double sum[MAX_LEAVES / 4];

    if (leaves <= 4)
        return add_4_leaves(sums, leaves);
    LANES_FOR (n, leaves / 4)
        sum[n] = add_4_leaves(sums + n * 4 * LEAF_OUTPUTS * CHUNK_INPUTS, 4);
    LANES_FOR (n, leaves / 8)
        sum[n] = lanes_double_add(sum[2 * n], sum[2 * n + 1]);
    return leaves == 16 ? lanes_double_add(sum[0], sum[1]) : sum[0];
}
_Static_assert((int)MAX_LEAVES == 16, "add_leaves has four levels");

/* Of one output for all inputs of a chunk, of which `inputs` exist. + 0.0 as in lanes_sum. */
LANES_INLINE void add_chunk(const float *sums, int32_t inputs, double *dw, const int leaves)
{
    double last[CHUNK_INPUTS];
    double *to = inputs == CHUNK_INPUTS ? dw : last;

    LANES_FOR (n, CHUNK_VECTORS)
        lanes_double_store(to + n * VECTOR_LANES,
                           lanes_double_add(add_leaves(sums + n * VECTOR_LANES, leaves), lanes_double_splat(0.0)));
    if (inputs < CHUNK_INPUTS)
        memcpy(dw, last, (size_t)inputs * sizeof *dw);
}

static void KERNEL(add_chunk)(const float *sums, int32_t leaves, int32_t inputs, double *dw)
{
    if (leaves == 1)
        add_chunk(sums, inputs, dw, 1);
    else if (leaves == 2)
        add_chunk(sums, inputs, dw, 2);
    else if (leaves == 4)
        add_chunk(sums, inputs, dw, 4);
    else if (leaves == 8)
        add_chunk(sums, inputs, dw, 8);
    else
        add_chunk(sums, inputs, dw, 16);
}

/* Leaves up to the next power of two, whose sums are 0: the tree adds nothing for them. */
static int32_t fill_leaves(int32_t leaves, float *sums)
{
    int32_t filled = 1;

    while (filled < leaves)
        filled *= 2;
    memset(sums + leaves * LEAF_OUTPUTS * CHUNK_INPUTS, 0,
           (size_t)((filled - leaves) * LEAF_OUTPUTS * CHUNK_INPUTS) * sizeof *sums);
    return filled;
}

static void KERNEL(outer_products)(const struct outer_products *products, double *dw, float *scratch)
{
    const int32_t inputs = products->inputs, outputs = products->outputs;
    const int32_t leaves = fill_leaves(products->blocks * BLOCK_LEAVES, scratch);

    for (int32_t c = 0; c < inputs; c += CHUNK_INPUTS) {
        const int32_t count = min_int(inputs - c, CHUNK_INPUTS);

        for (int32_t k = 0, tile; k < outputs; k += tile) {
            tile = outputs - k >= LEAF_OUTPUTS ? LEAF_OUTPUTS : 1;
            KERNEL(sum_leaves)(products, products->x + c, products->dy + (int64_t)k * LANES, scratch, tile);
            for (int32_t i = 0; i < tile; ++i)
                KERNEL(add_chunk)(scratch + i * CHUNK_INPUTS, leaves, count, dw + (int64_t)(k + i) * inputs + c);
        }
    }
}

#endif
