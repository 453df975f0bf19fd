/* SPDX-License-Identifier: MIT */
/* Leaky ReLU: y = x where x > 0 and slope x elsewhere; dx = dy where x > 0 and slope dy elsewhere. */
#include "layers/leaky_relu.h"

/* leakyrelu, or leakyrelu<slope>. */
static normnet_status leaky_relu_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    double slope = 0.01; /* PyTorch's default */

    (void)config;
    if (*token->rest != '\0' && !normnet__read_decimal(token->rest, &slope))
        return normnet__reject_token(NORMNET_EARCH, token, layer->in,
                                     "expected leakyrelu<slope>, a number of up to ten digits, e.g. leakyrelu0.01");
    layer->out = layer->in;
    layer->module = "LeakyReLU";
    layer->slope = (float)slope;
    return NORMNET_OK;
}

static void leaky_relu_forward(const struct layer *layer, const struct block *block)
{
    block->kernels->leaky_relu(normnet__input_map(layer, block), normnet__input(layer, block), layer->slope,
                               normnet__output(layer, block));
}

static void leaky_relu_backward(const struct layer *layer, const struct block *block)
{
    block->kernels->leaky_relu_gradient(normnet__input_map(layer, block), normnet__input(layer, block),
                                        normnet__output(layer, block), layer->slope);
}

static bool leaky_relu_same(const struct layer *one, const struct layer *other)
{
    return one->slope == other->slope;
}

static void leaky_relu_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    normnet__onnx_node(graph, "LeakyRelu", "output");
    normnet__onnx_float(graph, "alpha", layer->slope);
}

const struct layer_type normnet__leaky_relu = {
    .name = "leakyrelu",
    .example = "leakyrelu0.25",
    .in_place_in_evaluation = true,
    .resolve = leaky_relu_resolve,
    .forward = leaky_relu_forward,
    .backward = leaky_relu_backward,
    .same = leaky_relu_same,
    .to_onnx = leaky_relu_to_onnx,
};
