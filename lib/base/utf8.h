/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_BASE_UTF8_H
#define NORMNET_BASE_UTF8_H

#include <stdint.h>

/*
 * How many bytes the first character of `count` bytes has; 0 if it is not well-formed: shortest forms, no surrogates,
 * nothing above U+10FFFF.
 */
int normnet__utf8_length(const unsigned char *bytes, int64_t count);

#endif
