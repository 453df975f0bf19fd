/* SPDX-License-Identifier: MIT */
#include "train/sgd.h"

#include <math.h>

bool normnet__sgd_step(const struct sgd *sgd, const double *gradient, const float *parameters, const float *buffer,
                       int64_t count, float *new_parameters, float *new_buffer)
{
    bool finite = true;

    for (int64_t i = 0; i < count; ++i) {
        const double g = gradient[i];
        double d = g;

        new_buffer[i] = buffer[i];
        if (sgd->momentum != 0.0) {
            const double v = sgd->first ? g : sgd->momentum * (double)buffer[i] + (1.0 - sgd->dampening) * g;

            new_buffer[i] = (float)v;
            d = sgd->nesterov ? g + sgd->momentum * v : v;
        }
        new_parameters[i] = (float)((double)parameters[i] - sgd->lr * d);
        finite = finite && isfinite(new_parameters[i]) && isfinite(new_buffer[i]);
    }
    return finite;
}
