/* SPDX-License-Identifier: MIT */
/*
 * The answer of a group of comparisons in words: which network is best, which cannot be told from it, and which are
 * really worse. The same sentences end what a study prints and begin its report.
 */
#ifndef MNIST_ANSWER_H
#define MNIST_ANSWER_H

#include "study/summary.h"

/* A network beside the best one. */
struct answer_row {
    const struct summary_row *row;
    enum verdict verdict;
    char *text; /* "group norm: difference 0.05 (-0.04 to 0.14), test 98.80 %" */
};

struct answer {
    const struct summary_row *best; /* NULL = no training went to its end */
    struct answer_row *rows;        /* the best first */
    size_t count;
    char *lead; /* one sentence each */
    char *test; /* what the test images say, if they do not decide; or NULL */
    char *training;
    char *command; /* makes the full study, which `training` ends with; or NULL */
    char *method;  /* how differences are judged; NULL if none can be, or the next group says the same */
};

/* Of the group that begins at a comparison. Returns 0, or reports that there is no memory. Free the answer either way.
 */
int answer_make(struct answer *answer, const struct summary *summary, const struct experiments *experiments,
                size_t first);
void answer_free(struct answer *answer);

/* In which order the rows are told, and what stands before those of a verdict. */
enum { ANSWER_VERDICTS = 4 };
extern const enum verdict answer_order[ANSWER_VERDICTS];
const char *answer_heading(enum verdict verdict);

/* Prints the answers of all groups, at last those that compare norms. Returns 0, or reports that there is no memory. */
int answers_print(const struct summary *summary, const struct experiments *experiments);

#endif
