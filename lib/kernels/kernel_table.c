/* SPDX-License-Identifier: MIT */
/* The kernels of one instruction set: compiled once for each, with NORMNET_ISA defined to its name. */
#include "kernels/kernels.h"

#include <stddef.h>

#include "kernels/convolution_kernels.h"
#include "kernels/dropout_kernels.h"
#include "kernels/moments_kernels.h"
#include "kernels/normalization_kernels.h"
#include "kernels/pool_kernels.h"
#include "kernels/relu_kernels.h"

#define JOIN_NAMES(a, b) a##b
#define TABLE_NAME(isa) JOIN_NAMES(normnet__kernels_, isa)
#define TEXT_OF(name) #name
#define ISA_TEXT(isa) TEXT_OF(isa)

const struct kernels TABLE_NAME(NORMNET_ISA) = {
    .name = ISA_TEXT(NORMNET_ISA),
    .convolve = convolve,
    .convolve_channels = convolve_channels,
    .weight_gradient = weight_gradient,
    .moments = moments,
    .normalize = normalize,
    .scale_elements = scale_elements,
    .gradient_moments = gradient_moments,
    .normalize_gradient = normalize_gradient,
    .multiply_elements = multiply_elements,
    .element_gradient = element_gradient,
    .sum_all = sum_all,
    .relu = relu,
    .copy_gradient = copy_gradient,
    .dropout_masks = dropout_masks,
    .dropout = dropout,
    .max_pool = max_pool,
    .max_pool_gradient = max_pool_gradient,
    .average_pool = average_pool,
    .average_pool_gradient = average_pool_gradient,
};
