/* SPDX-License-Identifier: MIT */
#include "net/evaluation.h"

#include <string.h>

/*
 * Up to this many images are faster one after the other than all lanes at once: half of the lanes, but five of 8.
 * Measured: docs/performance.md.
 */
static int32_t max_singles(const struct engine *engine)
{
    const int32_t lanes = engine->network->lanes;

    return lanes == 8 ? 5 : lanes / 2;
}

struct team normnet__alloc_reader(struct arena *arena, const struct engine *engine)
{
    return normnet__alloc_team(
        arena, engine,
        (struct team_sizes){.block_bytes = engine->network->block_bytes[NORMNET__LAYOUT_EVALUATION],
                            .single_bytes = engine->network->block_bytes[NORMNET__LAYOUT_SINGLE],
                            .leaves = INT64_MAX,
                            .length = 1});
}

struct evaluation {
    const struct engine *engine;
    const struct team *team;
    const struct images *images;
    int32_t last_layer;
    block_callback *callback;
    void *context;
};

/* Copies the output of a single image to its lane of the block. */
static void copy_to_lane(const struct layer *layer, const struct block *single, const struct block *block, int32_t lane)
{
    const struct map from_map = normnet__output_map(layer, single), to_map = normnet__output_map(layer, block);
    const float *from = normnet__output(layer, single);
    float *to = normnet__output(layer, block) + lane;

    for (int32_t c = 0; c < to_map.channels; ++c) {
        const float *channel = from + normnet__channel_at(from_map, c);

        for (int64_t i = 0; i < (int64_t)to_map.height * to_map.width; ++i)
            to[(c * to_map.channel_stride + i) * to_map.lanes] = channel[i * from_map.lanes];
    }
}

/*
 * Lanes without a channel take part in the arithmetic and must hold numbers. Cleared before the first use, not when the
 * model is made: a file of a few bytes can describe large images, and takes their memory only when one is there.
 */
static void clear_single(const struct network *network, struct worker *worker)
{
    if (!worker->single_is_clear)
        memset(worker->single, 0, (size_t)network->block_bytes[NORMNET__LAYOUT_SINGLE]);
    worker->single_is_clear = true;
}

/* The images of a block one after another: the same outputs as from the block. */
static void evaluate_singles(const struct evaluation *evaluation, struct worker *worker, const struct block *block)
{
    const struct network *network = evaluation->engine->network;
    struct block single = *block;

    clear_single(network, worker);
    single.layout = NORMNET__LAYOUT_SINGLE;
    single.memory = worker->single;
    for (int32_t lane = 0; lane < block->count; ++lane) {
        normnet__pack_single(evaluation->images, &evaluation->engine->scaling, block->index * network->lanes + lane,
                             network->lanes, normnet__input(&network->layers[0], &single));
        normnet__forward_layers(network, &single, 0, evaluation->last_layer + 1);
        copy_to_lane(&network->layers[evaluation->last_layer], &single, block, lane);
    }
}

static void evaluate_blocks(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct evaluation *evaluation = context;
    const struct engine *engine = evaluation->engine;
    struct worker *worker = &evaluation->team->workers[thread];

    for (int64_t index = begin; index < end; ++index) {
        struct block block = normnet__begin_block(engine, worker, evaluation->images, evaluation->last_layer, index);

        block.layout = NORMNET__LAYOUT_EVALUATION;
        if (block.count <= max_singles(engine)) {
            evaluate_singles(evaluation, worker, &block);
        } else {
            normnet__pack_block(engine, evaluation->images, &block);
            normnet__forward_layers(engine->network, &block, 0, evaluation->last_layer + 1);
        }
        evaluation->callback(evaluation->context, thread, &block);
    }
}

void normnet__evaluate(const struct engine *engine, const struct team *team, const struct images *images,
                       int32_t last_layer, block_callback *callback, void *context)
{
    struct evaluation evaluation = {engine, team, images, last_layer, callback, context};

    normnet__parallel(&engine->threads, normnet__count_blocks(engine, images->count), evaluate_blocks, &evaluation);
}
