/* SPDX-License-Identifier: MIT */
/* Test images that the networks of a panel miss: by which of them, with how many seeds, and how sure they are. */
#ifndef MNIST_MISSED_H
#define MNIST_MISSED_H

#include "report/panels.h"

/* What the runs of one row say of an image. */
struct answer {
    int seeds;          /* that miss it */
    int32_t predicted;  /* by the seed that is most sure */
    double surest, sum; /* of the probabilities of the predicted classes, over the seeds that miss it */
};

struct missed_image {
    int64_t image;
    int32_t actual;
    struct answer answers[PANEL_ROWS]; /* one per row */
};

struct missed {
    struct missed_image *images; /* in the order of the data */
    size_t count;
    int64_t end; /* what all runs miss is known of the test images before this one: see missed_incomplete() */
};

/* Returns 0, or reports that there is no memory. Free the list after a failure too. */
int missed_make(struct missed *missed, const struct panel *panel);
void missed_free(struct missed *missed);

/* Whether a run has more mistakes than its line lists, which are its first ones. */
bool missed_incomplete(const struct missed *missed);

/* Whether every row misses the image, which is before `end`, with at least half of its seeds. */
bool missed_by_all(const struct missed *missed, const struct missed_image *image, const struct panel *panel);

/* All mistakes of a run, which may be more than it lists. */
int64_t mistakes_of(const struct run *run);

#endif
