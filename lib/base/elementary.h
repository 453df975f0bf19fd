/* SPDX-License-Identifier: MIT */
/*
 * exp, log and cos, computed by additions, multiplications and divisions only, which IEEE 754 defines exactly. Those of
 * libm differ between systems in the last bit, and in a training run this difference reaches every weight.
 */
#ifndef NORMNET_BASE_ELEMENTARY_H
#define NORMNET_BASE_ELEMENTARY_H

/*
 * 0 below -708, where the result is about to leave the range of normal numbers.
 *
 * exp(x) = 2^k exp(r), k = round(x / ln 2), |r| <= ln 2 / 2, with the terms 1 / n! of the Taylor series. Those up to
 * n = 13 leave an error of about 0.35^14 / 14! = 5e-18. ln 2 is in two parts; the first has 21 trailing zero bits, so
 * that its product with k is exact.
 */
double normnet__exp(double x);
enum { NORMNET__EXP_DEGREE = 13 };
extern const double normnet__exp_terms[NORMNET__EXP_DEGREE + 1];
#define NORMNET__MIN_EXP (-708.0)
#define NORMNET__EXP_SHIFT 0x1.8p52
#define NORMNET__EXP_PER_LN2 1.44269504088896338700
#define NORMNET__LN2_HIGH 6.93147180369123816490e-01
#define NORMNET__LN2_LOW 1.90821492927058770002e-10

/* For x > 0 and normal; NaN otherwise. */
double normnet__log(double x);

/* cos(pi * x) for |x| < 2^51. */
double normnet__cos_pi(double x);

/* base^exponent for a whole exponent >= 0, by squaring. */
double normnet__power(double base, long long exponent);

#endif
