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

static void fill_line(struct chart_line *line, const struct report_row *row, size_t epochs, enum epoch_value value,
                      double *memory)
{
    double *mean = memory, *low = memory + epochs, *high = memory + 2 * epochs;

    for (size_t epoch = 0; epoch < epochs; ++epoch) {
        const struct curve_point point = curve_point(row, epoch, value);

        mean[epoch] = point.mean;
        low[epoch] = point.low;
        high[epoch] = point.high;
    }
    line->mean = mean;
    if (row->count > 1) {
        line->low = low;
        line->high = high;
    }
}

int curves_make(struct curves *curves, const struct panel *panel, enum epoch_value value)
{
    const size_t epochs = panel_epochs(panel);

    *curves = (struct curves){.epochs = epochs};
    curves->lines = calloc(panel->count + 1, sizeof *curves->lines);
    curves->memory = calloc(panel->count * epochs * 3 + 1, sizeof *curves->memory);
    if (!curves->lines || !curves->memory)
        return report_error("not enough memory for the report");
    for (; curves->count < panel->count; ++curves->count) {
        const struct report_row *row = panel->rows[curves->count];
        struct chart_line *line = &curves->lines[curves->count];

        *line = (struct chart_line){row_name(row), row->look.css, panel_dash(panel, curves->count), NULL, NULL,
                                    NULL,          false};
        fill_line(line, row, epochs, value, curves->memory + curves->count * epochs * 3);
    }
    return 0;
}

void curves_free(struct curves *curves)
{
    free(curves->lines);
    free(curves->memory);
    *curves = (struct curves){0};
}
