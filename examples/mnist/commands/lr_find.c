/* SPDX-License-Identifier: MIT */
#include "commands/lr_find.h"

#include "commands/train_options.h"
#include "support/atomic_file.h"
#include "support/file_claim.h"
#include "support/interrupt.h"
#include "support/json.h"
#include "support/options.h"
#include "support/plot.h"
#include "support/report.h"
#include "training/range_test.h"
#include "training/results.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char program_name[] = "normnet-mnist lr-find";
static const char csv_head[] = "step,lr,loss,smoothed\n";

static const struct help lr_find_help = {
    .introduction = "Usage: normnet-mnist lr-find [OPTION]...\n"
                    "\n"
                    "Finds a learning rate: trains a new network for some steps, with a rate that\n"
                    "grows by a constant factor per step, and draws the loss. The test ends early\n"
                    "when the loss diverges. Nothing is saved. Defaults are in [brackets].\n"
                    "\n"
                    "General\n",
    .examples = "The suggestion is the rate at which the smoothed loss falls fastest, or a tenth\n"
                "of the rate at which it is lowest, whichever is smaller, but at least --from.\n"
                "There is none if the loss falls by no more than it differs between batches. It\n"
                "suits --lr; the peak of one-cycle may be some times higher.\n"
                "\n"
                "Examples:\n"
                "  normnet-mnist lr-find\n"
                "  normnet-mnist lr-find --norm group --batch 128 --csv range.csv\n"
                "  normnet-mnist lr-find --preset fast --from 1e-4 --to 10 --steps 300\n",
};

struct lr_find {
    struct settings settings;
    struct range_test range;
    const char *json, *csv;
    struct file_claim json_claim, csv_claim;
    struct dataset data;
    normnet_model *model;
    struct range_choice choice;
    bool chosen;
};

/* ---- The command line -------------------------------------------------------------------------- */

static int list_options(struct option *options, struct lr_find *find)
{
    const struct option list[] = {
        {.kind = OPTION_HEADING, .name = "Range test"},
        {OPTION_REAL, "--from", "X", "The first learning rate. [1e-05]", .target.real = &find->range.lowest,
         .min = 1e-12, .max = 1e9},
        {OPTION_REAL, "--to", "X", "The last learning rate. [10]", .target.real = &find->range.highest, .min = 1e-12,
         .max = 1e9},
        {OPTION_INTEGER, "--steps", "N", "Steps of the test. [200]", .target.integer = &find->range.max_steps,
         .min = 20, .max = 1000000},
        {OPTION_TEXT, "--csv", "FILE", "Write step, rate, loss and smoothed loss to a CSV file.",
         .target.text = &find->csv},
        {OPTION_TEXT, "--json", "FILE",
         "Write the same and the suggestion to a JSON file. An older file is replaced if this command wrote it, as is "
         "that of --csv.",
         .target.text = &find->json},
    };
    const int count = train_options_share(options, &find->settings);

    memcpy(options + count, list, sizeof list);
    return count + (int)(sizeof list / sizeof *list);
}

static void set_defaults(struct lr_find *find, int32_t preset)
{
    settings_init(&find->settings);
    settings_use_preset(&find->settings, preset);
    find->settings.schedule = NORMNET_SCHEDULE_CONSTANT;
    find->range.lowest = 1e-5;
    find->range.highest = 10;
    find->range.max_steps = 200;
    find->json = find->csv = NULL;
}

static int parse_lr_find(struct lr_find *find, int argc, char **argv)
{
    struct option options[TRAIN_MAX_OPTIONS];

    set_defaults(find, PRESET_STANDARD);
    int code = options_parse(options, list_options(options, find), argc, argv);
    if (code != 0 && code != OPTIONS_HELP)
        return code;
    set_defaults(find, find->settings.preset);
    const int count = list_options(options, find);
    code = options_run(options, count, &lr_find_help, argc, argv);
    if (code == 0)
        code = train_options_check(options, count, &find->settings);
    if (code == 0 && find->range.lowest >= find->range.highest)
        return report_usage("--from is %g and --to is %g; expected a range that grows", find->range.lowest,
                            find->range.highest);
    return code == 0 ? options_check_distinct(options, count, "--csv", "--json") : code;
}

/* ---- Preparation ------------------------------------------------------------------------------- */

static int claim_outputs(struct lr_find *find)
{
    int code = find->json ? file_claim_take(&find->json_claim, find->json) : 0;

    if (code == 0)
        code = results_check_written_by(find->json, program_name);
    if (code == 0 && find->csv)
        code = file_claim_take(&find->csv_claim, find->csv);
    return code == 0 && find->csv ? atomic_file_check_older(find->csv, csv_head, program_name) : code;
}

static int create_model(struct lr_find *find)
{
    normnet_config config;

    settings_fit_data(&find->settings, &find->data);
    settings_configure(&find->settings, &find->data, &config);
    const normnet_status status = normnet_model_create(&find->model, &config);
    return status == NORMNET_OK ? 0 : settings_report_rejected(&find->settings, status);
}

static int prepare(struct lr_find *find)
{
    int code = claim_outputs(find);

    if (code == 0)
        code = dataset_open(&find->data, find->settings.data, find->settings.limit, find->settings.validate);
    if (code == 0)
        code = dataset_check_distinct(&find->data, "--json", find->json);
    if (code == 0)
        code = dataset_check_distinct(&find->data, "--csv", find->csv);
    if (code == 0)
        code = create_model(find);
    if (code != 0)
        return code;
    find->range.steps = calloc((size_t)find->range.max_steps, sizeof *find->range.steps);
    return find->range.steps ? 0 : report_error("not enough memory for %" PRId64 " steps", find->range.max_steps);
}

/* ---- Results ----------------------------------------------------------------------------------- */

static int write_csv(const struct lr_find *find)
{
    struct atomic_file file;

    int code = atomic_file_open(&file, find->csv);
    if (code != 0)
        return code;
    fputs(csv_head, file.stream);
    for (int64_t i = 0; i < find->range.count; ++i) {
        const struct range_step *step = &find->range.steps[i];
        char lr[JSON_REAL_ROOM], loss[JSON_REAL_ROOM], smoothed[JSON_REAL_ROOM];

        fprintf(file.stream, "%" PRId64 ",%s,%s,%s\n", i + 1, json_real_text(lr, step->lr),
                json_real_text(loss, step->loss), json_real_text(smoothed, step->smoothed));
    }
    return atomic_file_commit(&file);
}

static void write_suggestion(struct json_writer *json, const struct lr_find *find)
{
    const struct range_step *steps = find->range.steps;
    const double none = (double)NAN;

    json_real(json, "suggestion", find->chosen ? find->choice.lr : none);
    json_real(json, "steepest", find->chosen ? steps[find->choice.steepest].lr : none);
    json_real(json, "minimum", find->chosen ? steps[find->choice.minimum].lr : none);
}

static int write_json(const struct lr_find *find)
{
    struct atomic_file file;

    int code = atomic_file_open(&file, find->json);
    if (code != 0)
        return code;
    struct json_writer json = json_open(file.stream);
    results_begin(&json, program_name);
    json_real(&json, "from", find->range.lowest);
    json_real(&json, "to", find->range.highest);
    json_boolean(&json, "diverged", find->range.diverged);
    write_suggestion(&json, find);
    json_begin_array(&json, "steps");
    for (int64_t i = 0; i < find->range.count; ++i) {
        const struct range_step *step = &find->range.steps[i];

        json_begin_object(&json, NULL);
        json_integer(&json, "step", i + 1);
        json_real(&json, "lr", step->lr);
        json_real(&json, "loss", step->loss);
        json_real(&json, "smoothed", step->smoothed);
        json_end_object(&json);
    }
    json_end_array(&json);
    json_end_object(&json);
    return atomic_file_commit(&file);
}

static int print_curve(const struct range_test *range)
{
    char left[40], right[40];
    double *smoothed = calloc((size_t)range->count, sizeof *smoothed);

    if (!smoothed)
        return report_error("not enough memory for the curve");
    for (int64_t i = 0; i < range->count; ++i)
        smoothed[i] = range->steps[i].smoothed;
    snprintf(left, sizeof left, "rate %.3g", range->steps[0].lr);
    snprintf(right, sizeof right, "%.3g", range->steps[range->count - 1].lr);
    plot_print(&(struct plot){
        .title = "Loss over the learning rate, both axes logarithmic",
        .series = &(struct plot_series){"smoothed", smoothed, range->count},
        .count = 1,
        .logarithmic = true,
        .left = left,
        .right = right,
    });
    free(smoothed);
    return 0;
}

static int print_results(const struct lr_find *find)
{
    const struct range_test *range = &find->range;

    int code = print_curve(range);
    if (range->diverged)
        printf("\nThe loss diverged after %" PRId64 " of %" PRId64 " steps, at a rate of %.3g\n", range->count,
               range->max_steps, range->steps[range->count - 1].lr);
    if (!find->chosen) {
        printf("\nNo suggestion: the loss hardly fell over the tested rates, no more than it differs between batches. "
               "A lower --from, a higher --to or more --steps may help.\n");
        return code;
    }
    printf("\nSteepest descent at %.3g, lowest loss at %.3g\nSuggestion: --lr %.2g\n",
           range->steps[find->choice.steepest].lr, range->steps[find->choice.minimum].lr, find->choice.lr);
    return code;
}

static int run_lr_find(struct lr_find *find)
{
    interrupt_catch();
    interrupt_ignore_pipe();
    dataset_print(&find->data);
    fflush(stdout);
    int code = range_test_run(&find->range, find->model, &find->data, &find->settings);
    if (code != 0)
        return code;
    if (find->range.stopped) {
        printf("Stopped after %" PRId64 " of %" PRId64 " steps\n", find->range.count, find->range.max_steps);
        return interrupt_exit_code();
    }
    if (find->range.count == 0)
        return report_error("the loss is not finite at the first rate, %g; a lower --from may help",
                            find->range.lowest);
    find->chosen = range_test_choose(&find->range, &find->choice);
    if (find->csv)
        code = write_csv(find);
    if (code == 0 && find->json)
        code = write_json(find);
    const int printed = print_results(find);
    return code == 0 ? printed : code;
}

int lr_find_command(int argc, char **argv)
{
    struct lr_find find = {.model = NULL};

    int code = parse_lr_find(&find, argc, argv);
    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0)
        code = prepare(&find);
    if (code == 0)
        code = run_lr_find(&find);
    free(find.range.steps);
    normnet_model_destroy(find.model);
    dataset_close(&find.data);
    file_claim_release(&find.csv_claim);
    file_claim_release(&find.json_claim);
    return code;
}
