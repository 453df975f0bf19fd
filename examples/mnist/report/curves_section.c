/* SPDX-License-Identifier: MIT */
/* The curves over the epochs, a figure per panel. */
#include "report/curves.h"
#include "report/html.h"
#include "report/sections.h"

#include <math.h>

/* How a value is charted. */
struct kind {
    enum epoch_value value;
    const char *title;
    bool percent;
    const char *zoom_title; /* of the last epochs; NULL = none */
};

static const struct kind kinds[] = {
    {TRAIN_LOSS, "Training loss", false, NULL},
    {TEST_LOSS, "Test loss", false, "Test loss, the last epochs"},
    {TRAIN_ACCURACY, "Training accuracy, %", true, NULL},
    {TEST_ACCURACY, "Test accuracy, %", true, "Test accuracy, the last epochs, %"},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* Whether the accuracy of a row is not far below that of the others, so that both fit into one picture. */
static bool is_near(const struct panel *panel, size_t row)
{
    double means[PANEL_ROWS];
    size_t count = 0;

    for (size_t i = 0; i < panel->count; ++i) {
        if (isfinite(panel->rows[i]->summary->test.mean))
            means[count++] = panel->rows[i]->summary->test.mean;
    }
    return panel->rows[row]->summary->test.mean >= range_of_most(means, count).low;
}

static void fill_curves(struct curve curves[PANEL_ROWS], const struct panel *panel, enum epoch_value value)
{
    curves_of_panel(curves, panel, value);
    for (size_t i = 0; i < panel->count; ++i)
        curves[i].far = !is_near(panel, i);
}

/* How many epochs of a run reach the accuracy that the published experiments aim at, as a mean over the seeds. */
static double good_epochs(const struct report_row *row)
{
    static const double aim = 99.4;
    double count = 0;

    for (size_t i = 0; i < row->count; ++i) {
        for (size_t epoch = 0; epoch < row->runs[i]->epoch_count; ++epoch)
            count += run_value(row->runs[i], epoch, TEST_ACCURACY) >= aim;
    }
    return count / (double)row->count;
}

/* The columns that not every table has: one without a figure says nothing. */
struct extra_columns {
    bool good_epochs, averages, shifted_copies;
};

static struct extra_columns extra_columns_of(const struct panel *panel)
{
    struct extra_columns extra = {false, false, false};

    for (size_t i = 0; i < panel->count; ++i) {
        const struct report_row *row = panel->rows[i];

        extra.good_epochs = extra.good_epochs || good_epochs(row) > 0;
        extra.averages = extra.averages || row->experiment->average > 0;
        extra.shifted_copies = extra.shifted_copies || row->experiment->tta > 0;
    }
    return extra;
}

static void write_table_row(FILE *page, const struct report_row *row, const struct extra_columns *extra)
{
    const size_t epochs = row->runs[0]->epoch_count, last = epochs > 0 ? epochs - 1 : 0;
    const struct curve_point test = curve_point(row, last, TEST_ACCURACY);

    fputs("<tr><td>", page);
    write_row_name(page, row);
    fprintf(page, "</td><td>%zu</td><td>%zu</td>", epochs, row->count);
    html_number_cell(page, curve_point(row, last, TRAIN_LOSS).mean, 4);
    html_number_cell(page, curve_point(row, last, TEST_LOSS).mean, 4);
    html_number_cell(page, curve_point(row, last, TRAIN_ACCURACY).mean, 2);
    html_number_cell(page, test.mean, 2);
    html_number_cell(page, test.low, 2);
    html_number_cell(page, test.high, 2);
    if (extra->good_epochs)
        html_number_cell(page, good_epochs(row), 1);
    if (extra->averages) {
        html_number_cell(page, curve_point(row, last, AVERAGE_TEST_LOSS).mean, 4);
        html_number_cell(page, curve_point(row, last, AVERAGE_TEST_ACCURACY).mean, 2);
    }
    if (extra->shifted_copies)
        html_number_cell(page, row->summary->tta_test.mean, 2);
    if (extra->shifted_copies && extra->averages)
        html_number_cell(page, row->summary->tta_average_test.mean, 2);
    fputs("</tr>\n", page);
}

/* The values of the last epoch, for readers without the script. */
static void write_table(FILE *page, const struct panel *panel)
{
    const struct extra_columns extra = extra_columns_of(panel);
    char head[500];

    fputs("<details><summary>The last epoch in numbers</summary>\n", page);
    snprintf(head, sizeof head,
             "<th>experiment<th>epochs<th>seeds<th>train loss<th>test loss<th>train&nbsp;%%<th>test&nbsp;%%<th>lowest "
             "seed<th>highest seed%s%s%s%s",
             extra.good_epochs ? "<th>epochs from 99.4&nbsp;% on" : "",
             extra.averages ? "<th>averaged weights: test loss<th>test&nbsp;%" : "",
             extra.shifted_copies ? "<th>shifted copies: test&nbsp;%" : "",
             extra.shifted_copies && extra.averages ? "<th>both: test&nbsp;%" : "");
    html_begin_table(page, head);
    for (size_t i = 0; i < panel->count; ++i)
        write_table_row(page, panel->rows[i], &extra);
    html_end_table(page);
    fputs("</details>\n", page);
}

static int write_charts(FILE *page, const struct panel *panel)
{
    struct curve curves[PANEL_ROWS];
    int code = 0;

    for (int i = 0; i < KINDS && code == 0; ++i) {
        fill_curves(curves, panel, kinds[i].value);
        code = curves_write(page, kinds[i].title, kinds[i].percent, curves, panel->count);
    }
    for (int i = 0; i < KINDS && code == 0; ++i) {
        fill_curves(curves, panel, kinds[i].value);
        if (kinds[i].zoom_title)
            code = curves_write_zoom(page, kinds[i].zoom_title, kinds[i].percent, curves, panel->count);
    }
    return code;
}

static int write_panel(FILE *page, const struct material *material, const struct panel *panel)
{
    struct curve curves[PANEL_ROWS];

    curves_of_panel(curves, panel, TEST_LOSS);
    fputs("<h3>", page);
    html_text(page, panel->title);
    fputs("</h3>\n<figure class=\"panel\">\n", page);
    curves_write_legend(page, curves, panel->count);
    fputs("<div class=\"pair\">\n", page);
    const int code = write_charts(page, panel);
    fputs("</div>\n", page);
    write_table(page, panel);
    end_figure(page, material, "Lines are means over the seeds, bands go from the lowest to the highest seed.",
               panel->rows, panel->count);
    return code;
}

int section_curves(FILE *page, const struct material *material)
{
    struct panels panels;
    int code = panels_make(&panels, material);

    html_begin_section(page, "curves", "Training and test curves");
    write_curves_note(page);
    for (size_t i = 0; i < panels.count && code == 0; ++i)
        code = write_panel(page, material, &panels.panels[i]);
    html_end_section(page);
    panels_free(&panels);
    return code;
}
