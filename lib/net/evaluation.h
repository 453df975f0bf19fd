/* SPDX-License-Identifier: MIT */
/* Evaluation: the layers forward, with running statistics and without dropout. */
#ifndef NORMNET_NET_EVALUATION_H
#define NORMNET_NET_EVALUATION_H

#include "net/engine.h"

/* The memory of one reader, with trees of one sum, for any number of images. */
struct team normnet__alloc_reader(struct arena *arena, const struct engine *engine);

/* Once before the first use: lanes without a channel take part in the arithmetic and must hold numbers. */
void normnet__clear_reader(const struct engine *engine, const struct team *team);

/* Runs layers 0, ..., last_layer over all images and calls `callback` with every block. */
void normnet__evaluate(const struct engine *engine, const struct team *team, const struct images *images,
                       int32_t last_layer, block_callback *callback, void *context);

#endif
