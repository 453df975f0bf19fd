/* SPDX-License-Identifier: MIT */
/*
 * The weight gradient of a fully connected layer over several blocks at once; included by kernel_table.c only. The
 * gradient of each sample is the outer product of dy and x. Weights are many and used once for each sample, so that the
 * sums of as many samples as possible have to be in registers before they are stored.
 *
 * For chunks of inputs, x is transposed to [sample][input], so that the lanes are inputs, and dy is broadcast. A
 * product of two floats is exact in double, and so is the tree of base/tree.h over the samples.
 */
#ifndef NORMNET_KERNELS_OUTER_PRODUCT_KERNELS_H
#define NORMNET_KERNELS_OUTER_PRODUCT_KERNELS_H

#include "kernels/algorithm.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"

/* Inputs whose sums are in registers, and outputs for which a chunk of them is transposed once. */
enum { CHUNK_VECTORS = 2, CHUNK_INPUTS = CHUNK_VECTORS * VECTOR_LANES, CHUNK_OUTPUTS = NORMNET__CHUNK_OUTPUTS };
_Static_assert((int)CHUNK_INPUTS <= (int)NORMNET__MAX_CHUNK_INPUTS, "normnet__outer_product_scratch assumes it");

struct chunk_sums {
    lanes_double vectors[CHUNK_VECTORS];
};

LANES_INLINE struct chunk_sums add_sums(struct chunk_sums a, struct chunk_sums b)
{
    LANES_FOR (n, CHUNK_VECTORS)
        a.vectors[n] = lanes_double_add(a.vectors[n], b.vectors[n]);
    return a;
}

/* The products of two samples. The second product is exact as well, so that adding it rounds as the tree does. */
LANES_INLINE struct chunk_sums multiply_pair(const double *x, const double *dy)
{
    struct chunk_sums sums;

    LANES_FOR (n, CHUNK_VECTORS) {
        const lanes_double first = lanes_double_load(x + n * VECTOR_LANES);
        const lanes_double second = lanes_double_load(x + CHUNK_INPUTS + n * VECTOR_LANES);

        sums.vectors[n] = lanes_double_multiply_add(second, lanes_double_splat(dy[1]),
                                                    lanes_double_multiply(first, lanes_double_splat(dy[0])));
    }
    return sums;
}

/* Of four neighbouring samples. */
LANES_INLINE struct chunk_sums multiply_four(const double *x, const double *dy)
{
    return add_sums(multiply_pair(x, dy), multiply_pair(x + 2 * CHUNK_INPUTS, dy + 2));
}

/* Of all samples of a block. */
LANES_INLINE struct chunk_sums multiply_block(const double *x, const double *dy)
{
    struct chunk_sums sums = add_sums(multiply_four(x, dy), multiply_four(x + 4 * CHUNK_INPUTS, dy + 4));

    if (LANES == 16) {
        x += 8 * CHUNK_INPUTS;
        dy += 8;
        sums = add_sums(sums, add_sums(multiply_four(x, dy), multiply_four(x + 4 * CHUNK_INPUTS, dy + 4)));
    }
    return sums;
}

/* The sums over the blocks, along the tree: a stack of subtrees. */
static void KERNEL(sum_outer_products)(int32_t blocks, const double *x, const double *dy, double *sums)
{
    struct chunk_sums stack[NORMNET__MAX_GROUP_LEVELS + 1];
    int used = 0;

    for (int32_t b = 0; b < blocks; ++b, x += LANES * CHUNK_INPUTS, dy += LANES) {
        struct chunk_sums newest = multiply_block(x, dy);

        for (int32_t bits = b; bits % 2 == 1; bits /= 2)
            newest = add_sums(stack[--used], newest);
        stack[used++] = newest;
    }
    for (; used > 1; --used)
        stack[used - 2] = add_sums(stack[used - 2], stack[used - 1]);
    LANES_FOR (n, CHUNK_VECTORS)
        lanes_double_store(sums + n * VECTOR_LANES, stack[0].vectors[n]);
}

/* dy of some outputs in double: [output][block][lane]. */
static void convert_outputs(const float *dy, int32_t blocks, int64_t stride, int32_t outputs, double *converted)
{
    for (int32_t k = 0; k < outputs; ++k)
        for (int32_t b = 0; b < blocks; ++b, converted += LANES)
            for (int lane = 0; lane < LANES; lane += VECTOR_LANES)
                lanes_double_store(converted + lane,
                                   lanes_to_double(lanes_load(dy + b * stride + (int64_t)k * LANES + lane)));
}

/* x of up to CHUNK_INPUTS inputs: [block][lane][input], 0 after the last one. */
static void transpose_inputs(const float *x, int32_t blocks, int64_t stride, int32_t inputs, double *transposed)
{
    for (int32_t b = 0; b < blocks; ++b, x += stride, transposed += LANES * CHUNK_INPUTS)
        for (int32_t c = 0; c < CHUNK_INPUTS; ++c)
            for (int lane = 0; lane < LANES; ++lane)
                transposed[lane * CHUNK_INPUTS + c] = c < inputs ? (double)x[c * LANES + lane] : 0.0;
}

static void KERNEL(outer_products)(int32_t inputs, int32_t outputs, int32_t blocks, int64_t stride, const float *x,
                                   const float *dy, double *dw, float *scratch)
{
    double *dy_chunk = (double *)(void *)scratch, *x_chunk = dy_chunk + CHUNK_OUTPUTS * blocks * LANES;

    for (int32_t first_k = 0; first_k < outputs; first_k += CHUNK_OUTPUTS) {
        const int32_t k_count = min_int(outputs - first_k, CHUNK_OUTPUTS);

        convert_outputs(dy + (int64_t)first_k * LANES, blocks, stride, k_count, dy_chunk);
        for (int32_t c = 0; c < inputs; c += CHUNK_INPUTS) {
            const int32_t c_count = min_int(inputs - c, CHUNK_INPUTS);

            transpose_inputs(x + (int64_t)c * LANES, blocks, stride, c_count, x_chunk);
            for (int32_t k = 0; k < k_count; ++k) {
                double sums[CHUNK_INPUTS];
                double *to = dw + (int64_t)(first_k + k) * inputs + c;

                KERNEL(sum_outer_products)(blocks, x_chunk, dy_chunk + (int64_t)k * blocks * LANES, sums);
                for (int32_t i = 0; i < c_count; ++i)
                    to[i] = sums[i] + 0.0; /* as in lanes_sum */
            }
        }
    }
}

#endif
