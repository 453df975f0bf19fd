/* SPDX-License-Identifier: MIT */
/*
 * The sums of the parameters' gradients over a batch. Each thread has two trees: one over blocks, for which layers
 * write the gradients of each block; and one over groups of blocks, for the weights of grouped layers, which only keep
 * what these gradients are made of until their group is complete.
 */
#ifndef NORMNET_NET_GRADIENT_TREES_H
#define NORMNET_NET_GRADIENT_TREES_H

#include "net/engine.h"

/* Consecutive layers of an engine's network, begin, ..., end - 1, and the threads that sum their gradients. */
struct gradient_trees {
    const struct engine *engine;
    const struct team *team;
    int32_t begin, end;
};

/* Begins the sums over `blocks` blocks. */
void normnet__begin_gradients(const struct gradient_trees *trees, int64_t blocks);

/* The end of the group that begins with block `first`, in the range of a thread up to `end`; there are `blocks`. */
int64_t normnet__group_end(const struct network *network, int64_t first, int64_t end, int64_t blocks);

/* What block `index` keeps for its group, which begins with block `first`. */
float *normnet__group_memory(const struct network *network, const struct worker *worker, int64_t first, int64_t index);

/* Adds the weight gradients of a group, of blocks first, ..., end - 1, to the thread's sums. */
void normnet__add_group(const struct gradient_trees *trees, int32_t thread, int64_t first, int64_t end);

/* Adds the sums of all threads and writes them to gradient[parameter.offset]. */
void normnet__finish_gradients(const struct gradient_trees *trees, double *gradient);

#endif
