/* SPDX-License-Identifier: MIT */
/* What a network computes with: its parameters and running statistics, and both as the kernels read them. */
#ifndef NORMNET_TRAIN_WEIGHTS_H
#define NORMNET_TRAIN_WEIGHTS_H

#include "base/arena.h"
#include "net/network.h"

struct weights {
    float *parameters; /* [parameter_count] */
    float *statistics; /* [statistic_count]: per batch norm its means, then its variances */
    int64_t *batches;  /* [batch_norm_count]: num_batches_tracked */
    float *prepared;   /* [prepared_count]: made of the three above */
};

struct weights normnet__alloc_weights(struct arena *arena, const struct network *network);

void normnet__clear_weights(const struct network *network, const struct weights *weights);

/* Copies the statistics with their counts, or everything but what is prepared. */
void normnet__copy_statistics(const struct network *network, const struct weights *to, const struct weights *from);
void normnet__copy_weights(const struct network *network, const struct weights *to, const struct weights *from);

/* Packs parameters and statistics for the kernels; after every change of one of them. Some layers, or all. */
void normnet__prepare_layers(const struct network *network, const struct weights *weights, int32_t begin, int32_t end);
void normnet__prepare_weights(const struct network *network, const struct weights *weights);

#endif
