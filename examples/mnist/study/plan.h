/* SPDX-License-Identifier: MIT */
/* The runs of a study: which experiments, with which seeds, and which of them are missing. */
#ifndef MNIST_PLAN_H
#define MNIST_PLAN_H

#include "study/experiments_file.h"
#include "study/runs_file.h"

struct study_options {
    const char *experiments; /* the file; NULL = those that are built in */
    const char *only;        /* ids and studies, separated by commas; NULL = not given */
    bool quick;
    int64_t seeds;    /* 0 = those of the rows */
    int64_t jobs;     /* runs at the same time */
    const char *data; /* as in settings.h */
    const char *out;
    const char *classes; /* the file of their names, for the report; NULL = not given */
};

struct planned_run {
    const struct experiment *experiment;
    int64_t seed;
    char key[65];
    double cost; /* multiply-adds of an epoch's images in all epochs: in proportion to the time */
};

struct plan {
    const struct experiment **selected; /* in the order of the file */
    size_t selected_count;
    struct planned_run *runs; /* each key once; all experiments with seed 1 come first, then with seed 2, ... */
    size_t run_count;
};

/* Selects the experiments. Returns 0, or reports a word of --only that names none. Free the plan after a failure too.
 */
int plan_select(struct plan *plan, const struct experiments *experiments, const struct study_options *options);

/* Checks that every selected experiment can be run with these data. Returns 0, or reports the first that cannot. */
int plan_check(const struct plan *plan, const struct experiments *experiments, const struct dataset *data);

/* Fills plan->runs; `data_key` has the checksums of the images. Returns 0, or reports what is wrong. */
int plan_runs(struct plan *plan, const struct study_options *options, const struct dataset *data, const char *data_key);

/* Removes the runs that are in the file; returns how many. */
size_t plan_skip_finished(struct plan *plan, const struct runs_file *file);
void plan_free(struct plan *plan);

#endif
