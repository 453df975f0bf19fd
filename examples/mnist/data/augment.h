/* SPDX-License-Identifier: MIT */
/*
 * Random changes to training images, so that the network never sees the same image twice. They are the transforms of
 * torchvision on PIL images: 8-bit images before and after every operation, which are sampled about the image centre in
 * PIL's 16.16 fixed point. With the same angles, shifts and factors and nearest-neighbour sampling, grey images have
 * the same bytes as with Pillow 13.0.
 *
 *     SPEC   none | ENTRY,ENTRY,...                         the list is applied from left to right
 *     ENTRY  rotate | affine | elastic                      the recipes below, and elastic with its defaults
 *            | OPERATION:PARAMETER,PARAMETER,...            "," and ":" both separate parameters, so an
 *                                                           entry ends where ",OPERATION" follows
 *     rotate:DEG or rotate:deg=DEG    RandomRotation: an angle from -DEG to DEG
 *            fill=G                   grey level, 0 to 255, of pixels from outside the image [0]
 *            interpolation=HOW        nearest, or bilinear (below) [nearest]
 *     affine:deg=DEG                  RandomAffine: an angle from -DEG to DEG
 *            shear=DEG                shear along x by an angle from -DEG to DEG
 *            translate=T              a shift of up to T of the width and T of the height, in whole pixels
 *            scale=LOW-HIGH           a factor from LOW to HIGH
 *            fill=G                   as above [0]
 *            interpolation=HOW        as above [nearest]
 *     elastic:alpha=A                 ElasticTransform: each pixel moves by smooth noise (elastic.h) of strength A [50]
 *            sigma=S                  standard deviation of the Gaussian that smooths it, in pixels [5]
 *            fill=G                   as above [0]
 *            interpolation=HOW        as above [bilinear]
 *     jitter:V                        ColorJitter: a brightness and a contrast factor, each from 1 - V
 *                                     to 1 + V, in random order
 *            brightness=V contrast=V  set separately
 *
 * With bilinear interpolation, a pixel whose source lies in the image is the mean of the four pixels around its source,
 * weighted by nearness to 2^-16 and rounded; beyond the centres of the border pixels these are repeated. The random
 * numbers and the sources are those of nearest-neighbour sampling. (PIL computes in double and rounds down.)
 *
 * Brightness changes a pixel x to clamp(f * x), and contrast to clamp(m + f * (x - m)), rounded down, where m is the
 * rounded mean of the image. (It is the mean over all channels; torchvision weighs the colours of an RGB image.)
 *
 * The short names are the recipes of the published experiments:
 * `rotate` = rotate:7:fill=1 and
 * `affine` = rotate:6:fill=1,affine:deg=7,shear=7,translate=.1,scale=.8-1.2,jitter:.4
 *
 * The result depends only on the random stream and has the same bits on every machine: angles are computed with angle.h
 * and pixels with integers.
 */
#ifndef MNIST_AUGMENT_H
#define MNIST_AUGMENT_H

#include "support/random.h"

#include <stddef.h>
#include <stdint.h>

enum { AUGMENT_MAX = 16 }; /* maximum number of operations in a list */

enum augment_kind { AUGMENT_ROTATE, AUGMENT_AFFINE, AUGMENT_ELASTIC, AUGMENT_JITTER };
enum augment_interpolation { AUGMENT_NEAREST, AUGMENT_BILINEAR };

struct augment_operation {
    enum augment_kind kind;
    double degrees, shear, translate, scale_low, scale_high; /* rotate and affine */
    double alpha, sigma;                                     /* elastic */
    double fill, interpolation;                              /* of all three; enum augment_interpolation */
    double brightness, contrast;                             /* jitter */
};

struct augment_list {
    int count;
    struct augment_operation operations[AUGMENT_MAX];
};

/* Parses SPEC. Returns 0, or reports what is wrong and at which column of `name`, e.g. "--augment". */
int augment_parse(struct augment_list *list, const char *text, const char *name);

/* Bytes that augment_apply() needs for images of this shape; 0 if their number is too large for size_t. */
size_t augment_scratch_bytes(const struct augment_list *list, int32_t channels, int32_t height, int32_t width);

/* Changes one image of channels x height x width bytes in place. `scratch` is aligned as by malloc(). */
void augment_apply(const struct augment_list *list, struct random_stream *random, uint8_t *image, void *scratch,
                   int32_t channels, int32_t height, int32_t width);

#endif
