/* SPDX-License-Identifier: MIT */
#include "base/elementary.h"

#include "base/bits.h"
#include "base/exact.h"

#include <math.h>
#include <stdint.h>

/* 2^k for -1022 <= k <= 1023. */
static double power_of_two(int k)
{
    return normnet__double_of_bits((uint64_t)(k + 1023) << 52);
}

/* ln 2 in two parts; the first has 21 trailing zero bits, so that its product with k is exact. */
static const double ln2_high = 6.93147180369123816490e-01;
static const double ln2_low = 1.90821492927058770002e-10;

/*
 * exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln 2 / 2. The Taylor series up to r^13 / 13! has an error of about
 * 0.35^14 / 14! = 5e-18.
 */
double normnet__exp(double x)
{
    double r, sum = 1.0;
    int k;

    if (isnan(x))
        return x;
    if (x > 709.79)
        return HUGE_VAL;
    if (x < -745.2)
        return 0.0;
    k = (int)(x * 1.44269504088896338700 + (x < 0.0 ? -0.5 : 0.5));
    r = (x - k * ln2_high) - k * ln2_low;
    for (int n = 13; n >= 1; --n)
        sum = 1.0 + sum * r / n;
    /* Two factors, since 2^k alone can be outside the range of normal numbers. */
    return sum * power_of_two(k / 2) * power_of_two(k - k / 2);
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
    return k * ln2_high + (2.0 * (s + s * sum) + k * ln2_low);
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
