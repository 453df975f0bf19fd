/* SPDX-License-Identifier: MIT */
#include "report/intervals.h"

#include "report/axis.h"
#include "report/html.h"
#include "support/minmax.h"
#include "support/report.h"

#include <math.h>
#include <stdlib.h>

enum { WIDTH = 400, LEFT = 152, RIGHT = 384, TOP = 28, ROW = 22, NAME_LENGTH = 21 };

static int row_place(size_t row)
{
    return TOP + ROW * (int)row + ROW / 2;
}

/* Where the values of a plot are. */
struct field {
    struct axis x;
    double floor; /* rows with a lower mean are out of the axis */
};

static bool is_inside(const struct field *field, const struct interval_row *row)
{
    return row->sample.mean >= field->floor;
}

/* The means decide which rows are inside, and these with their intervals how far the axis goes. */
static struct field make_field(const struct interval_plot *plot, double *values)
{
    struct field field = {.floor = -INFINITY};
    struct range range = range_begin();
    size_t count = 0;

    for (size_t i = 0; i < plot->count; ++i) {
        if (isfinite(plot->rows[i].sample.mean))
            values[count++] = plot->rows[i].sample.mean;
    }
    if (plot->with_zero)
        range_add(&range, 0);
    else
        field.floor = range_of_most(values, count).low;
    for (size_t i = 0; i < plot->count; ++i) {
        const struct interval_row *row = &plot->rows[i];

        if (!is_inside(&field, row))
            continue;
        range_add(&range, row->sample.mean);
        range_add(&range, row->sample.low);
        range_add(&range, row->sample.high);
        range_add(&range, row->mark);
    }
    range = range_widen(range, 0.05, 0.1);
    field.x = (struct axis){range.low, range.high, LEFT, RIGHT, false, 0};
    return field;
}

static void write_axis(FILE *page, const struct axis *x, int bottom)
{
    double ticks[MOST_TICKS];
    char text[TICK_ROOM];
    const int count = axis_ticks(x, 5, ticks);

    for (int i = 0; i < count; ++i) {
        const double place = axis_place(x, ticks[i]);

        axis_tick_text(x, ticks, count, i, text);
        fprintf(page, "<path class=\"grid\" d=\"M%.1f %dV%d\"/><text class=\"mid\" x=\"%.1f\" y=\"%d\">%s</text>",
                place, TOP, bottom, place, bottom + 16, text);
    }
}

static void write_arrow(FILE *page, const struct interval_plot *plot, const struct interval_row *row, int place)
{
    fprintf(page, "<path class=\"arrow\" d=\"M%d %dl7 -4v8z\"/><text x=\"%d\" y=\"%d\">", LEFT, place, LEFT + 11,
            place + 4);
    html_number(page, row->sample.mean, plot->decimals);
    if (isfinite(row->mark)) {
        fputs(" ◇ ", page);
        html_number(page, row->mark, plot->decimals);
    }
    fputs("</text>", page);
}

static void write_interval(FILE *page, const struct axis *x, const struct interval_row *row, int place)
{
    if (isfinite(row->sample.low)) {
        const double low = axis_place(x, double_max(row->sample.low, x->low));
        const double high = axis_place(x, double_min(row->sample.high, x->high));

        fprintf(page, "<path class=\"whisker\" d=\"M%.1f %dH%.1fM%.1f %dv8M%.1f %dv8\"/>", low, place, high, low,
                place - 4, high, place - 4);
    }
    fprintf(page, "<circle class=\"mean\" r=\"4\" cx=\"%.1f\" cy=\"%d\"/>", axis_place(x, row->sample.mean), place);
}

/* What the title of the element says while hovering. */
static void write_hover(FILE *page, const struct interval_plot *plot, const struct interval_row *row)
{
    fputs("<title>", page);
    html_text(page, row->name);
    fputs(": ", page);
    html_number(page, row->sample.mean, plot->decimals);
    if (isfinite(row->sample.low)) {
        fputs(" (", page);
        html_number(page, row->sample.low, plot->decimals);
        fputs(" to ", page);
        html_number(page, row->sample.high, plot->decimals);
        fprintf(page, ", %zu seeds)", row->sample.count);
    }
    if (isfinite(row->mark)) {
        fputs("; published ", page);
        html_number(page, row->mark, plot->decimals);
    }
    fputs("</title>", page);
}

static void write_row(FILE *page, const struct interval_plot *plot, const struct field *field, size_t index)
{
    const struct interval_row *row = &plot->rows[index];
    const int place = row_place(index);

    fprintf(page, "\n<g class=\"row %s\">", row->css);
    write_hover(page, plot, row);
    fprintf(page,
            "<rect class=\"touch\" x=\"0\" y=\"%d\" width=\"%d\" height=\"%d\"/><text class=\"end\" x=\"%d\" y=\"%d\">",
            place - ROW / 2, WIDTH, ROW, LEFT - 8, place + 4);
    html_short_text(page, row->name, NAME_LENGTH);
    fputs("</text>", page);
    if (!is_inside(field, row)) {
        if (isfinite(row->sample.mean))
            write_arrow(page, plot, row, place);
    } else {
        if (isfinite(row->mark))
            fprintf(page, "<path class=\"mark\" d=\"M%.1f %dl5 5l-5 5l-5 -5z\"/>", axis_place(&field->x, row->mark),
                    place - 5);
        write_interval(page, &field->x, row, place);
    }
    fputs("</g>", page);
}

int intervals_write(FILE *page, const struct interval_plot *plot)
{
    const int bottom = TOP + ROW * (int)plot->count + 4;
    double *values = calloc(plot->count + 1, sizeof *values);

    if (!values)
        return report_error("not enough memory for the report");
    const struct field field = make_field(plot, values);
    fprintf(page, "<svg class=\"intervals\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"", WIDTH, bottom + 22);
    html_text(page, plot->title);
    fputs("\"><text class=\"title\" x=\"4\" y=\"16\">", page);
    html_text(page, plot->title);
    fputs("</text>", page);
    write_axis(page, &field.x, bottom);
    if (plot->with_zero)
        fprintf(page, "<path class=\"zero\" d=\"M%.1f %dV%d\"/>", axis_place(&field.x, 0), TOP, bottom);
    for (size_t i = 0; i < plot->count; ++i)
        write_row(page, plot, &field, i);
    fputs("</svg>\n", page);
    free(values);
    return 0;
}
