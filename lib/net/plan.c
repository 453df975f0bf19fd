/* SPDX-License-Identifier: MIT */
/*
 * Planning: the offset of each layer's weights, running statistics and activations. In training every activation that
 * backward needs has memory of its own, and its gradient is stored over it:
 *
 *     | input | conv | norm | saved by dropout | conv | ...
 *
 * In evaluation, of a block or of a single image, two buffers alternate, and all layers share one area for what they
 * save:
 *
 *     | even | odd | saved |
 *
 * In-place layers need no memory of their own.
 */
#include "net/network.h"

#include "base/arena.h"
#include "base/checked.h"
#include "base/message.h"
#include "kernels/algorithm.h"
#include "layers/layer_type.h"

/* The size of a map in bytes. Cannot overflow: channels, rows and columns are at most 2^16 each, features 2^24. */
static int64_t map_bytes(const struct network *network, struct shape shape, enum layout layout)
{
    return normnet__map_floats(normnet__layout_map(shape, layout, network->lanes)) * (int64_t)sizeof(float);
}

/* Reserves a piece of a block's memory and returns its offset. */
static int64_t reserve(struct arena *memory, int64_t bytes)
{
    const int64_t offset = memory->used;

    normnet__arena_alloc(memory, bytes, 1);
    return offset;
}

/*
 * From the last layer to the first. A ReLU is in place if the next layer that is not in place applies its mask; else,
 * or if there is no such layer, it gets memory of its own.
 */
static void choose_in_place(struct network *network)
{
    bool next_applies_mask = false;

    for (int32_t i = network->layer_count - 1; i >= 0; --i) {
        struct layer *layer = &network->layers[i];
        const struct layer_type *type = layer->type;

        layer->in_place = layer->identity || (type->can_be_in_place && (next_applies_mask || !type->defers_backward));
        if (!layer->in_place)
            next_applies_mask = type->applies_relu_mask;
    }
}

/* Sets relu_mask in layers that apply an earlier ReLU's mask, and fuses layers into the one before them. */
static void fuse_layers(struct network *network)
{
    bool mask_is_deferred = false;
    struct layer *previous = NULL; /* the last layer that is not an identity */

    for (int32_t i = 0; i < network->layer_count; ++i) {
        struct layer *layer = &network->layers[i];

        layer->relu_mask = mask_is_deferred && !layer->in_place;
        layer->fused = -1;
        if (layer->identity)
            continue;
        if (layer->in_place && previous != NULL && previous->fusible_type == layer->type) {
            previous->fused = i;
            layer->fused_into_previous = true;
        }
        mask_is_deferred = layer->in_place && (mask_is_deferred || layer->type->defers_backward);
        previous = layer;
    }
}

static bool plan_training_memory(struct network *network)
{
    struct arena memory = {0};
    int64_t current = reserve(&memory, map_bytes(network, network->input, NORMNET__LAYOUT_TRAINING));

    for (int32_t i = 0; i < network->layer_count; ++i) {
        struct layer *layer = &network->layers[i];
        struct offsets *offsets = &layer->offsets[NORMNET__LAYOUT_TRAINING];

        offsets->input = current;
        offsets->saved = layer->identity ? 0 : reserve(&memory, layer->saved_bytes);
        if (!layer->in_place)
            current = reserve(&memory, map_bytes(network, layer->out, NORMNET__LAYOUT_TRAINING));
        offsets->output = current;
    }
    network->block_bytes[NORMNET__LAYOUT_TRAINING] = memory.used;
    return !memory.overflow;
}

static bool plan_evaluation_memory(struct network *network, enum layout layout)
{
    struct arena memory = {0};
    int64_t max_map = map_bytes(network, network->input, layout), max_saved = 0, buffers[2];
    int current = 0;

    for (int32_t i = 0; i < network->layer_count; ++i) {
        max_map = normnet__max(max_map, map_bytes(network, network->layers[i].out, layout));
        max_saved = normnet__max(max_saved, network->layers[i].saved_bytes);
    }
    buffers[0] = reserve(&memory, max_map);
    buffers[1] = reserve(&memory, max_map);
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];
        struct offsets *offsets = &network->layers[i].offsets[layout];

        offsets->saved = memory.used;
        offsets->input = buffers[current];
        if (!layer->in_place && !layer->type->in_place_in_evaluation)
            current = 1 - current;
        offsets->output = buffers[current];
    }
    reserve(&memory, max_saved);
    network->block_bytes[layout] = memory.used;
    return !memory.overflow;
}

static void assign_sums(struct network *network, struct layer *layer)
{
    layer->first_sum = network->sum_count;
    layer->kept = network->kept_count;
    if (layer->fully_connected) {
        network->kept_count += (normnet__outer_product_row(layer->in.channels) + layer->out.channels) * network->lanes;
    } else {
        layer->weight.sum = network->sum_count;
        network->sum_count += layer->weight.count;
    }
    layer->bias.sum = network->sum_count;
    network->sum_count += layer->bias.count;
}

/*
 * Parameters in the order of the layers, weight before bias; statistics and prepared weights likewise. Also sets
 * first_trained, needs_dx and batch_norm.
 */
static void assign_offsets(struct network *network)
{
    network->parameter_count = network->statistic_count = network->prepared_count = 0;
    network->sum_count = network->kept_count = 0;
    network->batch_norm_count = 0;
    network->first_trained = network->layer_count;
    for (int32_t i = 0; i < network->layer_count; ++i) {
        struct layer *layer = &network->layers[i];

        layer->weight.offset = network->parameter_count;
        layer->bias.offset = layer->weight.offset + layer->weight.count;
        network->parameter_count = layer->bias.offset + layer->bias.count;
        assign_sums(network, layer);
        layer->needs_dx = network->first_trained < i;
        if (network->first_trained == network->layer_count && layer->weight.count > 0)
            network->first_trained = i;

        layer->prepared = network->prepared_count;
        network->prepared_count += (layer->prepared_count + network->lanes - 1) / network->lanes * network->lanes;
        if (layer->norm.over_batch) {
            layer->batch_norm = network->batch_norm_count++;
            layer->statistics = network->statistic_count;
            network->statistic_count += 2 * (int64_t)layer->in.channels;
        }
    }
}

normnet_status normnet__plan(struct network *network)
{
    int64_t scratch = 0, parameters = 0;

    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];

        scratch = normnet__max(scratch, layer->scratch_groups);
        parameters += layer->weight.count + layer->bias.count;
        if (parameters > INT32_MAX)
            return normnet__fail(NORMNET_ELIMIT, "the network has more than 2^31 - 1 parameters");
    }
    assign_offsets(network);
    choose_in_place(network);
    fuse_layers(network);
    network->scratch_bytes = scratch * network->lanes * (int64_t)sizeof(float);
    if (!plan_training_memory(network) || !plan_evaluation_memory(network, NORMNET__LAYOUT_EVALUATION) ||
        !plan_evaluation_memory(network, NORMNET__LAYOUT_SINGLE))
        return normnet__fail(NORMNET_ELIMIT, "the network's activations need more than 2^63 - 1 bytes");
    return NORMNET_OK;
}

/* ---- Receptive field ---------------------------------------------------------------------------- */

int32_t normnet__receptive_field(const struct network *network, int32_t layer)
{
    int64_t field = 1, jump = 1; /* `jump`: from one output to the next, in input pixels */

    for (int32_t i = 0; i <= layer; ++i) {
        const struct layer *l = &network->layers[i];
        struct window window = {1, 1, 1};

        if (l->type->window != NULL)
            window = l->type->window(l);
        field = normnet__min(field + (normnet__max(window.height, window.width) - 1) * jump, INT32_MAX);
        jump = normnet__min(jump * window.stride, INT32_MAX);
    }
    return (int32_t)field;
}
