/* SPDX-License-Identifier: MIT */
/*
 * Generated digits: pictures like those of MNIST (28 x 28, white ink on black, the digit in a box of
 * 20 x 20 around its centre of mass) for machines without MNIST and without a network. A digit is a few
 * pen strokes in one of several manners of writing it. Every picture has its own shaken points, bends,
 * slant, proportions, pen and ink. Image i is a function of the set and i alone, with the same bits on
 * every machine. What a network reaches on them says nothing about handwriting.
 */
#ifndef MNIST_DIGITS_H
#define MNIST_DIGITS_H

#include <stdint.h>

enum { DIGITS_SIDE = 28, DIGITS_PIXELS = DIGITS_SIDE * DIGITS_SIDE, DIGITS_CLASSES = 10 };

/* Two sets without a picture in common. */
enum digits_set { DIGITS_TRAIN, DIGITS_TEST };

/* Draws the images 0 to count - 1 of a set and their labels. */
void digits_draw(enum digits_set set, int64_t count, uint8_t *images, uint8_t *labels);

#endif
