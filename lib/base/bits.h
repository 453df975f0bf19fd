/* SPDX-License-Identifier: MIT */
/* The bits of a floating-point number as an integer, and back. */
#ifndef NORMNET_BASE_BITS_H
#define NORMNET_BASE_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint64_t normnet__double_bits(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double normnet__double_of_bits(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t normnet__float_bits(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#endif
