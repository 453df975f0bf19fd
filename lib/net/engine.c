/* SPDX-License-Identifier: MIT */
#include "net/engine.h"

static void alloc_tree(struct arena *arena, struct tree *tree, int64_t leaves, int64_t length)
{
    tree->capacity = normnet__tree_capacity(leaves);
    tree->nodes = normnet__arena_alloc(arena, tree->capacity, sizeof *tree->nodes);
    for (int32_t i = 0; i < tree->capacity; ++i) {
        double *values = normnet__arena_alloc(arena, length, sizeof *values);

        if (tree->nodes != NULL)
            tree->nodes[i].values = values;
    }
}

/* The blocks come last, so that those of idle threads take no memory, not even as neighbours in a huge page. */
struct team normnet__alloc_team(struct arena *arena, const struct engine *engine, struct team_sizes sizes)
{
    struct team team = {
        .workers = normnet__arena_alloc(arena, engine->threads.count, sizeof *team.workers),
        .scratch = normnet__arena_alloc(arena, engine->threads.count, sizeof *team.scratch),
        .trees = normnet__arena_alloc(arena, engine->threads.count, sizeof *team.trees),
        .tile_trees = normnet__arena_alloc(arena, engine->threads.count, sizeof *team.tile_trees),
    };
    const bool counts = arena->memory == NULL || arena->overflow;

    for (int32_t i = 0; i < engine->threads.count; ++i) {
        struct worker worker = {
            .single = normnet__arena_alloc(arena, 1, sizes.single_bytes),
            .scratch = normnet__arena_alloc(arena, 1, engine->network->scratch_bytes),
        };
        struct tree tree = {0}, tile_tree = {0};

        alloc_tree(arena, &tree, sizes.leaves, sizes.length);
        alloc_tree(arena, &tile_tree, sizes.leaves, sizes.tile_length);
        if (!counts) {
            team.workers[i] = worker;
            team.scratch[i] = worker.scratch;
            team.trees[i] = tree;
            team.tile_trees[i] = tile_tree;
        }
    }
    for (int32_t i = 0; i < engine->threads.count; ++i) {
        char *memory = normnet__arena_alloc(arena, 1, sizes.block_bytes);

        if (!counts)
            team.workers[i].memory = memory;
    }
    return team;
}

struct block normnet__begin_block(const struct engine *engine, const struct worker *worker, const struct images *images,
                                  int32_t last_layer, int64_t index)
{
    const int32_t lanes = engine->network->lanes;
    const int64_t left = images->count - index * lanes;

    return (struct block){.kernels = engine->kernels,
                          .parameters = engine->parameters,
                          .prepared = engine->prepared,
                          .memory = worker->memory,
                          .scratch = worker->scratch,
                          .last_layer = last_layer,
                          .count = left < lanes ? (int32_t)left : lanes,
                          .index = index};
}

void normnet__pack_block(const struct engine *engine, const struct images *images, const struct block *block)
{
    normnet__pack(images, &engine->scaling, block->index * engine->network->lanes, engine->network->lanes,
                  normnet__input(&engine->network->layers[0], block));
}

void normnet__forward_layers(const struct network *network, const struct block *block, int32_t begin, int32_t end)
{
    for (int32_t i = begin; i < end; ++i)
        if (!network->layers[i].identity)
            network->layers[i].type->forward(&network->layers[i], block);
}
