/* SPDX-License-Identifier: MIT */
/* A model and the test images of a data set. */
#ifndef MNIST_TESTING_H
#define MNIST_TESTING_H

#include "data/dataset.h"
#include "training/progress.h"

#include <normnet.h>

struct test_result {
    double loss;             /* per image, with the label smoothing of the training */
    int64_t images, correct; /* how many were tested, and recognized */
    int64_t *confusion;      /* classes x classes counts, a row per label; NULL = not wanted */
};

/*
 * normnet_evaluate() over all test images, part by part, so that a test that takes its time shows how far it is.
 * Before, result->confusion holds zeros. Returns 0, or reports what is wrong with `name`.
 */
int testing_run(struct test_result *result, normnet_model *model, const struct dataset *data, struct progress *progress,
                const char *name);

#endif
