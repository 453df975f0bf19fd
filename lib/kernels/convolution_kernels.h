/* SPDX-License-Identifier: MIT */
/*
 * The convolutions of the table of kernels: each runs directly or by Winograd's algorithm, as convolution->algorithm or
 * ->gradient says (algorithm.h chooses). Included by kernel_table.c only.
 */
#ifndef NORMNET_KERNELS_CONVOLUTION_KERNELS_H
#define NORMNET_KERNELS_CONVOLUTION_KERNELS_H

#include "kernels/direct_channel_kernels.h"
#include "kernels/direct_gradient_kernels.h"
#include "kernels/direct_kernels.h"
#include "kernels/winograd_2_kernels.h"
#include "kernels/winograd_4_kernels.h"
#include "kernels/winograd_channel_kernels.h"
#include "kernels/winograd_gradient_kernels.h"
#include "kernels/winograd_kernels.h"
#include "kernels/winograd_patch_gradient_kernels.h"
#if VECTOR_REGISTERS >= 32
#include "kernels/winograd_row_kernels.h"
#endif

static void KERNEL(convolve)(const struct convolution *convolution, const float *x, const float *weights,
                             const struct epilogue *epilogue, struct units units, float *y, float *scratch)
{
    if (convolution->algorithm == NORMNET__DIRECT)
        direct_convolve(convolution, x, weights, epilogue, units, y);
    else if (convolution->algorithm == NORMNET__WINOGRAD_4)
        for_each_strip(&winograd_4, convolution, x, weights, epilogue, units, y, scratch, convolve_patches);
#if VECTOR_REGISTERS >= 32
    else if (convolution->kernel == 3 && convolution->x.channels <= MAX_ROW_CHANNELS)
        for_each_strip(&winograd_2, convolution, x, weights, epilogue, units, y, scratch, convolve_patch_rows);
#endif
    else
        for_each_strip(&winograd_2, convolution, x, weights, epilogue, units, y, scratch, convolve_patches);
}

static void KERNEL(convolve_channels)(const struct convolution *convolution, const float *x, const float *weights,
                                      const struct epilogue *epilogue, float *y, float *scratch)
{
    if (convolution->algorithm == NORMNET__DIRECT)
        direct_convolve_channels(convolution, x, weights, epilogue, y);
    else
        convolve_channel_patches(convolution->algorithm == NORMNET__WINOGRAD_4 ? &winograd_4 : &winograd_2, convolution,
                                 x, weights, epilogue, y, scratch);
}

static void KERNEL(weight_gradient)(const struct convolution *convolution, const float *x, const float *dy, double *dw,
                                    float *scratch)
{
    if (convolution->gradient == NORMNET__GRADIENT_PATCHES)
        KERNEL(winograd_patch_gradient)(convolution, x, dy, dw, scratch);
    else if (convolution->gradient == NORMNET__GRADIENT_ROWS)
        KERNEL(winograd_weight_gradient)(convolution, x, dy, dw, scratch);
    else
        KERNEL(direct_weight_gradient)(convolution, x, dy, dw, scratch);
}

#endif
