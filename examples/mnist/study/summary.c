/* SPDX-License-Identifier: MIT */
#include "study/summary.h"

#include "support/minmax.h"
#include "support/report.h"
#include "support/utf8_text.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

const char *const verdict_names[] = {"one seed", "real", "perhaps", "not distinguishable"};

/* ---- Rows -------------------------------------------------------------------------------------- */

/* Of a number of the records, where they have it. */
static struct sample sample_of(const struct summary_row *row, size_t offset, double *values)
{
    size_t count = 0;

    for (size_t i = 0; i < row->count; ++i) {
        memcpy(&values[count], (const char *)row->runs[i] + offset, sizeof values[count]);
        count += isfinite(values[count]) ? 1 : 0;
    }
    return statistics_of(values, count);
}

static void fill_row(struct summary_row *row, double *values)
{
    row->test = sample_of(row, offsetof(struct run_record, test), values);
    row->validation = sample_of(row, offsetof(struct run_record, validation), values);
    row->train = sample_of(row, offsetof(struct run_record, train), values);
    row->best_test = sample_of(row, offsetof(struct run_record, best_test), values);
    row->test_loss = sample_of(row, offsetof(struct run_record, test_loss), values);
    row->average_test = sample_of(row, offsetof(struct run_record, average_test), values);
    row->average_validation = sample_of(row, offsetof(struct run_record, average_validation), values);
    row->average_test_loss = sample_of(row, offsetof(struct run_record, average_test_loss), values);
    row->tta_test = sample_of(row, offsetof(struct run_record, tta_test), values);
    row->tta_validation = sample_of(row, offsetof(struct run_record, tta_validation), values);
    row->tta_average_test = sample_of(row, offsetof(struct run_record, tta_average_test), values);
    row->seconds = sample_of(row, offsetof(struct run_record, seconds), values);
    row->images_per_second = sample_of(row, offsetof(struct run_record, images_per_second), values);
    row->small_share = sample_of(row, offsetof(struct run_record, small_share), values);
    row->pruned_accuracy = sample_of(row, offsetof(struct run_record, pruned_accuracy), values);
    row->batch = sample_of(row, offsetof(struct run_record, batch), values);
    row->updated = sample_of(row, offsetof(struct run_record, updated), values);
    row->lowest = sample_of(row, offsetof(struct run_record, lowest), values);
    row->lowest_batch = sample_of(row, offsetof(struct run_record, lowest_batch), values);
    row->lowest_updated = sample_of(row, offsetof(struct run_record, lowest_updated), values);
    for (size_t i = 0; i < row->count; ++i)
        row->failed += row->runs[i]->failed;
}

static int add_row(struct summary *summary, const struct experiment *experiment, const struct runs_file *file,
                   const char *data_key, int64_t most_seeds)
{
    struct summary_row *row = &summary->rows[summary->count];
    const struct run_record **runs = calloc((size_t)most_seeds, sizeof(struct run_record *));
    double *values = calloc((size_t)most_seeds, sizeof *values);
    size_t count = 0;
    char key[65];

    if (!runs || !values) {
        free(values);
        free(runs);
        return report_error("not enough memory for the summary");
    }
    for (int64_t seed = 1; seed <= most_seeds; ++seed) {
        experiment_key(experiment, seed, data_key, key);
        const struct run_record *record = runs_file_find(file, key);
        if (record)
            runs[count++] = record;
    }
    *row = (struct summary_row){.experiment = experiment, .runs = runs, .count = count};
    fill_row(row, values);
    free(values);
    if (count > 0)
        ++summary->count;
    else
        free(runs);
    return 0;
}

/* ---- Comparisons ------------------------------------------------------------------------------- */

/* The next word at or after `text`; its length is 0 at the end. */
static const char *next_word(const char *text, size_t *length)
{
    text += strspn(text, " ");
    *length = strcspn(text, " ");
    return text;
}

static bool has_word(const char *text, const char *word, size_t length)
{
    size_t other;

    for (text = next_word(text, &other); other > 0; text = next_word(text + other, &other)) {
        if (other == length && strncmp(text, word, length) == 0)
            return true;
    }
    return false;
}

static bool in_group(const struct summary_row *row, const struct experiment *first, const char *word, size_t length)
{
    return strcmp(row->experiment->study, first->study) == 0 && has_word(row->experiment->compare, word, length);
}

/* From one image more that is recognized to the next, in percent; 0 if it is not known. */
static double accuracy_step(int64_t images)
{
    return images > 0 ? 100.0 / (double)images : 0;
}

/* Fills both samples from the seeds that both rows have. Without validation, its sample is empty. */
static void measure_pair(struct comparison *pair, double *values)
{
    const size_t room = pair->a->count;
    double *a = values, *b = values + room, *c = values + 2 * room, *d = values + 3 * room;
    size_t count = 0;
    bool validated = true;

    for (size_t i = 0, k = 0; i < pair->a->count; ++i) {
        const struct run_record *x = pair->a->runs[i];

        while (k < pair->b->count && pair->b->runs[k]->seed < x->seed)
            ++k;
        if (k == pair->b->count || pair->b->runs[k]->seed != x->seed)
            continue;
        const struct run_record *y = pair->b->runs[k];
        if (!isfinite(x->test) || !isfinite(y->test))
            continue; /* a training that could not go on has no last accuracy */
        a[count] = x->test, b[count] = y->test;
        c[count] = x->validation, d[count] = y->validation;
        validated = validated && isfinite(x->validation) && isfinite(y->validation);
        ++count;
    }
    pair->test = statistics_of_pairs(a, b, count, accuracy_step(pair->a->runs[0]->test_images));
    pair->validation =
        statistics_of_pairs(c, d, validated ? count : 0, accuracy_step(pair->a->runs[0]->validation_images));
}

static int add_comparison(struct summary *summary, const struct comparison *pair)
{
    struct comparison *comparisons =
        realloc(summary->comparisons, (summary->comparison_count + 1) * sizeof *comparisons);
    double *values = calloc(4 * pair->a->count, sizeof *values);

    if (comparisons)
        summary->comparisons = comparisons;
    if (!comparisons || !values) {
        free(values);
        return report_error("not enough memory for the comparisons");
    }
    comparisons[summary->comparison_count] = *pair;
    measure_pair(&comparisons[summary->comparison_count++], values);
    free(values);
    return 0;
}

const struct sample *summary_deciding(const struct summary_row *row, bool by_validation)
{
    return by_validation ? &row->validation : &row->test;
}

const struct sample *comparison_deciding(const struct comparison *pair)
{
    return pair->by_validation ? &pair->validation : &pair->test;
}

/*
 * A difference is real if its p, corrected for all comparisons of the group, is at most 0.05. One whose own interval
 * does not contain 0 is a reason to run more seeds.
 */
static void judge(struct comparison *pair)
{
    if (isnan(pair->corrected_p))
        pair->verdict = VERDICT_UNKNOWN;
    else if (pair->corrected_p <= 0.05)
        pair->verdict = VERDICT_REAL;
    else
        pair->verdict = comparison_deciding(pair)->p <= 0.05 ? VERDICT_PERHAPS : VERDICT_NOT_DISTINGUISHABLE;
}

static int judge_group(struct summary *summary, size_t first)
{
    const size_t count = summary->comparison_count - first;
    double *p = calloc(count ? count : 1, sizeof *p);

    if (!p)
        return report_error("not enough memory for the comparisons");
    for (size_t i = 0; i < count; ++i)
        p[i] = comparison_deciding(&summary->comparisons[first + i])->p;
    statistics_correct(p, count);
    for (size_t i = 0; i < count; ++i) {
        summary->comparisons[first + i].corrected_p = p[i];
        judge(&summary->comparisons[first + i]);
    }
    free(p);
    return 0;
}

/* The rows of a group. */
struct members {
    const struct summary_row **rows;
    size_t count;
    bool by_validation;
};

static void find_members(struct members *members, const struct summary *summary, const struct experiment *experiment,
                         const char *word, size_t length)
{
    members->by_validation = true;
    for (size_t i = 0; i < summary->count; ++i) {
        const struct summary_row *row = &summary->rows[i];

        if (!in_group(row, experiment, word, length))
            continue;
        members->rows[members->count++] = row;
        members->by_validation = members->by_validation && row->validation.count == row->test.count;
    }
}

/* Rows without a mean come last. */
static bool is_before(const struct summary_row *a, const struct summary_row *b, bool by_validation)
{
    const double x = summary_deciding(a, by_validation)->mean, y = summary_deciding(b, by_validation)->mean;

    return isnan(y) ? !isnan(x) : x > y;
}

/* The best first; equal ones in the order of the file. */
static void sort_members(struct members *members)
{
    for (size_t i = 1; i < members->count; ++i) {
        const struct summary_row *row = members->rows[i];
        size_t at = i;

        for (; at > 0 && is_before(row, members->rows[at - 1], members->by_validation); --at)
            members->rows[at] = members->rows[at - 1];
        members->rows[at] = row;
    }
}

static int compare_members(struct summary *summary, const struct members *members, const char *word, size_t length)
{
    const size_t first = summary->comparison_count;
    int code = 0;

    for (size_t i = 0; i < members->count; ++i) {
        for (size_t k = i + 1; k < members->count && code == 0; ++k) {
            const struct comparison pair = {.a = members->rows[i],
                                            .b = members->rows[k],
                                            .group = word,
                                            .group_length = length,
                                            .by_validation = members->by_validation};

            code = add_comparison(summary, &pair);
        }
    }
    return code == 0 ? judge_group(summary, first) : code;
}

static int compare_group(struct summary *summary, const struct experiment *experiment, const char *word, size_t length)
{
    struct members members = {.rows = calloc(summary->count, sizeof(struct summary_row *))};

    if (!members.rows)
        return report_error("not enough memory for the comparisons");
    find_members(&members, summary, experiment, word, length);
    sort_members(&members);
    const int code = compare_members(summary, &members, word, length);
    free(members.rows);
    return code;
}

/* Whether no row before has the group, which is compared when its first row comes. */
static bool begins_group(const struct summary *summary, size_t row, const char *word, size_t length)
{
    for (size_t i = 0; i < row; ++i) {
        if (in_group(&summary->rows[i], summary->rows[row].experiment, word, length))
            return false;
    }
    return true;
}

static int compare_rows(struct summary *summary)
{
    int code = 0;

    for (size_t i = 0; i < summary->count; ++i) {
        const struct experiment *experiment = summary->rows[i].experiment;
        size_t length;

        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): add_row() has filled all rows that are counted */
        for (const char *word = next_word(experiment->compare, &length); length > 0 && code == 0;
             word = next_word(word + length, &length)) {
            if (begins_group(summary, i, word, length))
                code = compare_group(summary, experiment, word, length);
        }
    }
    return code;
}

int summary_make(struct summary *summary, const struct experiments *experiments, const struct runs_file *file,
                 const char *data_key)
{
    int64_t most_seeds = 1;
    int code = 0;

    *summary = (struct summary){0};
    summary->rows = calloc(experiments->count, sizeof *summary->rows);
    if (!summary->rows)
        return report_error("not enough memory for the summary");
    for (size_t i = 0; i < file->count; ++i)
        most_seeds = int64_max(most_seeds, file->records[i].seed);
    for (size_t i = 0; i < experiments->count && code == 0; ++i)
        code = add_row(summary, &experiments->rows[i], file, data_key, most_seeds);
    return code == 0 ? compare_rows(summary) : code;
}

int summary_of_run(struct summary *summary, const struct experiment *experiment, const struct run_record *run)
{
    double value;

    *summary = (struct summary){.rows = calloc(1, sizeof *summary->rows)};
    const struct run_record **runs = calloc(1, sizeof(struct run_record *));
    if (!summary->rows || !runs) {
        free(runs);
        return report_error("not enough memory for the summary");
    }
    runs[0] = run;
    summary->rows[summary->count++] = (struct summary_row){.experiment = experiment, .runs = runs, .count = 1};
    fill_row(&summary->rows[0], &value);
    return 0;
}

void summary_free(struct summary *summary)
{
    for (size_t i = 0; i < summary->count; ++i)
        free(summary->rows[i].runs);
    free(summary->rows);
    free(summary->comparisons);
    *summary = (struct summary){0};
}

/* ---- Groups ------------------------------------------------------------------------------------ */

static bool same_group(const struct comparison *a, const struct comparison *b)
{
    return strcmp(a->a->experiment->study, b->a->experiment->study) == 0 && a->group_length == b->group_length &&
           strncmp(a->group, b->group, a->group_length) == 0;
}

size_t summary_group_end(const struct summary *summary, size_t first)
{
    size_t end = first + 1;

    while (end < summary->comparison_count && same_group(&summary->comparisons[first], &summary->comparisons[end]))
        ++end;
    return end;
}

static bool same_norm(const struct experiment *a, const struct experiment *b)
{
    return a->norm == b->norm && (a->virtual_batch > 0) == (b->virtual_batch > 0);
}

bool summary_group_of_norms(const struct summary *summary, size_t first)
{
    const size_t end = summary_group_end(summary, first);

    for (size_t i = first; i < end; ++i) {
        if (!same_norm(summary->comparisons[i].a->experiment, summary->comparisons[i].b->experiment))
            return true;
    }
    return false;
}

void summary_group_title(const struct comparison *pair, char title[GROUP_TITLE_ROOM])
{
    const char *study = pair->a->experiment->study;

    if (strlen(study) == pair->group_length && strncmp(study, pair->group, pair->group_length) == 0)
        snprintf(title, GROUP_TITLE_ROOM, "%s", study);
    else
        snprintf(title, GROUP_TITLE_ROOM, "%s, %.*s", study, (int)pair->group_length, pair->group);
    utf8_end_whole(title);
}
