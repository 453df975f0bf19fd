/* SPDX-License-Identifier: MIT */
/*
 * The data flow of a training step:
 *
 *     compute    forward, loss, backward; the gradient is pending then
 *     apply      divide, penalize, clip, update, commit statistics, advance
 *
 * Both leave everything as it was when they fail.
 */
#ifndef NORMNET_TRAIN_STEP_H
#define NORMNET_TRAIN_STEP_H

#include "net/training_pass.h"
#include "train/schedule.h"
#include "train/state.h"

/* What a step reads and changes. */
struct trainer {
    const normnet_config *config;
    const struct engine *engine;
    struct training_workspace *training;
    struct state *state;
};

/* NORMNET_ESTATE if the schedule has ended. */
normnet_status normnet__check_schedule(const struct trainer *trainer);

/*
 * Adds the gradient of the images, the first of which is sample `first_sample` of the whole batch. NORMNET_EVALUE if
 * the loss, a gradient or a statistic is not finite.
 */
normnet_status normnet__compute(const struct trainer *trainer, const struct images *images, const int32_t *labels,
                                int64_t first_sample, struct pass_result *result);

/* The metrics of an update. */
struct update {
    struct rate rate;
    double penalty, gradient_norm;
};

normnet_status normnet__apply(const struct trainer *trainer, int64_t images_in_all, struct update *update);

#endif
