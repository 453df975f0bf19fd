/* SPDX-License-Identifier: MIT */
/*
 * Test-time augmentation: the probabilities of an image are the mean over copies of it that are shifted by x columns
 * and y rows, for all whole x and y from -radius to radius. The weight of a copy is
 *
 *     (radius + 1 - |x|) (radius + 1 - |y|) / (radius + 1)^4
 *
 * so that the weights sum to 1, and the image itself has the largest; with radius 1 they are 4/16, 2/16 and 1/16. What
 * comes in from outside repeats the pixels of the border.
 */
#ifndef MNIST_SHIFTED_COPIES_H
#define MNIST_SHIFTED_COPIES_H

#include "data/dataset.h"
#include "training/progress.h"
#include "training/testing.h"

#include <normnet.h>

enum { SHIFTED_MAX_RADIUS = 8, SHIFTED_CHUNK = 256 };

struct shifted_copies {
    normnet_model *model;
    normnet_config config;
    normnet_predict_options options;
    int32_t radius;
    uint8_t *images;       /* SHIFTED_CHUNK shifted images */
    float *scores;         /* and the probabilities of one shift */
    double *probabilities; /* SHIFTED_CHUNK x classes: the means */
};

/* Number of copies per image. */
int64_t shifted_count(int64_t radius);

/* Returns 0, or reports that there is not enough memory. Close it either way. */
int shifted_open(struct shifted_copies *copies, normnet_model *model, int64_t radius);
void shifted_close(struct shifted_copies *copies);

/*
 * Fills the probabilities of up to SHIFTED_CHUNK images, the same bits on every machine. Floats that overflow in the
 * network make those of an image NaN. Returns 0, or reports the failure after `name`.
 */
int shifted_predict(struct shifted_copies *copies, const uint8_t *images, int64_t count, const char *name);

/* The most probable class of image `place`, the first of equal ones; NaN is lower than any number. */
int32_t shifted_class(const struct shifted_copies *copies, int64_t place);

/*
 * testing_run() with these probabilities, of the weights result->weights. The loss is computed from the means; a mean
 * below 2^-126, the smallest normal float, counts as 2^-126.
 */
int shifted_test(struct test_result *result, struct shifted_copies *copies, const struct dataset *data,
                 const struct image_set *set, struct progress *progress, const char *name);

#endif
