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

#include "base/bits.h"

#include <math.h>
#include <stdint.h>

struct moments {
    double count, mean, m2;
};

/* Combines parts[0], ..., parts[count - 1] by the tree, in place, into parts[0]; count >= 1. */
void normnet__combine_moments(struct moments *parts, int64_t count);

/*
 * The same for `count` chains of `length` values in each lane: mean and m2 are [count][lanes], the result is in row 0.
 */
void normnet__combine_lane_moments(double *mean, double *m2, int64_t count, int64_t length, int32_t lanes);

/* Sums `count` rows of lanes by the tree, in place, into row 0. */
void normnet__add_lane_sums(double *rows, int64_t count, int32_t lanes);

/*
 * A mean, and 1 / sqrt(variance + eps) = power * rest, 0 where both are 0, as in PyTorch. The power of two is in the
 * range of float, so that (x - mean) * power is exact and rest between 1 and 2, unless the deviation is out of that
 * range itself.
 */
struct norm_statistics {
    double mean, power, rest;
};

/* The largest power of two up to `value`, within the range of float; that of NaN does not matter: `rest` is NaN, too.
 */
static inline double normnet__power_of_two(double value)
{
    const double power = normnet__double_of_bits(normnet__double_bits(value) & 0x7FF0000000000000u);

    return power < 0x1p-126 ? 0x1p-126 : power > 0x1p127 ? 0x1p127 : power;
}

static inline struct norm_statistics normnet__norm_statistics(double mean, double variance, double eps)
{
    const double sum = variance + eps, invstd = sum == 0.0 ? 0.0 : 1.0 / sqrt(sum);
    const double power = normnet__power_of_two(invstd);

    return (struct norm_statistics){mean, power, invstd / power};
}

/* The rounding error of a mean that is stored as float, as deviation times power. */
static inline double normnet__center_error(struct norm_statistics statistics)
{
    return (statistics.mean - (double)(float)statistics.mean) * statistics.power;
}

/*
 * y = fma((x - center) * power, scale, shift): center is the mean rounded to float, and shift includes its rounding
 * error.
 */
struct norm_coefficients {
    float center, power, scale, shift;
};

static inline struct norm_coefficients normnet__norm_coefficients(struct norm_statistics statistics, double gamma,
                                                                  double beta)
{
    const double exact_scale = statistics.rest * gamma;

    return (struct norm_coefficients){(float)statistics.mean, (float)statistics.power, (float)exact_scale,
                                      (float)(beta - normnet__center_error(statistics) * exact_scale)};
}

/*
 * dx = fma(a, dy, fma(b, (x - center) * power, c)). With q = dy gamma, d = (x - mean) power and averages over the
 * values that share the mean:
 *
 *     dx = power rest (q - avg(q) - d rest^2 avg(q d))
 *
 * `average_qd` is avg(q d), and `average_q` is avg(q), or 0 where the mean does not depend on x.
 */
struct norm_gradient_coefficients {
    float a, b, c;
};

static inline struct norm_gradient_coefficients normnet__norm_gradient_coefficients(struct norm_statistics statistics,
                                                                                    double gamma, double average_q,
                                                                                    double average_qd)
{
    const double invstd = statistics.power * statistics.rest;
    const double exact_b = -invstd * statistics.rest * statistics.rest * average_qd;

    return (struct norm_gradient_coefficients){
        (float)(invstd * gamma), (float)exact_b,
        (float)(-invstd * average_q - exact_b * normnet__center_error(statistics))};
}

#endif
