/* SPDX-License-Identifier: MIT */
#include "train/weights.h"

#include "layers/layer_type.h"

#include <string.h>

struct weights normnet__alloc_weights(struct arena *arena, const struct network *network)
{
    struct weights weights;

    weights.parameters = normnet__arena_alloc(arena, network->parameter_count, sizeof *weights.parameters);
    weights.statistics = normnet__arena_alloc(arena, network->statistic_count, sizeof *weights.statistics);
    weights.batches = normnet__arena_alloc(arena, network->batch_norm_count, sizeof *weights.batches);
    weights.prepared = normnet__arena_alloc(arena, network->prepared_count, sizeof *weights.prepared);
    return weights;
}

void normnet__clear_weights(const struct network *network, const struct weights *weights)
{
    memset(weights->parameters, 0, (size_t)network->parameter_count * sizeof *weights->parameters);
    memset(weights->statistics, 0, (size_t)network->statistic_count * sizeof *weights->statistics);
    memset(weights->batches, 0, (size_t)network->batch_norm_count * sizeof *weights->batches);
    memset(weights->prepared, 0, (size_t)network->prepared_count * sizeof *weights->prepared);
}

void normnet__copy_statistics(const struct network *network, const struct weights *to, const struct weights *from)
{
    memcpy(to->statistics, from->statistics, (size_t)network->statistic_count * sizeof *to->statistics);
    memcpy(to->batches, from->batches, (size_t)network->batch_norm_count * sizeof *to->batches);
}

void normnet__copy_weights(const struct network *network, const struct weights *to, const struct weights *from)
{
    memcpy(to->parameters, from->parameters, (size_t)network->parameter_count * sizeof *to->parameters);
    normnet__copy_statistics(network, to, from);
}

void normnet__prepare_layers(const struct network *network, const struct weights *weights, int32_t begin, int32_t end)
{
    for (int32_t i = begin; i < end; ++i) {
        const struct layer *layer = &network->layers[i];

        if (layer->prepared_count > 0)
            layer->type->prepare(layer, weights->parameters, weights->statistics, weights->prepared);
    }
}

void normnet__prepare_weights(const struct network *network, const struct weights *weights)
{
    normnet__prepare_layers(network, weights, 0, network->layer_count);
}
