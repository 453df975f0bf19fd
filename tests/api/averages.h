/* SPDX-License-Identifier: MIT */
/* Models with an average of their weights, and what is expected of it. */
#ifndef AVERAGES_H
#define AVERAGES_H

#include "harness/twins.h"

/* ---- Models ------------------------------------------------------------------------------------ */

struct average_case {
    const char *name;
    int32_t norm;
    double decay;
    int64_t from;
};

static const struct average_case average_cases[] = {
    {"batch norm, 0.75", NORMNET_NORM_BATCH, 0.75, 0},
    {"batch norm, 0.75 from step 3", NORMNET_NORM_BATCH, 0.75, 3},
    {"batch norm, equal weights", NORMNET_NORM_BATCH, 1.0, 0},
    {"group norm, 0.999", NORMNET_NORM_GROUP, 0.999, 1},
    {"no norm, equal weights from step 2", NORMNET_NORM_NONE, 1.0, 2},
    {"layer norm, hardly any decay", NORMNET_NORM_LAYER, 1e-300, 0}, /* 1 - decay is 1 */
};

static inline normnet_config averaging_config(const struct average_case *want)
{
    normnet_config config = twins_config(want->norm);

    config.lr = 0.05;
    config.average_decay = want->decay;
    config.average_from = want->from;
    return config;
}

static inline struct twins *open_averaging(const struct average_case *want)
{
    const normnet_config config = averaging_config(want);

    return twins_open_config(&config);
}

static inline void train_times(struct twins *pair, int steps)
{
    for (; steps > 0; --steps)
        twins_advance(__FILE__, __LINE__, "training", pair);
}

/* Whether the average, with or without its statistics, is equal to the weights of `other`. */
static inline int average_is(const normnet_model *model, const normnet_model *other, int statistics)
{
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info ours = state_info(model, i), theirs = state_info(other, i);

        if ((ours.trained || statistics) && memcmp(ours.average, theirs.data, state_size(&ours)) != 0)
            return 0;
    }
    return 1;
}

/* A model whose weights and statistics are the average of `model`, made by the state alone. */
static inline normnet_model *model_of_average(const normnet_model *model)
{
    normnet_config config = model_config(model);
    normnet_model *made;

    config.average_decay = 0.0;
    made = CHECK_CREATE(&config);
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);
        normnet_tensor tensor;

        normnet_tensor_init(&tensor, info.dtype, info.average, info.rank, info.shape);
        CHECK_OK(normnet_set_state(made, info.name, &tensor));
    }
    return made;
}

static inline normnet_predict_options with_average(int32_t statistics)
{
    normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, statistics);

    options.weights = NORMNET_WEIGHTS_AVERAGE;
    return options;
}

#endif
