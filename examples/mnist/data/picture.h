/* SPDX-License-Identifier: MIT */
/* A picture in memory, and what is done to it before a network sees it. */
#ifndef MNIST_PICTURE_H
#define MNIST_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct picture {
    int32_t channels, height, width; /* 1 channel, or red, green and blue; from an array any number */
    uint8_t *pixels;                 /* channels x height x width */
};

enum { PICTURE_MAX_SIDE = 4096 };

/* Allocates the pixels. Returns 0, or reports that there is no memory for the file `name`. */
int picture_create(struct picture *picture, int32_t channels, int32_t height, int32_t width, const char *name);
void picture_free(struct picture *picture);

/* Whether each channel has the same value everywhere. */
bool picture_is_blank(const struct picture *picture);

void picture_invert(struct picture *picture);

/*
 * Makes one channel of three, 0.299 red + 0.587 green + 0.114 blue, or three equal ones of one. The picture must have
 * room for the larger number. Equal colours become that grey.
 */
void picture_to_grey(struct picture *picture);
int picture_to_colour(struct picture *picture, const char *name);

/* A rectangle of pixels. */
struct rectangle {
    int32_t x, y, width, height;
};

/*
 * Scales a rectangle of a plane of `stride` columns to height x width: each new pixel is the mean of the area that it
 * covers.
 */
void picture_scale_plane(const uint8_t *plane, int32_t stride, struct rectangle from, uint8_t *to, int32_t height,
                         int32_t width);

/* The mean of the outermost pixels, 0 to 255, of planes x height x width pixels. */
double picture_border(const uint8_t *pixels, int64_t planes, int32_t height, int32_t width);

#endif
