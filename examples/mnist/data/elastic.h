/* SPDX-License-Identifier: MIT */
/*
 * Displacements of an elastic deformation: every pixel moves by its own vector, and neighbours move alike (Simard,
 * Steinkraus, Platt 2003: Best Practices for Convolutional Neural Networks Applied to Visual Document Analysis). They
 * are those of torchvision's ElasticTransform for square images: noise u, uniform in [-1, 1) for each pixel and axis,
 *
 *     displacement = alpha / 2 * sum over i, j of w[i] w[j] u[y + i][x + j],   w[i] ~ exp(-i^2 / (2 sigma^2)),
 *
 * for i and j from -r to r, r = floor(8 sigma + 1) / 2, where sum w = 1 and the image is mirrored at its borders, whose
 * pixels are not repeated. Far from the borders, its standard deviation is about alpha / (12.3 sigma) pixels.
 *
 * They have the same bits on every machine: floats, added in a fixed order, and weights by multiplication only.
 */
#ifndef MNIST_ELASTIC_H
#define MNIST_ELASTIC_H

#include "support/random.h"

#include <stddef.h>
#include <stdint.h>

#define ELASTIC_MAX_SIGMA 100.0

/* Floats of memory for elastic_draw(); 0 if their bytes are too many for size_t. */
size_t elastic_room(int32_t height, int32_t width);

/*
 * Draws height x width displacements along x, in pixels, and then as many along y, to the beginning of `room`, which
 * has elastic_room() floats. sigma is above 0, up to ELASTIC_MAX_SIGMA.
 */
void elastic_draw(struct random_stream *random, double alpha, double sigma, int32_t height, int32_t width, float *room);

#endif
