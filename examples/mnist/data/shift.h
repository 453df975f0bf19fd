/* SPDX-License-Identifier: MIT */
/* Copies of images that are shifted by whole pixels. */
#ifndef MNIST_SHIFT_H
#define MNIST_SHIFT_H

#include <stdint.h>

/*
 * Shifts `planes` planes of height x width bytes by `right` columns to the right and `down` rows downwards, which may
 * be negative. What comes in from outside repeats the pixels of the border. `out` and `in` do not overlap.
 */
void shift_planes(uint8_t *out, const uint8_t *in, int64_t planes, int32_t height, int32_t width, int32_t right,
                  int32_t down);

#endif
