/* SPDX-License-Identifier: MIT */
/* What a trained network looks like: its mistakes, how its weights and outputs are spread, and which weights it needs.
 */
#ifndef MNIST_PORTRAIT_H
#define MNIST_PORTRAIT_H

#include "data/dataset.h"
#include "support/json.h"

#include <normnet.h>
#include <stdint.h>

enum { HISTOGRAM_BINS = 32 };

/* Counts of values in bins of equal width from `low` to `high`, the extremes. */
struct histogram {
    double low, high;
    int64_t counts[HISTOGRAM_BINS];
};

/* A trained entry of the state. */
struct weight_portrait {
    const char *name; /* belongs to the model */
    int64_t count, small;
    double norm; /* Euclidean */
    struct histogram histogram;
};

/* The outputs of a layer for the first test images. */
struct output_portrait {
    const char *token; /* belongs to the model */
    double mean, sd, zero_share;
    struct histogram histogram;
};

struct mistake {
    int64_t image; /* of the test images, from 0 */
    int32_t actual, predicted;
    double probability, actual_probability; /* of the two classes */
};

struct portrait {
    int32_t classes;
    int64_t *confusion; /* classes x classes, row = actual, column = predicted */
    struct mistake *mistakes;
    int64_t mistake_count; /* in `mistakes`; all mistakes are in `confusion` */
    struct weight_portrait *weights;
    int32_t weight_count;
    struct output_portrait *outputs;
    int32_t output_count;
    /* The test after weights of convolutions and fully connected layers below SMALL_WEIGHT were set to 0. */
    double pruned_share, pruned_loss, pruned_accuracy;
};

/* Returns 0, or reports what has failed. Free the portrait after a failure too. */
int portrait_take(struct portrait *portrait, normnet_model *model, const struct dataset *data);
void portrait_free(struct portrait *portrait);

/* Writes it as members of an object. */
void portrait_write(struct json_writer *json, const struct portrait *portrait);

#endif
