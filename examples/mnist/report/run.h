/* SPDX-License-Identifier: MIT */
/* A line of runs.jsonl, as far as a report shows it. What a line does not have is NaN, NULL or empty. */
#ifndef MNIST_REPORT_RUN_H
#define MNIST_REPORT_RUN_H

#include "support/json_reader.h"

#include <stddef.h>
#include <stdint.h>

enum epoch_value {
    TRAIN_LOSS,
    TRAIN_ACCURACY,
    VALIDATION_LOSS,
    VALIDATION_ACCURACY,
    TEST_LOSS,
    TEST_ACCURACY,
    AVERAGE_VALIDATION_LOSS, /* of the averaged weights */
    AVERAGE_VALIDATION_ACCURACY,
    AVERAGE_TEST_LOSS,
    AVERAGE_TEST_ACCURACY,
    BATCH_LOSS, /* the test with the statistics of the batch */
    BATCH_ACCURACY,
    NEW_LOSS, /* the test with statistics that were computed anew */
    NEW_ACCURACY,
    PARAMETER_NORM,
    LEARNING_RATE, /* of the last step */
    MOMENTUM,
    EPOCH_VALUES
};

/* Their names in the files of curves. */
extern const char *const epoch_value_names[EPOCH_VALUES];

struct run_epoch {
    double values[EPOCH_VALUES];
};

/* A trained entry or the output of a layer. */
struct run_layer {
    char *name;
    double count, small; /* of an entry */
    double low, high;
    double *counts; /* per bin from low to high */
    size_t bins;
};

struct run_mistake {
    int64_t image;
    int32_t actual, predicted;
    double probability; /* of the predicted class */
};

struct run {
    char *id, *study, *data, *source, *failure, *summary; /* data: the checksums of the images; source: their name */
    int64_t seed, training_images, test_images;
    struct run_epoch *epochs;
    size_t epoch_count;
    struct run_layer *weights, *outputs;
    size_t weight_count, output_count;
    int64_t *confusion; /* classes x classes, row = actual */
    int32_t classes;
    struct run_mistake *mistakes;
    size_t mistake_count;
};

/* Takes what the line has. Returns 0, or reports that there is no memory. Free the run after a failure too. */
int run_take(struct run *run, const struct json_value *line);
void run_free(struct run *run);

/* The value of an epoch counted from 0; NaN if the run has no such epoch. */
double run_value(const struct run *run, size_t epoch, enum epoch_value value);

#endif
