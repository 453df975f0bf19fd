/* SPDX-License-Identifier: MIT */
#include "training/range_test.h"

#include "support/interrupt.h"
#include "support/machine.h"
#include "support/minmax.h"
#include "support/report.h"
#include "training/config_message.h"
#include "training/pipeline.h"
#include "training/progress.h"

#include <inttypes.h>
#include <math.h>

static const double smoothing = 0.95, divergence = 4;

/* By multiplications alone: pow() differs between machines in the last bits, and so would the losses. */
static double power(double base, int64_t exponent)
{
    double result = 1;

    while (exponent > 0) {
        if (exponent & 1)
            result *= base;
        base *= base;
        exponent >>= 1;
    }
    return result;
}

/* The factor per step, whose power max_steps - 1 is the whole range. */
static double growth(const struct range_test *range)
{
    const double ratio = range->highest / range->lowest;
    double low = 1, high = ratio;

    for (int i = 0; i < 200; ++i) {
        const double middle = low + (high - low) / 2;

        if (power(middle, range->max_steps - 1) > ratio)
            high = middle;
        else
            low = middle;
    }
    return low;
}

/* Takes one step. `*finite` is false if the library refuses it because the training has diverged. */
static int take_step(struct range_step *step, normnet_model *model, struct pipeline *pipeline,
                     const struct dataset *data, double momentum, bool *finite)
{
    const uint8_t *batch_images, *batch_labels;
    normnet_metrics metrics = {.struct_size = sizeof metrics};
    normnet_tensor images, labels;

    const int64_t count = pipeline_next(pipeline, &batch_images, &batch_labels);
    dataset_tensors(data, batch_images, batch_labels, count, &images, &labels);
    normnet_status status = normnet_set_learning_rate(model, step->lr, momentum);
    if (status != NORMNET_OK)
        return config_report(status);
    status = normnet_train_step(model, &images, &labels, &metrics);
    step->loss = metrics.loss;
    *finite = status == NORMNET_OK && isfinite(metrics.loss);
    return status == NORMNET_OK || status == NORMNET_EVALUE ? 0 : report_error("%s", normnet_error_message());
}

/* Adds the step to the average; returns whether the loss is that of a training that has diverged. */
static bool add_step(struct range_test *range, struct range_step *step, double *average, double *minimum)
{
    *average = smoothing * *average + (1 - smoothing) * step->loss;
    ++range->count;
    step->smoothed = *average / (1 - power(smoothing, range->count));
    *minimum = double_min(*minimum, step->smoothed);
    return step->smoothed > divergence * *minimum;
}

int range_test_run(struct range_test *range, normnet_model *model, const struct dataset *data,
                   const struct settings *settings)
{
    normnet_config config = {.struct_size = sizeof config};
    struct pipeline *pipeline = NULL;
    const double factor = growth(range), started = seconds_now();
    struct progress progress = progress_open();
    double average = 0, minimum = HUGE_VAL;

    normnet_model_config(model, &config);
    int code = pipeline_open(&pipeline, &(struct pipeline_options){
                                            .data = data,
                                            .augment = &settings->augment_list,
                                            .batch = config.max_batch,
                                            .seed = settings->seed,
                                            .last_batch = range->max_steps,
                                        });
    range->count = 0;
    while (code == 0 && range->count < range->max_steps && !range->diverged && !range->stopped) {
        struct range_step *step = &range->steps[range->count];
        bool finite = false;

        step->lr = range->lowest * power(factor, range->count);
        code = take_step(step, model, pipeline, data, settings->momentum, &finite);
        range->diverged = !finite || add_step(range, step, &average, &minimum);
        range->stopped = interrupt_signal() != 0;
        progress_draw_test(&progress, started, int64_max(range->count, 1) * config.max_batch,
                           range->max_steps * config.max_batch);
    }
    progress_clear(&progress);
    pipeline_close(pipeline);
    return code;
}

/* The standard deviation of the losses of batches, up to step `last`: from differences, so that a trend hardly counts.
 */
static double noise_until(const struct range_test *range, int64_t last)
{
    double sum = 0;

    for (int64_t i = 1; i <= last; ++i) {
        const double difference = range->steps[i].loss - range->steps[i - 1].loss;

        sum += difference * difference;
    }
    return sqrt(sum / (double)last / 2);
}

/*
 * The square of the standard error of the smoothed loss at this step, for losses of variance 1: that of an exponential
 * moving average, or, of the few first losses, that of their mean.
 */
static double smoothed_variance(int64_t step)
{
    return double_max((1 - smoothing) / (1 + smoothing), 1 / (double)(step + 1));
}

/* Whether the smoothed loss falls between two steps by more than the differences between batches explain. */
static bool falls(const struct range_test *range, int64_t first, int64_t minimum)
{
    const double errors = 3;  /* of the difference; the minimum is the lowest of many values, which 2 would not cover */
    const double flat = 1e-9; /* what rounding may change in the average of equal losses */

    if (minimum <= first)
        return false;
    const double fall = range->steps[first].smoothed - range->steps[minimum].smoothed;
    const double error = noise_until(range, minimum) * sqrt(smoothed_variance(first) + smoothed_variance(minimum));
    return fall > double_max(errors * error, flat);
}

bool range_test_choose(const struct range_test *range, struct range_choice *choice)
{
    const int64_t first = int64_max(range->max_steps / 10, 1);
    double steepest = 0;

    *choice = (struct range_choice){.minimum = first};
    for (int64_t i = first; i < range->count; ++i) {
        if (range->steps[i].smoothed < range->steps[choice->minimum].smoothed)
            choice->minimum = i;
    }
    if (!falls(range, first, choice->minimum))
        return false;
    /* The steps are equally far apart on the logarithmic axis. */
    for (int64_t i = first; i < choice->minimum; ++i) {
        const double fall = range->steps[i - 1].smoothed - range->steps[i + 1].smoothed;

        if (fall > steepest) {
            steepest = fall;
            choice->steepest = i;
        }
    }
    choice->lr = double_min(range->steps[choice->steepest].lr, range->steps[choice->minimum].lr / 10);
    choice->lr = double_max(choice->lr, range->lowest);
    return true;
}
