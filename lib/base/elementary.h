/* SPDX-License-Identifier: MIT */
/*
 * exp, log and cos from additions, multiplications and divisions alone. libm's differ between
 * systems by a last bit, which a training run carries into every weight.
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
