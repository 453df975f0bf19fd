/* SPDX-License-Identifier: MIT */
/* Flatten: [C][H][W] becomes [C H W]. */
#include "layers/flatten.h"

#include <string.h>

enum { MAX_FEATURES = 1 << 24 };

static normnet_status flatten_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const int64_t features = normnet__shape_size(layer->in);
    const normnet_status status = normnet__expect_no_numbers(token, layer->in);

    (void)config;
    if (status != NORMNET_OK)
        return status;
    if (features > MAX_FEATURES)
        return normnet__reject_token(NORMNET_ELIMIT, token, layer->in, "more than 2^24 features");
    layer->module = "Flatten";
    layer->identity = features == layer->in.channels;
    layer->out = (struct shape){(int32_t)features, 1, 1, true};
    return NORMNET_OK;
}

/* The channels of a single image are lanes; its features become lanes of the planes one after another. */
static void flatten_single(const struct layer *layer, const struct block *block)
{
    const struct map map = normnet__input_map(layer, block);
    const int64_t plane = (int64_t)map.height * map.width;
    const float *x = normnet__input(layer, block);
    float *y = normnet__output(layer, block);

    for (int32_t c = 0; c < layer->in.channels; ++c) {
        const float *channel = x + normnet__channel_at(map, c);

        for (int64_t i = 0; i < plane; ++i)
            *y++ = channel[i * layer->lanes];
    }
}

/* Removes the gaps between the planes. */
static void flatten_forward(const struct layer *layer, const struct block *block)
{
    const struct map map = normnet__input_map(layer, block);
    const size_t plane = (size_t)map.height * (size_t)map.width * (size_t)map.lanes;
    const float *x = normnet__input(layer, block);
    float *y = normnet__output(layer, block);

    if (block->layout == NORMNET__LAYOUT_SINGLE) {
        flatten_single(layer, block);
        return;
    }
    for (int32_t c = 0; c < map.channels; ++c)
        memcpy(y + (size_t)c * plane, x + c * map.channel_stride * layer->lanes, plane * sizeof *y);
}

static void flatten_backward(const struct layer *layer, const struct block *block)
{
    const struct map map = normnet__input_map(layer, block);
    struct map dense = map;

    dense.channel_stride = (int64_t)map.height * map.width;
    block->kernels->copy_gradient(map, normnet__input(layer, block), dense, normnet__output(layer, block),
                                  layer->relu_mask);
}

/* Also where it moves nothing in memory: the rank of the tensor changes. */
static void flatten_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    (void)layer;
    normnet__onnx_node(graph, "Flatten", "output");
}

const struct layer_type normnet__flatten = {
    .name = "flatten",
    .other_names = {"reshape"},
    .example = "flatten",
    .applies_relu_mask = true,
    .resolve = flatten_resolve,
    .forward = flatten_forward,
    .backward = flatten_backward,
    .same = normnet__same_without_numbers,
    .to_onnx = flatten_to_onnx,
};
