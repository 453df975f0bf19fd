/* SPDX-License-Identifier: MIT */
/* Confusion matrices: how many images of a class are taken for another, as a mean over the seeds. */
#include "report/html.h"
#include "report/sections.h"
#include "support/utf8_text.h"

#include <inttypes.h>
#include <math.h>

enum {
    MOST_CLASSES =
        20, /* of a matrix; with more, its numbers cannot be read, and the most frequent mistakes are listed */
    LISTED = 20,
    NAME_LENGTH = 20,
    CELL = 26,
    LEFT = 30,
    TOP = 40,
    LETTER = 8 /* the width of most letters of a title */,
    NAME_LETTER = 6 /* of a name */
};

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

/* A matrix, with the place of its first column, which names of classes move to the right. */
struct matrix {
    const struct report_row *row;
    const struct class_names *names; /* NULL = none */
    int32_t classes;
    int left;
    double largest;
};

static struct matrix make_matrix(const struct material *material, const struct report_row *row)
{
    struct matrix matrix = {.row = row, .classes = row->runs[0]->classes, .left = LEFT};

    if (material->classes && material->classes->count == matrix.classes) {
        matrix.names = material->classes;
        matrix.left += NAME_LETTER * class_names_columns(matrix.names);
    }
    matrix.largest = largest_mistake(row, matrix.classes);
    return matrix;
}

static void write_cell(FILE *page, const struct matrix *matrix, int32_t cell)
{
    const int32_t actual = cell / matrix->classes, predicted = cell % matrix->classes;
    const double count = mean_count(matrix->row, matrix->classes, cell);
    const int x = matrix->left + predicted * CELL, y = TOP + actual * CELL;

    if (count == 0)
        return;
    if (actual != predicted)
        fprintf(page, "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" opacity=\"%.2f\"/>", x, y, CELL - 1, CELL - 1,
                0.08 + 0.52 * sqrt(count / matrix->largest));
    fprintf(page, "<text class=\"mid%s\" x=\"%d\" y=\"%d\">", actual == predicted ? " head" : "", x + CELL / 2,
            y + CELL / 2 + 3);
    write_count(page, count, matrix->row->count == 1);
    fputs("</text>", page);
}

/* The number of a class above its column, and before its row, there after the name. */
static void write_class(FILE *page, const struct matrix *matrix, int32_t number)
{
    char name[4 * CLASS_NAMES_MAX_COLUMNS + 2] = "";

    if (matrix->names) {
        const char *whole = class_name(matrix->names, number);

        snprintf(name, sizeof name, "%.*s ", utf8_cut(whole, CLASS_NAMES_MAX_COLUMNS), whole);
    }
    fprintf(page,
            "<text class=\"head mid\" x=\"%d\" y=\"%d\">%" PRId32 "</text><text class=\"head end\" x=\"%d\" y=\"%d\">",
            matrix->left + number * CELL + CELL / 2, TOP - 3, number, matrix->left - 4,
            TOP + number * CELL + CELL / 2 + 3);
    html_text(page, name);
    fprintf(page, "%" PRId32 "</text>", number);
}

static void write_matrix(FILE *page, const struct matrix *matrix)
{
    const int size = matrix->classes * CELL;

    fprintf(page, "<div><svg class=\"matrix %s\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"confusion matrix of ",
            matrix->row->look.css, matrix->left + size + 4, TOP + size + 4);
    html_text(page, row_name(matrix->row));
    fputs("\"><text class=\"title\" x=\"0\" y=\"13\">", page);
    html_short_text(page, row_name(matrix->row), (matrix->left + size) / LETTER);
    fprintf(page, "</text><text class=\"head\" x=\"%d\" y=\"27\">taken for →</text>", matrix->left);
    fprintf(page, "<text class=\"head mid\" transform=\"translate(10 %d) rotate(-90)\">true class</text>",
            TOP + size / 2);
    for (int32_t i = 0; i < matrix->classes; ++i)
        write_class(page, matrix, i);
    for (int32_t i = 0; i < matrix->classes * matrix->classes; ++i)
        write_cell(page, matrix, i);
    fputs("</svg></div>\n", page);
}

/* ---- Many classes ------------------------------------------------------------------------------ */

/* The cells of the most frequent mistakes, the most frequent first; returns how many there are, at most LISTED. */
static int find_mistakes(const struct report_row *row, int32_t classes, int32_t cells[LISTED])
{
    double counts[LISTED];
    int found = 0;

    for (int32_t cell = 0; cell < classes * classes; ++cell) {
        const double count = cell / classes == cell % classes ? 0 : mean_count(row, classes, cell);
        int at = found;

        for (; at > 0 && count > counts[at - 1]; --at)
            ;
        if (count == 0 || at == LISTED)
            continue;
        found += found < LISTED;
        for (int k = found - 1; k > at; --k) {
            counts[k] = counts[k - 1];
            cells[k] = cells[k - 1];
        }
        counts[at] = count;
        cells[at] = cell;
    }
    return found;
}

/* All images of a class. */
static double class_count(const struct report_row *row, int32_t classes, int32_t actual)
{
    double sum = 0;

    for (int32_t k = 0; k < classes; ++k)
        sum += mean_count(row, classes, actual * classes + k);
    return sum;
}

static void write_list(FILE *page, const struct material *material, const struct report_row *row)
{
    const int32_t classes = row->runs[0]->classes;
    int32_t cells[LISTED];
    const int found = find_mistakes(row, classes, cells);

    fputs("<div><h4>", page);
    write_row_name(page, row);
    fputs("</h4>\n", page);
    html_begin_names_table(page, "<th>true class<th class=\"t\">taken for<th>images<th>% of the class");
    for (int i = 0; i < found; ++i) {
        const double count = mean_count(row, classes, cells[i]);

        fputs("<tr><td>", page);
        write_class_name(page, material, cells[i] / classes, NAME_LENGTH);
        fputs("</td><td class=\"t\">", page);
        write_class_name(page, material, cells[i] % classes, NAME_LENGTH);
        fputs("</td><td>", page);
        write_count(page, count, row->count == 1);
        fputs("</td>", page);
        html_number_cell(page, 100 * count / class_count(row, classes, cells[i] / classes), 1);
        fputs("</tr>\n", page);
    }
    html_end_table(page);
    fputs("</div>\n", page);
}

/* ---- The section ------------------------------------------------------------------------------- */

static void write_row(FILE *page, const struct material *material, const struct report_row *row)
{
    if (row->runs[0]->classes > MOST_CLASSES)
        write_list(page, material, row);
    else if (row->runs[0]->classes > 0) {
        const struct matrix matrix = make_matrix(material, row);

        write_matrix(page, &matrix);
    }
}

static void write_introduction(FILE *page, const struct material *material, int32_t classes)
{
    const char *counted = material->training ? "test images" : "means over the seeds";

    if (classes <= MOST_CLASSES)
        fprintf(page,
                "<p>Rows are true classes, columns are answers; numbers are %s. Colour marks mistakes alone: on the "
                "diagonal are the right answers.</p>\n",
                counted);
    else
        fprintf(page,
                "<p>A matrix of %" PRId32
                " classes could not be read. These are its most frequent mistakes, at most %d; "
                "numbers are %s.</p>\n",
                classes, LISTED, counted);
}

int section_confusion(FILE *page, const struct material *material)
{
    struct panel panel;
    int32_t most = 0;

    leading_rows(&panel, material);
    for (size_t i = 0; i < panel.count; ++i)
        most = panel.rows[i]->runs[0]->classes > most ? panel.rows[i]->runs[0]->classes : most;
    if (most == 0) {
        html_empty_section(page, "confusion", "Confusion matrices", "The runs have no confusion matrix.");
        return 0;
    }
    html_begin_section(page, "confusion", material->training ? "Confusion matrix" : "Confusion matrices");
    write_introduction(page, material, most);
    write_panel_title(page, &panel);
    fprintf(page, "<figure>\n<div class=\"%s\">\n", material->training ? "pair" : "grid");
    for (size_t i = 0; i < panel.count; ++i)
        write_row(page, material, panel.rows[i]);
    fputs("</div>\n", page);
    end_figure(page, material, "", panel.rows, panel.count);
    html_end_section(page);
    return 0;
}
