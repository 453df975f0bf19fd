/* SPDX-License-Identifier: MIT */
/* Arithmetic on sizes: sums and products that report overflow, and the larger or smaller of two. */
#ifndef NORMNET_BASE_CHECKED_H
#define NORMNET_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/* These store the result and return true, or return false if it does not fit. Operands are >= 0. */
static inline bool normnet__add(int64_t a, int64_t b, int64_t *sum)
{
    if (a > INT64_MAX - b)
        return false;
    *sum = a + b;
    return true;
}

static inline bool normnet__multiply(int64_t a, int64_t b, int64_t *product)
{
    if (b != 0 && a > INT64_MAX / b)
        return false;
    *product = a * b;
    return true;
}

/* The next multiple of `alignment`, a power of two. */
static inline bool normnet__align_up(int64_t size, int64_t alignment, int64_t *aligned)
{
    if (!normnet__add(size, alignment - 1, &size))
        return false;
    *aligned = size & ~(alignment - 1);
    return true;
}

static inline int64_t normnet__max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline int64_t normnet__min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
