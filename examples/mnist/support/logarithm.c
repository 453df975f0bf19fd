/* SPDX-License-Identifier: MIT */
#include "support/logarithm.h"

#include <math.h>

double logarithm(double x)
{
    const double ln_2 = 0.69314718055994530942, sqrt_half = 0.70710678118654752440;
    int exponent;
    double mantissa = frexp(x, &exponent);

    if (mantissa < sqrt_half) {
        mantissa *= 2;
        --exponent;
    }
    /* ln m = 2 artanh s with |s| <= 0.172: the term after s^21 / 21 is below 2^-58. */
    const double s = (mantissa - 1) / (mantissa + 1), square = s * s;
    double sum = 0;
    for (int n = 21; n >= 3; n -= 2)
        sum = (sum + 1.0 / n) * square;
    return exponent * ln_2 + 2 * (s + s * sum);
}
