/* SPDX-License-Identifier: MIT */
/* Learning rate and momentum over the steps: as the library computes them, and as the runs report them. */
#include "report/chart.h"
#include "report/html.h"
#include "report/sections.h"
#include "support/minmax.h"
#include "support/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { POINTS = 200, SCHEDULE_ROWS = 64 };

/* Rows with the same rates. */
struct schedule {
    const struct report_row *rows[SCHEDULE_ROWS];
    size_t count;
    int64_t per_epoch, epochs; /* steps */
};

static int64_t images_of(const struct report_row *row)
{
    return int64_max(row->runs[0]->training_images, 1);
}

static int64_t steps_per_epoch(const struct report_row *row)
{
    return 1 + (images_of(row) - 1) / row->experiment->batch;
}

static bool same_optional(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static bool same_rates(const struct report_row *x, const struct report_row *y)
{
    const struct experiment *a = x->experiment, *b = y->experiment;

    return a->schedule == b->schedule && a->lr == b->lr && same_optional(a->momentum, b->momentum) &&
           a->epochs == b->epochs && steps_per_epoch(x) == steps_per_epoch(y) &&
           (a->schedule != NORMNET_SCHEDULE_STEP || (a->step_size == b->step_size && a->step_gamma == b->step_gamma));
}

static struct schedule gather(const struct material *material, size_t first)
{
    const struct report_row *row = &material->rows[first];
    struct schedule schedule = {{row}, 1, steps_per_epoch(row), row->experiment->epochs};

    for (size_t i = first + 1; i < material->row_count && schedule.count < SCHEDULE_ROWS; ++i) {
        if (same_rates(row, &material->rows[i]))
            schedule.rows[schedule.count++] = &material->rows[i];
    }
    return schedule;
}

static bool is_first(const struct material *material, size_t index)
{
    for (size_t i = 0; i < index; ++i) {
        if (same_rates(&material->rows[i], &material->rows[index]))
            return false;
    }
    return true;
}

static void compute(const struct report_row *row, const normnet_config *config, int64_t step, double *lr,
                    double *momentum)
{
    *lr = row->experiment->lr;
    *momentum = row->experiment->momentum;
    if (row->experiment->schedule == NORMNET_SCHEDULE_ONE_CYCLE)
        normnet_one_cycle_lr(config, step, lr, momentum);
    else if (row->experiment->schedule == NORMNET_SCHEDULE_STEP)
        normnet_step_lr(config, step, lr, momentum);
}

/* `values` has four arrays of `count`: computed rate and momentum, then those that the first run reports. */
static void fill(double *values, size_t count, const struct schedule *schedule, int64_t per_point)
{
    const struct report_row *row = schedule->rows[0];
    struct dataset images = {.channels = 1, .height = 1, .width = 1, .classes = 2, .train.count = images_of(row)};
    struct settings settings;
    normnet_config config;

    experiment_settings(row->experiment, 1, &settings);
    settings_configure(&settings, &images, &config);
    for (size_t i = 0; i < 4 * count; ++i)
        values[i] = NAN;
    for (size_t i = 0; i < count; ++i)
        compute(row, &config, (int64_t)i * per_point, &values[i], &values[count + i]);
    for (int64_t epoch = 1; epoch <= schedule->epochs; ++epoch) {
        const size_t point = (size_t)((epoch * schedule->per_epoch - 1) / per_point);

        if (point < count) {
            values[2 * count + point] = run_value(row->runs[0], (size_t)epoch - 1, LEARNING_RATE);
            values[3 * count + point] = run_value(row->runs[0], (size_t)epoch - 1, MOMENTUM);
        }
    }
}

static void write_charts(FILE *page, const double *values, size_t count, int64_t per_point)
{
    static const char *const titles[] = {"Learning rate", "Momentum"};

    for (int i = 0; i < 2; ++i) {
        const struct chart_line lines[] = {
            {"computed for every step", "n-accent", 0, values + (size_t)i * count, NULL, NULL, false},
            {"reported by the run, last step of an epoch", "n-ink", 0, values + (size_t)(i + 2) * count, NULL, NULL,
             true},
        };
        const struct chart chart = {
            .title = titles[i],
            .x_title = "step",
            .first = 1,
            .step = (double)per_point,
            .count = count,
            .lines = lines,
            .line_count = 2,
            .y = range_begin(),
            .decimals = 6,
        };

        if (i == 0) {
            chart_write_legend(page, lines, 2);
            fputs("<div class=\"grid\">\n", page);
        }
        chart_write(page, &chart);
    }
    fputs("</div>\n", page);
}

static void write_heading(FILE *page, const struct material *material, const struct schedule *schedule)
{
    const struct experiment *experiment = schedule->rows[0]->experiment;

    fprintf(page, "<h3>%s, rate %g, %lld epoch%s of %lld step%s</h3>\n", settings_schedule_names[experiment->schedule],
            experiment->lr, (long long)schedule->epochs, schedule->epochs == 1 ? "" : "s",
            (long long)schedule->per_epoch, schedule->per_epoch == 1 ? "" : "s");
    if (material->training)
        return;
    fputs("<p class=\"soft\">Of ", page);
    for (size_t i = 0; i < schedule->count; ++i) {
        fputs(i > 0 ? ", " : "", page);
        html_text(page, schedule->rows[i]->experiment->id);
    }
    fputs(".</p>\n", page);
}

static int write_schedule(FILE *page, const struct material *material, const struct schedule *schedule)
{
    const int64_t steps = schedule->per_epoch * schedule->epochs, per_point = steps / POINTS > 0 ? steps / POINTS : 1;
    const size_t count = (size_t)((steps + per_point - 1) / per_point);
    double *values = calloc(4 * count + 1, sizeof *values);

    if (!values)
        return report_error("not enough memory for the report");
    fill(values, count, schedule, per_point);
    write_heading(page, material, schedule);
    fputs("<figure class=\"panel\">\n", page);
    write_charts(page, values, count, per_point);
    end_figure(page, material, "", schedule->rows, 1);
    free(values);
    return 0;
}

int section_rates(FILE *page, const struct material *material)
{
    int code = 0;

    html_begin_section(page, "rates", "Learning rate and momentum");
    fputs("<p>Rates change after every step, with one batch of images each.</p>\n", page);
    for (size_t i = 0; i < material->row_count && code == 0; ++i) {
        const struct schedule schedule = gather(material, i);

        if (is_first(material, i))
            code = write_schedule(page, material, &schedule);
    }
    html_end_section(page);
    return code;
}
