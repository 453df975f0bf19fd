/* SPDX-License-Identifier: MIT */
/* The comparisons of a summary, group by group: rows that share a word of column `compare`. */
#ifndef MNIST_GROUPS_H
#define MNIST_GROUPS_H

#include "report/material.h"

enum { GROUP_ROWS = 64 };

struct group {
    const struct comparison *pairs;
    size_t pair_count;
    const struct report_row *rows[GROUP_ROWS]; /* the highest mean test accuracy first */
    size_t count;
    bool of_norms; /* the rows differ in their norm */
    char title[200];
};

/* Fills the group that begins at a comparison, whose index is below the summary's count. Returns where the next begins.
 */
size_t group_at(struct group *group, const struct material *material, size_t first);

/* The difference of row `a` minus row `b`, in points of test accuracy; NULL if they were not compared. */
const struct comparison *group_pair(const struct group *group, const struct report_row *a, const struct report_row *b,
                                    struct sample *difference);

/* The row that the validation images choose; NULL if a row has none. */
const struct report_row *group_choice(const struct group *group);

#endif
