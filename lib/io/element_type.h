/* SPDX-License-Identifier: MIT */
/*
 * The types that the elements of a tensor in a safetensors file can have. libnormnet writes F32 and I64; PyTorch loads
 * a state_dict with any type of real numbers, so these are read.
 */
#ifndef NORMNET_IO_ELEMENT_TYPE_H
#define NORMNET_IO_ELEMENT_TYPE_H

#include <stdbool.h>
#include <stdint.h>

struct element_type {
    const char *name; /* in the header of a file */
    int32_t bytes;
    enum { NORMNET__UNSIGNED, NORMNET__SIGNED, NORMNET__FLOAT, NORMNET__FINITE_FLOAT } kind;
    int32_t exponent_bits, fraction_bits; /* of a float, after its sign */
};

extern const struct element_type normnet__f32, normnet__i64;

/* NULL for a name of `length` characters that no type has. */
const struct element_type *normnet__find_element_type(const char *name, int64_t length);

/* The value of `bytes`, the lowest first: rounded once to a double or to a float. */
double normnet__element_double(const struct element_type *type, const unsigned char *bytes);
float normnet__element_float(const struct element_type *type, const unsigned char *bytes);

/* The value without its fraction; false if 64 bits do not hold it. */
bool normnet__element_integer(const struct element_type *type, const unsigned char *bytes, int64_t *value);

#endif
