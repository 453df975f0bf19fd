/* SPDX-License-Identifier: MIT */
/*
 * Shuffled and augmented batches, prepared by a thread of its own while the program trains on the
 * batches before. Batch b of epoch e is a function of the seed, e and b alone.
 */
#ifndef MNIST_PIPELINE_H
#define MNIST_PIPELINE_H

#include "data/augment.h"
#include "data/dataset.h"

struct pipeline_options {
    const struct dataset *data; /* must outlive the pipeline */
    const struct augment_list *augment;
    int64_t batch; /* images; the last batch of an epoch may be shorter */
    int64_t seed;
    int64_t first_batch; /* counted over all epochs: first_batch / batches per epoch is the first epoch */
    int64_t last_batch;  /* the one after the last */
};

struct pipeline;

/* Starts the thread. Returns 0, or reports why it cannot. */
int pipeline_open(struct pipeline **pipeline, const struct pipeline_options *options);

/*
 * Waits for the next batch and returns its number of images, 0 after the last batch. The images and
 * labels stay until the next call.
 */
int64_t pipeline_next(struct pipeline *pipeline, const uint8_t **images, const uint8_t **labels);

/* Stops the thread, wherever it is. NULL is allowed. */
void pipeline_close(struct pipeline *pipeline);

/* ceil(images / batch) */
int64_t pipeline_batches(int64_t images, int64_t batch);

#endif
