/* SPDX-License-Identifier: MIT */
/* Testing a model with images of a data set. */
#ifndef MNIST_TESTING_H
#define MNIST_TESTING_H

#include "data/dataset.h"
#include "training/progress.h"

#include <normnet.h>

struct test_result {
    int32_t weights;         /* normnet_weights: with which to test */
    double loss;             /* mean per image, with the label smoothing of the training */
    int64_t images, correct; /* tested images, and those whose class was predicted correctly */
    int64_t *confusion;      /* classes x classes counts, row = label, column = prediction; NULL = not counted */
};

/*
 * Calls normnet_evaluate() for all images of `set`, which has the shape of the data, chunk by chunk. `options` may be
 * NULL; with the statistics of the batch, a chunk is a batch of the training. result->confusion is not counted.
 */
normnet_status testing_measure(struct test_result *result, normnet_model *model, const struct dataset *data,
                               const struct image_set *set, const normnet_predict_options *options);

/*
 * The same with the weights result->weights; shows a bar if it takes long, and reports a failure after `name`, or
 * returns 0. result->confusion must hold zeros or be NULL.
 */
int testing_run(struct test_result *result, normnet_model *model, const struct dataset *data,
                const struct image_set *set, struct progress *progress, const char *name);

#endif
