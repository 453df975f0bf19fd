/* SPDX-License-Identifier: MIT */
/* The curves of one training: all its losses in one chart, all its accuracies in another. */
#include "report/curves.h"
#include "report/html.h"
#include "report/sections.h"
#include "report/training_facts.h"

#include <inttypes.h>
#include <math.h>

static const struct {
    enum epoch_value loss, accuracy;
    const char *name, *css;
    int dash;
} kinds[] = {
    {TRAIN_LOSS, TRAIN_ACCURACY, "training", "n-none", 2},
    {VALIDATION_LOSS, VALIDATION_ACCURACY, "validation", "n-group", 0},
    {TEST_LOSS, TEST_ACCURACY, "test", "n-batch", 0},
    {AVERAGE_VALIDATION_LOSS, AVERAGE_VALIDATION_ACCURACY, "validation, averaged weights", "n-group", 1},
    {AVERAGE_TEST_LOSS, AVERAGE_TEST_ACCURACY, "test, averaged weights", "n-batch", 1},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* The curves that the training has; returns how many. */
static size_t fill_curves(struct curve curves[KINDS], const struct report_row *row, bool accuracies)
{
    const size_t epochs = row_epochs(row);
    size_t count = 0;

    for (int i = 0; i < KINDS; ++i) {
        const enum epoch_value value = accuracies ? kinds[i].accuracy : kinds[i].loss;

        if (epochs > 0 && isfinite(curve_point(row, epochs - 1, value).mean))
            curves[count++] = (struct curve){row, value, kinds[i].name, kinds[i].css, kinds[i].dash, false};
    }
    return count;
}

static int write_charts(FILE *page, const struct report_row *row)
{
    struct curve losses[KINDS], accuracies[KINDS];
    const size_t count = fill_curves(losses, row, false);
    int code;

    fill_curves(accuracies, row, true);
    curves_write_legend(page, losses, count);
    fputs("<div class=\"pair\">\n", page);
    code = curves_write(page, "Loss", false, losses, count);
    if (code == 0)
        code = curves_write(page, "Accuracy, %", true, accuracies, count);
    if (code == 0)
        code = curves_write_zoom(page, "Loss, the last epochs", false, losses, count);
    if (code == 0)
        code = curves_write_zoom(page, "Accuracy, the last epochs, %", true, accuracies, count);
    fputs("</div>\n", page);
    return code;
}

static void write_head(FILE *page, const struct curve *curves, size_t count)
{
    fputs("<div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr><th>epoch", page);
    for (size_t i = 0; i < count; ++i)
        fprintf(page, "<th>%s: loss<th>%%", curves[i].name);
    fputs("<th>learning rate<th>images/s</tr></thead>\n<tbody>\n", page);
}

/* All epochs, for readers without the script. */
static void write_table(FILE *page, const struct report_row *row, const struct training_state *training)
{
    struct curve losses[KINDS], accuracies[KINDS];
    const size_t count = fill_curves(losses, row, false);

    fill_curves(accuracies, row, true);
    fputs("<details><summary>All epochs in numbers</summary>\n", page);
    write_head(page, losses, count);
    for (int64_t epoch = training->dropped; epoch < training->finished; ++epoch) {
        fprintf(page, "<tr><td>%" PRId64 "</td>", epoch + 1);
        for (size_t i = 0; i < count; ++i) {
            html_number_cell(page, curve_point(row, (size_t)epoch, losses[i].value).mean, 4);
            html_number_cell(page, curve_point(row, (size_t)epoch, accuracies[i].value).mean, 2);
        }
        html_number_cell(page, training->history[epoch].lr, 6);
        html_number_cell(page, training->history[epoch].images_per_second, 0);
        fputs("</tr>\n", page);
    }
    html_end_table(page);
    fputs("</details>\n", page);
}

int section_training_curves(FILE *page, const struct material *material)
{
    const struct report_row *row = &material->rows[0];

    if (row_epochs(row) == 0) {
        html_empty_section(page, "curves", "Training and test curves", "No epoch was finished.");
        return 0;
    }
    html_begin_section(page, "curves", "Training and test curves");
    write_curves_note(page);
    fputs("<figure class=\"panel\">\n", page);
    const int code = write_charts(page, row);
    write_table(page, row, material->training->training);
    end_figure(page, material, "", &row, 1);
    html_end_section(page);
    return code;
}
