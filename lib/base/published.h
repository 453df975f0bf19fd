/* SPDX-License-Identifier: MIT */
/*
 * Numbers of a model that calls which describe it read at any time, also while a writer sets them. The writer itself,
 * and who holds the lock, read them as usual.
 */
#ifndef NORMNET_BASE_PUBLISHED_H
#define NORMNET_BASE_PUBLISHED_H

#include <stdint.h>

static inline void normnet__publish(double *number, double value)
{
    __atomic_store(number, &value, __ATOMIC_RELAXED);
}

static inline double normnet__published(const double *number)
{
    double value;

    __atomic_load(number, &value, __ATOMIC_RELAXED);
    return value;
}

static inline void normnet__publish_count(int64_t *count, int64_t value)
{
    __atomic_store_n(count, value, __ATOMIC_RELAXED);
}

static inline int64_t normnet__published_count(const int64_t *count)
{
    return __atomic_load_n(count, __ATOMIC_RELAXED);
}

#endif
