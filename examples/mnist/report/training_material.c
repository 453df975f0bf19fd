/* SPDX-License-Identifier: MIT */
#include "report/training_material.h"

#include "study/portrait.h"
#include "support/report.h"
#include "support/text.h"
#include "training/average.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- From the portrait ------------------------------------------------------------------------- */

static bool take_histogram(struct run_layer *to, const char *name, const struct histogram *histogram)
{
    to->name = text_of("%s", name);
    to->low = histogram->low;
    to->high = histogram->high;
    to->bins = HISTOGRAM_BINS;
    to->counts = calloc(HISTOGRAM_BINS, sizeof *to->counts);
    for (int i = 0; to->counts && i < HISTOGRAM_BINS; ++i)
        to->counts[i] = (double)histogram->counts[i];
    return to->name && to->counts;
}

static bool take_layers(struct run *run, const struct portrait *portrait)
{
    bool good = true;

    run->weights = calloc((size_t)portrait->weight_count + 1, sizeof *run->weights);
    run->outputs = calloc((size_t)portrait->output_count + 1, sizeof *run->outputs);
    for (int32_t i = 0; run->weights && good && i < portrait->weight_count; ++i) {
        struct run_layer *to = &run->weights[run->weight_count++];

        good = take_histogram(to, portrait->weights[i].name, &portrait->weights[i].histogram);
        to->count = (double)portrait->weights[i].count;
        to->small = (double)portrait->weights[i].small;
    }
    for (int32_t i = 0; run->outputs && good && i < portrait->output_count; ++i) {
        struct run_layer *to = &run->outputs[run->output_count++];

        good = take_histogram(to, portrait->outputs[i].token, &portrait->outputs[i].histogram);
        to->count = to->small = NAN;
    }
    return run->weights && run->outputs && good;
}

static bool take_mistakes(struct run *run, const struct portrait *portrait)
{
    const size_t cells = (size_t)portrait->classes * (size_t)portrait->classes;

    run->confusion = calloc(cells, sizeof *run->confusion);
    run->mistakes = calloc((size_t)portrait->mistake_count + 1, sizeof *run->mistakes);
    if (!run->confusion || !run->mistakes)
        return false;
    memcpy(run->confusion, portrait->confusion, cells * sizeof *run->confusion);
    run->classes = portrait->classes;
    for (int64_t i = 0; i < portrait->mistake_count; ++i) {
        const struct mistake *from = &portrait->mistakes[i];

        run->mistakes[run->mistake_count++] =
            (struct run_mistake){from->image, from->actual, from->predicted, from->probability};
    }
    return true;
}

/* ---- From the history -------------------------------------------------------------------------- */

/* Epochs whose results were lost, and values that the training does not have, are gaps. */
static void take_epoch(struct run_epoch *to, const struct training_facts *facts, int64_t epoch)
{
    const struct epoch_result *from = &facts->training->history[epoch];
    const bool known = epoch >= facts->training->dropped, validates = facts->data->validation.count > 0;

    for (int i = 0; i < EPOCH_VALUES; ++i)
        to->values[i] = NAN;
    if (!known)
        return;
    to->values[TRAIN_LOSS] = from->train_loss;
    to->values[TRAIN_ACCURACY] = from->train_accuracy;
    to->values[TEST_LOSS] = from->test_loss;
    to->values[TEST_ACCURACY] = from->test_accuracy;
    to->values[LEARNING_RATE] = from->lr;
    if (validates) {
        to->values[VALIDATION_LOSS] = from->validation_loss;
        to->values[VALIDATION_ACCURACY] = from->validation_accuracy;
    }
    if (!training_is_averaged(facts))
        return;
    to->values[AVERAGE_TEST_LOSS] = from->average_test_loss;
    to->values[AVERAGE_TEST_ACCURACY] = from->average_test_accuracy;
    if (validates) {
        to->values[AVERAGE_VALIDATION_LOSS] = from->average_validation_loss;
        to->values[AVERAGE_VALIDATION_ACCURACY] = from->average_validation_accuracy;
    }
}

static bool take_epochs(struct run *run, const struct training_facts *facts)
{
    run->epochs = calloc((size_t)facts->training->finished + 1, sizeof *run->epochs);
    for (int64_t i = 0; run->epochs && i < facts->training->finished; ++i)
        take_epoch(&run->epochs[run->epoch_count++], facts, i);
    return run->epochs != NULL;
}

static char *copy_summary(const normnet_model *model)
{
    const int64_t length = normnet_model_summary(model, NULL, 0);
    char *text = malloc((size_t)length + 1);

    if (text)
        normnet_model_summary(model, text, length + 1);
    return text;
}

/* ---- The material ------------------------------------------------------------------------------ */

bool training_is_averaged(const struct training_facts *facts)
{
    return average_is_kept(facts->model);
}

static int fill_run(struct run *run, const struct training_facts *facts, const struct portrait *portrait)
{
    *run = (struct run){
        .id = text_of("%s", "this network"),
        .study = text_of("%s", ""),
        .data = text_of("%s", ""),
        .failure = text_of("%s", facts->failure),
        .summary = copy_summary(facts->model),
        .seed = facts->settings->seed,
        .training_images = facts->training->images,
        .test_images = facts->data->test.count,
    };
    if (run->id && run->study && run->data && run->failure && run->summary && take_epochs(run, facts) &&
        take_layers(run, portrait) && take_mistakes(run, portrait))
        return 0;
    return report_error("not enough memory for the report");
}

/* Of the weights that the network is described by; those of a training that could not go on have not been tested. */
static struct run_record make_record(const struct run *run, const struct training_facts *facts,
                                     const struct portrait *portrait)
{
    const bool averaged = training_is_averaged(facts), failed = *run->failure != '\0';
    const size_t last = failed || run->epoch_count == 0 ? run->epoch_count : run->epoch_count - 1;

    return (struct run_record){
        .seed = run->seed,
        .epochs = (int64_t)run->epoch_count,
        .parameters = normnet_parameter_count(facts->model),
        .failed = failed,
        .test = run_value(run, last, averaged ? AVERAGE_TEST_ACCURACY : TEST_ACCURACY),
        .validation = run_value(run, last, averaged ? AVERAGE_VALIDATION_ACCURACY : VALIDATION_ACCURACY),
        .train = run_value(run, last, TRAIN_ACCURACY),
        .test_loss = run_value(run, last, averaged ? AVERAGE_TEST_LOSS : TEST_LOSS),
        .best_test = NAN,
        .average_test = run_value(run, last, AVERAGE_TEST_ACCURACY),
        .average_validation = run_value(run, last, AVERAGE_VALIDATION_ACCURACY),
        .average_test_loss = run_value(run, last, AVERAGE_TEST_LOSS),
        .seconds = NAN,
        .images_per_second = NAN,
        .small_share = portrait->pruned_share,
        .pruned_accuracy = portrait->pruned_accuracy,
        .batch = NAN,
        .updated = NAN,
        .lowest = NAN,
        .lowest_batch = NAN,
        .lowest_updated = NAN,
    };
}

static int fill_material(struct material *material, const struct portrait *portrait)
{
    const struct training_facts *facts = material->training;

    material->experiments.rows = calloc(1, sizeof *material->experiments.rows);
    material->runs = calloc(1, sizeof *material->runs);
    material->file.records = calloc(1, sizeof *material->file.records);
    if (!material->experiments.rows || !material->runs || !material->file.records)
        return report_error("not enough memory for the report");
    material->experiments.count = material->run_count = material->file.count = material->file.room = 1;
    experiment_of_settings(&material->experiments.rows[0], facts->settings);
    material->experiments.rows[0].id = "this network";
    int code = fill_run(&material->runs[0], facts, portrait);
    if (code != 0)
        return code;
    material->file.records[0] = make_record(&material->runs[0], facts, portrait);
    code = summary_of_run(&material->summary, &material->experiments.rows[0], &material->file.records[0]);
    return code == 0 ? material_make_rows(material) : code;
}

int training_material_open(struct material *material, const struct training_facts *facts)
{
    struct portrait portrait = {0};
    normnet_model *average = NULL;
    int code = 0;

    *material =
        (struct material){.training = facts, .classes = facts->classes, .data = *facts->data, .has_images = true};
    if (training_is_averaged(facts) && normnet_model_clone_average(&average, facts->model, NULL) != NORMNET_OK)
        code = report_error("%s", normnet_error_message());
    if (code == 0)
        code = portrait_take(&portrait, average ? average : facts->model, facts->data);
    if (code == 0)
        code = fill_material(material, &portrait);
    portrait_free(&portrait);
    normnet_model_destroy(average);
    return code;
}

void training_material_close(struct material *material)
{
    material->data = (struct dataset){0}; /* it belongs to the training */
    material_close(material);
}
