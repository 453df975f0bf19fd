/* SPDX-License-Identifier: MIT */
/*
 * Which algorithm serves a convolution. The choice is a pure function of its shape, the same on all machines, since the
 * algorithms round differently.
 */
#ifndef NORMNET_KERNELS_ALGORITHM_H
#define NORMNET_KERNELS_ALGORITHM_H

#include "kernels/kernels.h"

/* Whether Winograd's algorithm serves it: kernel, stride and the maps are known. */
bool normnet__prefers_winograd(const struct convolution *convolution);

/* The same for its weight gradient; y is the map of dy, and x that of the padded input. */
bool normnet__prefers_winograd_gradient(const struct convolution *convolution);

/* Floats of its weights in the order that the kernels read, and how to bring them there. */
int64_t normnet__packed_weight_count(const struct convolution *convolution);

/*
 * w[k][c][u][v] at weights[k * output_stride + c * input_stride + u * kernel + v] to [c][u][v][k], or G w G' to
 * [row][c][column][k] for Winograd's algorithm; turned by 180 degrees for the gradient of a convolution's input.
 */
void normnet__pack_weights(const struct convolution *convolution, const float *weights, int64_t output_stride,
                           int64_t input_stride, bool flipped, float *packed);

/* The most that kernels of any instruction set work on at once: patches, and outputs of a weight gradient. */
enum { NORMNET__MAX_PATCHES = 3, NORMNET__MAX_SUM_OUTPUTS = 4 };

/* Lane groups of scratch memory that it needs, whatever its lanes are, and its weight gradient. */
int64_t normnet__convolution_scratch(const struct convolution *convolution);
int64_t normnet__weight_gradient_scratch(const struct convolution *convolution);

#endif
