/* SPDX-License-Identifier: MIT */
/*
 * Mean and variance in one pass over the values. Each chain of values gives (n, mean, M2 = sum of squared deviations);
 * two are combined by Chan's formula (Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm, 1979)
 *
 *     d = mean_b - mean_a,   mean = mean_a + d n_b / n,   M2 = M2_a + M2_b + d^2 n_a n_b / n,   n = n_a + n_b
 *
 * along the tree of base/tree.h, so that neither the order nor a large mean costs digits.
 */
#ifndef NORMNET_LAYERS_MOMENTS_H
#define NORMNET_LAYERS_MOMENTS_H

#include <stdint.h>

struct moments {
    double count, mean, m2;
};

/* Combines parts[0], ..., parts[(count - 1) * stride] by the tree, in place, into parts[0]; count >= 1. */
void normnet__combine_moments(struct moments *parts, int64_t count, int64_t stride);

/*
 * The same for `count` chains of `length` values in 16 lanes each: mean and m2 are [count][16], the result is in row 0.
 */
void normnet__combine_lane_moments(double *mean, double *m2, int64_t count, int64_t length);

/* Sums `count` rows of 16 lanes by the tree, in place, into row 0. */
void normnet__add_lane_sums(double *rows, int64_t count);

/*
 * y = fma(x - center, scale, shift) for x of this mean and invstd: center is the mean rounded to float, and shift
 * includes its rounding error.
 */
struct norm_coefficients {
    float center, scale, shift;
};

struct norm_coefficients normnet__norm_coefficients(double mean, double invstd, double gamma, double beta);

/* 1 / sqrt(variance + eps); 0 where both are 0, as in PyTorch. */
double normnet__inverse_deviation(double variance, double eps);

#endif
