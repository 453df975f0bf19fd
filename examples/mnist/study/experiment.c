/* SPDX-License-Identifier: MIT */
#include "study/experiment.h"

#include "support/sha256.h"
#include "training/shifted_copies.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The columns ------------------------------------------------------------------------------- */

static const char *const select_names[] = {"full", "quick", "named", NULL};
static const char *const expect_names[] = {"works", "fails", NULL};
static const char *const published_on_names[] = {"any", "mnist", NULL};

enum { LARGE = 1000000000 }; /* for values that the library checks */

const struct column experiment_columns[] = {
    {"id", COLUMN_TEXT, false, offsetof(struct experiment, id), NULL,
     .help = "its name for --only; letters, digits, - . _"},
    {"name", COLUMN_TEXT, false, offsetof(struct experiment, name), "", .help = "what tables and legends call it"},
    {"select", COLUMN_CHOICE, false, offsetof(struct experiment, select), "full", .choices = select_names,
     .help = "in a full study, with --quick, or if --only names it"},
    {"seeds", COLUMN_INTEGER, false, offsetof(struct experiment, seeds), "5", 1, MAX_SEEDS,
     .help = "runs, with the seeds 1, 2, ..."},
    {"compare", COLUMN_TEXT, false, offsetof(struct experiment, compare), "",
     .help = "words: rows that share one are compared in pairs"},
    {"expect", COLUMN_CHOICE, false, offsetof(struct experiment, expect), "works", .choices = expect_names,
     .help = "works or fails"},
    {"best", COLUMN_OPTIONAL, false, offsetof(struct experiment, best), "-", 0, 100, "-",
     .help = "published: the best test accuracy in percent"},
    {"best_epoch", COLUMN_INTEGER, false, offsetof(struct experiment, best_epoch), "0", 0, 1e6,
     .help = "and its epoch"},
    {"final", COLUMN_OPTIONAL, false, offsetof(struct experiment, final), "-", 0, 100, "-",
     .help = "the last test accuracy"},
    {"best_train", COLUMN_OPTIONAL, false, offsetof(struct experiment, best_train), "-", 0, 100, "-",
     .help = "the best training accuracy"},
    {"loss", COLUMN_OPTIONAL, false, offsetof(struct experiment, loss), "-", 0, 1e30, "-",
     .help = "the best test loss"},
    {"published_on", COLUMN_CHOICE, false, offsetof(struct experiment, published_on), "any",
     .choices = published_on_names, .help = "mnist: shown only if the images are MNIST's"},
    {"source", COLUMN_TEXT, false, offsetof(struct experiment, source), "", .help = "where that was published"},
    {"note", COLUMN_TEXT, false, offsetof(struct experiment, note), "", .help = "e.g. what is assumed"},

    {"architecture", COLUMN_TEXT, true, offsetof(struct experiment, architecture), "default",
     .help = "the layers, as for train"},
    {"norm", COLUMN_CHOICE, true, offsetof(struct experiment, norm), "none", .choices = settings_norm_names,
     .help = "what `norm` means"},
    {"groups", COLUMN_INTEGER, true, offsetof(struct experiment, groups), "0", 0, 65536,
     .help = "of group norm; 0 = one per 4 channels"},
    {"layer_dims", COLUMN_INTEGER, true, offsetof(struct experiment, layer_dims), "3", 1, 3,
     .help = "of layer norm: 3, 2 or 1 (width)"},
    {"virtual_batch", COLUMN_INTEGER, true, offsetof(struct experiment, virtual_batch), "0", 0, 1048576,
     .help = "ghost batch norm"},
    {"affine", COLUMN_CHOICE, true, offsetof(struct experiment, affine), "default", .choices = settings_affine_names,
     .help = "gamma and beta"},
    {"dropout", COLUMN_REAL, true, offsetof(struct experiment, dropout), "0", 0, 1, .help = "of the layers `dropout`"},
    {"batch", COLUMN_INTEGER, true, offsetof(struct experiment, batch), "64", 1, 1048576, .help = "images per step"},
    {"epochs", COLUMN_INTEGER, true, offsetof(struct experiment, epochs), "20", 1, 1e6,
     .help = "passes over the images"},
    {"schedule", COLUMN_CHOICE, true, offsetof(struct experiment, schedule), "constant",
     .choices = settings_schedule_names, .help = "step: per epoch; one-cycle: per batch"},
    {"lr", COLUMN_REAL, true, offsetof(struct experiment, lr), "0.01", 0, LARGE,
     .help = "the learning rate of SGD; of one-cycle the peak"},
    {"momentum", COLUMN_OPTIONAL, true, offsetof(struct experiment, momentum), "0.9", 0, 1, "cycle",
     .help = "or cycle: .95 to .85 and back with one-cycle"},
    {"nesterov", COLUMN_FLAG, true, offsetof(struct experiment, nesterov), "no", .help = "Nesterov momentum"},
    {"step_size", COLUMN_INTEGER, true, offsetof(struct experiment, step_size), "6", 1, 1e6, .help = "of step: epochs"},
    {"step_gamma", COLUMN_REAL, true, offsetof(struct experiment, step_gamma), "0.1", 0, LARGE,
     .help = "of step: the factor"},
    {"l1", COLUMN_REAL, true, offsetof(struct experiment, l1), "0", 0, LARGE, .help = "adds l1 * sum |p| to the loss"},
    {"l2", COLUMN_REAL, true, offsetof(struct experiment, l2), "0", 0, LARGE,
     .help = "adds l2 * p to the gradient (weight decay)"},
    {"label_smoothing", COLUMN_REAL, true, offsetof(struct experiment, label_smoothing), "0", 0, 1,
     .help = "of the targets"},
    {"average", COLUMN_REAL, true, offsetof(struct experiment, average), "0", 0, 1,
     .help = "decay of the average of weights; 1: of all; 0: none"},
    {"average_from", COLUMN_INTEGER, true, offsetof(struct experiment, average_from), "0", 0, 1e6,
     .help = "epochs before the average begins"},
    {"augment", COLUMN_TEXT, true, offsetof(struct experiment, augment), "none",
     .help = "as for train: rotate:7:fill=1"},
    {"limit", COLUMN_INTEGER, true, offsetof(struct experiment, limit), "0", 0, LARGE,
     .help = "training images, not counting validate; 0 = all"},
    {"validate", COLUMN_INTEGER, true, offsetof(struct experiment, validate), "0", 0, LARGE,
     .help = "the last training images, for validation only"},
    {"statistics", COLUMN_FLAG, true, offsetof(struct experiment, statistics), "no",
     .help = "yes: also test with other statistics of batch norm"},
    {"tta", COLUMN_INTEGER, true, offsetof(struct experiment, tta), "0", 0, SHIFTED_MAX_RADIUS,
     .help = "also test with copies shifted by 0 to N pixels"},
};

const int experiment_column_count = sizeof experiment_columns / sizeof experiment_columns[0];
_Static_assert(sizeof experiment_columns <= MOST_COLUMNS * sizeof experiment_columns[0], "MOST_COLUMNS is too small");

const struct column *experiment_column(const char *name)
{
    for (int i = 0; i < experiment_column_count; ++i) {
        if (strcmp(experiment_columns[i].name, name) == 0)
            return &experiment_columns[i];
    }
    return NULL;
}

/* ---- From text --------------------------------------------------------------------------------- */

static void *field_of(struct experiment *experiment, const struct column *column)
{
    return (char *)experiment + column->offset;
}

static const void *value_of(const struct experiment *experiment, const struct column *column)
{
    return (const char *)experiment + column->offset;
}

static bool read_integer(const struct column *column, const char *text, int64_t *value)
{
    char *end;

    errno = 0;
    *value = strtoimax(text, &end, 10);
    return end != text && !*end && errno == 0 && strspn(text, "-0123456789") == strlen(text) &&
           (double)*value >= column->min && (double)*value <= column->max;
}

static bool read_real(const struct column *column, const char *text, double *value)
{
    char *end;

    if (column->kind == COLUMN_OPTIONAL && strcmp(text, column->absent) == 0) {
        *value = NAN;
        return true;
    }
    *value = strtod(text, &end);
    return end != text && !*end && strspn(text, "+-.0123456789eE") == strlen(text) && *value >= column->min &&
           *value <= column->max;
}

static bool read_choice(const struct column *column, const char *text, int32_t *value)
{
    for (*value = 0; column->choices[*value]; ++*value) {
        if (strcmp(column->choices[*value], text) == 0)
            return true;
    }
    return false;
}

static void describe_choices(const struct column *column, char expected[EXPECTED_ROOM])
{
    size_t length = 0;

    for (int i = 0; column->choices[i] && length < EXPECTED_ROOM; ++i)
        length += (size_t)snprintf(expected + length, EXPECTED_ROOM - length, "%s%s",
                                   i == 0                   ? ""
                                   : column->choices[i + 1] ? ", "
                                                            : " or ",
                                   column->choices[i]);
}

static void describe_column(const struct column *column, char expected[EXPECTED_ROOM])
{
    if (column->kind == COLUMN_CHOICE)
        describe_choices(column, expected);
    else if (column->kind == COLUMN_FLAG)
        snprintf(expected, EXPECTED_ROOM, "yes or no");
    else if (column->kind == COLUMN_INTEGER)
        snprintf(expected, EXPECTED_ROOM, "a whole number from %.0f to %.0f", column->min, column->max);
    else
        snprintf(expected, EXPECTED_ROOM, "a number from %g to %g%s%s", column->min, column->max,
                 column->absent ? ", or " : "", column->absent ? column->absent : "");
}

bool experiment_set(struct experiment *experiment, const struct column *column, const char *text,
                    char expected[EXPECTED_ROOM])
{
    void *field = field_of(experiment, column);
    bool good = true;

    if (column->kind == COLUMN_TEXT)
        *(const char **)field = text;
    else if (column->kind == COLUMN_INTEGER)
        good = read_integer(column, text, field);
    else if (column->kind == COLUMN_CHOICE)
        good = read_choice(column, text, field);
    else if (column->kind == COLUMN_FLAG)
        *(bool *)field = strcmp(text, "yes") == 0, good = *(bool *)field || strcmp(text, "no") == 0;
    else
        good = read_real(column, text, field);
    if (!good)
        describe_column(column, expected);
    return good;
}

void experiment_init(struct experiment *experiment)
{
    char expected[EXPECTED_ROOM];

    *experiment = (struct experiment){.id = "", .study = ""};
    for (int i = 0; i < experiment_column_count; ++i) {
        if (experiment_columns[i].value)
            experiment_set(experiment, &experiment_columns[i], experiment_columns[i].value, expected);
    }
}

/* ---- To text ----------------------------------------------------------------------------------- */

const char *experiment_text(const struct experiment *experiment, const struct column *column, char text[COLUMN_ROOM])
{
    const void *value = value_of(experiment, column);

    switch (column->kind) {
    case COLUMN_TEXT:
        return *(const char *const *)value;
    case COLUMN_CHOICE:
        return column->choices[*(const int32_t *)value];
    case COLUMN_FLAG:
        return *(const bool *)value ? "yes" : "no";
    case COLUMN_INTEGER:
        snprintf(text, COLUMN_ROOM, "%" PRId64, *(const int64_t *)value);
        return text;
    default:
        if (isnan(*(const double *)value))
            return column->absent;
        snprintf(text, COLUMN_ROOM, "%.15g", *(const double *)value);
        if (strtod(text, NULL) != *(const double *)value)
            snprintf(text, COLUMN_ROOM, "%.17g", *(const double *)value);
        return text;
    }
}

bool experiment_has_default(const struct experiment *experiment, const struct column *column)
{
    struct experiment defaults;
    char text[COLUMN_ROOM], usual[COLUMN_ROOM];

    experiment_init(&defaults);
    return strcmp(experiment_text(experiment, column, text), experiment_text(&defaults, column, usual)) == 0;
}

void experiment_key(const struct experiment *experiment, int64_t seed, const char *data, char key[65])
{
    struct experiment defaults;
    struct sha256 hash;
    char text[COLUMN_ROOM], usual[COLUMN_ROOM];

    experiment_init(&defaults);
    sha256_init(&hash);
    snprintf(text, sizeof text, "seed=%" PRId64 "\ndata=", seed);
    sha256_update(&hash, text, strlen(text));
    sha256_update(&hash, data, strlen(data));
    for (int i = 0; i < experiment_column_count; ++i) {
        const struct column *column = &experiment_columns[i];
        const char *value = experiment_text(experiment, column, text);

        if (!column->of_run || strcmp(value, experiment_text(&defaults, column, usual)) == 0)
            continue;
        sha256_update(&hash, "\n", 1);
        sha256_update(&hash, column->name, strlen(column->name));
        sha256_update(&hash, "=", 1);
        sha256_update(&hash, value, strlen(value));
    }
    sha256_final(&hash, key);
}

static void write_column(struct json_writer *json, const struct experiment *experiment, const struct column *column)
{
    const void *value = value_of(experiment, column);
    char text[COLUMN_ROOM];

    if (column->kind == COLUMN_INTEGER)
        json_integer(json, column->name, *(const int64_t *)value);
    else if (column->kind == COLUMN_FLAG)
        json_boolean(json, column->name, *(const bool *)value);
    else if (column->kind == COLUMN_REAL || column->kind == COLUMN_OPTIONAL)
        json_real(json, column->name, *(const double *)value);
    else
        json_text(json, column->name, experiment_text(experiment, column, text));
}

void experiment_write_run(struct json_writer *json, const struct experiment *experiment)
{
    static const char *const units[] = {"none", "epoch", "batch"}; /* in the order of normnet_schedule */

    for (int i = 0; i < experiment_column_count; ++i) {
        if (experiment_columns[i].of_run)
            write_column(json, experiment, &experiment_columns[i]);
    }
    json_text(json, "schedule_unit", units[experiment->schedule]);
    json_text(json, "optimizer", "sgd");
}

void experiment_write_about(struct json_writer *json, const struct experiment *experiment)
{
    json_text(json, "study", experiment->study);
    for (int i = 0; i < experiment_column_count; ++i) {
        if (!experiment_columns[i].of_run)
            write_column(json, experiment, &experiment_columns[i]);
    }
}

/* ---- The run ----------------------------------------------------------------------------------- */

void experiment_settings(const struct experiment *experiment, int64_t seed, struct settings *settings)
{
    settings_init(settings);
    settings->limit = experiment->limit;
    settings->augment = experiment->augment;
    settings->augment_list = experiment->augment_list;
    settings->norm = experiment->norm;
    settings->groups = experiment->groups;
    settings->layer_dims = experiment->layer_dims;
    settings->affine = experiment->affine;
    settings->virtual_batch = experiment->virtual_batch;
    settings->architecture = strcmp(experiment->architecture, "default") == 0 ? NULL : experiment->architecture;
    settings->dropout = experiment->dropout;
    settings->epochs = experiment->epochs;
    settings->batch = experiment->batch;
    settings->schedule = experiment->schedule;
    settings->lr = settings->max_lr = experiment->lr;
    settings->step_size = experiment->step_size;
    settings->step_gamma = experiment->step_gamma;
    settings->hold_momentum = !isnan(experiment->momentum);
    if (settings->hold_momentum)
        settings->momentum = experiment->momentum;
    settings->nesterov = experiment->nesterov;
    settings->l1 = experiment->l1;
    settings->l2 = experiment->l2;
    settings->label_smoothing = experiment->label_smoothing;
    settings->average = experiment->average;
    settings->average_from = experiment->average_from;
    settings->seed = seed;
    settings->threads = 1;
}

void experiment_of_settings(struct experiment *experiment, const struct settings *settings)
{
    const bool cycles = settings->schedule == NORMNET_SCHEDULE_ONE_CYCLE && !settings->hold_momentum;

    experiment_init(experiment);
    experiment->limit = settings->limit;
    experiment->validate = settings->validate;
    experiment->augment = settings->augment;
    experiment->augment_list = settings->augment_list;
    experiment->norm = settings->norm;
    experiment->groups = settings->groups;
    experiment->layer_dims = settings->layer_dims;
    experiment->affine = settings->affine;
    experiment->virtual_batch = settings->virtual_batch;
    if (settings->architecture)
        experiment->architecture = settings->architecture;
    experiment->dropout = settings->dropout;
    experiment->epochs = settings->epochs;
    experiment->batch = settings->batch;
    experiment->schedule = settings->schedule;
    experiment->lr = settings->lr;
    experiment->step_size = settings->step_size;
    experiment->step_gamma = settings->step_gamma;
    experiment->momentum = cycles ? NAN : settings->momentum;
    experiment->nesterov = settings->nesterov;
    experiment->l1 = settings->l1;
    experiment->l2 = settings->l2;
    experiment->label_smoothing = settings->label_smoothing;
    experiment->average = settings->average;
    experiment->average_from = settings->average_from;
}
