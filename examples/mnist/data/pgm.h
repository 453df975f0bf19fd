/* SPDX-License-Identifier: MIT */
/*
 * Images in the Netpbm formats PGM (P2 as text, P5 as bytes; one channel) and PPM (P3 and P6; red, green and blue),
 * with a largest value of up to 255. Values are scaled so that the largest becomes 255.
 */
#ifndef MNIST_PGM_H
#define MNIST_PGM_H

#include <stddef.h>
#include <stdint.h>

struct picture {
    int32_t channels, height, width;
    uint8_t *pixels; /* channels x height x width */
};

enum { PICTURE_MOST_SIDE = 4096 };

/* Reads the bytes of the file `name`. Returns 0, or reports what is wrong with them. */
int picture_read(struct picture *picture, const uint8_t *bytes, size_t size, const char *name);
void picture_free(struct picture *picture);

#endif
