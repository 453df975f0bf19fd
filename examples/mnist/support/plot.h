/* SPDX-License-Identifier: MIT */
/*
 * Curves on a terminal of at most 80 columns, drawn with block characters, half a line high; with ASCII if the
 * terminal's characters are not UTF-8.
 */
#ifndef MNIST_PLOT_H
#define MNIST_PLOT_H

#include <stdbool.h>
#include <stdint.h>

/* Values at equal distances from the left. Where one is not finite, or not above 0 on a logarithmic axis, is a gap. */
struct plot_series {
    const char *name;
    const double *values;
    int64_t count;
};

struct plot {
    const char *title;
    const struct plot_series *series;
    int count;                /* of the series; from 1 to 3, or to 26 with letters */
    bool letters;             /* draw series i with letter i of the alphabet, and no legend */
    bool logarithmic;         /* the vertical axis */
    const char *left, *right; /* the texts below the first and the last value of the longest series */
};

void plot_print(const struct plot *plot);

#endif
