/* SPDX-License-Identifier: MIT */
#include "study/seed_run.h"

#include "support/interrupt.h"
#include "support/machine.h"
#include "support/minmax.h"
#include "support/report.h"
#include "training/average.h"
#include "training/pipeline.h"
#include "training/shifted_copies.h"
#include "training/steps.h"
#include "training/testing.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void seed_run_configure(const struct experiment *experiment, int64_t seed, const struct dataset *data,
                        struct settings *settings, normnet_config *config)
{
    experiment_settings(experiment, seed, settings);
    settings_configure(settings, data, config);
}

/* ---- Tests ------------------------------------------------------------------------------------- */

static struct score score_of(const struct test_result *result, const struct image_set *set)
{
    return (struct score){result->loss, 100.0 * (double)result->correct / (double)set->count};
}

static normnet_status measure(struct score *score, const struct seed_run *run, normnet_model *model,
                              const struct image_set *set, int32_t statistics, int32_t weights)
{
    normnet_predict_options options;
    struct test_result result;

    normnet_predict_options_init(&options);
    options.statistics = statistics;
    options.weights = weights;
    const normnet_status status = testing_measure(&result, model, &run->data, set, &options);
    *score = score_of(&result, set);
    return status;
}

/*
 * The first training images, as many as give statistics without noise, not augmented: the test images are not, either.
 */
static normnet_status update_statistics(normnet_model *model, const struct seed_run *run)
{
    enum { ENOUGH = 10240 };
    const int64_t images = int64_min(run->data.train.count, ENOUGH);
    normnet_config config = {.struct_size = sizeof config};
    normnet_tensor batch, labels;
    normnet_status status = normnet_model_config(model, &config);

    for (int64_t first = 0; status == NORMNET_OK && first < images; first += config.max_batch) {
        const int64_t count = int64_min(images - first, config.max_batch);

        if (first > 0 && count < config.max_batch)
            break; /* every batch counts the same */
        dataset_tensors(&run->data, run->data.train.images + (size_t)first * dataset_image_bytes(&run->data),
                        run->data.train.labels + first, count, &batch, &labels);
        status = normnet_update_statistics(model, &batch, first == 0);
    }
    return status;
}

static double parameter_norm(const normnet_model *model)
{
    normnet_state_info entry = {.struct_size = sizeof entry};
    double squares = 0;

    if (normnet_state(model, 0, &entry) != NORMNET_OK)
        return NAN;
    const float *parameters = entry.data; /* of all entries: they are in one array */
    for (int64_t i = 0; i < normnet_parameter_count(model); ++i)
        squares += (double)parameters[i] * (double)parameters[i];
    return sqrt(squares);
}

/* With a copy of the model, so that the training goes on as without these tests. */
static normnet_status compare_statistics(const struct seed_run *run, struct study_epoch *epoch)
{
    normnet_model *copy = NULL;
    normnet_status status = normnet_model_clone(&copy, run->model, NULL);

    if (status == NORMNET_OK)
        status = measure(&epoch->batch, run, copy, &run->data.test, NORMNET_STATISTICS_BATCH, NORMNET_WEIGHTS_CURRENT);
    if (status == NORMNET_OK)
        status = update_statistics(copy, run);
    if (status == NORMNET_OK)
        status =
            measure(&epoch->updated, run, copy, &run->data.test, NORMNET_STATISTICS_RUNNING, NORMNET_WEIGHTS_CURRENT);
    normnet_model_destroy(copy);
    epoch->parameter_norm = parameter_norm(run->model);
    return status;
}

/* With the current weights or their average. */
static normnet_status test_weights(const struct seed_run *run, int32_t weights, struct score *test,
                                   struct score *validation)
{
    normnet_status status = measure(test, run, run->model, &run->data.test, NORMNET_STATISTICS_RUNNING, weights);

    if (status == NORMNET_OK && run->experiment->validate > 0)
        status = measure(validation, run, run->model, &run->data.validation, NORMNET_STATISTICS_RUNNING, weights);
    return status;
}

/* Before the average begins, it is the current weights. */
static normnet_status test_average(const struct seed_run *run, struct study_epoch *epoch)
{
    epoch->average_test = epoch->test;
    epoch->average_validation = epoch->validation;
    if (!average_has_begun(run->model))
        return NORMNET_OK;
    return test_weights(run, NORMNET_WEIGHTS_AVERAGE, &epoch->average_test, &epoch->average_validation);
}

static normnet_status test_epoch(const struct seed_run *run, struct study_epoch *epoch)
{
    normnet_status status = test_weights(run, NORMNET_WEIGHTS_CURRENT, &epoch->test, &epoch->validation);

    if (status == NORMNET_OK && run->experiment->average > 0)
        status = test_average(run, epoch);
    if (status == NORMNET_OK && run->experiment->statistics)
        status = compare_statistics(run, epoch);
    return status;
}

static int measure_copies(struct score *score, struct shifted_copies *copies, const struct seed_run *run,
                          const struct image_set *set, int32_t weights)
{
    struct progress none = {.terminal = NULL};
    struct test_result result = {.weights = weights};

    const int code = shifted_test(&result, copies, &run->data, set, &none, run->experiment->id);
    *score = score_of(&result, set);
    return code;
}

static int test_copies_with(struct shifted_copies *copies, const struct seed_run *run, int32_t weights,
                            struct score *test, struct score *validation)
{
    int code = measure_copies(test, copies, run, &run->data.test, weights);

    if (code == 0 && run->experiment->validate > 0)
        code = measure_copies(validation, copies, run, &run->data.validation, weights);
    return code;
}

/* The last weights and their average, with shifted copies. */
static int test_copies(struct seed_run *run)
{
    struct shifted_copies copies;
    int code = shifted_open(&copies, run->model, run->experiment->tta);

    if (code == 0)
        code = test_copies_with(&copies, run, NORMNET_WEIGHTS_CURRENT, &run->tta_test, &run->tta_validation);
    if (code == 0 && run->experiment->average > 0)
        code = test_copies_with(&copies, run, NORMNET_WEIGHTS_AVERAGE, &run->tta_average_test,
                                &run->tta_average_validation);
    shifted_close(&copies);
    return code;
}

/* ---- Training ---------------------------------------------------------------------------------- */

/* Returns 0 if the failure of a step or a test is a result of the run; reports a lack of memory. */
static int note_failure(struct seed_run *run, const struct study_epoch *epoch, int64_t image, normnet_status status)
{
    if (status == NORMNET_ENOMEM)
        return report_error("%s, seed %" PRId64 ": %s", run->experiment->id, run->seed, normnet_error_message());
    if (status == NORMNET_OK)
        snprintf(run->failure, sizeof run->failure, "epoch %" PRId64 ": the test loss%s is %s", epoch->result.epoch,
                 isfinite(epoch->test.loss) ? " of the average" : "",
                 isnan(epoch->test.loss) || isnan(epoch->average_test.loss) ? "not a number" : "infinite");
    else
        snprintf(run->failure, sizeof run->failure, "epoch %" PRId64 ", image %" PRId64 ": %s", epoch->result.epoch,
                 image, normnet_error_message());
    return 0;
}

static int train_epoch(struct seed_run *run, struct pipeline *pipeline, struct training_state *training,
                       struct study_epoch *epoch, const struct run_watch *watch)
{
    normnet_metrics metrics = {.struct_size = sizeof metrics};
    normnet_status status = NORMNET_OK;
    const double start = seconds_now();
    int code = 0;

    *epoch = (struct study_epoch){.result.epoch = training->finished + 1};
    while (training->done < training->images && status == NORMNET_OK) {
        const int64_t before = training->done;

        if (interrupt_signal()) {
            run->stopped = true;
            return 0;
        }
        status = training_step(training, run->model, &run->data, pipeline, &metrics);
        watch->step(watch->user, run, training->done - before);
    }
    training->seconds = seconds_now() - start;
    epoch->result.lr = metrics.lr;
    epoch->momentum = metrics.momentum;
    if (status == NORMNET_OK)
        code = average_try_update(run->model, &run->data, &run->settings, epoch->result.epoch, &status);
    if (code != 0)
        return code;
    if (status == NORMNET_OK)
        status = test_epoch(run, epoch);
    if (status != NORMNET_OK || !isfinite(epoch->test.loss) || !isfinite(epoch->average_test.loss))
        return note_failure(run, epoch, training->done, status);
    training_end_epoch(training, &epoch->result);
    run->epochs = training->finished;
    return 0;
}

static int train_epochs(struct seed_run *run, const struct run_watch *watch)
{
    normnet_config config = {.struct_size = sizeof config};
    struct training_state training = {.images = run->data.train.count};
    struct pipeline *pipeline = NULL;

    normnet_model_config(run->model, &config);
    struct pipeline_options options = {
        .data = &run->data,
        .augment = &run->settings.augment_list,
        .batch = config.max_batch,
        .seed = run->seed,
        .last_batch = run->settings.epochs * pipeline_batches(run->data.train.count, config.max_batch),
    };
    int code = pipeline_open(&pipeline, &options);
    while (code == 0 && training.finished < run->settings.epochs && !run->failure[0] && !run->stopped)
        code = train_epoch(run, pipeline, &training, &run->history[training.finished], watch);
    pipeline_close(pipeline);
    return code;
}

int seed_run_train(struct seed_run *run, const struct experiment *experiment, int64_t seed, const struct dataset *whole,
                   const struct run_watch *watch)
{
    const double start = seconds_now();
    normnet_config config;

    *run = (struct seed_run){.experiment = experiment, .seed = seed};
    int code = dataset_divide(&run->data, whole, experiment->limit, experiment->validate);
    if (code != 0)
        return code;
    run->history = calloc((size_t)experiment->epochs, sizeof *run->history);
    if (!run->history)
        return report_error("not enough memory for %" PRId64 " epochs", experiment->epochs);
    seed_run_configure(experiment, seed, &run->data, &run->settings, &config);
    if (normnet_model_create(&run->model, &config) != NORMNET_OK)
        return report_error("%s: %s", experiment->id, normnet_error_message());
    code = train_epochs(run, watch);
    if (code == 0 && !run->stopped && !run->failure[0] && experiment->tta > 0)
        code = test_copies(run);
    if (code == 0 && !run->stopped)
        code = portrait_take(&run->portrait, run->model, &run->data);
    run->seconds = seconds_now() - start;
    return code;
}

void seed_run_close(struct seed_run *run)
{
    portrait_free(&run->portrait);
    normnet_model_destroy(run->model);
    dataset_close_part(&run->data);
    free(run->history);
    *run = (struct seed_run){.experiment = NULL};
}
