/* SPDX-License-Identifier: MIT */
/*
 * The weights of a convolution in the order in which its kernels read them. With Winograd's algorithm these are the
 * transformed weights, G g G' of winograd_patches.h.
 */
#ifndef NORMNET_KERNELS_PACKED_WEIGHTS_H
#define NORMNET_KERNELS_PACKED_WEIGHTS_H

#include "kernels/kernels.h"

/* The size of the packed weights in floats. */
int64_t normnet__packed_weight_count(const struct convolution *convolution);

/*
 * Packs w[k][c][u][v], which is at weights[k * output_stride + c * input_stride + u * kernel + v], in panels of as many
 * outputs as lanes, so that the weights of a tile are contiguous: [panel][c][u][v][lane], or [panel][row][column][c]
 * [lane] of G w G'. What follows the last output is 0. `flipped` turns the kernel by 180 degrees, for the gradient of a
 * convolution's input.
 */
void normnet__pack_weights(const struct convolution *convolution, const float *weights, int64_t output_stride,
                           int64_t input_stride, bool flipped, float *packed);

#endif
