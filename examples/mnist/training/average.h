/* SPDX-License-Identifier: MIT */
/* The average of the weights of a training run (--average): its statistics of batch norm. */
#ifndef MNIST_AVERAGE_H
#define MNIST_AVERAGE_H

#include "data/dataset.h"
#include "training/settings.h"

#include <normnet.h>
#include <stdbool.h>

/* Whether the model keeps an average of its weights; and whether that has begun to differ from them. */
bool average_is_kept(const normnet_model *model);
bool average_has_begun(const normnet_model *model);

/*
 * Recomputes the running statistics of the average with the first batches of epoch `epoch`, counted from 1, about
 * 10,000 images as they were augmented there. They depend on the weights, the settings and the epoch only, so that a
 * resumed run has the same bits. Does nothing before the average has begun, or without batch norm. Returns 0, or
 * reports the failure.
 */
int average_update(normnet_model *model, const struct dataset *data, const struct settings *settings, int64_t epoch);

/* The same, but a failure of the library is not reported: it is `*status`, otherwise NORMNET_OK. */
int average_try_update(normnet_model *model, const struct dataset *data, const struct settings *settings, int64_t epoch,
                       normnet_status *status);

#endif
