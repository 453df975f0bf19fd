/* SPDX-License-Identifier: MIT */
/*
 * Pictures in PNG (ISO 15948): grey, colours or a palette, with 1 to 16 bits, interlaced or not, with or without
 * transparency, which shows white, or black if nothing can be seen on white. Colours are taken as they are, without
 * gamma and profiles.
 */
#ifndef MNIST_PNG_H
#define MNIST_PNG_H

#include "data/picture.h"

#include <stdbool.h>

bool png_begins(const uint8_t *bytes, size_t size);

/* Decodes the bytes of the file `name`. Returns 0, or reports what is wrong with them. */
int png_read(struct picture *picture, const uint8_t *bytes, size_t size, const char *name);

#endif
