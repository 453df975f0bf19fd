/* SPDX-License-Identifier: MIT */
/* What the trainings cost. */
#include "report/html.h"
#include "report/intervals.h"
#include "report/sections.h"

#include <inttypes.h>
#include <math.h>

/* From the slowest to the fastest seed. */
static struct sample speeds_of(const struct report_row *row)
{
    struct sample sample = {row->count, row->summary->images_per_second.mean, NAN, INFINITY, 0, NAN};

    for (size_t i = 0; i < row->count; ++i) {
        sample.low = fmin(sample.low, row->summary->runs[i]->images_per_second);
        sample.high = fmax(sample.high, row->summary->runs[i]->images_per_second);
    }
    return sample;
}

static int write_plot(FILE *page, const struct panel *panel)
{
    struct interval_row rows[PANEL_ROWS];

    for (size_t i = 0; i < panel->count; ++i) {
        rows[i] =
            (struct interval_row){row_name(panel->rows[i]), panel->rows[i]->look.css, speeds_of(panel->rows[i]), NAN};
    }
    const struct interval_plot plot = {"Training, images per second in the last epoch", rows, panel->count, true, 0};
    return intervals_write(page, &plot);
}

int section_speed(FILE *page, const struct material *material)
{
    struct panel panel;

    leading_rows(&panel, material);
    html_begin_section(page, "speed", "Time");
    fputs("<p>Each run has one thread, and as many runs as the machine has cores are made side by side, so the figures "
          "are "
          "those of a busy machine. Seconds are those of a whole run with its tests; images per second those of the "
          "training in the last epoch.</p>\n<figure>\n",
          page);
    const int code = write_plot(page, &panel);
    html_begin_table(page, "<th>experiment<th>parameters<th>epochs<th>seconds<th>sd<th>images/s<th>sd");
    for (size_t i = 0; i < material->row_count; ++i) {
        const struct report_row *row = &material->rows[i];

        fputs("<tr><td>", page);
        write_row_name(page, row);
        fputs(" <span class=\"soft\">", page);
        html_text(page, row->experiment->study);
        fprintf(page, "</span></td><td>%" PRId64 "</td><td>%" PRId64 "</td>", row->summary->runs[0]->parameters,
                row->experiment->epochs);
        html_number_cell(page, row->summary->seconds.mean, 1);
        html_number_cell(page, row->summary->seconds.sd, 1);
        html_number_cell(page, row->summary->images_per_second.mean, 0);
        html_number_cell(page, row->summary->images_per_second.sd, 0);
        fputs("</tr>\n", page);
    }
    html_end_table(page);
    end_figure(page, material, "In the plot, lines go from the slowest to the fastest seed.", panel.rows, panel.count);
    html_end_section(page);
    return code;
}
