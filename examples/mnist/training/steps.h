/* SPDX-License-Identifier: MIT */
/* The steps of an epoch, counted in the state of a training. */
#ifndef MNIST_STEPS_H
#define MNIST_STEPS_H

#include "training/checkpoint.h"
#include "training/pipeline.h"

/* Trains on the next batch of the pipeline and counts it. `metrics` gets those of the step. */
normnet_status training_step(struct training_state *training, normnet_model *model, const struct dataset *data,
                             struct pipeline *pipeline, normnet_metrics *metrics);

/* After the last batch of an epoch: completes what `result` says of the training, and begins the next epoch. */
void training_end_epoch(struct training_state *training, struct epoch_result *result);

/*
 * Batch norm rejects a batch with a single value per channel, which the last batch of an epoch may be. Tries a batch of
 * that size before the training, which would fail after an epoch. Returns the size if it is rejected, with the reason
 * in normnet_error_message(), and 0 otherwise. `images` are those of an epoch, at most the training images of `data`.
 */
int64_t training_rejected_batch(normnet_model *model, const struct dataset *data, int64_t images);

#endif
