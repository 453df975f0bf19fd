/* SPDX-License-Identifier: MIT */
#include "commands/study.h"

#include "data/class_names.h"
#include "report/write.h"
#include "study/crew.h"
#include "study/kept_experiments.h"
#include "study/plan.h"
#include "study/published.h"
#include "study/summary.h"
#include "study/summary_files.h"
#include "study/summary_table.h"
#include "support/file_system.h"
#include "support/interrupt.h"
#include "support/machine.h"
#include "support/options.h"
#include "support/report.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct help study_help = {
    .introduction = "Usage: normnet-mnist study --out DIR [OPTION]...\n"
                    "\n"
                    "Trains the networks of the published experiments, and all norms on equal\n"
                    "footing, with several seeds each, and says which differences are real. Every\n"
                    "finished run is a line of DIR/runs.jsonl: the same command after a stop, or\n"
                    "after a kill, does only what is missing. The results do not depend on the\n"
                    "number of cores.\n"
                    "\n"
                    "Defaults are in [brackets].\n"
                    "\n",
    .examples = "The file of experiments\n"
                "  # begins a comment, [NAME] a study. `column = value` is a setting for the rows\n"
                "  that follow in the study, or for all studies if it is before the first; an\n"
                "  indented line continues it. A table has the columns in its first line and an\n"
                "  experiment in each other line; an empty cell has the value of the setting:\n"
                "\n"
                "    [mine]\n"
                "    architecture = conv3-8 norm relu maxpool2 conv3-16 relu gap conv1-10\n"
                "    epochs = 5\n"
                "    | id     | norm  | l2   |\n"
                "    | mine-1 | batch |      |\n"
                "    | mine-2 | group | 1e-3 |\n"
                "\n"
                "  Its columns:\n",
};

static const char study_examples[] = "\n"
                                     "Exit status\n"
                                     "  0    All runs are done.\n"
                                     "  1    The data or a file failed, or a training of a row with expect = works\n"
                                     "       could not go on; all else is done and written then.\n"
                                     "  2    The command line or the file of experiments is wrong.\n"
                                     "  130  Ctrl-C stopped the study. Finished runs are kept.\n"
                                     "\n"
                                     "Examples:\n"
                                     "  normnet-mnist study --quick --out quick\n"
                                     "  normnet-mnist study --list\n"
                                     "  normnet-mnist study --only 003,004-bn-l1 --seeds 3 --out seeds\n"
                                     "  normnet-mnist study --only equal --out equal\n"
                                     "  normnet-mnist study --print > my.txt\n"
                                     "  normnet-mnist study --experiments my.txt --out mine\n";

struct study_actions {
    bool list, print;
};

/* ---- Options ----------------------------------------------------------------------------------- */

static void print_columns(void)
{
    for (int i = 0; i < experiment_column_count; ++i) {
        const struct column *column = &experiment_columns[i];

        printf("  %-16s %s", column->name, column->help);
        if (column->value && *column->value)
            printf(" [%s]", column->value);
        printf("\n");
    }
}

static int parse_options(struct study_options *study, struct study_actions *actions, int argc, char **argv)
{
    struct option options[] = {
        {OPTION_TEXT, "--out", "DIR", "Where to write runs.jsonl and the summary; created if it is missing.",
         .target.text = &study->out},
        {OPTION_TEXT, "--only", "NAMES", "Run only these studies and experiments, separated by commas.",
         .target.text = &study->only},
        {OPTION_FLAG, "--quick", NULL, "Run the quick selection: a few minutes on two cores.",
         .target.flag = &study->quick},
        {OPTION_INTEGER, "--seeds", "N", "Runs per experiment. [those of the file: 5]", .target.integer = &study->seeds,
         .min = 1, .max = 1000},
        {OPTION_INTEGER, "--jobs", "N", "Runs at the same time. [one per core]", .target.integer = &study->jobs,
         .min = 1, .max = 1024},
        {OPTION_TEXT, "--data", "DIR", "The data set, as for train. [as for train]", .target.text = &study->data},
        {OPTION_TEXT, "--experiments", "FILE", "Read the experiments from this file. [those that are built in]",
         .target.text = &study->experiments},
        {OPTION_TEXT, "--classes", "FILE", "The names of the classes for the report, one per line.",
         .target.text = &study->classes},
        {OPTION_FLAG, "--list", NULL, "Print a table of the experiments, and run none.", .target.flag = &actions->list},
        {OPTION_FLAG, "--print", NULL, "Print the file that is built in, to copy and change it.",
         .target.flag = &actions->print},
    };
    const int count = sizeof options / sizeof options[0];

    const int code = options_run(options, count, &study_help, argc, argv);
    if (code == OPTIONS_HELP) {
        print_columns();
        fputs(study_examples, stdout);
    }
    if (code != 0)
        return code;
    if (actions->list && actions->print)
        return report_usage("--list and --print both print experiments; expected one of them");
    for (int i = 0; actions->print && i < count; ++i) {
        if (options[i].given && strcmp(options[i].name, "--print") != 0)
            return report_usage("%s has no effect with --print, which prints the built-in file", options[i].name);
    }
    if (study->quick && study->only)
        return report_usage("--quick and --only %s both select the experiments; expected one of them", study->only);
    if (actions->list || actions->print)
        return 0;
    return study->out ? 0 : report_usage("--out is missing: expected a directory for the results");
}

/* ---- The study --------------------------------------------------------------------------------- */

struct study {
    struct study_options options;
    struct experiments experiments;
    struct plan plan;
    struct dataset data;
    struct class_names classes;
    char data_key[130]; /* the checksums of the training and the test images */
    struct runs_file file;
    size_t shown;      /* rows of the summary */
    int64_t failed;    /* trainings that could not go on, of rows that are expected to work */
    char *failed_rows; /* the ids of these rows, or NULL */
};

/* And checks what cannot be known without data. */
static int open_data(struct study *study)
{
    const int code = dataset_open(&study->data, study->options.data, 0, 0);

    return code == 0 ? plan_check(&study->plan, &study->experiments, &study->data) : code;
}

/* The experiments that are built in are listed at once, since they can be run with the usual data. */
static bool needs_check(const struct study_options *options)
{
    return options->experiments || options->data;
}

static int read_classes(struct study *study)
{
    if (!study->options.classes)
        return 0;
    const int code = class_names_read(&study->classes, study->options.classes);
    return code == 0 ? class_names_check(&study->classes, study->data.classes, "the data set") : code;
}

static void identify_data(struct study *study)
{
    char train[65], test[65];

    dataset_print(&study->data);
    dataset_checksum(&study->data, &study->data.train, train);
    dataset_checksum(&study->data, &study->data.test, test);
    snprintf(study->data_key, sizeof study->data_key, "%s-%s", train, test);
    published_withhold(&study->experiments, study->data_key);
}

static int do_runs(struct study *study, size_t *left)
{
    int code = plan_runs(&study->plan, &study->options, &study->data, study->data_key);

    if (code != 0)
        return code;
    const size_t planned = study->plan.run_count, done = plan_skip_finished(&study->plan, &study->file);
    printf("%zu experiment%s, %zu run%s", study->plan.selected_count, study->plan.selected_count == 1 ? "" : "s",
           planned, planned == 1 ? "" : "s");
    if (done > 0)
        printf(", of which %zu %s done", done, done == 1 ? "is" : "are");
    printf("\n\n");
    fflush(stdout);
    if (study->plan.run_count > 0) {
        interrupt_catch();
        interrupt_ignore_pipe();
        code = crew_work(&study->plan, &study->file, &study->data, study->data_key, study->options.jobs);
        plan_skip_finished(&study->plan, &study->file);
    }
    *left = study->plan.run_count;
    return code;
}

static bool is_selected(const struct plan *plan, const struct experiment *experiment)
{
    for (size_t i = 0; i < plan->selected_count; ++i) {
        if (plan->selected[i] == experiment)
            return true;
    }
    return false;
}

/* Notes the rows of this study that have failed and are expected to work. */
static int find_failures(struct study *study, const struct summary *summary)
{
    for (size_t i = 0; i < summary->count; ++i) {
        const struct summary_row *row = &summary->rows[i];
        const struct experiment *experiment = row->experiment;

        if (row->failed == 0 || experiment->expect != EXPECT_WORKS || !is_selected(&study->plan, experiment))
            continue;
        char *names =
            study->failed_rows ? text_of("%s, %s", study->failed_rows, experiment->id) : text_of("%s", experiment->id);
        if (!names)
            return report_error("not enough memory for the summary");
        free(study->failed_rows);
        study->failed_rows = names;
        study->failed += row->failed;
    }
    return 0;
}

static int summarize(struct study *study)
{
    struct summary summary;

    int code = summary_make(&summary, &study->experiments, &study->file, study->data_key);
    if (code == 0)
        code = summary_write_files(&summary, &study->experiments, study->options.out);
    if (code == 0 && summary.count > 0) {
        printf("\n");
        summary_print(&summary);
    }
    if (code == 0)
        code = find_failures(study, &summary);
    study->shown = summary.count;
    summary_free(&summary);
    return code;
}

static int write_report(const struct study *study)
{
    const struct report_request request = {
        .directory = study->options.out,
        .experiments = study->options.experiments,
        .data = study->options.data,
        .data_key = study->data_key,
        .classes = &study->classes,
    };

    printf("\n");
    return study->shown > 0 ? report_write(&request) : 0;
}

/* What the study will write at its end, known before its first run. */
static int check_directory(const struct study *study)
{
    const char *directory = study->options.out;

    if (!file_is_folder(directory))
        return 0;
    int code = kept_experiments_check(directory, &study->experiments);
    if (code == 0)
        code = summary_check_files(directory);
    return code == 0 ? report_check(directory) : code;
}

static int run_study(struct study *study)
{
    size_t left = 0;

    int code = read_classes(study);
    if (code != 0)
        return code;
    identify_data(study);
    code = check_directory(study);
    if (code == 0)
        code = runs_file_open(&study->file, study->options.out);
    if (code == 0)
        code = kept_experiments_write(study->options.out, &study->experiments);
    if (code == 0)
        code = do_runs(study, &left);
    if (code != 0)
        return code;
    code = summarize(study);
    if (code != 0)
        return code;
    print_name("\nEvery run is a line of ", study->file.path, "");
    print_name("; the summary is also in ", study->options.out, "/summary.csv, comparisons.csv and summary.json.\n");
    code = write_report(study);
    if (code != 0)
        return code;
    if (left > 0) {
        printf("Stopped: %zu run%s missing; the same command does %s.\n", left, left == 1 ? " is" : "s are",
               left == 1 ? "it" : "them");
        return interrupt_exit_code();
    }
    if (study->failed == 0)
        return 0; /* also after a signal at the very end */
    return report_error("%" PRId64 " training%s could not go on, of rows with expect = works: %s", study->failed,
                        study->failed == 1 ? "" : "s", study->failed_rows);
}

int study_command(int argc, char **argv)
{
    struct study study = {.options.jobs = core_count()};
    struct study_actions actions = {0};

    int code = parse_options(&study.options, &actions, argc, argv);
    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0 && actions.print) {
        experiments_print_default();
        return 0;
    }
    if (code == 0)
        code = experiments_open(&study.experiments, study.options.experiments);
    if (code == 0)
        code = plan_select(&study.plan, &study.experiments, &study.options);
    if (code == 0 && (!actions.list || needs_check(&study.options)))
        code = open_data(&study);
    if (code == 0 && actions.list) {
        plan_print(&study.plan);
        if (!study.options.quick && !study.options.only && !study.options.experiments)
            printf("\nThese are the experiments of a full study; --quick --list shows those of the quick selection.\n");
    } else if (code == 0)
        code = run_study(&study);
    free(study.failed_rows);
    runs_file_close(&study.file);
    dataset_close(&study.data);
    class_names_free(&study.classes);
    plan_free(&study.plan);
    experiments_close(&study.experiments);
    return code;
}
