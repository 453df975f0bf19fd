/* SPDX-License-Identifier: MIT */
/*
 * exp, log and cos, computed by additions, multiplications and divisions only, which IEEE 754 defines exactly. Those of
 * libm differ between systems in the last bit, and in a training run this difference reaches every weight.
 */
#ifndef NORMNET_BASE_ELEMENTARY_H
#define NORMNET_BASE_ELEMENTARY_H

double normnet__exp(double x);

/* For x > 0 and normal; NaN otherwise. */
double normnet__log(double x);

/* cos(pi * x) for |x| < 2^51. */
double normnet__cos_pi(double x);

/* base^exponent for a whole exponent >= 0, by squaring. */
double normnet__power(double base, long long exponent);

#endif
