/* SPDX-License-Identifier: MIT */
#include "net/outer_products.h"

#include "kernels/algorithm.h"

#include <string.h>

/* Measured: docs/performance.md. Rows of 2 kB are long enough for the processor to fetch them in advance. */
enum { MAX_TILE_INPUTS = 256, MAX_TILE_OUTPUTS = 16 };

struct batch {
    const struct engine *engine;
    const struct team *team;
    const struct layer *layer;
    const float *x, *dy; /* of the first block */
    int64_t blocks;
    double *dw; /* [outputs][inputs] */
};

/* The weights [outputs] x [inputs] of a tile, from output `k` and input `c`. */
struct tile {
    int32_t k, c, outputs, inputs;
};

static int64_t count_tiles(int32_t channels, int32_t size)
{
    return (channels + size - 1) / size;
}

static struct tile tile_at(const struct layer *layer, int64_t index)
{
    const int64_t across = count_tiles(layer->in.channels, MAX_TILE_INPUTS);
    struct tile tile = {(int32_t)(index / across) * MAX_TILE_OUTPUTS, (int32_t)(index % across) * MAX_TILE_INPUTS,
                        MAX_TILE_OUTPUTS, MAX_TILE_INPUTS};

    if (tile.outputs > layer->out.channels - tile.k)
        tile.outputs = layer->out.channels - tile.k;
    if (tile.inputs > layer->in.channels - tile.c)
        tile.inputs = layer->in.channels - tile.c;
    return tile;
}

/* The sums over all blocks, [outputs][inputs] of the tile: group by group along the tree of samples. */
static const double *sum_tile(const struct batch *batch, int32_t thread, struct tile tile)
{
    const struct network *network = batch->engine->network;
    const int64_t max_blocks = NORMNET__GROUP_SAMPLES / network->lanes;
    struct outer_products products = {tile.inputs,
                                      tile.outputs,
                                      0,
                                      normnet__outer_product_row(batch->layer->in.channels),
                                      network->kept_count,
                                      batch->x + tile.c,
                                      batch->dy + (int64_t)tile.k * network->lanes};
    struct tree *tree = &batch->team->tile_trees[thread];

    normnet__tree_begin(tree, batch->blocks, 0, (int64_t)tile.outputs * tile.inputs);
    for (int64_t first = 0, end; first < batch->blocks; first = end) {
        end = normnet__tree_subtree_end(first, batch->blocks, max_blocks);
        products.blocks = (int32_t)(end - first);
        batch->engine->kernels->outer_products(&products, normnet__tree_next_leaf(tree),
                                               batch->team->workers[thread].scratch);
        normnet__tree_push_subtree(tree, first, end);
        products.x += products.blocks * products.stride;
        products.dy += products.blocks * products.stride;
    }
    return normnet__tree_finish(tree);
}

static void sum_tiles(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct batch *batch = context;
    const int64_t inputs = batch->layer->in.channels;

    for (int64_t index = begin; index < end; ++index) {
        const struct tile tile = tile_at(batch->layer, index);
        const double *sums = sum_tile(batch, thread, tile);

        for (int32_t k = 0; k < tile.outputs; ++k)
            memcpy(batch->dw + (tile.k + k) * inputs + tile.c, sums + (int64_t)k * tile.inputs,
                   (size_t)tile.inputs * sizeof *sums);
    }
}

int64_t normnet__tile_length(const struct network *network)
{
    return network->kept_count > 0 ? MAX_TILE_INPUTS * MAX_TILE_OUTPUTS : 0;
}

void normnet__sum_outer_products(const struct engine *engine, const struct team *team, int32_t index, const float *kept,
                                 int64_t blocks, double *gradient)
{
    const struct layer *layer = &engine->network->layers[index];
    const float *x = kept + layer->kept,
                *dy = x + normnet__outer_product_row(layer->in.channels) * engine->network->lanes;
    struct batch batch = {engine, team, layer, x, dy, blocks, gradient + layer->weight.offset};

    normnet__parallel(&engine->threads,
                      count_tiles(layer->in.channels, MAX_TILE_INPUTS) *
                          count_tiles(layer->out.channels, MAX_TILE_OUTPUTS),
                      sum_tiles, &batch);
}
