/* SPDX-License-Identifier: MIT */
#include "model/summary.h"

#include "base/text.h"
#include "layers/dropout.h"

#include <stdio.h>
#include <string.h>

normnet_layer_info normnet__describe_layer(const normnet_model *model, int32_t index)
{
    const struct layer *layer = &model->network.layers[index];

    return (normnet_layer_info){
        .channels = layer->out.channels,
        .height = layer->out.height,
        .width = layer->out.width,
        .receptive_field = normnet__receptive_field(&model->network, index),
        .parameters = layer->weight.count + layer->bias.count,
        .multiply_adds = layer->multiply_adds,
        .token = layer->token,
        .module = layer->module,
    };
}

/* The first layer after `index` that changes values in evaluation, or NULL. */
static const struct layer *next_layer(const struct network *network, int32_t index)
{
    while (++index < network->layer_count)
        if (!network->layers[index].identity && network->layers[index].type != &normnet__dropout)
            return &network->layers[index];
    return NULL;
}

static void append_warnings(struct text *text, const struct network *network)
{
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];

        if (layer->type->warn != NULL)
            layer->type->warn(layer, next_layer(network, i), text);
    }
}

enum { MODULE_ROOM = 40 };

/* A group norm says how many groups of how many channels, as in PyTorch: layer norm over all of a sample is 1 group. */
static const char *module_text(char to[MODULE_ROOM], const struct layer *layer)
{
    if (strcmp(layer->module, "GroupNorm") == 0)
        snprintf(to, MODULE_ROOM, "GroupNorm(%d, %d)", layer->norm.runs, layer->in.channels);
    else
        snprintf(to, MODULE_ROOM, "%s", layer->module);
    return to;
}

static void append_layer(struct text *text, const normnet_model *model, int32_t index)
{
    const normnet_layer_info info = normnet__describe_layer(model, index);
    char shape[40], module[MODULE_ROOM];

    normnet__append(text, "%5d  %-16s %-18s %-12s %10lld %9d %12lld\n", index, info.token,
                    module_text(module, &model->network.layers[index]),
                    normnet__shape_text(shape, model->network.layers[index].out), (long long)info.parameters,
                    info.receptive_field, (long long)info.multiply_adds);
}

int64_t normnet__summarize(const normnet_model *model, char *to, int64_t size)
{
    struct text text = {to, to != NULL && size > 0 ? size : 0, 0};
    int64_t multiply_adds = 0;
    char shape[40];

    normnet__append(&text,
                    "layer  token            module             output       parameters  receives multiply-adds\n");
    normnet__append(&text, "       input                               %-12s\n",
                    normnet__shape_text(shape, model->network.input));
    for (int32_t i = 0; i < model->network.layer_count; ++i) {
        append_layer(&text, model, i);
        multiply_adds += model->network.layers[i].multiply_adds;
    }
    normnet__append(&text, "%lld parameters, %lld multiply-adds per image, %lld bytes\n",
                    (long long)model->network.parameter_count, (long long)multiply_adds,
                    (long long)(model->model_bytes + model->array_bytes));
    append_warnings(&text, &model->network);
    return text.length;
}
