/* SPDX-License-Identifier: MIT */
#include "support/angle.h"

/* Taylor series up to x^15 and x^16: for |x| <= pi / 4 the next terms are below 2^-53. */
static double small_sine(double x)
{
    double square = x * x;
    double sum = -1.0 / 1307674368000.0;

    sum = sum * square + 1.0 / 6227020800.0;
    sum = sum * square - 1.0 / 39916800.0;
    sum = sum * square + 1.0 / 362880.0;
    sum = sum * square - 1.0 / 5040.0;
    sum = sum * square + 1.0 / 120.0;
    sum = sum * square - 1.0 / 6.0;
    return x + x * (square * sum);
}

static double small_cosine(double x)
{
    double square = x * x;
    double sum = 1.0 / 20922789888000.0;

    sum = sum * square - 1.0 / 87178291200.0;
    sum = sum * square + 1.0 / 479001600.0;
    sum = sum * square - 1.0 / 3628800.0;
    sum = sum * square + 1.0 / 40320.0;
    sum = sum * square - 1.0 / 720.0;
    sum = sum * square + 1.0 / 24.0;
    sum = sum * square - 0.5;
    return 1.0 + square * sum;
}

void angle_sine_cosine(double degrees, double *sine, double *cosine)
{
    const double radian = 3.14159265358979323846 / 180.0;
    int quarters = (int)(degrees / 90.0 + (degrees < 0 ? -0.5 : 0.5)); /* the nearest multiple of 90 degrees */
    double rest = (degrees - 90.0 * quarters) * radian;
    double s = small_sine(rest);
    double c = small_cosine(rest);

    switch (((quarters % 4) + 4) % 4) {
    case 0:
        *sine = s, *cosine = c;
        break;
    case 1:
        *sine = c, *cosine = -s;
        break;
    case 2:
        *sine = -s, *cosine = -c;
        break;
    default:
        *sine = -c, *cosine = s;
        break;
    }
}
