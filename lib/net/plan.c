/* SPDX-License-Identifier: MIT */
/*
 * Planning: where each layer's weights, running statistics and activations lie. In training every activation that
 * backward needs has a place of its own, which its gradient takes over:
 *
 *     | input | conv | norm | kept by dropout | conv | ...
 *
 * In evaluation, of 16 samples or of a single one, two offsets take turns, and one is shared for what layers keep:
 *
 *     | even | odd | kept |
 *
 * Layers that stay add nothing.
 */
#include "net/network.h"

#include "base/arena.h"
#include "base/message.h"
#include "layers/pool.h"

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Bytes of a map in lanes. Sizes are below 2^48: channels and sides are at most 2^16. */
static int64_t map_bytes(struct shape shape, enum layout layout)
{
    return normnet__map_groups(normnet__layout_map(shape, layout)) * NORMNET__LANES * (int64_t)sizeof(float);
}

/* Takes a piece of a block's memory and returns its offset. */
static int64_t take(struct arena *memory, int64_t bytes)
{
    const int64_t offset = memory->used;

    normnet__arena_alloc(memory, bytes, 1);
    return offset;
}

/* Who works in place, who gates whom, and who is done by the layer before it. */
static void fuse_layers(struct network *network)
{
    bool mover_after = false, relu_mask = false;
    struct layer *front = NULL; /* the last layer that did something */

    for (int32_t i = network->layer_count - 1; i >= 0; --i) {
        struct layer *layer = &network->layers[i];

        layer->in_place = layer->identity || (layer->type->in_place && (mover_after || !layer->type->defers_backward));
        mover_after = mover_after || !layer->in_place;
    }
    for (int32_t i = 0; i < network->layer_count; ++i) {
        struct layer *layer = &network->layers[i];

        layer->relu_mask = relu_mask && !layer->in_place;
        layer->fused = -1;
        if (layer->identity)
            continue;
        if (layer->in_place && front != NULL && front->fusible == layer->type) {
            front->fused = i;
            layer->fused_into_previous = true;
        }
        relu_mask = layer->in_place && (relu_mask || layer->type->defers_backward);
        front = layer;
    }
}

static bool place_training(struct network *network)
{
    struct arena memory = {0};
    int64_t current = take(&memory, map_bytes(network->input, NORMNET__LAYOUT_TRAINING));

    for (int32_t i = 0; i < network->layer_count; ++i) {
        struct layer *layer = &network->layers[i];
        struct offsets *offsets = &layer->offsets[NORMNET__LAYOUT_TRAINING];

        offsets->input = current;
        offsets->saved = layer->identity ? 0 : take(&memory, layer->saved_bytes);
        if (!layer->in_place)
            current = take(&memory, map_bytes(layer->out, NORMNET__LAYOUT_TRAINING));
        offsets->output = current;
    }
    network->block_bytes[NORMNET__LAYOUT_TRAINING] = memory.used;
    return !memory.overflow;
}

static bool place_evaluation(struct network *network, enum layout layout)
{
    struct arena memory = {0};
    int64_t max_map = map_bytes(network->input, layout), max_saved = 0, turns[2];
    int turn = 0;

    for (int32_t i = 0; i < network->layer_count; ++i) {
        max_map = max(max_map, map_bytes(network->layers[i].out, layout));
        max_saved = max(max_saved, network->layers[i].saved_bytes);
    }
    turns[0] = take(&memory, max_map);
    turns[1] = take(&memory, max_map);
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];
        struct offsets *offsets = &network->layers[i].offsets[layout];

        offsets->saved = memory.used;
        offsets->input = turns[turn];
        if (!layer->in_place && !layer->type->in_place_in_evaluation)
            turn = 1 - turn;
        offsets->output = turns[turn];
    }
    take(&memory, max_saved);
    network->block_bytes[layout] = memory.used;
    return !memory.overflow;
}

/* Parameters in the order of the layers, weight before bias; statistics and derived weights likewise. */
static void number_arrays(struct network *network)
{
    network->parameter_count = network->statistic_count = network->prepared_count = 0;
    network->batch_norm_count = 0;
    network->first_trained = network->layer_count;
    for (int32_t i = 0; i < network->layer_count; ++i) {
        struct layer *layer = &network->layers[i];

        layer->weight = network->parameter_count;
        layer->bias = layer->weight + layer->weight_count;
        network->parameter_count = layer->bias + layer->bias_count;
        layer->needs_dx = network->first_trained < i;
        if (network->first_trained == network->layer_count && layer->weight_count > 0)
            network->first_trained = i;

        layer->prepared = network->prepared_count;
        network->prepared_count += layer->prepared_count;
        if (layer->norm.over_batch) {
            layer->batch_norm = network->batch_norm_count++;
            layer->statistics = network->statistic_count;
            network->statistic_count += 2 * (int64_t)layer->in.channels;
        }
    }
    network->prepared_count += NORMNET__LANES; /* convolve_channels reads whole vectors of weights */
}

normnet_status normnet__plan(struct network *network)
{
    int64_t scratch = 0, parameters = 0;

    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];

        scratch = max(scratch, layer->scratch_groups);
        parameters += layer->weight_count + layer->bias_count;
        if (parameters > INT32_MAX)
            return normnet__fail(NORMNET_ELIMIT, "the network has more than 2^31 - 1 parameters");
    }
    number_arrays(network);
    fuse_layers(network);
    network->scratch_bytes = scratch * NORMNET__LANES * (int64_t)sizeof(float);
    if (!place_training(network) || !place_evaluation(network, NORMNET__LAYOUT_EVALUATION) ||
        !place_evaluation(network, NORMNET__LAYOUT_SINGLE))
        return normnet__fail(NORMNET_ELIMIT, "the network's activations need more than 2^63 - 1 bytes");
    return NORMNET_OK;
}

int32_t normnet__receptive_field(const struct network *network, int32_t layer)
{
    int64_t field = 1, distance = 1; /* of neighbouring outputs, in input pixels */

    for (int32_t i = 0; i <= layer; ++i) {
        const struct layer *at = &network->layers[i];
        int32_t height, width, window = at->in.flat ? 0 : at->kernel, stride = at->stride;

        if (normnet__pool_window(at, &height, &width))
            window = stride = height > width ? height : width;
        if (window == 0)
            continue;
        field += (window - 1) * distance;
        distance *= stride;
        if (field > INT32_MAX || distance > INT32_MAX)
            return INT32_MAX;
    }
    return (int32_t)field;
}
