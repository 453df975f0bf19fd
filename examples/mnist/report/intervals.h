/* SPDX-License-Identifier: MIT */
/* A plot of means with their intervals, a row each, as SVG. */
#ifndef MNIST_INTERVALS_H
#define MNIST_INTERVALS_H

#include "study/statistics.h"

#include <stdbool.h>
#include <stdio.h>

struct interval_row {
    const char *name, *css;
    struct sample sample;
    double mark; /* another figure, as a diamond; NaN = none */
};

struct interval_plot {
    const char *title;
    const struct interval_row *rows;
    size_t count;
    bool with_zero; /* a line at 0, for differences */
    int decimals;
};

/* Rows far below the others become arrows with their value. Returns 0, or reports that there is no memory. */
int intervals_write(FILE *page, const struct interval_plot *plot);

#endif
