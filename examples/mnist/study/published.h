/* SPDX-License-Identifier: MIT */
/* Whether published figures belong to the images of a study. */
#ifndef MNIST_PUBLISHED_H
#define MNIST_PUBLISHED_H

#include "study/experiments_file.h"

/*
 * Takes away the published figures that are of other images than those of the runs, so that nothing is compared with
 * them. `data` has the checksums of the images, as in runs.jsonl.
 */
void published_withhold(struct experiments *experiments, const char *data);

/* Why a figure was taken away: a sentence. */
extern const char published_reason[];

#endif
