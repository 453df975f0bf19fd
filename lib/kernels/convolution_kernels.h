/* SPDX-License-Identifier: MIT */
/*
 * The convolutions of the table of kernels: each runs directly or by Winograd's algorithm, as convolution->winograd
 * says (algorithm.h chooses). Included by kernel_table.c only.
 */
#ifndef NORMNET_KERNELS_CONVOLUTION_KERNELS_H
#define NORMNET_KERNELS_CONVOLUTION_KERNELS_H

#include "kernels/direct_channel_kernels.h"
#include "kernels/direct_gradient_kernels.h"
#include "kernels/direct_kernels.h"
#include "kernels/winograd_channel_kernels.h"
#include "kernels/winograd_gradient_kernels.h"
#include "kernels/winograd_kernels.h"

static void convolve(const struct convolution *convolution, const float *x, const float *weights,
                     const struct epilogue *epilogue, float *y, float *scratch)
{
    if (convolution->winograd)
        for_each_group(convolution, x, weights, epilogue, y, scratch, convolve_patches);
    else
        convolve_directly(convolution, x, weights, epilogue, y);
}

static void convolve_channels(const struct convolution *convolution, const float *x, const float *weights,
                              const struct epilogue *epilogue, float *y, float *scratch)
{
    if (convolution->winograd)
        for_each_group(convolution, x, weights, epilogue, y, scratch, convolve_channel_patches);
    else
        convolve_channels_directly(convolution, x, weights, epilogue, y);
}

static void weight_gradient(const struct convolution *shape, const float *x, const float *dy, double *dw,
                            float *scratch)
{
    (shape->winograd ? sum_pairs : sum_products)(shape, x, dy, dw, scratch);
}

#endif
