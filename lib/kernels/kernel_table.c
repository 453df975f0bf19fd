/* SPDX-License-Identifier: MIT */
/* The table of kernels of one instruction set: compiled once for each, with NORMNET_ISA defined to its name. */
#include "kernels/kernels.h"

#include <stddef.h>

#include "kernels/convolution_kernels.h"
#include "kernels/dropout_kernels.h"
#include "kernels/loss_kernels.h"
#include "kernels/moments_kernels.h"
#include "kernels/normalization_kernels.h"
#include "kernels/outer_product_kernels.h"
#include "kernels/pool_kernels.h"
#include "kernels/relu_kernels.h"
#include "kernels/update_kernels.h"

#define TEXT_OF(name) #name
#define ISA_TEXT(isa) TEXT_OF(isa)

const struct kernels KERNEL(normnet__kernels) = {
    .name = ISA_TEXT(NORMNET_ISA),
    .group_lanes = LANES,
    .convolve = KERNEL(convolve),
    .convolve_channels = KERNEL(convolve_channels),
    .weight_gradient = KERNEL(weight_gradient),
    .outer_products = KERNEL(outer_products),
    .moments = KERNEL(moments),
    .normalize = KERNEL(normalize),
    .affine_elements = KERNEL(affine_elements),
    .gradient_moments = KERNEL(gradient_moments),
    .normalize_gradient = KERNEL(normalize_gradient),
    .multiply_elements = KERNEL(multiply_elements),
    .affine_gradient = KERNEL(affine_gradient),
    .sum_all = KERNEL(sum_all),
    .relu = KERNEL(relu),
    .leaky_relu = KERNEL(leaky_relu),
    .leaky_relu_gradient = KERNEL(leaky_relu_gradient),
    .copy_gradient = KERNEL(copy_gradient),
    .dropout_masks = KERNEL(dropout_masks),
    .dropout = KERNEL(dropout),
    .max_pool = KERNEL(max_pool),
    .max_pool_gradient = KERNEL(max_pool_gradient),
    .average_pool = KERNEL(average_pool),
    .average_pool_gradient = KERNEL(average_pool_gradient),
    .softmax = KERNEL(softmax),
    .softmax_gradient = KERNEL(softmax_gradient),
    .measure_update = KERNEL(measure_update),
    .update = KERNEL(update),
    .average = KERNEL(average),
};
