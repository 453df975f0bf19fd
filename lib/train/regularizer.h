/* SPDX-License-Identifier: MIT */
/*
 * The penalty l1 sum |p| + l2 / 2 sum p^2 and its gradient, with sgn(0) = 0. Added once per step, after the
 * division by the number of images: first l1, then l2, as PyTorch does with a penalty in the loss and weight_decay.
 * update_kernels.h computes the gradient and the sums.
 */
#ifndef NORMNET_TRAIN_REGULARIZER_H
#define NORMNET_TRAIN_REGULARIZER_H

#include "kernels/kernels.h"
#include "normnet.h"
#include "train/state_dict.h"

/* Whether the penalty is on these parameters: all, or the weights of conv and fc. */
static inline bool normnet__is_penalized(const normnet_config *config, const struct entry *entry)
{
    return entry->is_weight || config->penalty_on == NORMNET_PENALTY_ALL;
}

/* The penalty of parameters with these sums. */
static inline double normnet__penalty(const normnet_config *config, const struct update_sums *sums)
{
    return config->l1 * sums->absolute + config->l2 / 2.0 * sums->square;
}

#endif
