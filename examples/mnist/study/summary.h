/* SPDX-License-Identifier: MIT */
/* What the runs of a study say: a mean with its interval for each experiment, and differences between experiments. */
#ifndef MNIST_SUMMARY_H
#define MNIST_SUMMARY_H

#include "study/experiments_file.h"
#include "study/runs_file.h"
#include "study/statistics.h"

/* An experiment with at least one run. */
struct summary_row {
    const struct experiment *experiment;
    const struct run_record **runs; /* in the order of the seeds */
    size_t count;
    int64_t failed;                                                    /* runs whose training could not go on */
    struct sample test, validation, train, best_test, test_loss;       /* of the last epoch, but best_test */
    struct sample average_test, average_validation, average_test_loss; /* of the averaged weights */
    struct sample tta_test, tta_validation, tta_average_test;          /* with shifted copies of the images */
    struct sample seconds, images_per_second, small_share, pruned_accuracy;
    struct sample batch, updated, lowest, lowest_batch, lowest_updated; /* as in run_record */
};

enum verdict { VERDICT_UNKNOWN, VERDICT_REAL, VERDICT_PERHAPS, VERDICT_NOT_DISTINGUISHABLE };
extern const char *const verdict_names[];

/*
 * The difference of two experiments: accuracy of `a` minus accuracy of `b`, by seeds that both have; `a` has the higher
 * mean. If all experiments of a group have validation images, these decide, so that the test images choose nothing.
 */
struct comparison {
    const struct summary_row *a, *b;
    const char *group; /* a word of column `compare`, of `group_length` bytes */
    size_t group_length;
    struct sample test, validation;
    bool by_validation; /* the validation images decide, not the test images */
    double corrected_p; /* of the sample that decides, for the number of comparisons in the group */
    enum verdict verdict;
};

struct summary {
    struct summary_row *rows;
    size_t count;
    struct comparison *comparisons; /* group by group, in each those of the best row first */
    size_t comparison_count;
};

/* Returns 0, or reports that there is no memory. Free the summary after a failure too. */
int summary_make(struct summary *summary, const struct experiments *experiments, const struct runs_file *file,
                 const char *data_key);

/* The summary of one run, which must outlive it. */
int summary_of_run(struct summary *summary, const struct experiment *experiment, const struct run_record *run);
void summary_free(struct summary *summary);

/* The images of a row that decide, and the difference on them. */
const struct sample *summary_deciding(const struct summary_row *row, bool by_validation);
const struct sample *comparison_deciding(const struct comparison *pair);

/* Where the group that begins at a comparison ends, whether its rows differ in their norm, and its title. */
size_t summary_group_end(const struct summary *summary, size_t first);
bool summary_group_of_norms(const struct summary *summary, size_t first);
enum { GROUP_TITLE_ROOM = 200 };
void summary_group_title(const struct comparison *pair, char title[GROUP_TITLE_ROOM]);

#endif
