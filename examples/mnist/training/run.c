/* SPDX-License-Identifier: MIT */
#include "training/run.h"

#include "support/file_system.h"
#include "support/interrupt.h"
#include "support/machine.h"
#include "support/report.h"
#include "support/text.h"
#include "training/average.h"
#include "training/results.h"
#include "training/steps.h"
#include "training/testing.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool run_continues(const struct run *run)
{
    return run->settings.resume && !run->settings.new_cycle;
}

bool run_saves_in_place(const struct run *run)
{
    const struct settings *settings = &run->settings;

    return run_continues(run) && settings->save && file_same(settings->save, settings->resume);
}

int run_save(struct run *run)
{
    if (!run->settings.save)
        return 0;
    progress_clear(&run->progress); /* in case there is an error message */
    int code = file_claim_check(&run->save_claim);
    if (code == 0)
        code = checkpoint_save(run->settings.save, run->model, &run->settings, &run->training);
    if (code == 0)
        file_claim_update(&run->save_claim);
    return code;
}

int run_write_results(struct run *run)
{
    if (!run->settings.json)
        return 0;
    progress_clear(&run->progress);
    int code = file_claim_check(&run->json_claim);
    if (code == 0)
        code = results_write(&run->settings, &run->data, run->model, &run->training, run->failure);
    if (code == 0)
        file_claim_update(&run->json_claim);
    return code;
}

/* Takes over the text, which is NULL without memory. */
static int fail(struct run *run, char *text)
{
    snprintf(run->failure, sizeof run->failure, "%s", text ? text : "not enough memory");
    free(text);
    progress_clear(&run->progress);
    return report_error("%s", run->failure);
}

static int train_batch(struct run *run, int64_t epoch, double *lr)
{
    struct training_state *training = &run->training;
    normnet_metrics metrics = {.struct_size = sizeof metrics};

    if (training_step(training, run->model, &run->data, run->pipeline, &metrics) != NORMNET_OK)
        return fail(
            run, text_of("epoch %" PRId64 ", image %" PRId64 ": %s", epoch, training->done, normnet_error_message()));
    *lr = metrics.lr;
    progress_draw(&run->progress, epoch, training->done, training->correct, training->loss_sum);
    return 0;
}

int run_train_epoch(struct run *run, struct epoch_result *result)
{
    struct training_state *training = &run->training;
    const int64_t save_every = run->settings.save_every;
    const double start = seconds_now() - training->seconds;
    int code = 0;

    while (code == 0 && training->done < training->images && !interrupt_signal()) {
        code = train_batch(run, result->epoch, &result->lr);
        training->seconds = seconds_now() - start;
        /* The last step of an epoch is saved after the test. */
        if (code == 0 && save_every > 0 && normnet_steps_taken(run->model) % save_every == 0 &&
            training->done < training->images)
            code = run_save(run);
    }
    return code;
}

/* A loss that is not finite could not be read from a checkpoint, and the older checkpoint is of more use. */
static int test_set(struct run *run, int64_t epoch, const struct image_set *set, int32_t weights, const char *name,
                    double *loss, double *accuracy)
{
    struct test_result tested = {.weights = weights};
    char title[64];

    snprintf(title, sizeof title, "epoch %" PRId64 ", %s", epoch, name);
    int code = testing_run(&tested, run->model, &run->data, set, &run->progress, title);
    if (code != 0) {
        snprintf(run->failure, sizeof run->failure, "%s: %s", title, normnet_error_message());
        return code;
    }
    if (!isfinite(tested.loss))
        return fail(run,
                    text_of("epoch %" PRId64 ": the %s loss is %g: the training has diverged; a smaller --lr may help",
                            epoch, name, fabs(tested.loss)));
    *loss = tested.loss;
    *accuracy = 100.0 * (double)tested.correct / (double)tested.images;
    return 0;
}

static int test_weights(struct run *run, struct epoch_result *result)
{
    int code = 0;

    if (run->data.validation.count > 0)
        code = test_set(run, result->epoch, &run->data.validation, NORMNET_WEIGHTS_CURRENT, "validation",
                        &result->validation_loss, &result->validation_accuracy);
    return code == 0 ? test_set(run, result->epoch, &run->data.test, NORMNET_WEIGHTS_CURRENT, "test",
                                &result->test_loss, &result->test_accuracy)
                     : code;
}

static int test_average(struct run *run, struct epoch_result *result)
{
    normnet_status status;
    int code = average_try_update(run->model, &run->data, &run->settings, result->epoch, &status);

    if (code == 0 && status != NORMNET_OK)
        code = fail(run, text_of("epoch %" PRId64 ", statistics of the averaged weights: %s", result->epoch,
                                 normnet_error_message()));
    if (code == 0 && run->data.validation.count > 0)
        code = test_set(run, result->epoch, &run->data.validation, NORMNET_WEIGHTS_AVERAGE, "validation (average)",
                        &result->average_validation_loss, &result->average_validation_accuracy);
    return code == 0 ? test_set(run, result->epoch, &run->data.test, NORMNET_WEIGHTS_AVERAGE, "test (average)",
                                &result->average_test_loss, &result->average_test_accuracy)
                     : code;
}

int run_test(struct run *run, struct epoch_result *result)
{
    const int code = test_weights(run, result);

    if (code != 0 || !average_is_kept(run->model))
        return code;
    if (average_has_begun(run->model))
        return test_average(run, result);
    result->average_validation_loss = result->validation_loss; /* of the same weights */
    result->average_validation_accuracy = result->validation_accuracy;
    result->average_test_loss = result->test_loss;
    result->average_test_accuracy = result->test_accuracy;
    return 0;
}

/* With --average the best epoch is the one with the best average, whose weights are written. */
static int update_best(struct run *run, const struct epoch_result *result)
{
    struct epoch_result averaged = *result;
    normnet_model *average = NULL;

    if (!run->best.path || !average_is_kept(run->model))
        return best_file_update(&run->best, run->model, result, &run->training);
    averaged.validation_loss = result->average_validation_loss;
    averaged.validation_accuracy = result->average_validation_accuracy;
    averaged.test_loss = result->average_test_loss;
    averaged.test_accuracy = result->average_test_accuracy;
    if (normnet_model_clone_average(&average, run->model, NULL) != NORMNET_OK)
        return report_error("%s", normnet_error_message());
    const int code = best_file_update(&run->best, average, &averaged, &run->training);
    normnet_model_destroy(average);
    return code;
}

/* The files are written before the line is printed, so that a printed epoch is a saved one. */
int run_finish_epoch(struct run *run, struct epoch_result *result)
{
    int code = run_test(run, result);
    if (code != 0)
        return code;
    training_end_epoch(&run->training, result);
    code = update_best(run, result);
    if (code == 0)
        code = run_save(run);
    const int written = run_write_results(run);
    progress_epoch(&run->progress, result);
    return code ? code : written;
}

void run_close(struct run *run)
{
    pipeline_close(run->pipeline);
    normnet_model_destroy(run->model);
    dataset_close(&run->data);
    free(run->training.history);
    checkpoint_close(&run->resumed);
    best_file_close(&run->best);
    class_names_free(&run->classes);
    file_claim_release(&run->report_claim);
    file_claim_release(&run->json_claim);
    file_claim_release(&run->save_claim);
}
