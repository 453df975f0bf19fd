/* SPDX-License-Identifier: MIT */
#include "report/curves.h"

#include "support/report.h"

#include <math.h>
#include <stdlib.h>

struct curve_point curve_point(const struct report_row *row, size_t epoch, enum epoch_value value)
{
    struct range range = range_begin();
    double sum = 0;
    size_t seeds = 0;

    for (size_t i = 0; i < row->count; ++i) {
        const double x = run_value(row->runs[i], epoch, value);

        if (isfinite(x)) {
            range_add(&range, x);
            sum += x;
            ++seeds;
        }
    }
    if (seeds == 0)
        return (struct curve_point){0, NAN, NAN, NAN};
    return (struct curve_point){seeds, sum / (double)seeds, range.low, range.high};
}

void curves_of_panel(struct curve curves[PANEL_ROWS], const struct panel *panel, enum epoch_value value)
{
    for (size_t i = 0; i < panel->count; ++i)
        curves[i] = (struct curve){.row = panel->rows[i],
                                   .value = value,
                                   .name = row_name(panel->rows[i]),
                                   .css = panel->rows[i]->look.css,
                                   .dash = panel_dash(panel, i)};
}

/* ---- Lines ------------------------------------------------------------------------------------- */

static struct chart_line line_of(const struct curve *curve)
{
    return (struct chart_line){.name = curve->name, .css = curve->css, .dash = curve->dash};
}

static void fill_line(struct chart_line *line, const struct curve *curve, size_t epochs, double *memory)
{
    double *mean = memory, *low = memory + epochs, *high = memory + 2 * epochs;

    for (size_t epoch = 0; epoch < epochs; ++epoch) {
        const struct curve_point point = curve_point(curve->row, epoch, curve->value);

        mean[epoch] = point.mean;
        low[epoch] = point.low;
        high[epoch] = point.high;
    }
    line->mean = mean;
    if (curve->row->count > 1) {
        line->low = low;
        line->high = high;
    }
}

static size_t count_epochs(const struct curve *curves, size_t count)
{
    size_t most = 0;

    for (size_t i = 0; i < count; ++i)
        most = row_epochs(curves[i].row) > most ? row_epochs(curves[i].row) : most;
    return most;
}

int curves_make(struct curves *lines, const struct curve *curves, size_t count)
{
    const size_t epochs = count_epochs(curves, count);

    *lines = (struct curves){.epochs = epochs};
    lines->lines = calloc(count + 1, sizeof *lines->lines);
    lines->memory = calloc(count * epochs * 3 + 1, sizeof *lines->memory);
    if (!lines->lines || !lines->memory)
        return report_error("not enough memory for the report");
    for (; lines->count < count; ++lines->count) {
        lines->lines[lines->count] = line_of(&curves[lines->count]);
        fill_line(&lines->lines[lines->count], &curves[lines->count], epochs,
                  lines->memory + lines->count * epochs * 3);
    }
    return 0;
}

void curves_free(struct curves *lines)
{
    free(lines->lines);
    free(lines->memory);
    *lines = (struct curves){0};
}

/* ---- Charts ------------------------------------------------------------------------------------ */

/* The range from an epoch on, without curves that are far from the others. */
static struct range last_range(const struct curve *curves, const struct curves *lines, size_t from)
{
    struct range range = range_begin();

    for (size_t i = 0; i < lines->count; ++i) {
        for (size_t k = from; k < lines->epochs && !curves[i].far; ++k)
            range_add(&range, lines->lines[i].mean[k]);
    }
    return range;
}

static void shift_lines(struct curves *lines, size_t epochs)
{
    for (size_t i = 0; i < lines->count; ++i) {
        struct chart_line *line = &lines->lines[i];

        line->mean += epochs;
        if (line->low) {
            line->low += epochs;
            line->high += epochs;
        }
    }
}

static void write_chart(FILE *page, const char *title, bool percent, const struct curves *lines, size_t from,
                        struct range range)
{
    const struct chart chart = {
        .title = title,
        .x_title = "epoch",
        .first = (double)from + 1,
        .step = 1,
        .count = lines->epochs - from,
        .lines = lines->lines,
        .line_count = lines->count,
        .y = range,
        .logarithmic = !percent,
        .percent = percent,
        .decimals = percent ? 2 : 4,
    };

    chart_write(page, &chart);
}

int curves_write(FILE *page, const char *title, bool percent, const struct curve *curves, size_t count)
{
    struct curves lines;
    const int code = curves_make(&lines, curves, count);

    if (code == 0)
        write_chart(page, title, percent, &lines, 0, range_begin());
    curves_free(&lines);
    return code;
}

int curves_write_zoom(FILE *page, const char *title, bool percent, const struct curve *curves, size_t count)
{
    struct curves lines;
    const int code = curves_make(&lines, curves, count);
    const size_t third = (lines.epochs + 2) / 3, from = lines.epochs - (third < 2 ? 2 : third);

    if (code == 0 && lines.epochs >= 3) {
        const struct range range = last_range(curves, &lines, from);

        shift_lines(&lines, from);
        write_chart(page, title, percent, &lines, from, range);
    }
    curves_free(&lines);
    return code;
}

void curves_write_legend(FILE *page, const struct curve *curves, size_t count)
{
    struct chart_line lines[PANEL_ROWS];

    for (size_t i = 0; i < count; ++i)
        lines[i] = line_of(&curves[i]);
    chart_write_legend(page, lines, count);
}
