/* SPDX-License-Identifier: MIT */
#include "training/prepare.h"

#include "support/file_system.h"
#include "support/report.h"
#include "training/model_file.h"
#include "training/results.h"
#include "training/steps.h"

#include <inttypes.h>
#include <normnet.h>
#include <stdlib.h>
#include <string.h>

int run_claim_files(struct run *run)
{
    const struct settings *settings = &run->settings;

    int code = settings->save ? file_claim_take(&run->save_claim, settings->save) : 0;
    if (code == 0 && settings->json)
        code = file_claim_take(&run->json_claim, settings->json);
    return code == 0 && settings->report ? file_claim_take(&run->report_claim, settings->report) : code;
}

/*
 * An existing checkpoint or history may be hours of work and is never replaced by that of another training run, which
 * is known now and not after the first epoch.
 */
static int check_older_checkpoint(const struct run *run)
{
    const char *save = run->settings.save;

    if (save && !run_saves_in_place(run) && file_exists(save))
        return report_error("%s exists; resume it with --resume %s, or remove it", save, save);
    return 0;
}

static int check_older_results(const struct run *run)
{
    const struct settings *settings = &run->settings;
    const int64_t dropped = run->resumed.training.dropped;

    if (!settings->json || !file_exists(settings->json))
        return 0;
    if (dropped > 0)
        return report_error("%s exists and may have the first %" PRId64 " epochs of the history, for which %s had no "
                            "room; choose another file for --json",
                            settings->json, dropped, settings->resume);
    return results_check_older(settings->json, &run->resumed.training);
}

static int check_older_report(const struct run *run)
{
    const char *report = run->settings.report;

    return report ? results_check_older_page(report, &run->resumed.training) : 0;
}

static const char *data_source(const struct run *run)
{
    return run->data.directory ? run->data.directory : DATASET_GENERATED;
}

static int check_checksum(const struct run *run, const char *kind, const char *checksum, const char *begun)
{
    if (strcmp(checksum, begun) == 0)
        return 0;
    return report_error("%s was begun with other %s images than those of %s: their SHA-256 is %s, expected %s",
                        run->settings.resume, kind, data_source(run), checksum, begun);
}

/* The data must be the same as at the start of the training. */
static int check_same_data(const struct run *run)
{
    const struct training_state *training = &run->training, *begun = &run->resumed.training;

    if (training->images != begun->images)
        return report_error("%s was begun with %" PRId64 " training images; %s has %" PRId64, run->settings.resume,
                            begun->images, data_source(run), training->images);
    int code = check_checksum(run, "training", training->train_data, begun->train_data);
    if (code == 0)
        code = check_checksum(run, "validation", training->validation_data, begun->validation_data);
    return code == 0 ? check_checksum(run, "test", training->test_data, begun->test_data) : code;
}

static int open_run_data(struct run *run)
{
    int code = dataset_open(&run->data, run->settings.data, run->settings.limit, run->settings.validate);

    if (code == 0)
        code = dataset_check_distinct(&run->data, "--save", run->settings.save);
    if (code == 0)
        code = dataset_check_distinct(&run->data, "--json", run->settings.json);
    if (code == 0)
        code = dataset_check_distinct(&run->data, "--report", run->settings.report);
    if (code != 0)
        return code;
    run->training.images = run->data.train.count;
    if (run->settings.save) { /* only checkpoints need them, and they take time */
        dataset_checksum(&run->data, &run->data.train, run->training.train_data);
        if (run->data.validation.count > 0)
            dataset_checksum(&run->data, &run->data.validation, run->training.validation_data);
        dataset_checksum(&run->data, &run->data.test, run->training.test_data);
    }
    return run_continues(run) ? check_same_data(run) : 0;
}

static int read_class_names(struct run *run)
{
    if (!run->settings.classes)
        return 0;
    const int code = class_names_read(&run->classes, run->settings.classes);
    return code == 0 ? class_names_check(&run->classes, run->data.classes, data_source(run)) : code;
}

/* An invalid configuration is a mistake on the command line. */
static int create_run_model(struct run *run)
{
    normnet_config config;

    settings_fit_data(&run->settings, &run->data);
    settings_configure(&run->settings, &run->data, &config);
    normnet_status status = run_continues(run) ? normnet_model_clone(&run->model, run->resumed.model, &config)
                                               : normnet_model_create(&run->model, &config);
    if (status != NORMNET_OK)
        return settings_report_rejected(&run->settings, status);
    return run->settings.new_cycle ? model_file_copy_weights(run->model, run->resumed.model) : 0;
}

static int check_last_batch(const struct run *run)
{
    const int64_t images = run->data.train.count;
    const int64_t rejected = training_rejected_batch(run->model, &run->data, images);
    normnet_config config = {.struct_size = sizeof config};

    if (rejected == 0)
        return 0;
    normnet_model_config(run->model, &config);
    return report_usage("%" PRId64 " training image%s in batches of %" PRId32 " end with a batch of %" PRId64
                        ": %s; choose another --batch or --limit",
                        images, images == 1 ? "" : "s", config.max_batch, rejected, normnet_error_message());
}

/* The totals and the warnings of a summary: what comes after its heading, the input and the layers. */
static const char *after_table(const char *summary, int32_t layers)
{
    for (int32_t line = 0; line < layers + 2; ++line)
        summary = strchr(summary, '\n') + 1;
    return summary;
}

/* The table of --summary, or how many layers it would have. Both end with the totals and the warnings. */
static int print_summary(const normnet_model *model, bool with_table)
{
    const int32_t layers = normnet_layer_count(model);
    const int64_t length = normnet_model_summary(model, NULL, 0);
    char *text = malloc((size_t)length + 1);

    if (!text)
        return report_error("not enough memory");
    normnet_model_summary(model, text, length + 1);
    if (with_table)
        printf("%s\n", text);
    else
        printf("%d layer%s (--summary lists them), %s\n", (int)layers, layers == 1 ? "" : "s",
               after_table(text, layers));
    free(text);
    return 0;
}

static int start_history(struct run *run)
{
    const size_t epochs = (size_t)run->settings.epochs;
    struct epoch_result *history = calloc(epochs, sizeof *history);

    if (!history)
        return report_error("not enough memory for %zu epochs", epochs);
    if (run_continues(run)) {
        run->training = run->resumed.training;
        memcpy(history, run->training.history, (size_t)run->training.finished * sizeof *history);
    }
    run->training.history = history;
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
        .first_batch = normnet_steps_taken(run->model),
        .last_batch = run->settings.epochs * pipeline_batches(run->data.train.count, config.max_batch),
    };
    return pipeline_open(&run->pipeline, &options);
}

int run_prepare(struct run *run)
{
    int code = check_older_checkpoint(run);

    if (code == 0)
        code = open_run_data(run);
    if (code == 0)
        code = check_older_results(run);
    if (code == 0)
        code = check_older_report(run);
    if (code == 0)
        code = read_class_names(run);
    if (code == 0)
        code = create_run_model(run);
    if (code == 0)
        code = check_last_batch(run);
    if (code == 0)
        code = best_file_open(&run->best, &run->settings, run_continues(run) ? &run->resumed.training : NULL);
    if (code != 0)
        return code;
    dataset_print(&run->data);
    code = print_summary(run->model, run->settings.summary);
    if (code == 0)
        code = start_history(run);
    return code == 0 ? start_pipeline(run) : code;
}
