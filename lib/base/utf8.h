/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_BASE_UTF8_H
#define NORMNET_BASE_UTF8_H

#include <stdint.h>

/*
 * The length in bytes of the first character of `count` bytes; 0 if it is not well-formed UTF-8: a longer form than
 * needed, a surrogate, a code above U+10FFFF, or cut off.
 */
int normnet__utf8_length(const unsigned char *bytes, int64_t count);

/* Writes a character of up to 4 bytes and returns its length. */
int normnet__utf8_encode(uint32_t code, char *bytes);

#endif
