/* SPDX-License-Identifier: MIT */
/*
 * The data flow of a training step:
 *
 *     compute    forward, loss, backward; the gradient sums wait
 *     apply      divide, penalize, clip, update, commit statistics, advance
 *
 * Both leave everything as it was when they fail.
 */
#ifndef NORMNET_TRAIN_STEP_H
#define NORMNET_TRAIN_STEP_H

#include "net/pass.h"
#include "train/schedule.h"
#include "train/state.h"

/* What a step works on. */
struct normnet__trainer {
    const normnet_config *config;
    const struct normnet__engine *engine;
    struct normnet__training *training;
    struct normnet__state *state;
};

/* NORMNET_ESTATE if the schedule has come to its end. */
normnet_status normnet__check_schedule(const struct normnet__trainer *trainer);

/*
 * Adds the gradient of the images, the first of which is sample `first_sample` of the whole batch. NORMNET_EVALUE if
 * the loss, a gradient or a statistic is not finite.
 */
normnet_status normnet__compute(const struct normnet__trainer *trainer, const struct normnet__images *images,
                                const struct normnet__labels *labels, int64_t first_sample,
                                struct normnet__training_result *result);

/* What apply says about the step. */
struct normnet__update {
    struct normnet__rate rate;
    double penalty, gradient_norm;
};

normnet_status normnet__apply(const struct normnet__trainer *trainer, int64_t images_in_all,
                              struct normnet__update *update);

#endif
