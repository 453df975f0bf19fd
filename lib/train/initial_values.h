/* SPDX-License-Identifier: MIT */
/* What training starts from: PyTorch's initial values, with weights drawn by a seed. */
#ifndef NORMNET_TRAIN_INITIAL_VALUES_H
#define NORMNET_TRAIN_INITIAL_VALUES_H

#include "net/network.h"

/* Fills all parameters as their layers describe, and the running statistics with means 0 and variances 1. */
void normnet__set_initial_values(const struct network *network, uint64_t seed, float *parameters, float *statistics);

#endif
