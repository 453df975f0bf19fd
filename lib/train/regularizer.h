/* SPDX-License-Identifier: MIT */
/*
 * The penalty l1 sum |p| + l2 / 2 sum p^2 and its gradient, with sgn(0) = 0. Added once per step, after the
 * division by the number of images: first l1, then l2, as PyTorch does with a penalty in the loss and weight_decay.
 */
#ifndef NORMNET_TRAIN_REGULARIZER_H
#define NORMNET_TRAIN_REGULARIZER_H

#include <stdint.h>

/* Adds the gradient and returns the penalty of `count` parameters, summed in order. */
double normnet__add_penalty(const float *parameters, int64_t count, double l1, double l2, double *gradient);

#endif
