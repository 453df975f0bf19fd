/* SPDX-License-Identifier: MIT */
#include "study/summary_table.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- The experiments --------------------------------------------------------------------------- */

static void print_optional(const char *format, int width, double value)
{
    if (isnan(value))
        printf(" %*s", width, "-");
    else
        printf(format, width, value);
}

void plan_print(const struct plan *plan)
{
    const char *study = "";

    printf("%-22s %-22s %-8s %5s %6s %-9s %6s %7s %7s %9s\n", "id", "name", "norm", "batch", "epochs", "schedule", "lr",
           "L1", "L2", "published");
    for (size_t i = 0; i < plan->selected_count; ++i) {
        const struct experiment *e = plan->selected[i];

        if (strcmp(study, e->study) != 0)
            printf("\n%s%s%s\n", e->study, *e->source ? ": " : "", e->source);
        study = e->study;
        printf("%-22s %-22s %-8s %5" PRId64 " %6" PRId64 " %-9s %6g %7g %7g", e->id, e->name,
               settings_norm_names[e->norm], e->batch, e->epochs, settings_schedule_names[e->schedule], e->lr, e->l1,
               e->l2);
        print_optional(" %*.2f", 9, isnan(e->final) ? e->best : e->final);
        printf("\n");
    }
}

/* ---- The rows ---------------------------------------------------------------------------------- */

static void print_row(const struct summary_row *row)
{
    const struct experiment *e = row->experiment;

    printf("%-22s %5zu", e->id, row->test.count);
    print_optional(" %*.2f", 8, row->test.mean);
    print_optional(" %*.2f", 6, row->test.sd);
    if (isnan(row->test.low))
        printf(" %15s", "-");
    else
        printf("  %6.2f-%6.2f ", row->test.low, row->test.high);
    print_optional(" %*.2f", 10, row->validation.mean);
    print_optional(" %*.2f", 9, e->final);
    print_optional(" %+*.2f", 7, row->test.mean - e->final);
    printf("%s\n", e->expect == EXPECT_FAILS ? "  fails, as expected" : "");
    if (row->failed > 0)
        printf("    %" PRId64 " of %zu trainings could not go on\n", row->failed, row->count);
}

/* The failure of batch norm's running statistics: the lowest accuracies after the first epoch. */
static void print_statistics(const struct summary *summary)
{
    bool any = false;

    for (size_t i = 0; i < summary->count; ++i) {
        const struct summary_row *row = &summary->rows[i];

        if (!row->experiment->statistics || row->lowest.count == 0)
            continue;
        if (!any)
            printf("\nThe same weights with other statistics of batch norm: the lowest test accuracy from the second "
                   "epoch on, mean\n%-22s %10s %10s %10s\n",
                   "id", "running", "batch", "computed");
        any = true;
        printf("%-22s %9.2f%% %9.2f%% %9.2f%%\n", row->experiment->id, row->lowest.mean, row->lowest_batch.mean,
               row->lowest_updated.mean);
    }
    if (any)
        printf("running: the running statistics; batch: those of each batch of test images; computed: anew, from\n"
               "training images with the weights as they are.\n");
}

static void print_averages(const struct summary *summary)
{
    bool any = false;

    for (size_t i = 0; i < summary->count; ++i) {
        const struct summary_row *row = &summary->rows[i];

        if (!(row->experiment->average > 0))
            continue;
        if (!any)
            printf("\nThe averaged weights: test accuracy of the last epoch in percent\n%-22s %5s %8s %6s %10s %9s\n",
                   "id", "seeds", "mean", "sd", "validation", "last");
        any = true;
        printf("%-22s %5zu", row->experiment->id, row->average_test.count);
        print_optional(" %*.2f", 8, row->average_test.mean);
        print_optional(" %*.2f", 6, row->average_test.sd);
        print_optional(" %*.2f", 10, row->average_validation.mean);
        print_optional(" %*.2f", 9, row->test.mean);
        printf("\n");
    }
    if (any)
        printf("last: the test accuracy of the last weights, as above.\n");
}

static void print_rows(const struct summary *summary)
{
    const char *study = "";

    printf("Test accuracy of the last epoch in percent, with the 95%% interval of its mean\n\n");
    printf("%-22s %5s %8s %6s %15s %10s %9s %7s\n", "id", "seeds", "mean", "sd", "95% interval", "validation",
           "published", "differs");
    for (size_t i = 0; i < summary->count; ++i) {
        const struct summary_row *row = &summary->rows[i];

        if (strcmp(study, row->experiment->study) != 0)
            printf("\n%s\n", row->experiment->study);
        study = row->experiment->study;
        print_row(row);
    }
}

/* ---- The comparisons --------------------------------------------------------------------------- */

static bool same_group(const struct comparison *a, const struct comparison *b)
{
    return strcmp(a->a->experiment->study, b->a->experiment->study) == 0 && a->group_length == b->group_length &&
           strncmp(a->group, b->group, a->group_length) == 0;
}

static void print_pair(const struct comparison *pair)
{
    const bool a_first = pair->test.mean >= 0;
    const char *better = (a_first ? pair->a : pair->b)->experiment->id;
    const char *worse = (a_first ? pair->b : pair->a)->experiment->id;
    const double low = a_first ? pair->test.low : -pair->test.high, high = a_first ? pair->test.high : -pair->test.low;

    printf("  %-8s %s is better than %s by %.2f points (%.2f to %.2f)\n", verdict_names[pair->verdict], better, worse,
           fabs(pair->test.mean), low, high);
}

/* The row that the validation images choose. */
static void print_choice(const struct comparison *pairs, size_t count)
{
    const struct summary_row *best = pairs[0].a;

    for (size_t i = 0; i < count; ++i) {
        if (pairs[i].b->validation.mean > best->validation.mean)
            best = pairs[i].b;
    }
    for (size_t i = 0; i < count; ++i) {
        if (pairs[i].a->validation.mean > best->validation.mean)
            best = pairs[i].a;
    }
    if (best->validation.count > 0)
        printf("  The validation images choose %s (%.2f%%), which has a test accuracy of %.2f%%.\n",
               best->experiment->id, best->validation.mean, best->test.mean);
}

static void print_group(const struct comparison *pairs, size_t count)
{
    size_t told[4] = {0};

    printf("\nDifferences in %s, %.*s: %zu pairs, by seed\n", pairs[0].a->experiment->study, (int)pairs[0].group_length,
           pairs[0].group, count);
    for (enum verdict verdict = VERDICT_REAL; verdict <= VERDICT_PERHAPS; ++verdict) {
        for (size_t i = 0; i < count; ++i) {
            if (pairs[i].verdict == verdict)
                print_pair(&pairs[i]);
        }
    }
    for (size_t i = 0; i < count; ++i)
        ++told[pairs[i].verdict];
    if (told[VERDICT_NOT_DISTINGUISHABLE] > 0)
        printf("  %zu of %zu pairs are not distinguishable with these seeds.\n", told[VERDICT_NOT_DISTINGUISHABLE],
               count);
    if (told[VERDICT_UNKNOWN] > 0)
        printf("  %zu of %zu pairs have fewer than two seeds in common, which say nothing.\n", told[VERDICT_UNKNOWN],
               count);
    print_choice(pairs, count);
}

void summary_print(const struct summary *summary)
{
    print_rows(summary);
    print_averages(summary);
    print_statistics(summary);
    for (size_t first = 0, end; first < summary->comparison_count; first = end) {
        for (end = first + 1;
             end < summary->comparison_count && same_group(&summary->comparisons[first], &summary->comparisons[end]);
             ++end)
            ;
        print_group(&summary->comparisons[first], end - first);
    }
    if (summary->comparison_count > 0)
        printf("\nreal: p is at most 0.05 after Holm's correction for all pairs of a list; perhaps: only without it,\n"
               "so that one of many pairs may show it by chance; more seeds decide.\n");
}
