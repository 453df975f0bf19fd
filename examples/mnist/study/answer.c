/* SPDX-License-Identifier: MIT */
#include "study/answer.h"

#include "support/report.h"
#include "support/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names and numbers ------------------------------------------------------------------------- */

/* Keeps a number and its percent sign together. */
#define SPACE "\xc2\xa0"

enum { NAME_ROOM = 120, SAMPLE_ROOM = 80, COUNT_ROOM = 40 };

/* A row that has only the name of its norm is called by it in a sentence. */
static void write_name(char name[NAME_ROOM], const struct experiment *experiment)
{
    static const char *const norms[][2] = {
        {"none", "no norm"},     {"batch", "batch norm"},       {"ghost", "ghost batch norm"}, {"group", "group norm"},
        {"layer", "layer norm"}, {"instance", "instance norm"}, {"rms", "RMS norm"},
    };
    const char *text = *experiment->name ? experiment->name : experiment->id;

    for (size_t i = 0; i < sizeof norms / sizeof norms[0]; ++i) {
        if (strcmp(text, norms[i][0]) == 0)
            text = norms[i][1];
    }
    snprintf(name, NAME_ROOM, "%s", text);
}

static void begin_sentence(char name[NAME_ROOM])
{
    const size_t length = strlen(name);

    if (length > 5 && strcmp(name + length - 5, " norm") == 0 && *name >= 'a' && *name <= 'z')
        *name = (char)(*name - 'a' + 'A');
}

/* "10,000" */
static const char *count_text(char text[COUNT_ROOM], int64_t count)
{
    char digits[COUNT_ROOM / 2];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, count);
    int used = 0;

    for (int i = 0; i < length; ++i) {
        if (i > 0 && (length - i) % 3 == 0)
            text[used++] = ',';
        text[used++] = digits[i];
    }
    text[used] = '\0';
    return text;
}

/* "0.05 (-0.04 to 0.14)"; 0 has no sign. */
static const char *difference_text(char text[SAMPLE_ROOM], const struct sample *difference, double sign)
{
    const double low = sign > 0 ? difference->low : -difference->high;
    const double high = sign > 0 ? difference->high : -difference->low;
    const int used = snprintf(text, SAMPLE_ROOM, "%.2f", sign * difference->mean + 0.0);

    if (isfinite(low))
        snprintf(text + used, (size_t)(SAMPLE_ROOM - used), " (%.2f to %.2f)", low, high);
    return text;
}

/* ---- The sentences ----------------------------------------------------------------------------- */

static char *row_text(const struct comparison *pair)
{
    char name[NAME_ROOM], difference[SAMPLE_ROOM];
    const struct sample *deciding = comparison_deciding(pair);

    write_name(name, pair->b->experiment);
    if (isnan(summary_deciding(pair->b, pair->by_validation)->mean))
        return text_of("%s: no training went to its end", name);
    if (isnan(deciding->mean))
        return text_of("%s: %.2f" SPACE "%%", name, summary_deciding(pair->b, pair->by_validation)->mean);
    difference_text(difference, deciding, 1);
    if (!pair->by_validation)
        return text_of("%s: difference %s", name, difference);
    return text_of("%s: difference %s; test %.2f" SPACE "%%", name, difference, pair->b->test.mean);
}

/* "98.90 % of the validation images and 98.85 % of the test images, means of 5 seeds" */
static char *accuracy_text(const struct summary_row *row, bool by_validation)
{
    const char *seeds = row->test.count == 1 ? "with one seed" : "means of";
    char count[COUNT_ROOM] = "";

    if (row->test.count > 1)
        snprintf(count, sizeof count, " %zu seeds", row->test.count);
    if (by_validation)
        return text_of("%.2f" SPACE "%% of the validation images, which decide, and %.2f" SPACE
                       "%% of the test images (%s%s)",
                       row->validation.mean, row->test.mean, seeds, count);
    return text_of("%.2f" SPACE "%% of the test images (%s%s)", row->test.mean, seeds, count);
}

static size_t count_verdicts(const struct answer *answer, enum verdict verdict)
{
    size_t count = 0;

    for (size_t i = 0; i < answer->count; ++i)
        count += answer->rows[i].verdict == verdict;
    return count;
}

static char *lead_text(const struct answer *answer, bool by_validation)
{
    char name[NAME_ROOM];
    char *text = NULL;

    if (!answer->best)
        return text_of("Undecided: no training went to its end.");
    char *accuracy = accuracy_text(answer->best, by_validation);
    write_name(name, answer->best->experiment);
    if (!accuracy)
        return NULL;
    if (count_verdicts(answer, VERDICT_REAL) > 0 || count_verdicts(answer, VERDICT_UNKNOWN) == answer->count)
        begin_sentence(name);
    if (count_verdicts(answer, VERDICT_REAL) > 0)
        text = text_of("%s was best: %s.", name, accuracy);
    else if (count_verdicts(answer, VERDICT_UNKNOWN) == answer->count)
        text = text_of("Undecided: a difference can be told from chance only with two seeds or more in common. %s has "
                       "the highest mean: %s.",
                       name, accuracy);
    else
        text = text_of("Undecided: no network is really worse than the one with the highest mean. That is %s: %s.",
                       name, accuracy);
    free(accuracy);
    return text;
}

/* Rows with the same test accuracy as the best one. */
static size_t count_equal_tests(const struct answer *answer, const struct comparison *pairs)
{
    size_t count = 0;

    for (size_t i = 0; i < answer->count; ++i)
        count += !(pairs[i].b->test.mean < answer->best->test.mean) && !isnan(pairs[i].b->test.mean);
    return count;
}

/* The pairs of the best row come first. */
static char *test_text(const struct answer *answer, const struct comparison *pairs)
{
    const struct comparison *higher = NULL;
    char name[NAME_ROOM], difference[SAMPLE_ROOM];

    for (size_t i = 0; i < answer->count; ++i) {
        if (pairs[i].b->test.mean > (higher ? higher->b : answer->best)->test.mean)
            higher = &pairs[i];
    }
    if (!higher && count_equal_tests(answer, pairs) == 0)
        return text_of("The test images rank the same network first.");
    if (!higher)
        return text_of("By the test images it is as good as others; none is better.");
    write_name(name, higher->b->experiment);
    return text_of("The test images disagree: they have %s first, with %.2f" SPACE "%%; difference %s.", name,
                   higher->b->test.mean, difference_text(difference, &higher->test, -1));
}

/* Of the quick selection, the experiment that trains the same network in full, or NULL. */
static const struct experiment *find_full(const struct experiments *experiments, const struct experiment *quick)
{
    if (quick->select != SELECT_QUICK)
        return NULL;
    for (size_t i = 0; i < experiments->count; ++i) {
        const struct experiment *other = &experiments->rows[i];

        if (other->select == SELECT_FULL && other->norm == quick->norm && other->epochs > quick->epochs &&
            strcmp(other->architecture, quick->architecture) == 0)
            return other;
    }
    return NULL;
}

/* What the names of norms leave open: " Ghost batch norm is of 16 images. Group norm has one group per 4 channels." */
static void write_norms(char text[SAMPLE_ROOM + NAME_ROOM], const struct comparison *pairs, size_t count)
{
    const struct experiment *ghost = NULL, *group = NULL;
    char groups[NAME_ROOM] = "one group per 4 channels";
    int used = 0;

    for (size_t i = 0; i < count; ++i) {
        const struct experiment *both[] = {pairs[i].a->experiment, pairs[i].b->experiment};

        for (int k = 0; k < 2; ++k) {
            ghost = !ghost && both[k]->virtual_batch > 0 ? both[k] : ghost;
            group = !group && both[k]->norm == NORMNET_NORM_GROUP ? both[k] : group;
        }
    }
    *text = '\0';
    if (ghost)
        used = snprintf(text, SAMPLE_ROOM, " Ghost batch norm is of %" PRId64 " images each.", ghost->virtual_batch);
    if (group && group->groups > 0)
        snprintf(groups, sizeof groups, "%" PRId64 " group%s", group->groups, group->groups == 1 ? "" : "s");
    if (group)
        snprintf(text + used, NAME_ROOM, " Group norm has %s.", groups);
}

static char *training_text(const struct summary_row *row, const struct experiment *full, const char *norms)
{
    const struct experiment *experiment = row->experiment;
    char images[COUNT_ROOM];

    count_text(images, row->runs[0]->images);
    if (full)
        return text_of("Each was trained for only %" PRId64 " epoch%s of %s images, in batches of %" PRId64 ".%s This "
                       "says which learns fastest with this recipe, not which is best after a whole training, where "
                       "differences may be much smaller. The full study trains %" PRId64 " epoch%s of all images, for "
                       "hours:",
                       experiment->epochs, experiment->epochs == 1 ? "" : "s", images, experiment->batch, norms,
                       full->epochs, full->epochs == 1 ? "" : "s");
    return text_of("Each was trained for %" PRId64 " epoch%s of %s images, in batches of %" PRId64 ".%s",
                   experiment->epochs, experiment->epochs == 1 ? "" : "s", images, experiment->batch, norms);
}

/* Whether a pair has two seeds in common or more. */
static bool has_verdict(const struct comparison *pairs, size_t count)
{
    for (size_t i = 0; i < count; ++i) {
        if (pairs[i].verdict != VERDICT_UNKNOWN)
            return true;
    }
    return false;
}

static char *method_text(const struct comparison *pairs, size_t count)
{
    const char *images = pairs->by_validation ? "validation" : "test";

    if (count == 1)
        return text_of("The difference is in points of %s accuracy, seed by seed, with the 95" SPACE
                       "%% interval of its mean over seeds (Student's t); 'really' means p <= 0.05.",
                       images);
    return text_of("Differences are in points of %s accuracy, seed by seed, each with the 95" SPACE
                   "%% interval of its mean over seeds (Student's t), which is not adjusted for the number of pairs; "
                   "'really' means p <= 0.05 after Holm's correction for all %zu pairs, 'perhaps' only without it. A "
                   "large difference may be less certain than a small one, if it varies more from seed to seed.",
                   images, count);
}

/* Whether the next group of its kind, norms or others, is judged in the same words: then they stand only there. */
static bool method_comes_later(const struct summary *summary, size_t first)
{
    const struct comparison *pairs = &summary->comparisons[first];
    const size_t end = summary_group_end(summary, first);
    size_t next = end;

    while (next < summary->comparison_count &&
           summary_group_of_norms(summary, next) != summary_group_of_norms(summary, first))
        next = summary_group_end(summary, next);
    if (next == summary->comparison_count)
        return false;
    const size_t count = summary_group_end(summary, next) - next;
    return count == end - first && summary->comparisons[next].by_validation == pairs->by_validation &&
           has_verdict(&summary->comparisons[next], count);
}

/* ---- Answers ----------------------------------------------------------------------------------- */

/* Those of the best row are the first of the group. */
static int take_rows(struct answer *answer, const struct comparison *pairs, size_t count)
{
    answer->rows = calloc(count, sizeof *answer->rows);
    for (size_t i = 0; answer->rows && i < count && pairs[i].a == pairs[0].a; ++i) {
        answer->rows[i] = (struct answer_row){pairs[i].b, pairs[i].verdict, row_text(&pairs[i])};
        ++answer->count;
        if (!answer->rows[i].text)
            return report_error("not enough memory for the comparisons");
    }
    return answer->rows ? 0 : report_error("not enough memory for the comparisons");
}

int answer_make(struct answer *answer, const struct summary *summary, const struct experiments *experiments,
                size_t first)
{
    const struct comparison *pairs = &summary->comparisons[first];
    const size_t count = summary_group_end(summary, first) - first;
    const struct experiment *full = find_full(experiments, pairs->a->experiment);
    char norms[SAMPLE_ROOM + NAME_ROOM];

    *answer = (struct answer){0};
    if (!isnan(summary_deciding(pairs->a, pairs->by_validation)->mean))
        answer->best = pairs->a;
    int code = take_rows(answer, pairs, count);
    if (code != 0)
        return code;
    answer->lead = lead_text(answer, pairs->by_validation);
    write_norms(norms, pairs, count);
    answer->training = training_text(pairs->a, full, norms);
    if (full)
        answer->command = text_of("normnet-mnist study --only %s --out DIR", full->study);
    const bool judged = has_verdict(pairs, count) && !method_comes_later(summary, first);
    if (judged)
        answer->method = method_text(pairs, count);
    if (answer->best && pairs->by_validation)
        answer->test = test_text(answer, pairs);
    if (!answer->lead || !answer->training || (judged && !answer->method) || (full && !answer->command) ||
        (answer->best && pairs->by_validation && !answer->test))
        return report_error("not enough memory for the comparisons");
    return 0;
}

void answer_free(struct answer *answer)
{
    for (size_t i = 0; i < answer->count; ++i)
        free(answer->rows[i].text);
    free(answer->rows);
    free(answer->lead);
    free(answer->test);
    free(answer->training);
    free(answer->command);
    free(answer->method);
    *answer = (struct answer){0};
}

const enum verdict answer_order[ANSWER_VERDICTS] = {VERDICT_NOT_DISTINGUISHABLE, VERDICT_PERHAPS, VERDICT_REAL,
                                                    VERDICT_UNKNOWN};

const char *answer_heading(enum verdict verdict)
{
    static const char *const headings[] = {
        [VERDICT_UNKNOWN] = "Cannot be compared with it, having fewer than two seeds in common",
        [VERDICT_REAL] = "Really worse",
        [VERDICT_PERHAPS] = "Perhaps worse; more seeds decide",
        [VERDICT_NOT_DISTINGUISHABLE] = "Could not be told from it",
    };

    return headings[verdict];
}

/* ---- Printing ---------------------------------------------------------------------------------- */

/* Made printable; a terminal gets plain spaces. */
static void print_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; ++i) {
        if (strncmp(&text[i], SPACE, strlen(SPACE)) == 0) {
            putchar(' ');
            ++i;
        } else
            putchar(iscntrl((unsigned char)text[i]) ? '?' : text[i]);
    }
}

/* In lines of a terminal. */
static void print_paragraph(const char *text)
{
    enum { COLUMNS = 80 };
    size_t column = 0;

    while (*text) {
        const size_t length = strcspn(text, " ");

        if (column > 0 && column + 1 + length > COLUMNS) {
            putchar('\n');
            column = 0;
        } else if (column > 0) {
            putchar(' ');
            ++column;
        }
        print_text(text, length);
        column += length;
        text += length + strspn(text + length, " ");
    }
    putchar('\n');
}

static void print_rows(const struct answer *answer, enum verdict verdict)
{
    if (count_verdicts(answer, verdict) == 0)
        return;
    printf("%s:\n", answer_heading(verdict));
    for (size_t i = 0; i < answer->count; ++i) {
        if (answer->rows[i].verdict != verdict)
            continue;
        fputs("  ", stdout);
        print_text(answer->rows[i].text, strlen(answer->rows[i].text));
        putchar('\n');
    }
}

static void print_answer(const struct answer *answer, const char *title, bool of_norms)
{
    print_name(of_norms ? "\nWhich norm is best in study " : "\nWhich is best in study ", title, "?\n\n");
    print_paragraph(answer->lead);
    for (int i = 0; i < ANSWER_VERDICTS && answer->best; ++i)
        print_rows(answer, answer_order[i]);
    if (answer->test)
        print_paragraph(answer->test);
    print_paragraph(answer->training);
    if (answer->command)
        print_name("  ", answer->command, "\n");
    if (answer->method)
        print_paragraph(answer->method);
}

static int print_group(const struct summary *summary, const struct experiments *experiments, size_t first)
{
    char title[GROUP_TITLE_ROOM];
    struct answer answer;

    const int code = answer_make(&answer, summary, experiments, first);
    summary_group_title(&summary->comparisons[first], title);
    if (code == 0)
        print_answer(&answer, title, summary_group_of_norms(summary, first));
    answer_free(&answer);
    return code;
}

int answers_print(const struct summary *summary, const struct experiments *experiments)
{
    int code = 0;

    for (int of_norms = 0; of_norms < 2; ++of_norms) {
        for (size_t first = 0; first < summary->comparison_count && code == 0;
             first = summary_group_end(summary, first)) {
            if (summary_group_of_norms(summary, first) == (of_norms == 1))
                code = print_group(summary, experiments, first);
        }
    }
    return code;
}
