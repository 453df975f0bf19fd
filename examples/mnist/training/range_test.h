/* SPDX-License-Identifier: MIT */
/*
 * The learning-rate range test (Smith 2015): a training run whose learning rate grows by a constant factor per step.
 * Of N steps, step i has the rate
 *
 *     lowest * (highest / lowest)^(i / (N - 1))
 *
 * The loss is smoothed as fastai does: an exponential moving average with factor 0.95, divided by 1 - 0.95^(i + 1). The
 * test ends early when the smoothed loss is more than 4 times its minimum, or when the library finds that a loss or a
 * weight is not finite: the training has diverged.
 */
#ifndef MNIST_RANGE_TEST_H
#define MNIST_RANGE_TEST_H

#include "data/dataset.h"
#include "training/settings.h"

#include <normnet.h>
#include <stdbool.h>

struct range_step {
    double lr, loss, smoothed;
};

struct range_test {
    double lowest, highest; /* learning rates */
    int64_t max_steps;
    struct range_step *steps; /* of max_steps */
    int64_t count;            /* steps with a finite loss */
    bool diverged, stopped;   /* why there are fewer: divergence or a signal */
};

/*
 * Runs the test on a new model with a constant schedule. range->steps has room for max_steps. Returns 0, or reports a
 * failure.
 */
int range_test_run(struct range_test *range, normnet_model *model, const struct dataset *data,
                   const struct settings *settings);

/*
 * The two usual choices, counted by steps: where the smoothed loss falls fastest over the logarithm of the rate, and
 * the minimum of the smoothed loss. Both leave out the first tenth of the steps, where the average is of few losses.
 * The suggestion is the smaller of the rate of steepest descent and a tenth of the rate of the minimum, but not less
 * than the lowest rate. False if the smoothed loss falls from the first of these steps to the minimum by no more than
 * three standard errors, which are estimated from the differences of the losses of neighbouring steps.
 */
struct range_choice {
    int64_t steepest, minimum;
    double lr;
};
bool range_test_choose(const struct range_test *range, struct range_choice *choice);

#endif
