/* SPDX-License-Identifier: MIT */
/*
 * The weight gradients of fully connected layers: dw[k][c] = sum over the samples of the batch of dy[k] x[c]. Their
 * weights are many, and each is used once for a sample. So backward only keeps x and dy of every block; afterwards the
 * threads share the weights, by tiles whose sums over all samples stay in the cache and are written once.
 */
#ifndef NORMNET_NET_OUTER_PRODUCTS_H
#define NORMNET_NET_OUTER_PRODUCTS_H

#include "net/engine.h"

/* The sums of a tile, for team_sizes; 0 if the network has no fully connected layer. */
int64_t normnet__tile_length(const struct network *network);

/* Writes the weight gradient of layer `index` over a batch of `blocks` blocks, each of which has kept x and dy. */
void normnet__sum_outer_products(const struct engine *engine, const struct team *team, int32_t index, const float *kept,
                                 int64_t blocks, double *gradient);

#endif
