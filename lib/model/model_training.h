/* SPDX-License-Identifier: MIT */
/* Training steps of a model, and the recomputation of its running statistics. The caller holds the lock as a writer. */
#ifndef NORMNET_MODEL_MODEL_TRAINING_H
#define NORMNET_MODEL_MODEL_TRAINING_H

#include "model/batch.h"

/* NORMNET_ESTATE if gradients are pending. */
normnet_status normnet__reject_pending(const normnet_model *model);

/*
 * Whether the state of the model allows the call: NORMNET_ESTATE if not. The ranks of config.reduce have the same
 * state, so that all of them fail here or none does: before the batch, with which one alone may.
 */
normnet_status normnet__check_can_train(normnet_model *model);
normnet_status normnet__check_can_compute(normnet_model *model);
normnet_status normnet__check_can_update_statistics(const normnet_model *model, int32_t which);

/*
 * In place of a call whose batch cannot be used: with config.reduce, other ranks have begun the same call and wait for
 * this one in their first batch norm.
 */
void normnet__withdraw(normnet_model *model);

/* After these checks. The functions write all fields of `metrics` but struct_size, and only if they succeed. */
normnet_status normnet__train_step(normnet_model *model, const struct labeled_batch *batch, normnet_metrics *metrics);

/* `first_sample` is the index of the first image in the whole batch. */
normnet_status normnet__compute_gradients(normnet_model *model, const struct labeled_batch *batch, int64_t first_sample,
                                          normnet_metrics *metrics);
normnet_status normnet__apply_gradients(normnet_model *model, int64_t images_in_all);
void normnet__discard_gradients(normnet_model *model);

normnet_status normnet__set_learning_rate(normnet_model *model, double lr, double momentum);

/*
 * Averages the statistics of `images` with those of all calls since the last with `reset`, for these weights (a
 * normnet_weights).
 */
normnet_status normnet__update_statistics(normnet_model *model, int32_t which, const struct images *images, bool reset);

#endif
