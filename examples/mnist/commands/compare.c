/* SPDX-License-Identifier: MIT */
#include "commands/compare.h"

#include "support/atomic_file.h"
#include "support/file_claim.h"
#include "support/json.h"
#include "support/minmax.h"
#include "support/options.h"
#include "support/plot.h"
#include "support/report.h"
#include "support/text.h"
#include "training/run_file.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_RUNS = 26 }; /* one letter each */

static const char csv_head[] = "run,file,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,test_loss,"
                               "test_accuracy,lr,images_per_second,seconds\n";

static const struct help compare_help = {
    .introduction = "Usage: normnet-mnist compare FILE... [OPTION]...\n"
                    "\n"
                    "Compares training runs by the files of their --json: results of their last\n"
                    "epochs, settings that differ, and curves.\n",
    .examples = "Examples:\n"
                "  normnet-mnist train --norm batch --json batch.json\n"
                "  normnet-mnist train --norm group --json group.json\n"
                "  normnet-mnist compare batch.json group.json\n"
                "  normnet-mnist compare *.json --csv runs.csv\n",
};

struct comparison {
    struct file_arguments files;
    const char *csv;
    struct file_claim claim; /* of the file of --csv */
    struct run_file runs[MAX_RUNS];
    int count;
};

static int parse_compare(struct comparison *comparison, int argc, char **argv)
{
    struct option options[] = {
        {.kind = OPTION_HEADING, .name = "Arguments"},
        {.kind = OPTION_FILES,
         .name = "FILE...",
         .help = "JSON files that train --json wrote, up to 26.",
         .target.files = &comparison->files},
        {.kind = OPTION_HEADING, .name = "Options"},
        {OPTION_TEXT, "--csv", "FILE",
         "Write the histories to a CSV file. An older file is replaced if this command wrote it.",
         .target.text = &comparison->csv},
    };

    int code = options_run(options, sizeof options / sizeof options[0], &compare_help, argc, argv);
    if (code != 0)
        return code;
    if (comparison->files.count == 0)
        return report_usage("a file is missing, e.g. run.json");
    if (comparison->files.count > MAX_RUNS)
        return report_usage("there are %d files; expected at most %d", comparison->files.count, MAX_RUNS);
    for (int i = 0; i < comparison->files.count && comparison->csv; ++i) {
        if (file_same(comparison->files.names[i], comparison->csv))
            return report_usage("--csv names %s, one of the runs", comparison->csv);
    }
    return 0;
}

static int open_comparison(struct comparison *comparison)
{
    int code = comparison->csv ? file_claim_take(&comparison->claim, comparison->csv) : 0;

    if (code == 0 && comparison->csv)
        code = atomic_file_check_older(comparison->csv, csv_head, "normnet-mnist compare");
    while (code == 0 && comparison->count < comparison->files.count) {
        const int i = comparison->count++;

        code = run_file_open(&comparison->runs[i], comparison->files.names[i]);
    }
    return code;
}

/* ---- Tables ------------------------------------------------------------------------------------ */

static char letter(int run)
{
    return (char)('A' + run);
}

/* "-" for a loss that was not finite, which is null in the file. */
static const char *known_loss(char text[LOSS_ROOM], double loss)
{
    return isfinite(loss) ? loss_text(text, loss) : "-";
}

/* The results of the last epochs. The best test accuracy is left out: choosing an epoch by it is what it would invite.
 */
static void print_results(const struct comparison *comparison)
{
    printf("Last epochs, accuracies in percent:\n\n"
           "run  epochs  parameters  train loss  accuracy  validation  test loss  accuracy\n");
    for (int i = 0; i < comparison->count; ++i) {
        const struct run_file *run = &comparison->runs[i];
        const struct epoch_result *last = &run->history[run->epochs - 1];
        char validation[32] = "-", trained[LOSS_ROOM], tested[LOSS_ROOM];

        if (run->validated)
            snprintf(validation, sizeof validation, "%.2f", last->validation_accuracy);
        printf("%c    %6" PRId64 "  %10.0f  %10s  %8.2f  %10s  %9s  %8.2f\n", letter(i), last->epoch, run->parameters,
               known_loss(trained, last->train_loss), last->train_accuracy, validation,
               known_loss(tested, last->test_loss), last->test_accuracy);
    }
    putchar('\n');
    for (int i = 0; i < comparison->count; ++i) {
        printf("%c  ", letter(i));
        print_name("", comparison->runs[i].path, "\n");
    }
}

/* The value as it is shown; "-" if the run has none. */
static const char *value_text(const struct json_value *value)
{
    if (!value)
        return "-";
    switch (value->kind) {
    case JSON_TEXT:
    case JSON_NUMBER:
        return value->text;
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    default:
        return "...";
    }
}

static const struct json_value *find_any(const struct json_value *object, const char *key)
{
    for (const struct json_value *value = object->first; value; value = value->next) {
        if (strcmp(value->key, key) == 0)
            return value;
    }
    return NULL;
}

/* The part of a file whose values are compared. */
typedef const struct json_value *section_of(const struct run_file *run);

static const struct json_value *configuration_of(const struct run_file *run)
{
    return run->configuration;
}

static const struct json_value *data_of(const struct run_file *run)
{
    return run->data;
}

static bool differs(const struct comparison *comparison, section_of *section, const char *key)
{
    const char *first = value_text(find_any(section(&comparison->runs[0]), key));

    for (int i = 1; i < comparison->count; ++i) {
        if (strcmp(first, value_text(find_any(section(&comparison->runs[i]), key))) != 0)
            return true;
    }
    return false;
}

/* Whether an earlier run has the key, so that it was printed. */
static bool was_seen(const struct comparison *comparison, section_of *section, const char *key, int run)
{
    for (int i = 0; i < run; ++i) {
        if (find_any(section(&comparison->runs[i]), key))
            return true;
    }
    return false;
}

static void print_key(const struct comparison *comparison, section_of *section, const char *key, int *differences)
{
    if (++*differences == 1)
        printf("\nWhat differs:\n");
    print_name("  ", key, "\n");
    for (int i = 0; i < comparison->count; ++i) {
        printf("    %c  ", letter(i));
        print_name("", value_text(find_any(section(&comparison->runs[i]), key)), "\n");
    }
}

/* Threads and instruction set change no result. */
static void print_differences(const struct comparison *comparison, section_of *section, int *differences)
{
    for (int i = 0; i < comparison->count; ++i) {
        for (const struct json_value *value = section(&comparison->runs[i])->first; value; value = value->next) {
            if (strcmp(value->key, "threads") != 0 && strcmp(value->key, "cpu") != 0 &&
                !was_seen(comparison, section, value->key, i) && differs(comparison, section, value->key))
                print_key(comparison, section, value->key, differences);
        }
    }
}

static void print_all_differences(const struct comparison *comparison)
{
    int differences = 0;

    print_differences(comparison, configuration_of, &differences);
    print_differences(comparison, data_of, &differences);
    for (int i = 1; i < comparison->count; ++i) {
        if (comparison->runs[i].bits_version != comparison->runs[0].bits_version) {
            printf("\nThe runs are from different versions of the bits: %c from %g, %c from %g\n", letter(0),
                   comparison->runs[0].bits_version, letter(i), comparison->runs[i].bits_version);
            return;
        }
    }
    if (differences == 0 && comparison->count > 1)
        printf("\nThe settings and the data do not differ.\n");
}

/* ---- Curves ------------------------------------------------------------------------------------ */

/* Draws one number of all runs; `values` has room for them all. */
static void print_curves(const struct comparison *comparison, const char *title, bool logarithmic, size_t offset,
                         double *values)
{
    struct plot_series series[MAX_RUNS];
    int64_t first = INT64_MAX, last = 1;
    char left[40], right[40];

    for (int i = 0; i < comparison->count; ++i) {
        const struct run_file *run = &comparison->runs[i];

        first = int64_min(first, run->history[0].epoch);
        last = int64_max(last, run->history[run->epochs - 1].epoch);
    }
    for (int i = 0; i < comparison->count; ++i) {
        const struct run_file *run = &comparison->runs[i];
        const int64_t before = run->history[0].epoch - first; /* epochs that the file does not have */

        series[i] = (struct plot_series){run->path, values, before + run->epochs};
        for (int64_t k = 0; k < before; ++k)
            *values++ = (double)NAN;
        for (int64_t k = 0; k < run->epochs; ++k)
            memcpy(values++, (const char *)&run->history[k] + offset, sizeof *values);
    }
    snprintf(left, sizeof left, "epoch %" PRId64, first);
    snprintf(right, sizeof right, "%" PRId64, last);
    putchar('\n');
    plot_print(&(struct plot){
        .title = title,
        .series = series,
        .count = comparison->count,
        .letters = true,
        .logarithmic = logarithmic,
        .left = left,
        .right = last > first ? right : "",
    });
}

/* The first and last epochs of all runs: a run of an old checkpoint may begin later. */
static int64_t epoch_span(const struct comparison *comparison)
{
    int64_t span = 1;

    for (int i = 0; i < comparison->count; ++i)
        span = int64_max(span, comparison->runs[i].history[comparison->runs[i].epochs - 1].epoch);
    return span;
}

static int print_all_curves(const struct comparison *comparison)
{
    const size_t runs = (size_t)int64_max(comparison->count, 1);
    double *values = calloc(runs, (size_t)epoch_span(comparison) * sizeof *values);

    if (!values)
        return report_error("not enough memory for the curves");
    print_curves(comparison, "Training loss", true, offsetof(struct epoch_result, train_loss), values);
    print_curves(comparison, "Test loss", true, offsetof(struct epoch_result, test_loss), values);
    print_curves(comparison, "Test accuracy in percent", false, offsetof(struct epoch_result, test_accuracy), values);
    free(values);
    return 0;
}

/* What must not be read out of the table. */
static void print_caveat(const struct comparison *comparison)
{
    if (comparison->count > 1)
        printf("\nThese are single runs. Another seed changes each result, so one run each\n"
               "cannot tell which settings are better. `normnet-mnist study` repeats runs with\n"
               "several seeds, and tells which differences are real.\n");
}

/* ---- CSV --------------------------------------------------------------------------------------- */

static void write_csv_text(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (; *text; ++text)
        fprintf(stream, *text == '"' ? "\"%c" : "%c", *text);
    fputc('"', stream);
}

/* A number that is missing, or was not finite, is an empty field. */
static void write_csv_numbers(FILE *stream, const double *numbers, int count, bool known)
{
    char text[JSON_REAL_ROOM];

    for (int i = 0; i < count; ++i)
        fprintf(stream, ",%s", known ? json_real_text(text, numbers[i]) : "");
}

static void write_csv_epoch(FILE *stream, const struct run_file *run, const struct epoch_result *result)
{
    const double trained[] = {result->train_loss, result->train_accuracy};
    const double validated[] = {result->validation_loss, result->validation_accuracy};
    const double rest[] = {result->test_loss, result->test_accuracy, result->lr, result->images_per_second,
                           result->seconds};

    fprintf(stream, ",%" PRId64, result->epoch);
    write_csv_numbers(stream, trained, 2, true);
    write_csv_numbers(stream, validated, 2, run->validated);
    write_csv_numbers(stream, rest, 5, true);
    fputc('\n', stream);
}

static int write_csv(const struct comparison *comparison)
{
    struct atomic_file file;

    if (!comparison->csv)
        return 0;
    int code = atomic_file_open(&file, comparison->csv);
    if (code != 0)
        return code;
    fputs(csv_head, file.stream);
    for (int i = 0; i < comparison->count; ++i) {
        const struct run_file *run = &comparison->runs[i];

        for (int64_t k = 0; k < run->epochs; ++k) {
            fprintf(file.stream, "%c,", letter(i));
            write_csv_text(file.stream, run->path);
            write_csv_epoch(file.stream, run, &run->history[k]);
        }
    }
    return atomic_file_commit(&file);
}

int compare_command(int argc, char **argv)
{
    struct comparison comparison = {.count = 0};

    int code = parse_compare(&comparison, argc, argv);
    if (code == OPTIONS_HELP)
        return 0;
    if (code == 0)
        code = open_comparison(&comparison);
    if (code == 0)
        code = write_csv(&comparison);
    if (code == 0) {
        print_results(&comparison);
        print_all_differences(&comparison);
        code = print_all_curves(&comparison);
        print_caveat(&comparison);
    }
    for (int i = 0; i < comparison.count; ++i)
        run_file_close(&comparison.runs[i]);
    file_claim_release(&comparison.claim);
    return code;
}
