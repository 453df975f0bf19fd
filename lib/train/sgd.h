/* SPDX-License-Identifier: MIT */
/*
 * Stochastic gradient descent as PyTorch's SGD. With gradient g (penalty included), buffer v and rate lr:
 *
 *     v = g in the first step, momentum v + (1 - dampening) g later
 *     d = g + momentum v with nesterov, v without, g without momentum
 *     p = p - lr d
 *
 * Computed in double and rounded once when stored; the buffer is not rescaled when lr or momentum change.
 */
#ifndef NORMNET_TRAIN_SGD_H
#define NORMNET_TRAIN_SGD_H

#include "kernels/kernels.h"

struct sgd {
    double lr, momentum, dampening;
    bool nesterov;
    bool first; /* the buffer is empty */
};

/* The rule for the kernels, whose other fields are those of a gradient that is used as it is. */
struct update_rule normnet__sgd_rule(const struct sgd *sgd);

#endif
