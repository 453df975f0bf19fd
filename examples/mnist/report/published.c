/* SPDX-License-Identifier: MIT */
/* What was published beside what the runs give. */
#include "study/published.h"
#include "report/html.h"
#include "report/intervals.h"
#include "report/sections.h"
#include "support/report.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PLOT_ROWS = 24 };

static bool is_published(const struct report_row *row)
{
    return isfinite(row->experiment->best) || isfinite(row->experiment->final);
}

double published_accuracy(const struct experiment *experiment)
{
    return isfinite(experiment->final) ? experiment->final : experiment->best;
}

static const char *judge(const struct report_row *row)
{
    if (row->experiment->expect == EXPECT_FAILS)
        return row_fails(row) ? "fails, as published" : "works, unlike published";
    return row_reaches(row) ? "reached" : "not reached";
}

static void write_study_line(FILE *page, const struct experiment *experiment)
{
    fputs("<tr class=\"study\"><td colspan=\"10\">", page);
    html_text(page, experiment->study);
    if (*experiment->source) {
        fputs(" <span class=\"soft\">", page);
        html_text(page, experiment->source);
        fputs("</span>", page);
    }
    fputs("</td></tr>\n", page);
}

static void write_line(FILE *page, const struct report_row *row)
{
    const struct experiment *experiment = row->experiment;
    const struct sample accuracy = statistics_of_accuracy(row->summary->test), *test = &accuracy;

    fputs("<tr><td>", page);
    write_row_name(page, row);
    fputs("</td>", page);
    html_number_cell(page, experiment->best, 2);
    html_number_cell(page, experiment->final, 2);
    fprintf(page, "<td>%zu</td>", row->count);
    html_number_cell(page, test->mean, 2);
    html_number_cell(page, test->sd, 2);
    fputs("<td>", page);
    html_number(page, test->low, 2);
    if (isfinite(test->low)) {
        fputs(" to ", page);
        html_number(page, test->high, 2);
    }
    fputs("</td>", page);
    html_number_cell(page, row->summary->best_test.mean, 2);
    fputs("<td>", page);
    html_signed(page, test->mean - published_accuracy(experiment), 2);
    fputs("</td>", page);
    html_text_cell(page, judge(row));
    fputs("</tr>\n", page);
}

static void write_table(FILE *page, const struct material *material)
{
    const char *study = NULL;

    html_begin_table(
        page,
        "<th>published as<th>their best&nbsp;%<th>their last&nbsp;%<th>seeds<th>ours, last&nbsp;%<th>sd<th>95&nbsp;% "
        "interval<th>ours, best epoch&nbsp;%<th>difference<th class=\"t\">");
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        if (!is_published(row))
            continue;
        if (!study || strcmp(study, row->experiment->study) != 0)
            write_study_line(page, row->experiment);
        study = row->experiment->study;
        write_line(page, row);
    }
    html_end_table(page);
}

static void write_notes(FILE *page, const struct material *material)
{
    const char *before = "";

    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        if (!is_published(row) || !*row->experiment->note || strcmp(before, row->experiment->note) == 0)
            continue;
        before = row->experiment->note;
        fputs("<p class=\"soft\"><b>", page);
        html_text(page, row->experiment->id);
        fputs("</b>: ", page);
        html_text(page, before);
        fputs("</p>\n", page);
    }
}

static int write_plot(FILE *page, const struct material *material, const struct report_row *const *rows, size_t count)
{
    struct interval_row plotted[PLOT_ROWS];

    for (size_t i = 0; i < count; ++i)
        plotted[i] =
            (struct interval_row){row_name(rows[i]), rows[i]->look.css, statistics_of_accuracy(rows[i]->summary->test),
                                  published_accuracy(rows[i]->experiment)};
    char *title = text_of("%s: test accuracy, %%", rows[0]->experiment->study);
    if (!title)
        return report_error("not enough memory for the report");
    const struct interval_plot plot = {title, plotted, count, false, 2};
    fputs("<figure>\n", page);
    const int code = intervals_write(page, &plot);
    end_figure(page, material, "", rows, count);
    free(title);
    return code;
}

/* One plot per study, and more if it has many rows. */
static int write_plots(FILE *page, const struct material *material)
{
    const struct report_row *rows[PLOT_ROWS];
    size_t count = 0;
    int code = 0;

    fputs("<div class=\"grid\">\n", page);
    for (size_t i = 0; i < material->row_count && code == 0; ++i) {
        const struct report_row *row = &material->rows[i];

        if (!is_published(row))
            continue;
        if (count == PLOT_ROWS || (count > 0 && strcmp(rows[0]->experiment->study, row->experiment->study) != 0)) {
            code = write_plot(page, material, rows, count);
            count = 0;
        }
        rows[count++] = row;
    }
    if (code == 0 && count > 0)
        code = write_plot(page, material, rows, count);
    fputs("</div>\n", page);
    return code;
}

int section_published(FILE *page, const struct material *material)
{
    bool any = false, withheld = false;

    for (size_t i = 0; i < material->row_count; ++i) {
        any = any || is_published(&material->rows[i]);
        withheld = withheld || material->rows[i].experiment->withheld;
    }
    if (!any) {
        html_empty_section(page, "published", "Published figures and ours",
                           withheld ? published_reason : "Nothing was published about these experiments.");
        return 0;
    }
    html_begin_section(page, "published", "Published figures and ours");
    if (withheld)
        fprintf(page, "<p class=\"notice\">%s</p>\n", published_reason);
    fputs("<p>The published figures are single runs, their best epoch chosen on the test images, which makes them "
          "higher, as it does ours (<em>best epoch</em>); one run at 99.5&nbsp;% has a standard error of 0.07. Ours "
          "are means over seeds of the last epoch. "
          "<em>Reached</em>: the mean is at most 0.15 points below the published best. "
          "<em>Fails</em>: below 95&nbsp;%.</p>\n",
          page);
    write_table(page, material);
    write_notes(page, material);
    const int code = write_plots(page, material);
    fputs(
        "<p class=\"soft\">Dots with lines: our means with their 95&nbsp;% intervals. Diamonds: the published figures "
        "of the last epoch, or of the best if no other is known. An arrow: far below the others.</p>\n",
        page);
    html_end_section(page);
    return code;
}
