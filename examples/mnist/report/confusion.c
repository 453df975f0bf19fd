/* SPDX-License-Identifier: MIT */
/* Confusion matrices: how many images of a class are taken for another, as a mean over the seeds. */
#include "report/html.h"
#include "report/sections.h"

#include <inttypes.h>
#include <math.h>

enum { MOST_CLASSES = 20, CELL = 26, LEFT = 30, TOP = 40, LETTER = 8 /* the width of most letters of a title */ };

/* Over the runs that have a matrix of this size. */
static double mean_count(const struct report_row *row, int32_t classes, int32_t cell)
{
    double sum = 0;
    int runs = 0;

    for (size_t i = 0; i < row->count; ++i) {
        if (row->runs[i]->classes == classes) {
            sum += (double)row->runs[i]->confusion[cell];
            ++runs;
        }
    }
    return runs > 0 ? sum / runs : 0;
}

static double largest_mistake(const struct report_row *row, int32_t classes)
{
    double largest = 1;

    for (int32_t i = 0; i < classes * classes; ++i) {
        if (i / classes != i % classes)
            largest = fmax(largest, mean_count(row, classes, i));
    }
    return largest;
}

/* Counts below 10 with a digit after the point, if they are means. */
static void write_count(FILE *page, double count, bool exact)
{
    html_number(page, count, exact || count >= 9.95 ? 0 : 1);
}

static void write_cell(FILE *page, const struct report_row *row, int32_t classes, int32_t cell, double largest)
{
    const int32_t actual = cell / classes, predicted = cell % classes;
    const double count = mean_count(row, classes, cell);
    const int x = LEFT + predicted * CELL, y = TOP + actual * CELL;

    if (count == 0)
        return;
    if (actual != predicted)
        fprintf(page, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" opacity=\"%.2f\"/>", x, y, CELL - 1, CELL - 1,
                0.08 + 0.52 * sqrt(count / largest));
    fprintf(page, "<text class=\"mid%s\" x=\"%d\" y=\"%d\">", actual == predicted ? " head" : "", x + CELL / 2,
            y + CELL / 2 + 3);
    write_count(page, count, row->count == 1);
    fputs("</text>", page);
}

static void write_matrix(FILE *page, const struct report_row *row, int32_t classes)
{
    const int size = classes * CELL;
    const double largest = largest_mistake(row, classes);

    fprintf(page, "<div><svg class=\"matrix %s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"confusion matrix of ",
            row->look.css, LEFT + size + 4, TOP + size + 4);
    html_text(page, row_name(row));
    fputs("\"><text class=\"title\" x=\"0\" y=\"13\">", page);
    html_short_text(page, row_name(row), (LEFT + size) / LETTER);
    fprintf(page, "</text><text class=\"head\" x=\"%d\" y=\"27\">taken for →</text>", LEFT);
    fprintf(page, "<text class=\"head mid\" transform=\"translate(10 %d) rotate(-90)\">true class</text>",
            TOP + size / 2);
    for (int32_t i = 0; i < classes; ++i)
        fprintf(page,
                "<text class=\"head mid\" x=\"%d\" y=\"%d\">%" PRId32 "</text>"
                "<text class=\"head end\" x=\"%d\" y=\"%d\">%" PRId32 "</text>",
                LEFT + i * CELL + CELL / 2, TOP - 3, i, LEFT - 4, TOP + i * CELL + CELL / 2 + 3, i);
    for (int32_t i = 0; i < classes * classes; ++i)
        write_cell(page, row, classes, i, largest);
    fputs("</svg></div>\n", page);
}

static bool is_shown(const struct report_row *row)
{
    return row->runs[0]->classes > 0 && row->runs[0]->classes <= MOST_CLASSES;
}

int section_confusion(FILE *page, const struct material *material)
{
    struct panel panel;
    size_t shown = 0;

    leading_rows(&panel, material);
    for (size_t i = 0; i < panel.count; ++i)
        shown += is_shown(panel.rows[i]);
    if (shown == 0) {
        html_empty_section(page, "confusion", "Confusion matrices",
                           "The runs have no confusion matrix of 20 classes or fewer.");
        return 0;
    }
    html_begin_section(page, "confusion", "Confusion matrices");
    fputs("<p>Rows are true classes, columns are answers; numbers are means over the seeds. Colour marks mistakes "
          "alone: on "
          "the diagonal are the right answers.</p>\n<h3>",
          page);
    html_text(page, panel.title);
    fputs("</h3>\n<figure>\n<div class=\"grid\">\n", page);
    for (size_t i = 0; i < panel.count; ++i) {
        if (is_shown(panel.rows[i]))
            write_matrix(page, panel.rows[i], panel.rows[i]->runs[0]->classes);
    }
    fputs("</div>\n", page);
    end_figure(page, material, "", panel.rows, panel.count);
    html_end_section(page);
    return 0;
}
