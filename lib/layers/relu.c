/* SPDX-License-Identifier: MIT */
/*
 * ReLU: y = max(x, 0); dx = dy where y > 0 and 0 elsewhere.
 *
 * A convolution before it computes the forward part while storing its output. The backward part is the relu_mask of the
 * next layer that is not in place, which knows from the ReLU's output, its own input, where dx is 0.
 */
#include "layers/relu.h"

static normnet_status relu_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    (void)config;
    layer->out = layer->in;
    layer->module = "ReLU";
    return normnet__expect_no_numbers(token, layer->in);
}

static void relu_forward(const struct layer *layer, const struct block *block)
{
    if (!layer->fused_into_previous)
        block->kernels->relu(normnet__input_map(layer, block), normnet__input(layer, block),
                             normnet__output(layer, block));
}

/* If no later layer applies the mask, as at the end of a network, the ReLU is not in place and applies it itself. */
static void relu_backward(const struct layer *layer, const struct block *block)
{
    const struct map map = normnet__input_map(layer, block);

    if (!layer->in_place)
        block->kernels->copy_gradient(map, normnet__input(layer, block), map, normnet__output(layer, block), true);
}

static void relu_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    (void)layer;
    normnet__onnx_node(graph, "Relu", "output");
}

const struct layer_type normnet__relu = {
    .name = "relu",
    .example = "relu",
    .can_be_in_place = true,
    .applies_relu_mask = true,
    .defers_backward = true,
    .resolve = relu_resolve,
    .forward = relu_forward,
    .backward = relu_backward,
    .same = normnet__same_without_numbers,
    .to_onnx = relu_to_onnx,
};
