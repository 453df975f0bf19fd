/* SPDX-License-Identifier: MIT */
/* The smaller and the larger of two numbers. */
#ifndef MNIST_MINMAX_H
#define MNIST_MINMAX_H

#include <stdint.h>

static inline int64_t int64_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t int64_max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline double double_min(double a, double b)
{
    return a < b ? a : b;
}

static inline double double_max(double a, double b)
{
    return a > b ? a : b;
}

/* The value in the range from low to high that is nearest to `value`. */
static inline double double_clamp(double value, double low, double high)
{
    return double_min(double_max(value, low), high);
}

#endif
