/* SPDX-License-Identifier: MIT */
#include "job.h"

#include "data/augment.h"
#include "shared_model.h"
#include "support/file_system.h"
#include "support/minmax.h"
#include "support/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- The parts of a training ------------------------------------------------------------------- */

/* What all ranks would find wrong is reported by the first alone. */
static int open_in_turn(struct job *job, int (*open)(struct job *job))
{
    int code = job->ranks.rank == 0 ? open(job) : 0;

    code = ranks_agree(&job->ranks, code);
    if (code == 0 && job->ranks.rank > 0)
        code = open(job);
    return ranks_agree(&job->ranks, code);
}

/* A checkpoint may be hours of work, and is never replaced by that of another training. */
static int open_files(struct job *job)
{
    const struct settings *settings = &job->settings;
    int code = 0;

    if (settings->save && !(settings->resume && file_same(settings->save, settings->resume)) &&
        file_exists(settings->save))
        return report_error("%s exists; resume it with --resume %s, or remove it", settings->save, settings->save);
    if (settings->save)
        code = file_claim_take(&job->claim, settings->save);
    return code == 0 && settings->resume ? checkpoint_open(&job->resumed, settings->resume) : code;
}

/* The file is read by rank 0 alone, perhaps on the only machine that has it. */
static int open_checkpoint(struct job *job)
{
    const struct settings chosen = job->settings;
    int code = ranks_agree(&job->ranks, job->ranks.rank == 0 ? open_files(job) : 0);

    if (code != 0 || !chosen.resume)
        return code;
    code = ranks_agree(&job->ranks, share_checkpoint(&job->ranks, &job->resumed, chosen.resume));
    if (code != 0)
        return code;
    job->settings = job->resumed.settings; /* of the training; the others are those of the job */
    job->settings.data = chosen.data;
    job->settings.threads = chosen.threads;
    job->settings.cpu = chosen.cpu;
    job->settings.save = chosen.save;
    job->settings.save_every = chosen.save_every;
    job->settings.resume = chosen.resume;
    return 0;
}

static int open_data(struct job *job)
{
    const struct settings *settings = &job->settings;
    int code = dataset_open(&job->data, settings->data, settings->limit, settings->validate);

    if (code == 0)
        code = dataset_check_distinct(&job->data, "--save", settings->save);
    if (code != 0)
        return code;
    dataset_checksum(&job->data, &job->data.train, job->training.train_data);
    if (job->data.validation.count > 0)
        dataset_checksum(&job->data, &job->data.validation, job->training.validation_data);
    dataset_checksum(&job->data, &job->data.test, job->training.test_data);
    job->training.images = job->data.train.count;
    return 0;
}

static int compare_sums(const struct job *job, const char *kind, const char *found, const char *begun)
{
    if (strcmp(found, begun) == 0)
        return 0;
    return report_error("%s was begun with other %s images: the SHA-256 of those here is %s, expected %s",
                        job->settings.resume, kind, found, begun);
}

/* All ranks must have the same images, and a resumed training those with which it began. */
static int compare_data(struct job *job)
{
    const struct training_state *found = &job->training, *begun = &job->resumed.training;
    const char *sums[] = {found->train_data, found->validation_data, found->test_data};
    int code = 0;

    for (int i = 0; i < 3 && code == 0; ++i)
        if (!ranks_have_same(&job->ranks, sums[i]))
            code = job->ranks.rank > 0 ? EXIT_FAILED
                                       : report_error("the ranks have different images; expected the same data set in "
                                                      "--data on all machines");
    if (code != 0 || !job->settings.resume || job->ranks.rank > 0)
        return ranks_agree(&job->ranks, code);
    code = compare_sums(job, "training", found->train_data, begun->train_data);
    if (code == 0)
        code = compare_sums(job, "validation", found->validation_data, begun->validation_data);
    if (code == 0)
        code = compare_sums(job, "test", found->test_data, begun->test_data);
    return ranks_agree(&job->ranks, code);
}

/* ---- The model ----------------------------------------------------------------------------------- */

/* For batch norm: adds its sums over the ranks, unless each computes the same whole batch. */
static int32_t reduce_over_ranks(void *user, double *values, int64_t count)
{
    const struct job *job = user;

    if (!job->whole)
        ranks_sum(&job->ranks, values, count);
    return 0;
}

/* The most images that this rank computes in a step: its share of a batch, or a short last batch that is whole. */
static int64_t max_images(const struct job *job)
{
    const int64_t batch = job->batches.batch, rest = job->data.train.count % batch;

    return int64_max(pipeline_part(&job->batches, batch).count,
                     rest > 0 ? pipeline_part(&job->batches, rest).count : 0);
}

/* normnet_shard() leaves 8 images together. */
enum { SHARE_IMAGES = 8 };

static int open_model(struct job *job)
{
    normnet_config config;

    settings_fit_data(&job->settings, &job->data);
    settings_configure(&job->settings, &job->data, &config);
    job->batches = (struct pipeline_options){
        .data = &job->data,
        .augment = &job->settings.augment_list,
        .batch = config.max_batch,
        .seed = job->settings.seed,
        .ranks = job->ranks.count,
        .rank = job->ranks.rank,
    };
    if (job->ranks.count > 1 && pipeline_part(&job->batches, config.max_batch).whole)
        return report_usage("a batch of %" PRId32 " images has none for some of %" PRId32
                            " ranks; expected --batch %d or more, or fewer ranks",
                            config.max_batch, job->ranks.count, SHARE_IMAGES * job->ranks.count);
    config.max_batch = (int32_t)max_images(job);
    if (!job->local_statistics) {
        config.reduce = reduce_over_ranks;
        config.reduce_user = job;
    }
    const normnet_status status = job->settings.resume ? normnet_model_clone(&job->model, job->resumed.model, &config)
                                                       : normnet_model_create(&job->model, &config);
    if (status == NORMNET_ENOMEM)
        return report_error("%s", normnet_error_message());
    return status == NORMNET_OK ? 0 : report_usage("%s", normnet_error_message());
}

/* ---- Where the training goes on ------------------------------------------------------------------ */

static int open_training(struct job *job)
{
    const size_t epochs = (size_t)job->settings.epochs;
    struct training_state *training = &job->training;
    struct epoch_result *history = calloc(epochs, sizeof *history);

    if (!history)
        return report_error("not enough memory for %zu epochs", epochs);
    if (job->settings.resume) {
        *training = job->resumed.training;
        memcpy(history, training->history, (size_t)training->finished * sizeof *history);
        if (job->ranks.rank > 0) { /* the sums until here are rank 0's */
            training->correct = 0;
            training->loss_sum = 0;
        }
    }
    training->history = history;
    job->counted = job->ranks.rank == 0 ? training->done : 0;
    int code = augment_parse(&job->settings.augment_list, job->settings.augment, "--augment");
    job->batches.first_batch = normnet_steps_taken(job->model);
    job->batches.last_batch = job->settings.epochs * pipeline_batches(job->data.train.count, job->batches.batch);
    return code == 0 ? pipeline_open(&job->pipeline, &job->batches) : code;
}

int job_open(struct job *job)
{
    int code = open_checkpoint(job);

    if (code == 0)
        code = open_in_turn(job, open_data);
    if (code == 0)
        code = compare_data(job);
    if (code == 0)
        code = open_in_turn(job, open_model);
    return code == 0 ? open_in_turn(job, open_training) : code;
}

void job_close(struct job *job)
{
    pipeline_close(job->pipeline);
    normnet_model_destroy(job->model);
    dataset_close(&job->data);
    free(job->training.history);
    checkpoint_close(&job->resumed);
    file_claim_release(&job->claim);
}
