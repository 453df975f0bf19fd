/* SPDX-License-Identifier: MIT */
#include "study/summary_table.h"

#include "study/published.h"
#include "support/minmax.h"
#include "support/utf8_text.h"

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

/* The last epoch's, or else the best. */
static double published_figure(const struct experiment *experiment)
{
    return isnan(experiment->final) ? experiment->best : experiment->final;
}

void plan_print(const struct plan *plan)
{
    const char *study = "";
    bool published = false;
    int names = 4; /* columns */

    for (size_t i = 0; i < plan->selected_count; ++i) {
        published = published || !isnan(published_figure(plan->selected[i]));
        names = (int)int64_max(names, utf8_columns(plan->selected[i]->name));
    }
    printf("%-22s %-*s %-8s %5s %5s %6s %-9s %6s %7s %7s%s\n", "id", names, "name", "norm", "seeds", "batch", "epochs",
           "schedule", "lr", "L1", "L2", published ? " published" : "");
    for (size_t i = 0; i < plan->selected_count; ++i) {
        const struct experiment *e = plan->selected[i];

        if (strcmp(study, e->study) != 0)
            printf("\n%s%s%s\n", e->study, *e->source ? ": " : "", e->source);
        study = e->study;
        printf("%-22s %s%*s %-8s %5" PRId64 " %5" PRId64 " %6" PRId64 " %-9s %6g %7g %7g", e->id, e->name,
               utf8_blanks(e->name, names), "", settings_norm_names[e->norm], e->seeds, e->batch, e->epochs,
               settings_schedule_names[e->schedule], e->lr, e->l1, e->l2);
        if (published)
            print_optional(" %*.2f", 9, published_figure(e));
        printf("\n");
    }
}

/* ---- The rows ---------------------------------------------------------------------------------- */

static bool has_published(const struct summary *summary)
{
    for (size_t i = 0; i < summary->count; ++i) {
        if (!isnan(summary->rows[i].experiment->final))
            return true;
    }
    return false;
}

static bool has_withheld(const struct summary *summary)
{
    for (size_t i = 0; i < summary->count; ++i) {
        if (summary->rows[i].experiment->withheld)
            return true;
    }
    return false;
}

static void print_row(const struct summary_row *row, bool published)
{
    const struct experiment *e = row->experiment;
    const struct sample test = statistics_of_accuracy(row->test);

    printf("%-22s %5zu", e->id, row->test.count);
    print_optional(" %*.2f", 8, row->test.mean);
    print_optional(" %*.2f", 6, row->test.sd);
    if (isnan(test.low))
        printf(" %16s", "-");
    else
        printf(" %6.2f to %6.2f", test.low, test.high);
    print_optional(" %*.2f", 10, row->validation.mean);
    if (published) {
        print_optional(" %*.2f", 9, e->final);
        print_optional(" %+*.2f", 7, row->test.mean - e->final);
    }
    printf("%s\n", e->expect == EXPECT_FAILS ? "  fails, as expected" : "");
    if (row->failed > 0)
        printf("    %" PRId64 " of %zu training%s could not go on\n", row->failed, row->count,
               row->count == 1 ? "" : "s");
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

/* The first columns of a table about other figures of the same trainings; the test of the last weights comes last. */
static void print_first_columns(const struct summary_row *row, const struct sample *test,
                                const struct sample *validation)
{
    printf("%-22s %5zu", row->experiment->id, test->count);
    print_optional(" %*.2f", 8, test->mean);
    print_optional(" %*.2f", 6, test->sd);
    print_optional(" %*.2f", 10, validation->mean);
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
        print_first_columns(row, &row->average_test, &row->average_validation);
        print_optional(" %*.2f", 9, row->test.mean);
        printf("\n");
    }
    if (any)
        printf("last: the test accuracy of the last weights, as above.\n");
}

static void print_shifted_copies(const struct summary *summary)
{
    bool any = false;

    for (size_t i = 0; i < summary->count; ++i) {
        const struct summary_row *row = &summary->rows[i];

        if (row->experiment->tta == 0)
            continue;
        if (!any)
            printf("\nThe mean of the predictions for shifted copies (tta): test accuracy in percent\n"
                   "%-22s %5s %8s %6s %10s %9s %9s\n",
                   "id", "seeds", "mean", "sd", "validation", "averaged", "one copy");
        any = true;
        print_first_columns(row, &row->tta_test, &row->tta_validation);
        print_optional(" %*.2f", 9, row->tta_average_test.mean);
        print_optional(" %*.2f", 9, row->test.mean);
        printf("\n");
    }
    if (any)
        printf("averaged: of the averaged weights; one copy: the test accuracy of the last weights, as above.\n");
}

static void print_rows(const struct summary *summary)
{
    const bool published = has_published(summary);
    const char *study = "";

    printf("Test accuracy of the last epoch in percent, with the 95%% interval of its mean\n\n");
    printf("%-22s %5s %8s %6s %16s %10s%s\n", "id", "seeds", "mean", "sd", "95% interval", "validation",
           published ? " published differs" : "");
    for (size_t i = 0; i < summary->count; ++i) {
        const struct summary_row *row = &summary->rows[i];

        if (strcmp(study, row->experiment->study) != 0)
            printf("\n%s\n", row->experiment->study);
        study = row->experiment->study;
        print_row(row, published);
    }
    if (has_withheld(summary))
        printf("\n%s\n", published_reason);
}

void summary_print(const struct summary *summary)
{
    print_rows(summary);
    print_averages(summary);
    print_shifted_copies(summary);
    print_statistics(summary);
}
