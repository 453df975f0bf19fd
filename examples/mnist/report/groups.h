/* SPDX-License-Identifier: MIT */
/* The comparisons of a summary, group by group: rows that share a word of column `compare`. */
#ifndef MNIST_GROUPS_H
#define MNIST_GROUPS_H

#include "report/material.h"

enum { GROUP_ROWS = 64 };

struct group {
    const struct comparison *pairs;
    size_t pair_count, first;                  /* in the summary */
    const struct report_row *rows[GROUP_ROWS]; /* the best first */
    size_t count;
    bool of_norms;      /* the rows differ in their norm */
    bool by_validation; /* the validation images decide */
    char title[GROUP_TITLE_ROOM];
};

/* Fills the group that begins at a comparison, whose index is below the summary's count. Returns where the next begins.
 */
size_t group_at(struct group *group, const struct material *material, size_t first);

/* The difference of the best row minus row `row`, which is not the best; NULL if they were not compared. */
const struct comparison *group_pair(const struct group *group, size_t row);

#endif
