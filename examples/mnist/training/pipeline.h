/* SPDX-License-Identifier: MIT */
/*
 * Shuffled and augmented batches, which a second thread prepares while the program trains on earlier ones. Batch b of
 * epoch e depends on the seed, e and b alone.
 */
#ifndef MNIST_PIPELINE_H
#define MNIST_PIPELINE_H

#include "data/augment.h"
#include "data/dataset.h"

#include <stdbool.h>

struct pipeline_options {
    const struct dataset *data; /* must outlive the pipeline */
    const struct augment_list *augment;
    int64_t batch; /* images; the last batch of an epoch may be shorter */
    int64_t seed;
    int64_t first_batch; /* counted over all epochs, from 0 */
    int64_t last_batch;  /* one past the last batch */
    int32_t ranks, rank; /* of a program that is one of several processes; 0 ranks = of one that is alone */
};

/* The images of a batch that a process computes. */
struct batch_part {
    int64_t first, count;
    bool whole;
};

/*
 * All of `images` images, or the share of a rank (normnet_shard). A batch that has no image for one of the ranks is
 * whole in each.
 */
struct batch_part pipeline_part(const struct pipeline_options *options, int64_t images);

struct pipeline;

/* Starts the thread. Returns 0, or reports the failure. */
int pipeline_open(struct pipeline **pipeline, const struct pipeline_options *options);

/*
 * Waits for the next batch and returns its number of images, or 0 after the last batch. Images and labels are those of
 * the whole batch, of which the part of this process is filled; they are valid until the next call.
 */
int64_t pipeline_next(struct pipeline *pipeline, const uint8_t **images, const uint8_t **labels);

/* Stops the thread, even between batches, and frees everything. NULL is allowed. */
void pipeline_close(struct pipeline *pipeline);

/* Batches per epoch: ceil(images / batch). */
int64_t pipeline_batches(int64_t images, int64_t batch);

#endif
