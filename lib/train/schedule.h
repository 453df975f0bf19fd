/* SPDX-License-Identifier: MIT */
/* Learning rate and momentum as functions of the step: constant, StepLR and OneCycleLR of PyTorch. */
#ifndef NORMNET_TRAIN_SCHEDULE_H
#define NORMNET_TRAIN_SCHEDULE_H

#include "normnet.h"

/* The largest number of training steps: a double holds it exactly. */
#define NORMNET__MAX_STEPS ((int64_t)1 << 52)

struct rate {
    double lr, momentum;
};

/* For a validated configuration and 0 <= step, below total_steps for one-cycle. */
struct rate normnet__one_cycle_rate(const normnet_config *config, int64_t step);
struct rate normnet__step_rate(const normnet_config *config, int64_t step);

/* By config->schedule. */
struct rate normnet__scheduled_rate(const normnet_config *config, int64_t step);

#endif
