/* SPDX-License-Identifier: MIT */
/*
 * The average of the parameters over the training steps, as PyTorch's AveragedModel. With the parameters p after a step
 * and the average a before it:
 *
 *     a = p                                     up to step `from`, counted from 0
 *     a = a + (1 - decay) (p - a)               later
 *     a = a + (p - a) / (1 + steps since from)  instead if decay is 1
 *
 * Computed in double and rounded once when stored. The running statistics are those of the model after each step. To
 * pack an average for the kernels takes as long as a part of a step, so that it waits until someone computes with it.
 */
#ifndef NORMNET_TRAIN_WEIGHT_AVERAGE_H
#define NORMNET_TRAIN_WEIGHT_AVERAGE_H

#include "train/weights.h"

#include <stdatomic.h>
#include <stdbool.h>

struct weight_average {
    bool kept;    /* whether there is an average: config.average_decay is not 0 */
    double decay; /* config.average_decay */
    int64_t from; /* config.average_from */
    struct weights weights;
    atomic_int begun, prepared; /* layers, since the weights were last changed */
};

/* Compares no numbers: some callers are in the floating-point mode of the program. */
static inline bool normnet__is_averaging(const struct weight_average *average)
{
    return average->kept;
}

/* The share of the newest parameters in the average after step `step`; 1 as long as the average follows them. */
double normnet__newest_share(const struct weight_average *average, int64_t step);

/* Allocates the weights of an average whose decay is set, if there is one. */
void normnet__alloc_average(struct arena *arena, const struct network *network, struct weight_average *average);

/* After the weights of the average were changed. */
void normnet__touch_average(struct weight_average *average);

/* Before they are used. Several readers may call it at the same time: they share the work. */
void normnet__prepare_average(const struct network *network, struct weight_average *average);

/*
 * After weights were set from outside, `steps` steps having been taken: an average that has not begun is equal to them,
 * and one that has begun stays.
 */
void normnet__follow_weights(const struct network *network, struct weight_average *average, int64_t steps,
                             const struct weights *weights);

#endif
