/* SPDX-License-Identifier: MIT */
/* Test images in the page: each once, as a PNG in a data URI that other places refer to. */
#ifndef MNIST_PIXELS_H
#define MNIST_PIXELS_H

#include "data/dataset.h"

#include <stdbool.h>
#include <stdio.h>

struct pixels {
    const struct dataset *data; /* NULL = there are no images */
    bool *used;                 /* per test image: it is referred to */
};

/* Returns 0, or reports that there is no memory. Close the pixels after a failure too. */
int pixels_open(struct pixels *pixels, const struct dataset *data);
void pixels_close(struct pixels *pixels);

/* Writes the place of an image with a text for those who do not see it; an empty one without images. */
void pixels_refer(FILE *page, struct pixels *pixels, int64_t image, const char *text);

/* Writes all images that were referred to. Returns 0, or reports that there is no memory. */
int pixels_write(FILE *page, const struct pixels *pixels);

#endif
