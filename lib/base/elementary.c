/* SPDX-License-Identifier: MIT */
#include "base/elementary.h"

#include "base/bits.h"
#include "base/exact.h"

#include <math.h>
#include <stdint.h>

const double normnet__exp_terms[NORMNET__EXP_DEGREE + 1] = {
    1.0,          1.0,           1.0 / 2,        1.0 / 6,         1.0 / 24,        1.0 / 120,        1.0 / 720,
    1.0 / 5040.0, 1.0 / 40320.0, 1.0 / 362880.0, 1.0 / 3628800.0, 1.0 / 39916800., 1.0 / 479001600., 1.0 / 6227020800.};

/* loss_kernels.h does the same. */
double normnet__exp(double x)
{
    double shifted, k, r, sum = normnet__exp_terms[NORMNET__EXP_DEGREE];

    if (isnan(x))
        return x;
    if (x > 709.0)
        return HUGE_VAL;
    if (x < NORMNET__MIN_EXP)
        return 0.0;
    shifted = x * NORMNET__EXP_PER_LN2 + NORMNET__EXP_SHIFT;
    k = shifted - NORMNET__EXP_SHIFT;
    r = (x - k * NORMNET__LN2_HIGH) - k * NORMNET__LN2_LOW;
    for (int n = NORMNET__EXP_DEGREE - 1; n >= 0; --n)
        sum = sum * r + normnet__exp_terms[n];
    /* The shifted number has k in its last bits. */
    return sum * normnet__double_of_bits((normnet__double_bits(shifted) + 1023) << 52);
}

/*
 * x = 2^k m with m in [sqrt(1/2), sqrt(2)); log m = 2 artanh(s), s = (m - 1) / (m + 1), |s| < 0.172. The series up to
 * s^23 / 23 has an error of about s^25 / 25 = 3e-21.
 */
double normnet__log(double x)
{
    uint64_t bits = normnet__double_bits(x);
    double m, s, square, sum = 0.0;
    int k;

    if (!(x >= 2.2250738585072014e-308) || isinf(x))
        return x > 0.0 && isinf(x) ? x : (double)NAN;
    k = (int)(bits >> 52) - 1023;
    m = normnet__double_of_bits((bits & 0x000FFFFFFFFFFFFFu) | 0x3FF0000000000000u);
    if (m > 1.41421356237309504880) {
        m *= 0.5;
        k += 1;
    }
    s = (m - 1.0) / (m + 1.0);
    square = s * s;
    for (int n = 23; n >= 3; n -= 2)
        sum = square * (1.0 / n + sum);
    return k * NORMNET__LN2_HIGH + (2.0 * (s + s * sum) + k * NORMNET__LN2_LOW);
}

/* The Taylor series of cos and sin on [0, pi/4]; the first omitted terms are below 1e-18. */
static double cos_series(double x)
{
    double sum = 1.0;

    for (int n = 18; n >= 2; n -= 2)
        sum = 1.0 - sum * x * x / (double)(n * (n - 1));
    return sum;
}

static double sin_series(double x)
{
    double sum = 1.0;

    for (int n = 19; n >= 3; n -= 2)
        sum = 1.0 - sum * x * x / (double)(n * (n - 1));
    return sum * x;
}

double normnet__cos_pi(double x)
{
    const double pi = 3.14159265358979323846;
    double sign = 1.0;

    if (x < 0.0)
        x = -x;
    x -= 2.0 * (double)(int64_t)(x * 0.5); /* exact; the period is 2 */
    if (x > 1.0)
        x = 2.0 - x; /* cos(pi (2 - x)) = cos(pi x) */
    if (x > 0.5) {
        x = 1.0 - x; /* cos(pi (1 - x)) = -cos(pi x) */
        sign = -1.0;
    }
    return sign * (x <= 0.25 ? cos_series(pi * x) : sin_series(pi * (0.5 - x)));
}

double normnet__power(double base, long long exponent)
{
    double power = 1.0;

    for (; exponent > 0; exponent >>= 1) {
        if (exponent & 1)
            power *= base;
        base *= base;
    }
    return power;
}
