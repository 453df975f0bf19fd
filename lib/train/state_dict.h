/* SPDX-License-Identifier: MIT */
/* The named entries of a model's state: those of the state_dict of the equivalent torch.nn.Sequential, in its order. */
#ifndef NORMNET_TRAIN_STATE_DICT_H
#define NORMNET_TRAIN_STATE_DICT_H

#include "train/weights.h"

enum { NORMNET__MAX_LAYER_ENTRIES = 5 }; /* weight, bias, running_mean, running_var, num_batches_tracked */

struct entry {
    char name[32]; /* "2047.num_batches_tracked" is the longest */
    int32_t layer, rank;
    int64_t shape[8], count;
    bool trained;
    bool is_weight; /* not a bias, gamma or beta: what NORMNET_PENALTY_WEIGHTS penalizes */
    bool variance;  /* must not be negative */
    int64_t offset; /* into the parameters if trained, into the batches of a num_batches_tracked, else the statistics */
    float *values;  /* NULL for num_batches_tracked */
    int64_t *batches;
};

/* Fills `entries`, which has room for all of every layer, with those of `weights`, and returns their number. */
int32_t normnet__fill_entries(const struct network *network, const struct weights *weights, struct entry *entries);

/* Where other weights of the network have the values of an entry, or the count of a num_batches_tracked. */
float *normnet__values_of(const struct entry *entry, const struct weights *weights);
int64_t *normnet__batches_of(const struct entry *entry, const struct weights *weights);

/* Whether the entry may hold this number: it is finite, and not negative if it is a variance or a count. */
bool normnet__entry_accepts(const struct entry *entry, double value);

/* The numbers that it may hold, for messages. */
const char *normnet__entry_range(const struct entry *entry);

bool normnet__entry_has_shape(const struct entry *entry, int32_t rank, const int64_t *shape);

#endif
