/* SPDX-License-Identifier: MIT */
/* Evaluation: the layers forward, with running statistics and without dropout. */
#ifndef NORMNET_NET_EVALUATION_H
#define NORMNET_NET_EVALUATION_H

#include "net/engine.h"

/* The memory of one reader, with trees of one sum, for any number of images. */
struct team normnet__alloc_reader(struct arena *arena, const struct engine *engine);

/* Runs layers 0, ..., last_layer over all images and calls `callback` with every block. */
void normnet__evaluate(const struct engine *engine, const struct team *team, const struct images *images,
                       int32_t last_layer, block_callback *callback, void *context);

#endif
