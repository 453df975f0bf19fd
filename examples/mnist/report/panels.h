/* SPDX-License-Identifier: MIT */
/* Rows that one chart can show: those of a study, divided by their recipe if they are many. */
#ifndef MNIST_PANELS_H
#define MNIST_PANELS_H

#include "report/material.h"

enum { PANEL_ROWS = 10 }; /* more lines cannot be told from each other */

struct panel {
    const struct report_row *rows[PANEL_ROWS];
    size_t count;
    char title[200]; /* "003, l1 0.001, batch 64" */
};

struct panels {
    struct panel *panels;
    size_t count;
};

/* Returns 0, or reports that there is no memory. Free the panels after a failure too. */
int panels_make(struct panels *panels, const struct material *material);
void panels_free(struct panels *panels);

/* How many rows before have the same colour. */
int panel_dash(const struct panel *panel, size_t row);

#endif
