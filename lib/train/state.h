/* SPDX-License-Identifier: MIT */
/*
 * The state of a model: its parameters and running statistics, what the optimizer remembers, and what waits to be
 * applied. The named entries are those of the state_dict of the equivalent torch.nn.Sequential.
 */
#ifndef NORMNET_TRAIN_STATE_H
#define NORMNET_TRAIN_STATE_H

#include "base/arena.h"
#include "layers/batch_norm.h"
#include "net/network.h"

/* One entry of the state_dict. */
struct entry {
    char name[32]; /* "2047.num_batches_tracked" is the longest */
    int32_t layer, rank;
    int64_t shape[8], count;
    bool trained;
    bool weight;    /* of conv or fc: what a penalty on weights only applies to */
    bool variance;  /* must not be negative */
    int64_t offset; /* into parameters or statistics, by `trained` */
    float *values;  /* NULL for num_batches_tracked */
    int64_t *batches;
};

struct state {
    struct entry *entries;
    int32_t entry_count;

    float *parameters; /* [parameter_count] */
    float *statistics; /* [statistic_count]: per batch norm its means, then its variances */
    int64_t *batches;  /* [batch_norm_count]: num_batches_tracked */
    float *prepared;   /* [prepared_count]: follows the two above, see normnet__prepare_weights */
    float *momentum;   /* [parameter_count] */
    bool has_momentum; /* a step with momentum has been taken */
    int64_t step;      /* training steps taken */

    /* Between compute and apply. */
    double *gradients;      /* [parameter_count]: sums over the images so far */
    bool pending;           /* gradients have been computed */
    float *next_statistics; /* what apply commits */
    int64_t *next_batches;
    float *saved_statistics; /* the two above before a pass that may fail */
    int64_t *saved_batches;
    struct running *running; /* [batch_norm_count]: views of the two above */

    /* During apply. */
    double *total;          /* [parameter_count]: the mean gradient with the penalty */
    float *next_parameters; /* [parameter_count] */
    float *next_momentum;   /* [parameter_count] */
};

void normnet__alloc_state(struct arena *arena, const struct network *network, struct state *state);

/* Names the entries and clears everything. */
void normnet__clear_state(const struct network *network, struct state *state);

/* What training starts from: weights drawn by the seed, gamma 1 and beta 0, mean 0 and variance 1. */
void normnet__initialize_state(const struct network *network, uint64_t seed, struct state *state);

/* May the entry hold this number? It is finite, and if it counts or is a variance not negative. */
bool normnet__entry_accepts(const struct entry *entry, double value);

/* Is this the entry's shape? */
bool normnet__entry_has_shape(const struct entry *entry, int32_t rank, const int64_t *shape);

/* Makes one state equal to another of the same network. */
void normnet__copy_state(const struct network *network, struct state *to, const struct state *from);

/* Brings the weights into the kernels' order; after every change of parameters or statistics. */
void normnet__prepare_weights(const struct network *network, struct state *state);

/* Before a pass, and after one that failed: the statistics that wait stay as they were. */
void normnet__save_pending(const struct network *network, struct state *state);
void normnet__restore_pending(const struct network *network, struct state *state);

/* Puts the statistics that wait in force. */
void normnet__commit_statistics(const struct network *network, struct state *state);

/* Makes the statistics that wait equal to those in force, and forgets gradients. */
void normnet__clear_gradients(const struct network *network, struct state *state);

#endif
