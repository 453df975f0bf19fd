/* SPDX-License-Identifier: MIT */
/*
 * The update of all parameters by the threads of a model, each of which takes some spans of the parameters. The sums of
 * the spans are added in order, so that the number of threads does not show in them.
 */
#ifndef NORMNET_TRAIN_UPDATE_H
#define NORMNET_TRAIN_UPDATE_H

#include "net/engine.h"
#include "train/state.h"

/* What happens to the parameters: with and without the penalty. */
struct update_rules {
    struct update_rule penalized, plain;
};

/* The sums over all parameters; those of the parameters' values over the penalized ones only. Nothing is changed. */
struct update_sums normnet__measure_update(const struct engine *engine, const normnet_config *config,
                                           const struct update_rules *rules, struct state *state);

/* Updates parameters, momentum and average, and clears the gradients. */
void normnet__update_parameters(const struct engine *engine, const normnet_config *config,
                                const struct update_rules *rules, struct state *state);

#endif
