/* SPDX-License-Identifier: MIT */
/* Numbers as strings in the metadata of a file. */
#ifndef NORMNET_FILES_NUMBER_TEXT_H
#define NORMNET_FILES_NUMBER_TEXT_H

#include "io/output.h"

#include <stdbool.h>

enum { NORMNET__NUMBER_DIGITS = 16 };

/* A double is written as the 16 hexadecimal digits of its bits, so that it is not rounded. */
void normnet__put_number_bits(struct output *output, double value);

/* Reads 16 digits, which more text may follow; false if there is another character among them. */
bool normnet__parse_number_bits(const char *text, double *value);

/* Reads a decimal as normnet__put_decimal writes it: no leading zeros, no plus sign, nothing after it. */
bool normnet__parse_decimal(const char *text, int64_t *value);

#endif
