/* SPDX-License-Identifier: MIT */
/*
 * Pools over adjacent windows (stride = kernel). An incomplete window at the edge is left out: its values reach no
 * output and their gradient is 0.
 */
#include "layers/pool.h"

enum { MAX_MAXPOOL_KERNEL = 16 }; /* the position of the maximum, up to 16 * 16 - 1, is saved in a byte */

/* The kernel and the output shape. */
static normnet_status pool_resolve(struct layer *layer, const struct token *token, int32_t max_kernel,
                                   const char *expected)
{
    const char *rest = token->rest;

    if (layer->in.flat)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "a pool needs rows and columns");
    if (!normnet__read_number(&rest, max_kernel, &layer->kernel_size) || *rest != '\0' || layer->kernel_size < 1)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, expected);
    if (layer->kernel_size > layer->in.height || layer->kernel_size > layer->in.width)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "the window is larger than its input");
    layer->out = (struct shape){layer->in.channels, layer->in.height / layer->kernel_size,
                                layer->in.width / layer->kernel_size, false};
    return NORMNET_OK;
}

static bool pool_same(const struct layer *one, const struct layer *other)
{
    return one->kernel_size == other->kernel_size;
}

static struct window pool_window(const struct layer *layer)
{
    return (struct window){layer->kernel_size, layer->kernel_size, layer->kernel_size};
}

static void pool_to_onnx(const struct layer *layer, const char *operation, struct onnx_graph *graph)
{
    normnet__onnx_node(graph, operation, "output");
    normnet__onnx_repeated(graph, "kernel_shape", 2, layer->kernel_size);
    normnet__onnx_repeated(graph, "strides", 2, layer->kernel_size);
}

/* ---- Maximum: y = the first maximum of the window; dx = dy there, 0 elsewhere ------------------- */

static normnet_status maxpool_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const normnet_status status = pool_resolve(layer, token, MAX_MAXPOOL_KERNEL, "expected maxpool<size>, 1 to 16");

    (void)config;
    layer->module = "MaxPool2d";
    layer->saved_bytes = normnet__map_floats(normnet__shape_map(layer->out, layer->lanes));
    return status;
}

static void maxpool_forward(const struct layer *layer, const struct block *block)
{
    block->kernels->max_pool(normnet__input_map(layer, block), normnet__input(layer, block), layer->kernel_size,
                             normnet__output_map(layer, block), normnet__output(layer, block),
                             normnet__saved(layer, block));
}

static void maxpool_backward(const struct layer *layer, const struct block *block)
{
    block->kernels->max_pool_gradient(normnet__output_map(layer, block), normnet__output(layer, block),
                                      normnet__saved(layer, block), layer->kernel_size,
                                      normnet__input_map(layer, block), normnet__input(layer, block), layer->relu_mask);
}

static void maxpool_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    pool_to_onnx(layer, "MaxPool", graph);
}

const struct layer_type normnet__maxpool = {
    .name = "maxpool",
    .example = "maxpool2",
    .applies_relu_mask = true,
    .resolve = maxpool_resolve,
    .forward = maxpool_forward,
    .backward = maxpool_backward,
    .same = pool_same,
    .to_onnx = maxpool_to_onnx,
    .window = pool_window,
};

/* ---- Mean: y = the mean of the window; dx = dy / size in all of it ----------------------------- */

static normnet_status avgpool_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    (void)config;
    layer->module = "AvgPool2d";
    return pool_resolve(layer, token, NORMNET__MAX_DIMENSION, "expected avgpool<size>, 1 to 65536");
}

static void average_forward(const struct layer *layer, const struct block *block)
{
    const struct window window = layer->type->window(layer);

    block->kernels->average_pool(normnet__input_map(layer, block), normnet__input(layer, block), window.height,
                                 window.width, normnet__output_map(layer, block), normnet__output(layer, block));
}

static void average_backward(const struct layer *layer, const struct block *block)
{
    const struct window window = layer->type->window(layer);

    block->kernels->average_pool_gradient(normnet__output_map(layer, block), normnet__output(layer, block),
                                          window.height, window.width, normnet__input_map(layer, block),
                                          normnet__input(layer, block), layer->relu_mask);
}

static void avgpool_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    pool_to_onnx(layer, "AveragePool", graph);
}

const struct layer_type normnet__avgpool = {
    .name = "avgpool",
    .other_names = {"averagepool"},
    .example = "avgpool2",
    .applies_relu_mask = true,
    .averages = true,
    .resolve = avgpool_resolve,
    .forward = average_forward,
    .backward = average_backward,
    .same = pool_same,
    .to_onnx = avgpool_to_onnx,
    .window = pool_window,
};

/* ---- Global mean: one window ---------------------------------------------------------------------- */

static normnet_status gap_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    (void)config;
    if (layer->in.flat)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "a pool needs rows and columns");
    layer->module = "AdaptiveAvgPool2d";
    layer->out = (struct shape){layer->in.channels, 1, 1, false};
    return normnet__expect_no_numbers(token, layer->in);
}

static struct window gap_window(const struct layer *layer)
{
    const int32_t height = layer->in.height, width = layer->in.width;

    return (struct window){height, width, height > width ? height : width};
}

static void gap_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    (void)layer;
    normnet__onnx_node(graph, "GlobalAveragePool", "output");
}

const struct layer_type normnet__gap = {
    .name = "gap",
    .other_names = {"globalavgpool", "globalaveragepool", "adaptiveavgpool"},
    .example = "gap",
    .applies_relu_mask = true,
    .averages = true,
    .resolve = gap_resolve,
    .forward = average_forward,
    .backward = average_backward,
    .same = normnet__same_without_numbers,
    .to_onnx = gap_to_onnx,
    .window = gap_window,
};
