/* SPDX-License-Identifier: MIT */
#include "train.h"

#include "atomic_file.h"
#include "dataset.h"
#include "options.h"
#include "pipeline.h"
#include "platform.h"
#include "progress.h"
#include "report.h"
#include "results.h"
#include "settings.h"

#include <inttypes.h>
#include <normnet.h>
#include <stdlib.h>

/* All that one run holds. */
struct run {
    struct settings settings;
    struct dataset data;
    normnet_model *model;
    struct pipeline *pipeline;
    struct progress progress;
    struct epoch_result *history;
};

/* ---- Before the first epoch -------------------------------------------------------------------- */

/* What the network cannot be made of is a mistake on the command line. */
static int create_model(struct run *run)
{
    normnet_config config;

    settings_configure(&run->settings, &run->data, &config);
    normnet_status status = normnet_model_create(&run->model, &config);
    if (status == NORMNET_ENOMEM)
        return report_error("%s", normnet_error_message());
    if (status != NORMNET_OK)
        return report_usage("%s", normnet_error_message());
    return 0;
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

static int start_pipeline(struct run *run)
{
    normnet_config config = {.struct_size = sizeof config};

    normnet_model_config(run->model, &config);
    struct pipeline_options options = {
        .data = &run->data,
        .augment = &run->settings.augment_list,
        .batch = config.max_batch,
        .seed = run->settings.seed,
        .first_batch = 0,
        .last_batch = run->settings.epochs * pipeline_batches(run->data.train.count, config.max_batch),
    };
    return pipeline_open(&run->pipeline, &options);
}

/* Better now than after the first epoch. */
static int check_json(const struct settings *settings)
{
    struct atomic_file file;

    if (!settings->json)
        return 0;
    int code = atomic_file_open(&file, settings->json);
    if (code == 0)
        atomic_file_discard(&file);
    return code;
}

static int prepare(struct run *run)
{
    int code = check_json(&run->settings);
    if (code == 0)
        code = dataset_open(&run->data, run->settings.data, run->settings.limit);
    if (code == 0)
        code = create_model(run);
    if (code != 0)
        return code;
    dataset_print(&run->data);
    code = print_summary(run->model);
    if (code != 0)
        return code;
    run->history = calloc((size_t)run->settings.epochs, sizeof *run->history);
    if (!run->history)
        return report_error("not enough memory");
    return start_pipeline(run);
}

/* ---- An epoch ---------------------------------------------------------------------------------- */

static int train_epoch(struct run *run, struct epoch_result *result)
{
    const double start = seconds_now();
    const int64_t images = run->data.train.count;
    int64_t done = 0, correct = 0;
    double loss_sum = 0;

    while (done < images) {
        const uint8_t *batch_images, *batch_labels;
        normnet_tensor image_tensor, label_tensor;
        normnet_metrics metrics = {.struct_size = sizeof metrics};

        int64_t count = pipeline_next(run->pipeline, &batch_images, &batch_labels);
        dataset_tensors(&run->data, batch_images, batch_labels, count, &image_tensor, &label_tensor);
        if (normnet_train_step(run->model, &image_tensor, &label_tensor, &metrics) != NORMNET_OK) {
            progress_clear(&run->progress);
            return report_error("epoch %" PRId64 ", image %" PRId64 ": %s", result->epoch, done,
                                normnet_error_message());
        }
        done += count;
        correct += metrics.correct;
        loss_sum += metrics.loss * (double)count;
        result->lr = metrics.lr;
        progress_draw(&run->progress, result->epoch, done, correct, loss_sum);
    }
    result->train_loss = loss_sum / (double)images;
    result->train_accuracy = 100.0 * (double)correct / (double)images;
    result->seconds = seconds_now() - start;
    result->images_per_second = result->seconds > 0 ? (double)images / result->seconds : 0;
    return 0;
}

static int test_epoch(struct run *run, struct epoch_result *result)
{
    const struct image_set *test = &run->data.test;
    normnet_tensor images, labels;
    normnet_metrics metrics = {.struct_size = sizeof metrics};

    dataset_tensors(&run->data, test->images, test->labels, test->count, &images, &labels);
    if (normnet_evaluate(run->model, &images, &labels, &metrics, NULL, NULL) != NORMNET_OK) {
        progress_clear(&run->progress);
        return report_error("epoch %" PRId64 ", test: %s", result->epoch, normnet_error_message());
    }
    result->test_loss = metrics.loss;
    result->test_accuracy = 100.0 * (double)metrics.correct / (double)metrics.count;
    return 0;
}

/* ---- The run ----------------------------------------------------------------------------------- */

static int train(struct run *run)
{
    char hexadecimal[65];

    run->progress = progress_start(run->settings.epochs, run->data.train.count);
    for (int64_t epoch = 1; epoch <= run->settings.epochs; ++epoch) {
        struct epoch_result *result = &run->history[epoch - 1];
        result->epoch = epoch;
        int code = train_epoch(run, result);
        if (code == 0)
            code = test_epoch(run, result);
        if (code != 0)
            return code;
        progress_epoch(&run->progress, result);
        code = results_write(&run->settings, &run->data, run->model, run->history, epoch);
        if (code != 0)
            return code;
    }
    results_hash_weights(run->model, hexadecimal);
    printf("\nSHA-256 of the weights: %s\n", hexadecimal);
    return 0;
}

int train_command(int argc, char **argv)
{
    struct run run = {.model = NULL};

    int code = settings_parse(&run.settings, argc, argv);
    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0)
        code = prepare(&run);
    if (code == 0)
        code = train(&run);

    pipeline_close(run.pipeline);
    normnet_model_destroy(run.model);
    dataset_close(&run.data);
    free(run.history);
    return code;
}
