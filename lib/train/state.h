/* SPDX-License-Identifier: MIT */
/*
 * The state of a model: its parameters and running statistics, their average over the steps, the optimizer's momentum,
 * and pending gradients with the statistics that apply will commit.
 */
#ifndef NORMNET_TRAIN_STATE_H
#define NORMNET_TRAIN_STATE_H

#include "base/arena.h"
#include "kernels/kernels.h"
#include "layers/batch_norm.h"
#include "train/state_dict.h"
#include "train/weight_average.h"

struct state {
    struct entry *entries;
    int32_t entry_count;

    struct weights weights;
    struct weight_average average; /* its decay and beginning are set before the allocation */
    float *momentum;               /* [parameter_count] */
    bool has_momentum;             /* a step with momentum has been taken */
    int64_t step;                  /* training steps taken */

    /* Between compute and apply. */
    double *gradients;      /* [parameter_count]: sums over the images so far */
    bool pending;           /* gradients have been computed */
    int64_t next_sample;    /* one more than the highest index in the whole batch of a sample so far */
    float *next_statistics; /* what apply commits */
    int64_t *next_batches;
    float *saved_statistics; /* the two above before a pass that may fail */
    int64_t *saved_batches;
    struct running *running; /* [batch_norm_count]: views of next_statistics and next_batches */

    struct update_sums *span_sums; /* [normnet__count_spans]: during apply */
};

void normnet__alloc_state(struct arena *arena, const struct network *network, struct state *state);

/* Fills the entries and clears everything. */
void normnet__clear_state(const struct network *network, struct state *state);

/* What training starts from: weights drawn from the seed, gamma 1 and beta 0, mean 0 and variance 1. */
void normnet__initialize_state(const struct network *network, uint64_t seed, struct state *state);

/* Makes one state, of `network`, equal to another of the same network, whose lanes may be others. */
void normnet__copy_state(const struct network *network, struct state *to, const struct state *from);

/* After parameters or statistics were set: they are prepared, and an average that has not begun follows them. */
void normnet__refresh_weights(const struct network *network, struct state *state);

/* After all entries were set: the same, and next statistics start from the new ones. */
void normnet__refresh_state(const struct network *network, struct state *state);

/* After one entry was set: the same, but the next statistics of other entries keep what pending gradients added. */
void normnet__refresh_entry(const struct network *network, struct state *state, const struct entry *entry);

/* Save the next statistics before a pass, and restore them after one that failed. */
void normnet__save_next_statistics(const struct network *network, struct state *state);
void normnet__restore_next_statistics(const struct network *network, struct state *state);

/* Makes the next statistics equal to those of `from`, and those of `to` equal to them. Weights are not prepared. */
void normnet__restart_statistics(const struct network *network, struct state *state, const struct weights *from);
void normnet__commit_statistics(const struct network *network, const struct state *state, const struct weights *to);

/* After pending gradients were cleared: makes the next statistics equal to the current ones. */
void normnet__end_pending(const struct network *network, struct state *state);

/* Clears gradients that are pending, and the statistics with them. */
void normnet__clear_gradients(const struct network *network, struct state *state);

#endif
