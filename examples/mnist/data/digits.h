/* SPDX-License-Identifier: MIT */
/*
 * Generated digits, for machines without MNIST and without network access: images like those of MNIST (28 x 28, white
 * on black, the digit in a box of 20 x 20 around its centre of mass). A digit is drawn with a few pen strokes in one of
 * several shapes, with random shifts, bends, slant, proportions, pen and ink. Image i depends on the set and i alone
 * and has the same bits on every machine. The accuracy of a network on these images says nothing about handwriting.
 */
#ifndef MNIST_DIGITS_H
#define MNIST_DIGITS_H

#include <stdint.h>

enum { DIGITS_SIDE = 28, DIGITS_PIXELS = DIGITS_SIDE * DIGITS_SIDE, DIGITS_CLASSES = 10 };

/* Two sets of different images. */
enum digits_set { DIGITS_TRAIN, DIGITS_TEST };

/* Draws `count` images of a set from image `first`, DIGITS_PIXELS bytes each, and writes their labels. */
void digits_draw(enum digits_set set, int64_t first, int64_t count, uint8_t *images, uint8_t *labels);

#endif
