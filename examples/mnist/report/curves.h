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

/* The lines of a panel, one per row. */
struct curves {
    struct chart_line *lines;
    size_t count, epochs;
    double *memory;
};

/* Returns 0, or reports that there is no memory. Free the curves after a failure too. */
int curves_make(struct curves *curves, const struct panel *panel, enum epoch_value value);
void curves_free(struct curves *curves);

#endif
