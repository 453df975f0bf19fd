/* SPDX-License-Identifier: MIT */
/* Makes pictures of any size, colour and brightness into images like those that a model was trained on. */
#ifndef MNIST_FIT_H
#define MNIST_FIT_H

#include "data/picture.h"

#include <stdbool.h>

enum fit {
    FIT_AUTO,    /* pictures of another size: FIT_MNIST for models with one channel, otherwise FIT_STRETCH */
    FIT_NONE,    /* they are an error */
    FIT_STRETCH, /* scaled to the model's size */
    FIT_MNIST    /* all pictures: as MNIST's makers did, see fit_picture() */
};

enum invert { INVERT_AUTO, INVERT_YES, INVERT_NO };

/* The words of the command line, ended by NULL. */
extern const char *const fit_names[];
extern const char *const invert_names[];

/* What the model takes, and what to do. */
struct fit_target {
    int32_t channels, height, width;
    double mean; /* of the training images, 0 to 1; 0 = unknown */
    enum fit fit;
    enum invert invert;
};

/* What was done. */
struct fit_result {
    int32_t channels, height, width; /* of the picture */
    bool inverted, undecided;        /* undecided: a bright border, and nothing is known of the training images */
    double border;                   /* its brightness, 0 to 1, before */
    enum fit fit;                    /* never FIT_AUTO */
};

/* Whether the training images are ink on a background: of one channel, with a mean up to 0.35 or from 0.65. */
bool fit_takes_drawings(const struct fit_target *target);

/*
 * Whether images whose border has this brightness, 0 to 1, are to be inverted. INVERT_AUTO does that for drawings if
 * the training images are mostly dark and the border is bright, or the other way round.
 */
bool fit_inverts(const struct fit_target *target, double border);

/*
 * Replaces the picture by one of the target's shape. First it becomes grey or coloured, and is inverted. FIT_MNIST:
 * the smallest box around the digit is scaled by area to fit a box of 20/28 of the image, keeping its proportions, and
 * is placed so that its centre of mass is in the middle of the image. What the picture's border has most is background;
 * the digit's box is made of the pixels that differ from it by more than a quarter of what the farthest does, and
 * becomes as bright as can be. Returns 0, or reports why the picture `name` cannot be fitted.
 */
int fit_picture(struct picture *picture, const struct fit_target *target, bool inverts, struct fit_result *result,
                const char *name);

/* What was done, e.g. "inverted (...), scaled from 200 x 300 (...)"; free() it. NULL without memory or if nothing was.
 */
char *fit_text(const struct fit_target *target, const struct fit_result *result);

#endif
