/* SPDX-License-Identifier: MIT */
/* What a model says about itself: layers and their table. */
#include "base/message.h"
#include "base/text.h"
#include "layers/dropout.h"
#include "layers/pool.h"
#include "model/config.h"
#include "model/model.h"
#include "model/sized_struct.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int32_t normnet_layer_count(const normnet_model *model)
{
    return model != NULL ? model->network.layer_count : 0;
}

int64_t normnet_parameter_count(const normnet_model *model)
{
    return model != NULL ? model->network.parameter_count : 0;
}

normnet_status normnet_layer(const normnet_model *model, int32_t index, normnet_layer_info *info)
{
    const struct layer *layer;
    normnet_layer_info filled = {0};
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(info, "info");
    if (status != NORMNET_OK)
        return status;
    if (index < 0 || index >= model->network.layer_count)
        return normnet__fail(NORMNET_EINVAL, "layer is %d; expected 0 to %d", index, model->network.layer_count - 1);
    layer = &model->network.layers[index];
    filled.channels = layer->out.channels;
    filled.height = layer->out.height;
    filled.width = layer->out.width;
    filled.receptive_field = normnet__receptive_field(&model->network, index);
    filled.parameters = layer->weight.count + layer->bias.count;
    filled.multiply_adds = layer->multiply_adds;
    filled.token = layer->token;
    filled.module = layer->module;
    return normnet__write_struct(info, NORMNET__LAYER_INFO_FIRST, &filled, (int32_t)sizeof filled, "info");
}

/* ---- Summary --------------------------------------------------------------------------------------- */

/* The next layer that changes values in evaluation. */
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

static void append_layer(struct text *text, const struct network *network, int32_t index)
{
    const struct layer *layer = &network->layers[index];
    char shape[40];

    normnet__append(text, "%5d  %-16s %-18s %-12s %10lld %9d %12lld\n", index, layer->token, layer->module,
                    normnet__shape_text(shape, layer->out), (long long)(layer->weight.count + layer->bias.count),
                    normnet__receptive_field(network, index), (long long)layer->multiply_adds);
}

int64_t normnet_model_summary(const normnet_model *model, char *to, int64_t size)
{
    struct text text = {to, to != NULL && size > 0 ? size : 0, 0};
    int64_t total = 0;
    char shape[40];

    if (model == NULL)
        return 0;
    if (text.size > 0)
        to[0] = '\0';
    normnet__append(&text,
                    "layer  token            module             output       parameters  receives multiply-adds\n");
    normnet__append(&text, "       input                               %-12s\n",
                    normnet__shape_text(shape, model->network.input));
    for (int32_t i = 0; i < model->network.layer_count; ++i) {
        append_layer(&text, &model->network, i);
        total += model->network.layers[i].multiply_adds;
    }
    normnet__append(&text, "%lld parameters, %lld multiply-adds per image, %lld bytes\n",
                    (long long)model->network.parameter_count, (long long)total,
                    (long long)(model->bytes + model->memory_bytes));
    append_warnings(&text, &model->network);
    return text.length;
}
