/* SPDX-License-Identifier: MIT */
/*
 * Images in the Netpbm formats PGM (one channel; P2 as text, P5 as bytes) and PPM (red, green and blue; P3 as text, P6
 * as bytes). The maximum value in the header is at most 255. Pixels are scaled so that it becomes 255.
 */
#ifndef MNIST_PGM_H
#define MNIST_PGM_H

#include <stddef.h>
#include <stdint.h>

struct picture {
    int32_t channels, height, width;
    uint8_t *pixels; /* channels x height x width */
};

enum { PICTURE_MAX_SIDE = 4096 };

/* Decodes the bytes of the file `name`. Returns 0, or reports what is wrong with them. */
int picture_read(struct picture *picture, const uint8_t *bytes, size_t size, const char *name);
void picture_free(struct picture *picture);

#endif
