/* SPDX-License-Identifier: MIT */
/* Which options of a training do not fit together. */
#ifndef MNIST_TRAIN_CHECKS_H
#define MNIST_TRAIN_CHECKS_H

#include "support/options.h"
#include "training/settings.h"

/*
 * After the options were parsed into `settings`: returns 0, or the exit code after reporting one that needs another, or
 * that would have no effect.
 */
int train_check_options(const struct option *options, int count, const struct settings *settings);

#endif
