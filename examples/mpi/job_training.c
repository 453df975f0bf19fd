/* SPDX-License-Identifier: MIT */
#include "job.h"

#include "shared_model.h"
#include "support/interrupt.h"
#include "support/machine.h"
#include "support/report.h"
#include "training/testing.h"

#include <inttypes.h>
#include <math.h>

/* ---- A step -------------------------------------------------------------------------------------- */

/* What became of a rank's part of a step, from good to bad. */
enum outcome {
    FINE,
    STOPPED,          /* a signal was received: the step is the last one */
    PERHAPS_ANOTHERS, /* NORMNET_EVALUE, with which batch norm fails when another rank rejects its images */
    ITS_OWN           /* another failure */
};

static enum outcome outcome_of(normnet_status status)
{
    if (status != NORMNET_OK)
        return status == NORMNET_EVALUE ? PERHAPS_ANOTHERS : ITS_OWN;
    return interrupt_signal() ? STOPPED : FINE;
}

/* The gradients of this rank's part of the batch. */
static normnet_status compute_part(struct job *job, int64_t count, const uint8_t *pixels, const uint8_t *digits,
                                   normnet_metrics *metrics)
{
    const struct batch_part part = pipeline_part(&job->batches, count);
    normnet_tensor images, labels;
    normnet_batch place;

    dataset_tensors(&job->data, pixels + (size_t)part.first * dataset_image_bytes(&job->data), digits + part.first,
                    part.count, &images, &labels);
    normnet_batch_init(&place);
    place.first_sample = part.first;
    place.images_in_all = count;
    job->whole = part.whole;
    const normnet_status status = normnet_compute_gradients(job->model, &images, &labels, &place, metrics);
    if (status == NORMNET_OK && (!part.whole || job->ranks.rank == 0)) {
        job->training.correct += metrics->correct;
        job->training.loss_sum += metrics->loss * (double)part.count;
        job->counted += part.count;
    }
    return status;
}

/* Adds the gradients of all ranks, and makes the step. */
static normnet_status apply_sum(struct job *job, int64_t images)
{
    double *gradients;
    int64_t count;
    const normnet_status status = normnet_gradients(job->model, &gradients, &count);

    if (status != NORMNET_OK)
        return status;
    if (!job->whole)
        ranks_sum(&job->ranks, gradients, count);
    return normnet_apply_gradients(job->model, images);
}

/* `*stop` is whether a rank has received a signal. */
static int train_batch(struct job *job, int64_t epoch, bool *stop)
{
    struct training_state *training = &job->training;
    normnet_metrics metrics = {.struct_size = sizeof metrics};
    const uint8_t *pixels, *digits;
    const int64_t count = pipeline_next(job->pipeline, &pixels, &digits);
    normnet_status status = compute_part(job, count, pixels, digits, &metrics);
    const enum outcome outcome = outcome_of(status), worst = (enum outcome)ranks_agree(&job->ranks, (int)outcome);
    int32_t speaker = 0;

    *stop = worst == STOPPED;
    if (worst <= STOPPED)
        status = apply_sum(job, count); /* the same in all ranks */
    else
        speaker = ranks_find_worst(&job->ranks, (int)outcome);
    if (worst > STOPPED || status != NORMNET_OK)
        return job->ranks.rank != speaker ? EXIT_FAILED
                                          : report_error("epoch %" PRId64 ", image %" PRId64 ": %s", epoch,
                                                         training->done, normnet_error_message());
    training->done += count;
    return 0;
}

/* With the accuracy and loss of rank 0's images, which stand for those of the others. */
static void draw(struct job *job, int64_t epoch)
{
    const struct training_state *training = &job->training;
    double share;

    if (job->ranks.rank > 0)
        return;
    share = (double)training->done / (double)job->counted;
    progress_draw(&job->progress, epoch, training->done, (int64_t)((double)training->correct * share),
                  training->loss_sum * share);
}

/* ---- An epoch ------------------------------------------------------------------------------------ */

void job_collect(struct job *job)
{
    struct training_state *training = &job->training;
    double sums[2] = {(double)training->correct, training->loss_sum};

    ranks_sum(&job->ranks, sums, 2);
    training->correct = job->ranks.rank == 0 ? (int64_t)sums[0] : 0;
    training->loss_sum = job->ranks.rank == 0 ? sums[1] : 0;
    job->counted = job->ranks.rank == 0 ? training->done : 0;
}

int job_save(struct job *job)
{
    int code = 0;

    if (!job->settings.save)
        return 0;
    if (job->ranks.rank == 0) {
        progress_clear(&job->progress);
        code = file_claim_check(&job->claim);
        if (code == 0)
            code = checkpoint_save(job->settings.save, job->model, &job->settings, &job->training);
        if (code == 0)
            file_claim_update(&job->claim);
    }
    return ranks_agree(&job->ranks, code);
}

/* That of the last step. */
static double learning_rate(const struct job *job)
{
    normnet_config config = {.struct_size = sizeof config};
    double lr = 0;

    normnet_model_config(job->model, &config);
    normnet_one_cycle_lr(&config, normnet_steps_taken(job->model) - 1, &lr, NULL);
    return lr;
}

/* Within an epoch: its last step is saved after the test. */
static int save_if_due(struct job *job)
{
    const int64_t every = job->settings.save_every;

    if (every == 0 || normnet_steps_taken(job->model) % every != 0 || job->training.done == job->training.images)
        return 0;
    job_collect(job);
    return job_save(job);
}

int job_train_epoch(struct job *job, struct epoch_result *result)
{
    struct training_state *training = &job->training;
    const double start = seconds_now() - training->seconds;
    bool stop = false;
    int code = 0;

    while (code == 0 && !stop && training->done < training->images) {
        code = train_batch(job, result->epoch, &stop);
        training->seconds = seconds_now() - start;
        if (code == 0) {
            draw(job, result->epoch);
            code = save_if_due(job);
        }
    }
    if (code != 0)
        return code;
    result->lr = learning_rate(job);
    job_collect(job);
    return 0;
}

/* ---- The test ------------------------------------------------------------------------------------ */

/* A rank's share of some images; sums[0] is the loss. */
static int test_share(struct job *job, struct image_set set, double sums[2])
{
    struct test_result tested;
    int64_t first;

    sums[0] = sums[1] = 0;
    normnet_shard(set.count, job->ranks.count, job->ranks.rank, &first, &set.count);
    if (set.count == 0)
        return 0;
    set.images += (size_t)first * dataset_image_bytes(&job->data);
    set.labels += first;
    if (testing_measure(&tested, job->model, &job->data, &set, NULL) != NORMNET_OK)
        return report_error("test: %s", normnet_error_message());
    sums[0] = tested.loss * (double)set.count;
    sums[1] = (double)tested.correct;
    return 0;
}

static int test_set(struct job *job, int64_t epoch, const struct image_set *set, double *loss, double *accuracy)
{
    double sums[2];
    const int code = ranks_agree(&job->ranks, test_share(job, *set, sums));

    if (code != 0)
        return code;
    ranks_sum(&job->ranks, sums, 2);
    *loss = sums[0] / (double)set->count;
    *accuracy = 100.0 * sums[1] / (double)set->count;
    if (isfinite(*loss))
        return 0;
    return job->ranks.rank > 0 ? EXIT_FAILED
                               : report_error("epoch %" PRId64 ": the loss of a test is not finite: the training has "
                                              "diverged; a smaller --lr may help",
                                              epoch);
}

int job_test(struct job *job, struct epoch_result *result)
{
    /* Each rank has its own running statistics then; those of rank 0 are the training's. */
    int code = job->local_statistics ? ranks_agree(&job->ranks, share_weights(&job->ranks, job->model)) : 0;

    if (code == 0 && job->data.validation.count > 0)
        code =
            test_set(job, result->epoch, &job->data.validation, &result->validation_loss, &result->validation_accuracy);
    return code == 0 ? test_set(job, result->epoch, &job->data.test, &result->test_loss, &result->test_accuracy) : code;
}
