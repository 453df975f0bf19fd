/* SPDX-License-Identifier: MIT */
/*
 * The bytes of a file that is being written. The same code runs twice: first with an output without memory, which only
 * counts, then with one that has the memory. What exceeds the memory is counted, but not written: then the length is
 * not that of the first time, since the caller's memory was changed in between. Numbers are little-endian on every
 * machine.
 */
#ifndef NORMNET_IO_OUTPUT_H
#define NORMNET_IO_OUTPUT_H

#include "normnet.h"

#include <stdint.h>

struct output {
    unsigned char *bytes; /* NULL while counting */
    int64_t capacity, length;
};

void normnet__put_byte(struct output *output, unsigned byte);
void normnet__put_bytes(struct output *output, const void *bytes, int64_t count);
void normnet__put_text(struct output *output, const char *text);
void normnet__put_decimal(struct output *output, int64_t value);

/* `digits` lower-case hexadecimal digits, the highest first. */
void normnet__put_hexadecimal(struct output *output, uint64_t value, int digits);

/* `size` bytes, the lowest first. */
void normnet__put_little(struct output *output, uint64_t value, int size);
void normnet__put_float(struct output *output, float value);
void normnet__put_floats(struct output *output, const float *values, int64_t count);

/* NORMNET_EINVAL unless the second time gave as many bytes as were counted: only a note is the caller's memory. */
normnet_status normnet__check_counted(const struct output *output, int64_t counted);

#endif
