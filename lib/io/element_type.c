/* SPDX-License-Identifier: MIT */
#include "io/element_type.h"

#include "io/safetensors.h"

#include <math.h>
#include <string.h>

const struct element_type normnet__f32 = {"F32", 4, NORMNET__FLOAT, 8, 23};
const struct element_type normnet__i64 = {"I64", 8, NORMNET__SIGNED, 0, 0};

static const struct element_type other_types[] = {
    {"F64", 8, NORMNET__FLOAT, 11, 52},          {"F16", 2, NORMNET__FLOAT, 5, 10},
    {"BF16", 2, NORMNET__FLOAT, 8, 7},           {"F8_E5M2", 1, NORMNET__FLOAT, 5, 2},
    {"F8_E4M3", 1, NORMNET__FINITE_FLOAT, 4, 3}, {"I32", 4, NORMNET__SIGNED, 0, 0},
    {"I16", 2, NORMNET__SIGNED, 0, 0},           {"I8", 1, NORMNET__SIGNED, 0, 0},
    {"U64", 8, NORMNET__UNSIGNED, 0, 0},         {"U32", 4, NORMNET__UNSIGNED, 0, 0},
    {"U16", 2, NORMNET__UNSIGNED, 0, 0},         {"U8", 1, NORMNET__UNSIGNED, 0, 0},
    {"BOOL", 1, NORMNET__UNSIGNED, 0, 0},
};

enum { OTHER_TYPES = sizeof other_types / sizeof other_types[0] };

static bool has_name(const struct element_type *type, const char *name, int64_t length)
{
    return (int64_t)strlen(type->name) == length && memcmp(type->name, name, (size_t)length) == 0;
}

const struct element_type *normnet__find_element_type(const char *name, int64_t length)
{
    if (has_name(&normnet__f32, name, length))
        return &normnet__f32;
    if (has_name(&normnet__i64, name, length))
        return &normnet__i64;
    for (int i = 0; i < OTHER_TYPES; ++i)
        if (has_name(&other_types[i], name, length))
            return &other_types[i];
    return NULL;
}

/*
 * (-1)^sign 2^(exponent - bias) 1.fraction; 0.fraction with the lowest exponent. The highest exponent means infinity
 * and NaN, but in a finite type only its highest fraction is NaN. A double holds the value of every type.
 */
static double float_value(const struct element_type *type, uint64_t bits)
{
    const int shift = type->fraction_bits, bias = (1 << (type->exponent_bits - 1)) - 1;
    const uint64_t one = (uint64_t)1 << shift, fraction = bits & (one - 1);
    const int highest = (1 << type->exponent_bits) - 1, exponent = (int)(bits >> shift) & highest;
    const bool negative = bits >> (8 * type->bytes - 1) != 0;
    double size;

    if (exponent == highest && type->kind == NORMNET__FLOAT)
        size = fraction == 0 ? (double)INFINITY : (double)NAN;
    else if (exponent == highest && fraction == one - 1)
        size = (double)NAN;
    else if (exponent == 0)
        size = ldexp((double)fraction, 1 - bias - shift);
    else
        size = ldexp((double)(one + fraction), exponent - bias - shift);
    return negative ? -size : size;
}

static int64_t signed_value(const struct element_type *type, uint64_t bits)
{
    const uint64_t sign = (uint64_t)1 << (8 * type->bytes - 1), extended = (bits ^ sign) - sign;
    int64_t value;

    memcpy(&value, &extended, sizeof value);
    return value;
}

double normnet__element_double(const struct element_type *type, const unsigned char *bytes)
{
    const uint64_t bits = normnet__read_little_endian(bytes, type->bytes);

    switch (type->kind) {
    case NORMNET__UNSIGNED:
        return (double)bits;
    case NORMNET__SIGNED:
        return (double)signed_value(type, bits);
    default:
        return float_value(type, bits);
    }
}

float normnet__element_float(const struct element_type *type, const unsigned char *bytes)
{
    const uint64_t bits = normnet__read_little_endian(bytes, type->bytes);

    switch (type->kind) {
    case NORMNET__UNSIGNED:
        return (float)bits;
    case NORMNET__SIGNED:
        return (float)signed_value(type, bits);
    default:
        return (float)float_value(type, bits);
    }
}

bool normnet__element_integer(const struct element_type *type, const unsigned char *bytes, int64_t *value)
{
    const uint64_t bits = normnet__read_little_endian(bytes, type->bytes);
    double number;

    switch (type->kind) {
    case NORMNET__UNSIGNED:
        *value = (int64_t)bits;
        return bits <= INT64_MAX;
    case NORMNET__SIGNED:
        *value = signed_value(type, bits);
        return true;
    default:
        number = float_value(type, bits);
        if (!(number >= -0x1p63 && number < 0x1p63))
            return false;
        *value = (int64_t)number;
        return true;
    }
}
