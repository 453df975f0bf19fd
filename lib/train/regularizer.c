/* SPDX-License-Identifier: MIT */
#include "train/regularizer.h"

double normnet__add_penalty(const float *parameters, int64_t count, double l1, double l2, double *gradient)
{
    double absolute = 0.0, square = 0.0;

    for (int64_t i = 0; i < count; ++i) {
        const double p = (double)parameters[i];

        gradient[i] += p > 0.0 ? l1 : p < 0.0 ? -l1 : 0.0;
        gradient[i] += l2 * p;
        absolute += p < 0.0 ? -p : p;
        square += p * p;
    }
    return l1 * absolute + l2 / 2.0 * square;
}
