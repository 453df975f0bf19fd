/* SPDX-License-Identifier: MIT */
/* What a network needs to run, and the threads that run it. */
#ifndef NORMNET_NET_ENGINE_H
#define NORMNET_NET_ENGINE_H

#include "base/arena.h"
#include "base/parallel.h"
#include "base/tree.h"
#include "layers/layer_type.h"
#include "net/network.h"
#include "net/pack.h"

#include <stdbool.h>

/* Not changed during a pass. */
struct engine {
    const struct network *network;
    const struct kernels *kernels;
    const float *parameters, *prepared;
    struct scaling scaling;
    struct threads threads;
};

/* The memory of one thread. */
struct worker {
    char *memory; /* of a block, unless blocks keep their own */
    char *single; /* of a single image, in evaluation */
    bool single_is_clear;
    float *scratch;
    int64_t correct; /* for the callback of an evaluation */
};

/* The threads of a pass: [engine.threads.count] each. */
struct team {
    struct worker *workers;
    float **scratch;         /* of the workers */
    struct tree *trees;      /* sums over blocks: of parameter gradients in training, of losses in evaluation */
    struct tree *tile_trees; /* the same of a tile of the weights of a fully connected layer */
};

/* The sizes of a team's memory. */
struct team_sizes {
    int64_t block_bytes, single_bytes; /* of a worker's memory; 0 for none */
    int64_t leaves, length;            /* of a tree: blocks, and sums per block */
    int64_t tile_length;               /* sums of a tile; 0 in evaluation */
};

struct team normnet__alloc_team(struct arena *arena, const struct engine *engine, struct team_sizes sizes);

static inline int64_t normnet__count_blocks(const struct engine *engine, int64_t images)
{
    return images / engine->network->lanes + (images % engine->network->lanes != 0);
}

/* Block `index` of the images, in the memory of a worker; layout, dropout and the rest are the caller's to set. */
struct block normnet__begin_block(const struct engine *engine, const struct worker *worker, const struct images *images,
                                  int32_t last_layer, int64_t index);

/* Writes the block's images to the input of the first layer. */
void normnet__pack_block(const struct engine *engine, const struct images *images, const struct block *block);

/* Runs the layers begin, ..., end - 1. */
void normnet__forward_layers(const struct network *network, const struct block *block, int32_t begin, int32_t end);

/* Receives a block that has passed the last layer of a pass; several threads call it at the same time. */
typedef void block_callback(void *context, int32_t thread, const struct block *block);

#endif
