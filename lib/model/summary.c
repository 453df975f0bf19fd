/* SPDX-License-Identifier: MIT */
/* What a model says about itself: layers and their table. */
#include "base/message.h"
#include "layers/dropout.h"
#include "layers/pool.h"
#include "model/config.h"
#include "model/model.h"
#include "model/overlay.h"

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

/* Each weight meets each output pixel once. */
static int64_t multiply_adds(const struct layer *layer)
{
    return layer->norm.affine_length > 0 ? 0 : layer->weight_count * layer->out.height * layer->out.width;
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
    filled.parameters = layer->weight_count + layer->bias_count;
    filled.multiply_adds = multiply_adds(layer);
    filled.token = layer->token;
    filled.module = layer->module;
    return normnet__write_struct(info, NORMNET__LAYER_INFO_FIRST, &filled, (int32_t)sizeof filled, "info");
}

/* ---- Summary --------------------------------------------------------------------------------------- */

/* Text with the manners of snprintf: what does not fit is counted. */
struct text {
    char *to;
    int64_t size, length;
};

#if defined(__MINGW32__)
__attribute__((format(gnu_printf, 2, 3)))
#else
__attribute__((format(printf, 2, 3)))
#endif
static void
append(struct text *text, const char *format, ...)
{
    const int64_t room = text->length < text->size ? text->size - text->length : 0;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(room > 0 ? text->to + text->length : NULL, (size_t)room, format, arguments);
    va_end(arguments);
    text->length += length > 0 ? length : 0;
}

/* The next layer that changes values in evaluation. */
static const struct layer *next_layer(const struct network *network, int32_t index)
{
    while (++index < network->layer_count)
        if (!network->layers[index].identity && network->layers[index].type != &normnet__dropout)
            return &network->layers[index];
    return NULL;
}

/* Values that share their statistics within a sample; 0 for batch norm, which has the batch as well. */
static int64_t values_per_statistic(const struct layer *layer)
{
    return layer->norm.runs > 0 ? normnet__shape_size(layer->in) / layer->norm.runs : 0;
}

/*
 * The mean of a normalized run is 0 (its beta with an affine): a mean pool whose window holds whole runs passes on a
 * constant, whatever the image. Not so with a gamma per element, which weighs them.
 */
static bool pool_swallows(const struct layer *norm, const struct layer *pool)
{
    int32_t height, width;

    if (norm->norm.affine == NORMNET_AFFINE_ELEMENT || pool == NULL || pool->type == &normnet__maxpool ||
        !normnet__pool_window(pool, &height, &width))
        return false;
    if (norm->norm.dims == 1)
        return width == norm->in.width;
    return norm->norm.runs == norm->in.channels && height == norm->in.height && width == norm->in.width;
}

static void append_warnings(struct text *text, const struct network *network)
{
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];
        const struct layer *next = next_layer(network, i);

        if (layer->identity || (layer->norm.runs == 0 && !layer->norm.over_batch))
            continue;
        if (pool_swallows(layer, next) && layer->norm.dims != 1 && next->type == &normnet__gap)
            append(text,
                   "warning: layer %d (%s) normalizes each channel of a sample and stands before gap: the pooled "
                   "value does not depend on the image\n",
                   i, layer->token);
        else if (pool_swallows(layer, next))
            append(text,
                   "warning: the statistics of layer %d (%s) lie inside the windows of layer %d (%s): the pooled "
                   "value does not depend on the image\n",
                   i, layer->token, next->index, next->token);
        if (values_per_statistic(layer) == 1)
            append(text, "warning: layer %d (%s) has a single value per statistic, so its output is constant\n", i,
                   layer->token);
    }
}

static void append_layer(struct text *text, const struct network *network, int32_t index)
{
    const struct layer *layer = &network->layers[index];
    char shape[40];

    append(text, "%5d  %-16s %-18s %-12s %10lld %9d %12lld\n", index, layer->token, layer->module,
           normnet__shape_text(shape, layer->out), (long long)(layer->weight_count + layer->bias_count),
           normnet__receptive_field(network, index), (long long)multiply_adds(layer));
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
    append(&text, "layer  token            module             output       parameters  receives multiply-adds\n");
    append(&text, "       input                               %-12s\n",
           normnet__shape_text(shape, model->network.input));
    for (int32_t i = 0; i < model->network.layer_count; ++i) {
        append_layer(&text, &model->network, i);
        total += multiply_adds(&model->network.layers[i]);
    }
    append(&text, "%lld parameters, %lld multiply-adds per image, %lld bytes\n",
           (long long)model->network.parameter_count, (long long)total,
           (long long)(model->bytes + model->memory_bytes));
    append_warnings(&text, &model->network);
    return text.length;
}
