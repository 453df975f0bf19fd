/* SPDX-License-Identifier: MIT */
#include "report/chart.h"

#include "report/html.h"
#include "support/minmax.h"

#include <math.h>
#include <string.h>

enum { WIDTH = 400, HEIGHT = 240, LEFT = 46, RIGHT = 388, TOP = 30, BOTTOM = 202, HALF_LETTER = 4 };

struct frame {
    const struct chart *chart;
    struct axis x, y;
};

/* ---- The frame --------------------------------------------------------------------------------- */

static double x_at(const struct chart *chart, size_t point)
{
    return chart->first + chart->step * (double)point;
}

static struct range range_of_values(const struct chart *chart)
{
    struct range range = range_begin();

    for (size_t i = 0; i < chart->line_count; ++i) {
        const struct chart_line *line = &chart->lines[i];

        for (size_t k = 0; k < chart->count; ++k) {
            range_add(&range, line->mean[k]);
            if (line->low) {
                range_add(&range, line->low[k]);
                range_add(&range, line->high[k]);
            }
        }
    }
    return range;
}

static struct frame make_frame(const struct chart *chart)
{
    struct range y = chart->y.low <= chart->y.high ? chart->y : range_of_values(chart);
    const bool logarithmic = chart->logarithmic && y.low > 0 && y.high > 4 * y.low;

    if (logarithmic)
        y = (struct range){y.low / 1.15, y.high * 1.15};
    else
        y = range_widen(y, 0.06, double_max(fabs(y.high) * (y.high > y.low ? 2e-3 : 0.2), 1e-6));
    if (chart->percent)
        y = (struct range){double_max(y.low, 0), double_min(y.high, 100)};
    if (chart->stairs && !logarithmic)
        y.low = 0;
    const double last = x_at(chart, chart->count > 1 || chart->stairs ? chart->count - !chart->stairs : 1);
    return (struct frame){
        chart,
        {chart->first, last, LEFT, RIGHT, false, chart->stairs ? 0 : 1},
        {y.low, y.high, BOTTOM, TOP, logarithmic, 0},
    };
}

static void write_y_axis(FILE *page, const struct axis *y)
{
    double ticks[MOST_TICKS];
    char text[TICK_ROOM];
    const int count = axis_ticks(y, 5, ticks);

    for (int i = 0; i < count; ++i) {
        const double place = axis_place(y, ticks[i]);

        axis_tick_text(y, ticks, count, i, text);
        fprintf(page, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"end\" x=\"%d\" y=\"%.1f\">%s</text>", LEFT,
                place, RIGHT, LEFT - 6, place + 4, text);
    }
}

static void write_x_axis(FILE *page, const struct frame *frame)
{
    double ticks[MOST_TICKS];
    char text[TICK_ROOM];
    const int count = axis_ticks(&frame->x, 6, ticks);

    fprintf(page, "<path class=\"axis\" d=\"M%d %dH%d\"/>", LEFT, BOTTOM, RIGHT);
    for (int i = 0; i < count; ++i) {
        const double place = axis_place(&frame->x, ticks[i]);

        axis_tick_text(&frame->x, ticks, count, i, text);
        const bool wide = place + HALF_LETTER * (double)strlen(text) > WIDTH;
        fprintf(page, "<path class=\"axis\" d=\"M%.1f %dv4\"/><text class=\"%s\" x=\"%.1f\" y=\"%d\">%s</text>", place,
                BOTTOM, wide ? "end" : "mid", wide ? WIDTH : place, BOTTOM + 17, text);
    }
    fprintf(page, "<text class=\"mid\" x=\"%d\" y=\"%d\">", (LEFT + RIGHT) / 2, HEIGHT - 4);
    html_text(page, frame->chart->x_title);
    fputs("</text>", page);
}

/* ---- Lines ------------------------------------------------------------------------------------- */

/* A little outside the frame, where the clip path hides it; without it a far value would overflow renderers. */
static double y_place(const struct frame *frame, double value)
{
    if (frame->y.logarithmic && value <= 0)
        return BOTTOM + HEIGHT;
    return double_clamp(axis_place(&frame->y, value), -HEIGHT, BOTTOM + HEIGHT);
}

static void write_band(FILE *page, const struct frame *frame, const struct chart_line *line)
{
    const size_t count = frame->chart->count;
    bool any = false;

    if (!line->low)
        return;
    for (size_t i = 0; i < count; ++i) {
        if (isfinite(line->low[i]))
            fprintf(page, "%s%.1f %.1f", any ? "L" : "<path class=\"band\" d=\"M",
                    axis_place(&frame->x, x_at(frame->chart, i)), y_place(frame, line->high[i])),
                any = true;
    }
    for (size_t i = count; i-- > 0;) {
        if (isfinite(line->low[i]))
            fprintf(page, "L%.1f %.1f", axis_place(&frame->x, x_at(frame->chart, i)), y_place(frame, line->low[i]));
    }
    if (any)
        fputs("Z\"/>", page);
}

static void write_curve(FILE *page, const struct frame *frame, const struct chart_line *line)
{
    bool drawing = false;

    if (line->dots)
        return;
    fprintf(page, "<path class=\"line d%d\" d=\"", line->dash % 6);
    for (size_t i = 0; i < frame->chart->count; ++i) {
        if (isfinite(line->mean[i])) {
            fprintf(page, "%s%.1f %.1f", drawing ? "L" : "M", axis_place(&frame->x, x_at(frame->chart, i)),
                    y_place(frame, line->mean[i]));
            if (frame->chart->stairs)
                fprintf(page, "H%.1f", axis_place(&frame->x, x_at(frame->chart, i + 1)));
        }
        drawing = isfinite(line->mean[i]);
    }
    fputs("\"/>", page);
}

/* A line of one point cannot be seen. */
static void write_dots(FILE *page, const struct frame *frame, const struct chart_line *line)
{
    if (!line->dots && (frame->chart->count > 12 || frame->chart->stairs))
        return;
    for (size_t i = 0; i < frame->chart->count; ++i) {
        if (isfinite(line->mean[i]))
            fprintf(page, "<circle class=\"dot\" r=\"2.6\" cx=\"%.1f\" cy=\"%.1f\"/>",
                    axis_place(&frame->x, x_at(frame->chart, i)), y_place(frame, line->mean[i]));
    }
}

/* The script reads the values of data-y. */
static void write_line(FILE *page, const struct frame *frame, size_t index)
{
    const struct chart_line *line = &frame->chart->lines[index];

    fprintf(page, "\n<g class=\"series %s\" data-k=\"%zu\" data-n=\"", line->css, index);
    html_text(page, line->name);
    fputs("\" data-y=\"", page);
    for (size_t i = 0; i < frame->chart->count; ++i) {
        if (i > 0)
            fputc(',', page);
        if (isfinite(line->mean[i]))
            fprintf(page, "%.*f", frame->chart->decimals, line->mean[i]);
    }
    fputs("\">", page);
    write_band(page, frame, line);
    write_curve(page, frame, line);
    write_dots(page, frame, line);
    fputs("</g>", page);
}

void chart_write(FILE *page, const struct chart *chart)
{
    const struct frame frame = make_frame(chart);

    fprintf(page,
            "<svg class=\"chart\" viewBox=\"0 0 %d %d\" role=\"img\" data-x=\"%g\" data-step=\"%g\" data-left=\"%d\" "
            "data-right=\"%d\" data-last=\"%g\" aria-label=\"",
            WIDTH, HEIGHT, chart->first, chart->step, LEFT, RIGHT, frame.x.high);
    html_text(page, chart->title);
    fputs(" over ", page);
    html_text(page, chart->x_title);
    fprintf(page, "\"><text class=\"title\" x=\"%d\" y=\"16\">", 4);
    html_text(page, chart->title);
    fputs("</text>", page);
    write_y_axis(page, &frame.y);
    write_x_axis(page, &frame);
    fprintf(page, "<svg x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" viewBox=\"%d %d %d %d\">", LEFT - 4, TOP - 4,
            RIGHT - LEFT + 8, BOTTOM - TOP + 8, LEFT - 4, TOP - 4, RIGHT - LEFT + 8, BOTTOM - TOP + 8); /* clips */
    for (size_t i = 0; i < chart->line_count; ++i)
        write_line(page, &frame, i);
    fputs("</svg></svg>\n", page);
}

void chart_write_legend(FILE *page, const struct chart_line *lines, size_t count)
{
    fputs("<ul class=\"legend\">", page);
    for (size_t i = 0; i < count; ++i) {
        fprintf(page,
                "<li class=\"key %s\" data-k=\"%zu\"><svg viewBox=\"0 0 28 10\" width=\"28\" height=\"10\" "
                "aria-hidden=\"true\">",
                lines[i].css, i);
        if (lines[i].dots)
            fputs("<circle class=\"dot\" r=\"3\" cx=\"14\" cy=\"5\"/></svg>", page);
        else
            fprintf(page, "<path class=\"line d%d\" d=\"M1 5H27\"/></svg>", lines[i].dash % 6);
        html_text(page, lines[i].name);
        fputs("</li>", page);
    }
    fputs("</ul>\n", page);
}
