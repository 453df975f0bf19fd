/* SPDX-License-Identifier: MIT */
#include "report/run.h"

#include "support/report.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const epoch_value_names[EPOCH_VALUES] = {
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "test_loss",
    "test_accuracy",
    "average_validation_loss",
    "average_validation_accuracy",
    "average_test_loss",
    "average_test_accuracy",
    "batch_statistics_test_loss",
    "batch_statistics_test_accuracy",
    "new_statistics_test_loss",
    "new_statistics_test_accuracy",
    "parameter_norm",
    "lr",
    "momentum",
};

enum { MOST_CLASSES = 256, MOST_BINS = 4096 };

/* ---- Values ------------------------------------------------------------------------------------ */

static size_t count_items(const struct json_value *array)
{
    size_t count = 0;

    for (const struct json_value *item = array ? array->first : NULL; item; item = item->next)
        ++count;
    return count;
}

/* Members of an object are no items. */
static const struct json_value *array_at(const struct json_value *object, const char *key)
{
    const struct json_value *array = json_member(object, key);

    return array && array->kind == JSON_ARRAY ? array : NULL;
}

static int64_t integer_of(const struct json_value *value)
{
    const double number = json_number(value);

    return fabs(number) < 9e15 ? (int64_t)number : 0; /* also for NaN */
}

/* A copy, or an empty text; NULL without memory. */
static char *copy_text(const struct json_value *object, const char *key)
{
    const char *text = json_string(json_member(object, key));

    return text_of("%s", text ? text : "");
}

/* ---- Epochs ------------------------------------------------------------------------------------ */

static void take_epoch(struct run_epoch *to, const struct json_value *epoch)
{
    const struct json_value *batch = json_member(epoch, "batch_statistics");
    const struct json_value *new_ones = json_member(epoch, "new_statistics");

    for (int i = 0; i < EPOCH_VALUES; ++i)
        to->values[i] = json_number(json_member(epoch, epoch_value_names[i]));
    to->values[BATCH_LOSS] = json_number(json_member(batch, "test_loss"));
    to->values[BATCH_ACCURACY] = json_number(json_member(batch, "test_accuracy"));
    to->values[NEW_LOSS] = json_number(json_member(new_ones, "test_loss"));
    to->values[NEW_ACCURACY] = json_number(json_member(new_ones, "test_accuracy"));
}

static bool take_epochs(struct run *run, const struct json_value *history)
{
    run->epochs = calloc(count_items(history) + 1, sizeof *run->epochs);
    for (const struct json_value *epoch = history ? history->first : NULL; epoch && run->epochs; epoch = epoch->next)
        take_epoch(&run->epochs[run->epoch_count++], epoch);
    return run->epochs != NULL;
}

/* ---- Layers ------------------------------------------------------------------------------------ */

/* Does nothing if the layer has no counts. */
static bool take_bins(struct run_layer *to, const struct json_value *counts)
{
    const size_t bins = count_items(counts);

    if (bins == 0 || bins > MOST_BINS)
        return true;
    to->counts = calloc(bins, sizeof *to->counts);
    for (const struct json_value *item = counts->first; item && to->counts; item = item->next) {
        const double number = json_number(item);

        to->counts[to->bins++] = number > 0 ? number : 0;
    }
    return to->counts != NULL;
}

static bool take_layers(struct run_layer **layers, size_t *count, const struct json_value *array, const char *name)
{
    bool good = true;

    *layers = calloc(count_items(array) + 1, sizeof **layers);
    for (const struct json_value *item = array ? array->first : NULL; item && *layers && good; item = item->next) {
        struct run_layer *to = &(*layers)[(*count)++];

        to->name = copy_text(item, name);
        to->count = json_number(json_member(item, "count"));
        to->small = json_number(json_member(item, "small"));
        to->low = json_number(json_member(item, "low"));
        to->high = json_number(json_member(item, "high"));
        good = to->name && take_bins(to, array_at(item, "counts"));
    }
    return *layers && good;
}

static void free_layers(struct run_layer *layers, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        free(layers[i].name);
        free(layers[i].counts);
    }
    free(layers);
}

/* ---- Mistakes ---------------------------------------------------------------------------------- */

static bool take_confusion(struct run *run, const struct json_value *rows)
{
    const size_t classes = count_items(rows);

    if (classes == 0 || classes > MOST_CLASSES)
        return true;
    for (const struct json_value *row = rows->first; row; row = row->next) {
        if (count_items(row) != classes)
            return true; /* not a square */
    }
    run->confusion = calloc(classes * classes, sizeof *run->confusion);
    if (!run->confusion)
        return false;
    run->classes = (int32_t)classes;
    int64_t *to = run->confusion;
    for (const struct json_value *row = rows->first; row; row = row->next) {
        for (const struct json_value *item = row->first; item; item = item->next)
            *to++ = integer_of(item);
    }
    return true;
}

/* "[image, actual, predicted, probability, ...]"; others are left out. */
static bool read_mistake(struct run_mistake *to, const struct json_value *item)
{
    double numbers[4];
    const struct json_value *value = item->kind == JSON_ARRAY ? item->first : NULL;

    for (int i = 0; i < 4; ++i) {
        numbers[i] = json_number(value);
        value = value ? value->next : NULL;
    }
    if (!(numbers[0] >= 0 && numbers[0] < 4e9) || !(numbers[1] >= 0 && numbers[1] < MOST_CLASSES) ||
        !(numbers[2] >= 0 && numbers[2] < MOST_CLASSES))
        return false;
    *to = (struct run_mistake){(int64_t)numbers[0], (int32_t)numbers[1], (int32_t)numbers[2], numbers[3]};
    return true;
}

static bool take_mistakes(struct run *run, const struct json_value *array)
{
    run->mistakes = calloc(count_items(array) + 1, sizeof *run->mistakes);
    for (const struct json_value *item = array ? array->first : NULL; item && run->mistakes; item = item->next)
        run->mistake_count += read_mistake(&run->mistakes[run->mistake_count], item);
    return run->mistakes != NULL;
}

/* ---- The line ---------------------------------------------------------------------------------- */

int run_take(struct run *run, const struct json_value *line)
{
    const struct json_value *data = json_member(line, "data");

    *run = (struct run){
        .id = copy_text(line, "experiment"),
        .study = copy_text(line, "study"),
        .data = copy_text(line, "data_sha256"),
        .source = copy_text(data, "source"),
        .failure = copy_text(line, "failure"),
        .summary = copy_text(line, "summary"),
        .seed = integer_of(json_member(line, "seed")),
        .training_images = integer_of(json_member(data, "training_images")),
        .test_images = integer_of(json_member(data, "test_images")),
    };
    if (run->id && run->study && run->data && run->source && run->failure && run->summary &&
        take_epochs(run, array_at(line, "history")) &&
        take_layers(&run->weights, &run->weight_count, array_at(line, "weights"), "name") &&
        take_layers(&run->outputs, &run->output_count, array_at(line, "outputs"), "token") &&
        take_confusion(run, array_at(line, "confusion")) && take_mistakes(run, array_at(line, "mistakes")))
        return 0;
    return report_error("not enough memory for the runs");
}

void run_free(struct run *run)
{
    free(run->id);
    free(run->study);
    free(run->data);
    free(run->source);
    free(run->failure);
    free(run->summary);
    free(run->epochs);
    free_layers(run->weights, run->weight_count);
    free_layers(run->outputs, run->output_count);
    free(run->confusion);
    free(run->mistakes);
}

double run_value(const struct run *run, size_t epoch, enum epoch_value value)
{
    return epoch < run->epoch_count ? run->epochs[epoch].values[value] : NAN;
}
