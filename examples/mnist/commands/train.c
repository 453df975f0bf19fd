/* SPDX-License-Identifier: MIT */
#include "commands/train.h"

#include "data/dataset.h"
#include "support/atomic_file.h"
#include "support/file_system.h"
#include "support/interrupt.h"
#include "support/machine.h"
#include "support/options.h"
#include "support/report.h"
#include "training/checkpoint.h"
#include "training/pipeline.h"
#include "training/progress.h"
#include "training/results.h"
#include "training/settings.h"
#include "training/testing.h"

#include <inttypes.h>
#include <math.h>
#include <normnet.h>
#include <stdlib.h>
#include <string.h>

/* All that one run holds. */
struct run {
    struct settings settings;
    struct checkpoint resumed; /* empty if the training is new */
    struct dataset data;
    normnet_model *model;
    struct pipeline *pipeline;
    struct progress progress;
    struct training_pass training;
};

/* ---- Before the first epoch -------------------------------------------------------------------- */

/* Whether the checkpoints of this run take the place of the one that is resumed. */
static bool saves_in_place(const struct settings *settings)
{
    return settings->resume && settings->save && file_same(settings->save, settings->resume);
}

/* Better now than after the first epoch. A training that is in a file is hours of work, and its history is, too. */
static int check_files(const struct run *run)
{
    const struct settings *settings = &run->settings;
    const int64_t forgotten = run->resumed.training.forgotten;

    int code = settings->save ? atomic_file_check(settings->save) : 0;
    if (code == 0 && settings->save && !saves_in_place(settings) && file_exists(settings->save))
        return report_error("%s exists; go on with --resume %s, or remove it", settings->save, settings->save);
    if (code == 0 && settings->json && forgotten > 0 && file_exists(settings->json))
        return report_error("%s exists, and may hold the first %" PRId64 " epochs of the history, for which %s had no "
                            "room: name another file with --json",
                            settings->json, forgotten, settings->resume);
    if (code == 0 && settings->json)
        code = atomic_file_check(settings->json);
    return code;
}

static const char *source(const struct run *run)
{
    return run->data.directory ? run->data.directory : DATASET_GENERATED;
}

static int check_checksum(const struct run *run, const char *kind, const char *checksum, const char *begun)
{
    if (strcmp(checksum, begun) == 0)
        return 0;
    return report_error("%s was begun with other %s images than those of %s: their SHA-256 is %s, expected %s",
                        run->settings.resume, kind, source(run), checksum, begun);
}

/* The data must be those that the training was begun with. */
static int check_data(const struct run *run)
{
    const struct training_pass *training = &run->training, *begun = &run->resumed.training;

    if (training->images != begun->images)
        return report_error("%s was begun with %" PRId64 " training images; %s has %" PRId64, run->settings.resume,
                            begun->images, source(run), training->images);
    int code = check_checksum(run, "training", training->train_data, begun->train_data);
    return code == 0 ? check_checksum(run, "test", training->test_data, begun->test_data) : code;
}

static int open_data(struct run *run)
{
    int code = dataset_open(&run->data, run->settings.data, run->settings.limit);
    if (code == 0)
        code = dataset_check_distinct(&run->data, "--save", run->settings.save);
    if (code == 0)
        code = dataset_check_distinct(&run->data, "--json", run->settings.json);
    if (code != 0)
        return code;
    run->training.images = run->data.train.count;
    if (run->settings.save) { /* nobody else asks for them, and they take a moment */
        dataset_checksum(&run->data, &run->data.train, run->training.train_data);
        dataset_checksum(&run->data, &run->data.test, run->training.test_data);
    }
    return run->settings.resume ? check_data(run) : 0;
}

/* What the network cannot be made of is a mistake on the command line. */
static int create_model(struct run *run)
{
    normnet_config config;

    settings_configure(&run->settings, &run->data, &config);
    normnet_status status = run->settings.resume ? normnet_model_clone(&run->model, run->resumed.model, &config)
                                                 : normnet_model_create(&run->model, &config);
    if (status == NORMNET_ENOMEM)
        return report_error("%s", normnet_error_message());
    if (status != NORMNET_OK)
        return report_usage("%s", normnet_error_message());
    return 0;
}

/*
 * Batch norm refuses a single value per channel, which the last batch of an epoch may leave it: better known now than
 * after an epoch. The library is asked itself.
 */
static int check_last_batch(const struct run *run)
{
    const struct image_set *set = &run->data.train;
    normnet_config config = {.struct_size = sizeof config};
    normnet_tensor images, labels;

    normnet_model_config(run->model, &config);
    const int64_t rest = set->count % config.max_batch, count = rest > 0 ? rest : config.max_batch;
    dataset_tensors(&run->data, set->images, set->labels, count, &images, &labels);
    const normnet_status status = normnet_compute_gradients(run->model, &images, &labels, NULL, NULL);
    normnet_discard_gradients(run->model);
    if (status != NORMNET_EINVAL)
        return 0; /* what else there is to say the training says */
    return report_usage("%" PRId64 " training images in batches of %" PRId32 " end with a batch of %" PRId64
                        ": %s; choose another --batch or --limit",
                        set->count, config.max_batch, count, normnet_error_message());
}

static int print_summary(const normnet_model *model)
{
    int64_t length = normnet_model_summary(model, NULL, 0);
    char *text = malloc((size_t)length + 1);

    if (!text)
        return report_error("not enough memory");
    normnet_model_summary(model, text, length + 1);
    printf("%s%s\n", text, length > 0 && text[length - 1] == '\n' ? "" : "\n");
    free(text);
    return 0;
}

static int start_training(struct run *run)
{
    if (run->settings.resume) {
        run->training = run->resumed.training;
        run->resumed.training.history = NULL; /* it has a new owner */
        return 0;
    }
    run->training.history = calloc((size_t)run->settings.epochs, sizeof *run->training.history);
    return run->training.history ? 0 : report_error("not enough memory");
}

static int start_pipeline(struct run *run)
{
    normnet_config config = {.struct_size = sizeof config};

    normnet_model_config(run->model, &config);
    struct pipeline_options options = {
        .data = &run->data,
        .augment = &run->settings.augment_list,
        .batch = config.max_batch,
        .seed = run->settings.seed,
        .first_batch = normnet_steps_taken(run->model),
        .last_batch = run->settings.epochs * pipeline_batches(run->data.train.count, config.max_batch),
    };
    return pipeline_open(&run->pipeline, &options);
}

static int prepare(struct run *run)
{
    int code = check_files(run);
    if (code == 0)
        code = open_data(run);
    if (code == 0)
        code = create_model(run);
    if (code == 0)
        code = check_last_batch(run);
    if (code != 0)
        return code;
    dataset_print(&run->data);
    code = print_summary(run->model);
    if (code == 0)
        code = start_training(run);
    return code == 0 ? start_pipeline(run) : code;
}

/* ---- An epoch ---------------------------------------------------------------------------------- */

static int save(struct run *run)
{
    if (!run->settings.save)
        return 0;
    progress_clear(&run->progress); /* should there be something to report */
    return checkpoint_save(run->settings.save, run->model, &run->settings, &run->training);
}

static int write_results(struct run *run)
{
    if (!run->settings.json)
        return 0;
    progress_clear(&run->progress);
    return results_write(&run->settings, &run->data, run->model, &run->training);
}

static int train_batch(struct run *run, int64_t epoch, double *lr)
{
    struct training_pass *training = &run->training;
    const uint8_t *batch_images, *batch_labels;
    normnet_tensor images, labels;
    normnet_metrics metrics = {.struct_size = sizeof metrics};

    int64_t count = pipeline_next(run->pipeline, &batch_images, &batch_labels);
    dataset_tensors(&run->data, batch_images, batch_labels, count, &images, &labels);
    if (normnet_train_step(run->model, &images, &labels, &metrics) != NORMNET_OK) {
        progress_clear(&run->progress);
        return report_error("epoch %" PRId64 ", image %" PRId64 ": %s", epoch, training->done, normnet_error_message());
    }
    training->done += count;
    training->correct += metrics.correct;
    training->loss_sum += metrics.loss * (double)count;
    *lr = metrics.lr;
    progress_draw(&run->progress, epoch, training->done, training->correct, training->loss_sum);
    return 0;
}

/* Up to the end of the epoch, or until the program is asked to stop. */
static int train_epoch(struct run *run, struct epoch_result *result)
{
    struct training_pass *training = &run->training;
    const int64_t save_every = run->settings.save_every;
    const double start = seconds_now() - training->seconds;
    int code = 0;

    while (code == 0 && training->done < training->images && !interrupt_signal()) {
        code = train_batch(run, result->epoch, &result->lr);
        training->seconds = seconds_now() - start;
        /* At the end of an epoch once its test is done. */
        if (code == 0 && save_every > 0 && normnet_steps_taken(run->model) % save_every == 0 &&
            training->done < training->images)
            code = save(run);
    }
    return code;
}

/* A loss that is no number could not be read back from a file; an older checkpoint is worth more. */
static int test(struct run *run, struct epoch_result *result)
{
    struct test_result tested = {.confusion = NULL};
    char name[40];

    snprintf(name, sizeof name, "epoch %" PRId64 ", test", result->epoch);
    int code = testing_run(&tested, run->model, &run->data, &run->progress, name);
    if (code != 0)
        return code;
    if (!isfinite(tested.loss))
        return report_error("epoch %" PRId64
                            ": the test loss is %g: the training has diverged; a smaller --lr may help",
                            result->epoch, fabs(tested.loss));
    result->test_loss = tested.loss;
    result->test_accuracy = 100.0 * (double)tested.correct / (double)tested.images;
    return 0;
}

/* What is done is in the files before anybody reads that it is. */
static int finish_epoch(struct run *run, struct epoch_result *result)
{
    struct training_pass *training = &run->training;
    const double images = (double)training->images;

    int code = test(run, result);
    if (code != 0)
        return code;
    result->train_loss = training->loss_sum / images;
    result->train_accuracy = 100.0 * (double)training->correct / images;
    result->seconds = training->seconds;
    result->images_per_second = result->seconds > 0 ? images / result->seconds : 0;
    ++training->finished;
    training->done = training->correct = 0;
    training->loss_sum = training->seconds = 0;
    code = save(run);
    const int written = write_results(run);
    progress_epoch(&run->progress, result);
    return code ? code : written;
}

/* ---- The run ----------------------------------------------------------------------------------- */

static void print_weights(const normnet_model *model)
{
    char hexadecimal[65];

    results_hash_weights(model, hexadecimal);
    printf("\nSHA-256 of the weights: %s\n", hexadecimal);
}

/* The file of the history that a run may not replace any more is not named again. */
static void print_resume(const struct run *run)
{
    const struct settings *settings = &run->settings;
    const int64_t forgotten = checkpoint_forgets(settings, &run->training);

    printf("saved %s. Go on with: ", settings->save);
    settings_print_resume(settings, settings->save, forgotten > 0 ? NULL : settings->json);
    printf("\n");
    if (forgotten > 0)
        printf("The first %" PRId64 " epochs of the history have no room in it; with --json, name a new file.\n",
               forgotten);
}

/* What is done is saved; says so, and how to go on. */
static int stop(struct run *run)
{
    const struct training_pass *training = &run->training;

    int code = save(run);
    if (code != 0)
        return code;
    progress_clear(&run->progress);
    printf("\nStopped in epoch %" PRId64 " after %" PRId64 " of %" PRId64 " images; ", training->finished + 1,
           training->done, training->images);
    if (run->settings.save)
        print_resume(run);
    else
        printf("nothing is saved without --save FILE.\n");
    return interrupt_exit_code();
}

static int train(struct run *run)
{
    struct training_pass *training = &run->training;

    interrupt_catch();
    interrupt_ignore_pipe();
    run->progress =
        progress_start(run->settings.epochs, training->images, training->finished * training->images + training->done);
    while (training->finished < run->settings.epochs) {
        struct epoch_result *result = &training->history[training->finished];
        result->epoch = training->finished + 1;
        int code = train_epoch(run, result);
        if (code == 0 && training->done < training->images)
            return stop(run);
        if (code == 0)
            code = finish_epoch(run, result);
        if (code != 0)
            return code;
    }
    print_weights(run->model);
    return 0; /* also for a signal during the last test: nothing is left undone */
}

/* A checkpoint from the end of a training: what is asked for is written all the same. */
static int test_again(struct run *run)
{
    struct epoch_result result = {.epoch = run->training.finished};

    run->progress = progress_open();
    int code = test(run, &result);
    if (code == 0 && !saves_in_place(&run->settings))
        code = save(run);
    if (code == 0)
        code = write_results(run);
    if (code != 0)
        return code;
    printf("The training of %s is complete: %" PRId64 " epochs. Test loss %.4f, accuracy %.2f %%\n",
           run->settings.resume, run->training.finished, result.test_loss, result.test_accuracy);
    print_weights(run->model);
    return 0;
}

static int go_on(struct run *run)
{
    const struct training_pass *training = &run->training;

    if (training->finished == run->settings.epochs)
        return test_again(run);
    if (run->settings.resume)
        printf("Going on with %s: %" PRId64 " of %" PRId64 " epochs and %" PRId64 " of %" PRId64
               " images of the next are done\n\n",
               run->settings.resume, training->finished, run->settings.epochs, training->done, training->images);
    if (training->forgotten > 0)
        printf("The first %" PRId64 " epochs of the history had no room in it\n\n", training->forgotten);
    return train(run);
}

int train_command(int argc, char **argv)
{
    struct run run = {.model = NULL};

    int code = settings_parse(&run.settings, argc, argv);
    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0 && run.settings.resume) {
        code = checkpoint_open(&run.resumed, run.settings.resume);
        if (code == 0)
            code = settings_resume(&run.settings, &run.resumed.settings, argc, argv);
    }
    if (code == 0)
        code = prepare(&run);
    if (code == 0)
        code = go_on(&run);

    pipeline_close(run.pipeline);
    normnet_model_destroy(run.model);
    dataset_close(&run.data);
    free(run.training.history);
    checkpoint_close(&run.resumed);
    return code;
}
