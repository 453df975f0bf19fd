/* SPDX-License-Identifier: MIT */
/* Why trainings fail: what the network answers, and the test with other statistics of batch norm. */
#include "report/curves.h"
#include "report/html.h"
#include "report/sections.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static bool has_statistics(const struct report_row *row)
{
    return isfinite(row->summary->batch.mean) && isfinite(row->summary->updated.mean);
}

static bool has_failed(const struct report_row *row)
{
    return row->experiment->expect == EXPECT_FAILS || row->summary->failed > 0;
}

/* ---- What the network answers ------------------------------------------------------------------ */

/* The share of the images that get the most frequent answer, and that answer. */
static double most_frequent(const struct run *run, int32_t *answer)
{
    int64_t all = 0, most = -1;

    for (int32_t k = 0; k < run->classes; ++k) {
        int64_t count = 0;

        for (int32_t i = 0; i < run->classes; ++i)
            count += run->confusion[i * run->classes + k];
        all += count;
        if (count > most) {
            most = count;
            *answer = k;
        }
    }
    return all > 0 ? (double)most / (double)all : NAN;
}

static void write_answers(FILE *page, const struct report_row *row)
{
    const struct run *run = row->runs[0];
    int32_t answer = 0;
    const double share = run->classes > 0 ? most_frequent(run, &answer) : NAN;

    if (!(share > 0.5))
        return;
    fprintf(page, " With seed %" PRId64 ", it answers class %" PRId32 " for ", run->seed, answer);
    html_number(page, 100 * share, 1);
    fputs("&nbsp;% of the images", page);
    if (isfinite(row->summary->test_loss.mean)) {
        fputs("; its test loss is ", page);
        html_number(page, row->summary->test_loss.mean, 4);
        fputs(", and that of a guess among all classes is ", page);
        html_number(page, log(run->classes), 4);
    }
    fputs(".", page);
}

/* "warning: layer 13 ..." */
static void write_warning(FILE *page, const struct report_row *row)
{
    const char *warning = strstr(row->runs[0]->summary, "warning: ");

    if (!warning)
        return;
    fputs("<p class=\"notice\">The library warned before the training: ", page);
    html_text(page, warning + strlen("warning: "));
    fputs("</p>\n", page);
}

/* ---- Statistics -------------------------------------------------------------------------------- */

static int write_chart(FILE *page, const struct report_row *row)
{
    const struct curve curves[] = {
        {.row = row, .value = TEST_ACCURACY, .name = "running statistics", .css = "n-ink"},
        {.row = row,
         .value = BATCH_ACCURACY,
         .name = "statistics of the batch of test images",
         .css = "n-accent",
         .dash = 1},
        {.row = row, .value = NEW_ACCURACY, .name = "computed anew from training images", .css = "n-soft", .dash = 2},
    };

    curves_write_legend(page, curves, 3);
    fputs("<div class=\"grid\">\n", page);
    return curves_write(page, "Test accuracy, %", true, curves, 3);
}

static int write_norm_chart(FILE *page, const struct report_row *row)
{
    const struct curve curve = {.row = row, .value = PARAMETER_NORM, .name = "Euclidean norm", .css = "n-ink"};
    struct curves curves;
    const int code = curves_make(&curves, &curve, 1);

    if (code == 0) {
        const struct chart chart = {
            .title = "Euclidean norm of all parameters",
            .x_title = "epoch",
            .first = 1,
            .step = 1,
            .count = curves.epochs,
            .lines = curves.lines,
            .line_count = 1,
            .y = range_begin(),
            .decimals = 3,
        };
        chart_write(page, &chart);
        fputs("</div>\n", page);
    }
    curves_free(&curves);
    return code;
}

static void write_percent(FILE *page, double value)
{
    html_number(page, value, 2);
    fputs("&nbsp;%", page);
}

/* What the lowest accuracies say about the explanations. */
static void explain_statistics(FILE *page, const struct report_row *row)
{
    const double running = row->summary->lowest.mean, batch = row->summary->lowest_batch.mean;
    const double updated = row->summary->lowest_updated.mean;

    if (isnan(running) || isnan(updated))
        return;
    fputs("<p>From the second epoch on, the lowest test accuracy is ", page);
    write_percent(page, running);
    fputs(" with the running statistics, ", page);
    write_percent(page, batch);
    fputs(" with those of each batch of test images, and ", page);
    write_percent(page, updated);
    fputs(" if the running statistics are computed anew from training images, with the same weights (means over the "
          "seeds). ",
          page);
    if (updated - running > 5 && batch - running > 5)
        fputs(
            "So the weights are good, and the running statistics are not: they are an average over the last steps, in "
            "which the weights change faster than the average follows. New statistics before the test heal it.",
            page);
    else if (batch - running > 5)
        fputs("So the statistics of the batch help, and new ones of training images do not: test and training images "
              "differ in them.",
              page);
    else
        fputs("So the statistics make little difference here.", page);
    fputs("</p>\n", page);
}

static int write_statistics(FILE *page, const struct material *material, const struct report_row *row)
{
    explain_statistics(page, row);
    fputs("<figure class=\"panel\">\n", page);
    int code = write_chart(page, row);
    if (code == 0)
        code = write_norm_chart(page, row);
    end_figure(page, material,
               "The same weights after each epoch, tested with three kinds of statistics of batch norm.", &row, 1);
    return code;
}

/* What changes the failure: rows side by side. */
static void write_comparison(FILE *page, const struct material *material)
{
    fputs(
        "<h3>Statistics of batch norm, side by side</h3>\n<p>The lowest test accuracies from the second epoch on, with "
        "the running statistics, those of each batch, and those that were computed anew with the same weights: "
        "means over the seeds.</p>\n",
        page);
    html_begin_table(
        page, "<th>experiment<th>L1<th>rate<th class=\"t\">schedule<th>running&nbsp;%<th>batch&nbsp;%<th>new&nbsp;%<th>"
              "last epoch&nbsp;%");
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        if (!has_statistics(row))
            continue;
        fputs("<tr><td>", page);
        write_row_name(page, row);
        fprintf(page, "</td><td>%g</td><td>%g</td>", row->experiment->l1, row->experiment->lr);
        html_text_cell(page, settings_schedule_names[row->experiment->schedule]);
        html_number_cell(page, row->summary->lowest.mean, 2);
        html_number_cell(page, row->summary->lowest_batch.mean, 2);
        html_number_cell(page, row->summary->lowest_updated.mean, 2);
        html_number_cell(page, row->summary->test.mean, 2);
        fputs("</tr>\n", page);
    }
    html_end_table(page);
}

/* ---- The section ------------------------------------------------------------------------------- */

static void write_stops(FILE *page, const struct report_row *row)
{
    for (size_t i = 0; i < row->count; ++i) {
        if (!*row->runs[i]->failure)
            continue;
        fprintf(page, "<p class=\"notice\">The training with seed %" PRId64 " could not go on: ", row->runs[i]->seed);
        html_text(page, row->runs[i]->failure);
        fputs("</p>\n", page);
    }
}

static int write_row(FILE *page, const struct material *material, const struct report_row *row)
{
    fputs("<h3>", page);
    write_row_name(page, row);
    fputs(" <span class=\"soft\">", page);
    html_text(page, row->experiment->id);
    fputs("</span></h3>\n<p>", page);
    if (*row->experiment->note) {
        fputs("<em>Note:</em> ", page);
        html_text(page, row->experiment->note);
        fputs(". ", page);
    }
    fputs("Its last test accuracy is ", page);
    write_percent(page, row->summary->test.mean);
    if (isfinite(published_accuracy(row->experiment))) {
        fputs(", published ", page);
        write_percent(page, published_accuracy(row->experiment));
    }
    fputs(".", page);
    write_answers(page, row);
    fputs("</p>\n", page);
    write_warning(page, row);
    write_stops(page, row);
    return has_statistics(row) ? write_statistics(page, material, row) : 0;
}

int section_failures(FILE *page, const struct material *material)
{
    size_t count = 0, with_statistics = 0;
    int code = 0;

    for (size_t i = 0; i < material->row_count; ++i) {
        count += has_failed(&material->rows[i]) || has_statistics(&material->rows[i]);
        with_statistics += has_statistics(&material->rows[i]);
    }
    if (count == 0) {
        html_empty_section(page, "failures", "Failures, explained",
                           "None of these trainings failed, and none was tested with other statistics of batch norm.");
        return 0;
    }
    html_begin_section(page, "failures", "Failures, explained");
    for (size_t i = 0; i < material->row_count && code == 0; ++i) {
        if (has_failed(&material->rows[i]) || has_statistics(&material->rows[i]))
            code = write_row(page, material, &material->rows[i]);
    }
    if (with_statistics > 1)
        write_comparison(page, material);
    html_end_section(page);
    return code;
}
