/* SPDX-License-Identifier: MIT */
/* A chart of lines over equal steps, as SVG. */
#ifndef MNIST_CHART_H
#define MNIST_CHART_H

#include "report/axis.h"

#include <stdio.h>

/* Values are NaN where the line has a gap. */
struct chart_line {
    const char *name;         /* for the legend and while hovering */
    const char *css;          /* the class that sets its colour */
    int dash;                 /* tells lines of one colour from each other; 0 = solid */
    const double *mean;       /* one per step */
    const double *low, *high; /* of the band; NULL = none */
    bool dots;                /* points without a line */
};

struct chart {
    const char *title; /* with the unit: it stands above the vertical axis */
    const char *x_title;
    double first, step; /* the horizontal value of the first point, and from one to the next */
    size_t count;       /* points */
    const struct chart_line *lines;
    size_t line_count;
    struct range y; /* empty = of all values */
    bool logarithmic, percent;
    bool stairs;  /* a histogram: each value from its point to the next */
    int decimals; /* of values while hovering */
};

void chart_write(FILE *page, const struct chart *chart);

/* The lines' names and colours. Lines of charts in the same element of class "panel" share a legend. */
void chart_write_legend(FILE *page, const struct chart_line *lines, size_t count);

#endif
