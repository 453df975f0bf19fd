/* SPDX-License-Identifier: MIT */
#include "support/plot.h"

#include "support/minmax.h"
#include "support/terminal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 12, LEVELS = 2 * ROWS, MARGIN = 10, MIN_COLUMNS = 10, MAX_COLUMNS = 80 - MARGIN };

/* What is drawn: per half line and column the number of the series, from 1, or 0. Level 0 is at the bottom. */
struct canvas {
    unsigned char marks[LEVELS][MAX_COLUMNS];
    int columns;
    double low, high; /* of the vertical axis, logarithms on a logarithmic one */
    int64_t points;   /* of the longest series */
};

/* The value on the axis; NAN for a gap. */
static double axis_value(const struct plot *plot, double value)
{
    if (!isfinite(value) || (plot->logarithmic && value <= 0))
        return (double)NAN;
    return plot->logarithmic ? log10(value) : value;
}

static void measure_axes(struct canvas *canvas, const struct plot *plot)
{
    canvas->low = HUGE_VAL;
    canvas->high = -HUGE_VAL;
    for (int i = 0; i < plot->count; ++i) {
        const struct plot_series *series = &plot->series[i];

        canvas->points = int64_max(canvas->points, series->count);
        for (int64_t k = 0; k < series->count; ++k) {
            const double value = axis_value(plot, series->values[k]);

            if (isnan(value))
                continue;
            canvas->low = double_min(canvas->low, value);
            canvas->high = double_max(canvas->high, value);
        }
    }
    if (canvas->high - canvas->low < 1e-9 * double_max(fabs(canvas->high), 1e-6)) { /* also without a value */
        const double middle = isfinite(canvas->low) ? canvas->low : 0;

        canvas->low = middle - 0.5;
        canvas->high = middle + 0.5;
    }
}

/* The value of a series above a column, between its points; NAN outside of it or beside a gap. */
static double value_above(const struct canvas *canvas, const struct plot *plot, const struct plot_series *series,
                          int column)
{
    const double place = canvas->points > 1 ? (double)column * (double)(canvas->points - 1) / (canvas->columns - 1) : 0;
    const int64_t before = (int64_t)place;
    const double share = place - (double)before;

    if (before >= series->count || (column > 0 && canvas->points == 1))
        return (double)NAN;
    const double first = axis_value(plot, series->values[before]);
    if (share < 1e-9 || before + 1 >= series->count)
        return share < 1e-9 ? first : (double)NAN;
    return first + share * (axis_value(plot, series->values[before + 1]) - first);
}

/* A steep curve is drawn without gaps: from next to the level of the column before. */
static void draw_series(struct canvas *canvas, const struct plot *plot, int index)
{
    int previous = -1;

    for (int column = 0; column < canvas->columns; ++column) {
        const double value = value_above(canvas, plot, &plot->series[index], column);
        if (isnan(value)) {
            previous = -1;
            continue;
        }
        const int level = (int)((value - canvas->low) / (canvas->high - canvas->low) * (LEVELS - 1) + 0.5);
        const int start = previous < 0 || previous == level ? level : previous < level ? previous + 1 : previous - 1;
        for (int i = start; i != level; i += start < level ? 1 : -1)
            canvas->marks[i][column] = (unsigned char)(index + 1);
        canvas->marks[level][column] = (unsigned char)(index + 1);
        previous = level;
    }
}

/* The character of a series where only the upper, only the lower or both halves of a cell belong to curves. */
static const char *glyph(int series, bool upper, bool lower)
{
    static const char *const blocks[] = {"\u2588", "\u2591", "\u2592"}, *const letters[] = {":", "o", "+"};
    const bool utf8 = terminal_is_utf8();

    if (series > 0 || (upper && lower))
        return utf8 ? blocks[series] : letters[series];
    if (upper)
        return utf8 ? "\u2580" : "'";
    return utf8 ? "\u2584" : ".";
}

static void print_cell(const struct plot *plot, int upper, int lower)
{
    const int series = upper > lower ? upper : lower; /* the later curve is in front */

    if (series == 0)
        putchar(' ');
    else if (plot->letters)
        putchar("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[series - 1]);
    else
        fputs(glyph(series - 1, upper > 0, lower > 0), stdout);
}

/* The axis has labels at the top, in the middle and at the bottom. */
static void print_canvas(const struct canvas *canvas, const struct plot *plot)
{
    for (int row = ROWS - 1; row >= 0; --row) {
        const double value = canvas->low + (canvas->high - canvas->low) * (2 * row + (row > 0)) / (LEVELS - 1);
        int last = canvas->columns - 1;

        if (row == ROWS - 1 || row == ROWS / 2 || row == 0)
            printf("%8.4g |", plot->logarithmic ? pow(10, value) : value);
        else
            printf("%*s|", MARGIN - 1, "");
        while (last >= 0 && canvas->marks[2 * row + 1][last] == 0 && canvas->marks[2 * row][last] == 0)
            --last;
        for (int column = 0; column <= last; ++column)
            print_cell(plot, canvas->marks[2 * row + 1][column], canvas->marks[2 * row][column]);
        putchar('\n');
    }
    printf("%*s+", MARGIN - 1, "");
    for (int column = 0; column < canvas->columns; ++column)
        putchar('-');
    printf("\n%*s%s%*s\n", MARGIN, "", plot->left, canvas->columns - (int)strlen(plot->left), plot->right);
}

void plot_print(const struct plot *plot)
{
    struct canvas canvas = {.columns = (int)int64_min(terminal_width(stdout) - MARGIN, MAX_COLUMNS)};

    canvas.columns = (int)int64_max(canvas.columns, MIN_COLUMNS);
    measure_axes(&canvas, plot);
    for (int i = 0; i < plot->count; ++i)
        draw_series(&canvas, plot, i);
    printf("%s", plot->title);
    for (int i = 0; i < plot->count && !plot->letters; ++i)
        printf("%s%s %s", i == 0 ? ": " : ", ", glyph(i, true, true), plot->series[i].name);
    putchar('\n');
    print_canvas(&canvas, plot);
}
