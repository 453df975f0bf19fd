/* SPDX-License-Identifier: MIT */
/* Values over the epochs: their mean over the seeds, and the band from the lowest to the highest seed. */
#ifndef MNIST_CURVES_H
#define MNIST_CURVES_H

#include "report/chart.h"
#include "report/panels.h"

struct curve_point {
    size_t seeds;
    double mean, low, high; /* NaN without a seed */
};

struct curve_point curve_point(const struct report_row *row, size_t epoch, enum epoch_value value);

/* What a line shows: a value of the runs of a row. */
struct curve {
    const struct report_row *row;
    enum epoch_value value;
    const char *name, *css; /* as in chart_line */
    int dash;
    bool far; /* so far from the other curves that a zoom on the last epochs does not make room for it */
};

/* One curve per row of a panel. */
void curves_of_panel(struct curve curves[PANEL_ROWS], const struct panel *panel, enum epoch_value value);

/* The lines of some curves. */
struct curves {
    struct chart_line *lines;
    size_t count, epochs; /* epochs: the most of a run */
    double *memory;
};

/* Returns 0, or reports that there is no memory. Free the lines after a failure too. */
int curves_make(struct curves *lines, const struct curve *curves, size_t count);
void curves_free(struct curves *lines);

/*
 * Write a chart of accuracies in percent, or of losses, over all epochs; or over the last third of them, but at least
 * two, on a scale of their own, if there are three or more. Return 0, or report that there is no memory.
 */
int curves_write(FILE *page, const char *title, bool percent, const struct curve *curves, size_t count);
int curves_write_zoom(FILE *page, const char *title, bool percent, const struct curve *curves, size_t count);

/* Writes their legend. */
void curves_write_legend(FILE *page, const struct curve *curves, size_t count);

#endif
