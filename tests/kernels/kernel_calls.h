/* SPDX-License-Identifier: MIT */
/* One call of each kernel: it draws a shape and values and marks what the kernel may write. */
#ifndef KERNEL_CALLS_H
#define KERNEL_CALLS_H

#include "kernel_memory.h"

#include "kernels/kernels.h"

typedef void kernel_call(const struct kernels *kernels, struct workspace *w);

kernel_call call_convolve, call_convolve_channels, call_weight_gradient, call_outer_products;
kernel_call call_moments, call_normalize, call_affine_elements, call_gradient_moments, call_normalize_gradient;
kernel_call call_multiply_elements, call_affine_gradient, call_sum_all;
kernel_call call_relu, call_leaky_relu, call_leaky_relu_gradient, call_copy_gradient, call_dropout_masks, call_dropout;
kernel_call call_max_pool, call_max_pool_gradient, call_average_pool, call_average_pool_gradient;
kernel_call call_softmax, call_softmax_gradient;
kernel_call call_measure_update, call_update, call_average;

#endif
