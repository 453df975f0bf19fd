/* SPDX-License-Identifier: MIT */
/*
 * A file of experiments:
 *
 *     # A comment.
 *     batch = 128                       a setting for all studies, since it stands before the first
 *
 *     [004]                             begins a study
 *     architecture = conv3-8 relu norm  a setting for the rows of the study that follow;
 *         gap conv1-10                  an indented line continues it
 *
 *     | id      | norm  | l1   | final |    the columns of the rows below
 *     | 004-bn  | batch | 0.01 | 82.61 |    an experiment
 *     | 004-ln  | layer |      | 99.20 |    an empty cell has the value of the study
 *
 * The columns are those of experiment.c. A line of dashes below the names, as in Markdown, is allowed. A setting stands
 * once before a table, and may be changed after it. What a row would ignore is an error, as it is for train.
 */
#ifndef MNIST_EXPERIMENTS_FILE_H
#define MNIST_EXPERIMENTS_FILE_H

#include "study/experiment.h"

struct experiments {
    const char *name; /* of the file, for messages */
    char *source;     /* the file's text; NULL if they are built in */
    char *text;       /* the same, cut into the texts of the rows */
    struct experiment *rows;
    size_t count;
};

/* Reads a file, or the experiments that are built in if `path` is NULL. Returns 0, or reports what is wrong where. */
int experiments_open(struct experiments *experiments, const char *path);

/* Also after a failure. */
void experiments_close(struct experiments *experiments);

/* Prints the experiments that are built in, to copy and change. */
void experiments_print_default(void);

#endif
