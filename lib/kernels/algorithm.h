/* SPDX-License-Identifier: MIT */
/*
 * Which algorithm computes a convolution, and how much scratch memory it needs. The choice depends on the shape alone
 * and is the same on all machines, since the algorithms round differently.
 */
#ifndef NORMNET_KERNELS_ALGORITHM_H
#define NORMNET_KERNELS_ALGORITHM_H

#include "kernels/kernels.h"

/* The cheapest algorithm up to `last` for a convolution with this kernel, stride and dilation and these maps. */
enum algorithm normnet__choose_algorithm(const struct convolution *convolution, enum algorithm last);

/* The algorithm for its weight gradient: y is the map of dy. */
enum gradient_algorithm normnet__choose_gradient(const struct convolution *convolution);

/* Of how many parts of 3x3 taps Winograd's algorithm makes the kernel, in a row and in a column. */
static inline int32_t normnet__winograd_parts(const struct convolution *convolution)
{
    return (convolution->kernel + 2) / 3;
}

/* How many units the outputs of `convolve` are: see struct units. */
int32_t normnet__count_units(const struct convolution *convolution);

/* The elements of a transformed patch, or kernel, of Winograd's algorithm. */
int32_t normnet__winograd_positions(enum algorithm algorithm);

/* Whether the map of a weight gradient is so large that the sums over its pieces are double (gradient_sums.h). */
bool normnet__sums_in_double(const struct convolution *convolution);

/*
 * What a tile has at most, in any instruction set: patches, and outputs of a weight gradient. And of how many outputs
 * the products of Winograd's algorithm are in memory at once, and for a single image of how many strips: measured,
 * docs/performance.md.
 */
enum {
    NORMNET__MAX_PATCHES = 3,
    NORMNET__MAX_SUM_OUTPUTS = 4,
    NORMNET__PRODUCT_OUTPUTS = 16,
    NORMNET__CHANNEL_STRIPS = 4
};

/*
 * Of a weight gradient by patches: the inputs and outputs whose sums are in memory at once; the patches of a piece, and
 * the inputs of which these are transformed at once, at most. Measured: docs/performance.md. A piece decides bits.
 */
enum {
    NORMNET__BLOCK_INPUTS = 64,
    NORMNET__BLOCK_OUTPUTS = 32,
    NORMNET__PIECE_PATCHES = 48,
    NORMNET__MAX_PATCH_INPUTS = 6
};

/*
 * The weight gradients of fully connected layers are summed over groups of up to 128 samples, an aligned subtree whose
 * leaves are 8 samples. Inputs are computed in chunks of up to 32, and what a row has beyond its inputs is 0.
 */
enum { NORMNET__LEAF_SAMPLES = 8, NORMNET__GROUP_SAMPLES = 128, NORMNET__MAX_CHUNK_INPUTS = 32 };
int64_t normnet__outer_product_scratch(void);
int64_t normnet__outer_product_row(int32_t inputs); /* floats */

/* The scratch memory in lane groups: of convolve and convolve_channels, and of weight_gradient. */
int64_t normnet__convolution_scratch(const struct convolution *convolution);
int64_t normnet__weight_gradient_scratch(const struct convolution *convolution);

#endif
