/* SPDX-License-Identifier: MIT */
/* The sections of a report. Each writes itself, and returns 0 or reports that there is no memory. */
#ifndef MNIST_SECTIONS_H
#define MNIST_SECTIONS_H

#include "report/groups.h"
#include "report/panels.h"

#include <stdio.h>

int section_verdict(FILE *page, const struct material *material);
int section_equal(FILE *page, const struct material *material);
int section_published(FILE *page, const struct material *material);
int section_curves(FILE *page, const struct material *material);
int section_cubes(FILE *page, const struct material *material);
int section_rates(FILE *page, const struct material *material);
int section_failures(FILE *page, const struct material *material);
int section_gallery(FILE *page, const struct material *material);
int section_confusion(FILE *page, const struct material *material);
int section_layers(FILE *page, const struct material *material);
int section_sparsity(FILE *page, const struct material *material);
int section_speed(FILE *page, const struct material *material);
int section_warnings(FILE *page, const struct material *material);

/* The sections on one training. */
int section_result(FILE *page, const struct material *material);
int section_training_curves(FILE *page, const struct material *material);

/*
 * The caption of a figure of these rows: what it shows, which is markup, and the commands that make it; the command of
 * a training stands in its first section. Ends the figure.
 */
void end_figure(FILE *page, const struct material *material, const char *caption, const struct report_row *const *rows,
                size_t count);

/* The name of a row before its colour, in a cell. */
void write_row_name(FILE *page, const struct report_row *row);

/* Writes the title of a panel as a heading; the only panel of a training has none. */
void write_panel_title(FILE *page, const struct panel *panel);

/* What the values of training and test are, and why they differ. */
void write_curves_note(FILE *page);

/* The name of a class, cut after `most` characters, or its number. */
void write_class_name(FILE *page, const struct material *material, int32_t class_number, int most);

/* The published test accuracy of the last epoch, or else the best; NaN if there is none. */
double published_accuracy(const struct experiment *experiment);

/* The rows that galleries, matrices and histograms show: those of the first comparison of norms, or else of the first
   panel. Fills `panel`. */
void leading_rows(struct panel *panel, const struct material *material);

#endif
