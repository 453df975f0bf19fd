/* SPDX-License-Identifier: MIT */
/*
 * The sums of the parameters' gradients over the blocks of a batch: a tree for each thread, and then their sum. The
 * weights of fully connected layers are left to outer_products.h.
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

/* Adds the sums of all threads and writes them to gradient[parameter.offset]. */
void normnet__finish_gradients(const struct gradient_trees *trees, double *gradient);

#endif
