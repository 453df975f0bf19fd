/* SPDX-License-Identifier: MIT */
/*
 * The convolutions of a block, which its helpers share with it if there is enough to do: each thread computes some rows
 * or patches of the output, or the weight gradients of some outputs. Results do not depend on who computes what.
 */
#ifndef NORMNET_LAYERS_SHARED_CONVOLUTION_H
#define NORMNET_LAYERS_SHARED_CONVOLUTION_H

#include "layers/block.h"

/* As the kernels of these names; `scratch` is memory of the block's thread, which may hold x before that address. */
void normnet__convolve(const struct block *block, const struct convolution *convolution, const float *x,
                       const float *weights, const struct epilogue *epilogue, float *y, float *scratch);
void normnet__weight_gradient(const struct block *block, const struct convolution *convolution, const float *x,
                              const float *dy, double *dw, float *scratch);

#endif
