/* SPDX-License-Identifier: MIT */
#include "study/plan.h"

#include "support/minmax.h"
#include "support/nearest.h"
#include "support/report.h"
#include "training/steps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Selection --------------------------------------------------------------------------------- */

static bool is_word(const char *name, const char *word, size_t length)
{
    return strlen(name) == length && strncmp(name, word, length) == 0;
}

static bool is_named(const struct experiment *experiment, const char *word, size_t length)
{
    return is_word(experiment->id, word, length) ||
           (is_word(experiment->study, word, length) && experiment->select != SELECT_NAMED);
}

static bool is_in_list(const struct experiment *experiment, const char *list)
{
    for (;;) {
        const size_t length = strcspn(list, ",");

        if (is_named(experiment, list, length))
            return true;
        if (!list[length])
            return false;
        list += length + 1;
    }
}

static int reject_unknown(const struct experiments *experiments, const char *word, size_t length)
{
    struct nearest nearest = nearest_begin(word, length);
    char suggestion[NEAREST_ROOM];

    for (size_t i = 0; i < experiments->count; ++i)
        nearest_try(&nearest, experiments->rows[i].id);
    for (size_t i = 0; i < experiments->count; ++i)
        nearest_try(&nearest, experiments->rows[i].study);
    return report_usage("--only: '%.*s' is no experiment and no study of %s, which --list shows%s", (int)length, word,
                        experiments->name, nearest_text(&nearest, suggestion));
}

static int check_list(const struct experiments *experiments, const char *list)
{
    for (;;) {
        const size_t length = strcspn(list, ",");
        bool found = false;

        for (size_t i = 0; i < experiments->count && !found; ++i)
            found = is_named(&experiments->rows[i], list, length);
        if (!found)
            return reject_unknown(experiments, list, length);
        if (!list[length])
            return 0;
        list += length + 1;
    }
}

int plan_select(struct plan *plan, const struct experiments *experiments, const struct study_options *options)
{
    const int32_t wanted = options->quick ? SELECT_QUICK : SELECT_FULL;

    *plan = (struct plan){0};
    const int code = options->only ? check_list(experiments, options->only) : 0;
    if (code != 0)
        return code;
    plan->selected = calloc(experiments->count, sizeof(struct experiment *));
    if (!plan->selected)
        return report_error("not enough memory for %zu experiments", experiments->count);
    for (size_t i = 0; i < experiments->count; ++i) {
        const struct experiment *experiment = &experiments->rows[i];

        if (options->only ? is_in_list(experiment, options->only) : experiment->select == wanted)
            plan->selected[plan->selected_count++] = experiment;
    }
    if (plan->selected_count == 0)
        return report_usage("%s has no experiment with select = %s; expected one, or --only", experiments->name,
                            options->quick ? "quick" : "full");
    return 0;
}

/* ---- Checks ------------------------------------------------------------------------------------ */

/* Not positive if all images are held out. */
static int64_t used_images(const struct experiment *experiment, const struct dataset *data)
{
    const int64_t left = data->train.count - experiment->validate;

    return experiment->limit > 0 ? int64_min(experiment->limit, left) : left;
}

static int check_images(const struct experiment *experiment, const struct experiments *experiments,
                        const struct dataset *data)
{
    if (used_images(experiment, data) > 0)
        return 0;
    return report_usage("%s:%d: %s: validate is %" PRId64 "; expected less than the %" PRId64 " training images",
                        experiments->name, experiment->line, experiment->id, experiment->validate, data->train.count);
}

static int check_last_batch(const struct experiment *experiment, const struct experiments *experiments,
                            const struct dataset *data, normnet_model *model)
{
    const int64_t images = used_images(experiment, data);
    const int64_t rejected = training_rejected_batch(model, data, images);

    if (rejected == 0)
        return 0;
    return report_usage("%s:%d: %s: %" PRId64 " training images in batches of %" PRId64 " end with a batch of %" PRId64
                        ": %s; choose another batch or limit",
                        experiments->name, experiment->line, experiment->id, images,
                        int64_min(experiment->batch, images), rejected, normnet_error_message());
}

static int check_model(const struct experiment *experiment, const struct experiments *experiments,
                       const struct dataset *data)
{
    normnet_model *model = NULL;
    struct settings settings;
    normnet_config config;

    seed_run_configure(experiment, 1, data, &settings, &config);
    const normnet_status status = normnet_model_create(&model, &config);
    if (status == NORMNET_ENOMEM)
        return report_error("%s", normnet_error_message());
    if (status != NORMNET_OK)
        return report_usage("%s:%d: %s: %s", experiments->name, experiment->line, experiment->id,
                            normnet_error_message());
    const int code = check_last_batch(experiment, experiments, data, model);
    normnet_model_destroy(model);
    return code;
}

int plan_check(const struct plan *plan, const struct experiments *experiments, const struct dataset *data)
{
    int code = 0;

    for (size_t i = 0; i < plan->selected_count && code == 0; ++i) {
        code = check_images(plan->selected[i], experiments, data);
        if (code == 0)
            code = check_model(plan->selected[i], experiments, data);
    }
    return code;
}

/* ---- Runs -------------------------------------------------------------------------------------- */

/* The cost of an experiment's run; its model has been created before without failure. */
static double cost_of(const struct experiment *experiment, const struct dataset *data)
{
    normnet_layer_info info = {.struct_size = sizeof info};
    normnet_model *model = NULL;
    struct settings settings;
    normnet_config config;
    double multiply_adds = 0;

    seed_run_configure(experiment, 1, data, &settings, &config);
    if (normnet_model_create(&model, &config) != NORMNET_OK)
        return 1;
    for (int32_t i = 0; i < normnet_layer_count(model); ++i) {
        if (normnet_layer(model, i, &info) == NORMNET_OK)
            multiply_adds += (double)info.multiply_adds;
    }
    normnet_model_destroy(model);
    return double_max(multiply_adds, 1) * (double)used_images(experiment, data) * (double)experiment->epochs;
}

static bool is_planned(const struct plan *plan, const char *key)
{
    for (size_t i = 0; i < plan->run_count; ++i) {
        if (strcmp(plan->runs[i].key, key) == 0)
            return true;
    }
    return false;
}

static int64_t seeds_of(const struct experiment *experiment, const struct study_options *options)
{
    return options->seeds > 0 ? options->seeds : experiment->seeds;
}

static void add_run(struct plan *plan, const struct experiment *experiment, int64_t seed, double cost,
                    const char *data_key)
{
    struct planned_run *run = &plan->runs[plan->run_count];

    *run = (struct planned_run){.experiment = experiment, .seed = seed, .cost = cost};
    experiment_key(experiment, seed, data_key, run->key);
    if (!is_planned(plan, run->key))
        ++plan->run_count;
}

int plan_runs(struct plan *plan, const struct study_options *options, const struct dataset *data, const char *data_key)
{
    double *costs = calloc(plan->selected_count, sizeof *costs);
    int64_t most = 0;
    size_t room = 0;

    for (size_t i = 0; i < plan->selected_count; ++i) {
        most = int64_max(most, seeds_of(plan->selected[i], options));
        room += (size_t)seeds_of(plan->selected[i], options);
    }
    plan->runs = calloc(room, sizeof *plan->runs);
    if (!costs || !plan->runs) {
        free(costs);
        return report_error("not enough memory for %zu runs", room);
    }
    for (size_t i = 0; i < plan->selected_count; ++i)
        costs[i] = cost_of(plan->selected[i], data);
    for (int64_t seed = 1; seed <= most; ++seed) {
        for (size_t i = 0; i < plan->selected_count; ++i) {
            if (seed <= seeds_of(plan->selected[i], options))
                add_run(plan, plan->selected[i], seed, costs[i], data_key);
        }
    }
    free(costs);
    return 0;
}

size_t plan_skip_finished(struct plan *plan, const struct runs_file *file)
{
    size_t left = 0;

    for (size_t i = 0; i < plan->run_count; ++i) {
        if (!runs_file_find(file, plan->runs[i].key))
            plan->runs[left++] = plan->runs[i];
    }
    const size_t skipped = plan->run_count - left;
    plan->run_count = left;
    return skipped;
}

void plan_free(struct plan *plan)
{
    free(plan->selected);
    free(plan->runs);
    *plan = (struct plan){0};
}
