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

#include <stdbool.h>
#include <stdint.h>

struct sgd {
    double lr, momentum, dampening;
    bool nesterov;
    bool first; /* the buffer is empty */
};

/*
 * Writes the new parameters and buffer to separate arrays; false if one of them is not finite. Without momentum the
 * buffer is copied.
 */
bool normnet__sgd_step(const struct sgd *sgd, const double *gradient, const float *parameters, const float *buffer,
                       int64_t count, float *new_parameters, float *new_buffer);

#endif
