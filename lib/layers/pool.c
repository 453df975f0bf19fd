/* SPDX-License-Identifier: MIT */
/*
 * Pools over windows side by side (stride = kernel). An incomplete window at the edge is left out: its
 * values reach nothing and have no gradient.
 */
#include "layers/pool.h"

#include "base/message.h"

enum { MAX_KERNEL = 16 }; /* of maxpool: the winner's position, up to 16 * 16 - 1, is kept in a byte */

bool normnet__pool_window(const struct layer *layer, int32_t *height, int32_t *width)
{
    const bool whole = layer->type == &normnet__gap;

    if (!whole && layer->type != &normnet__maxpool && layer->type != &normnet__avgpool)
        return false;
    *height = whole ? layer->in.height : layer->kernel;
    *width = whole ? layer->in.width : layer->kernel;
    return true;
}

static normnet_status resolve_window(struct layer *layer, const struct token *token, int32_t limit)
{
    const char *rest = token->rest;

    if (layer->in.flat)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "a pool needs rows and columns");
    if (!normnet__read_number(&rest, limit, &layer->kernel) || *rest != '\0' || layer->kernel < 1)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in,
                                     limit == MAX_KERNEL ? "expected maxpool<size>, 1 to 16"
                                                         : "expected avgpool<size>, 1 to 65536");
    if (layer->kernel > layer->in.height || layer->kernel > layer->in.width)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "the window is larger than its input");
    layer->out =
        (struct shape){layer->in.channels, layer->in.height / layer->kernel, layer->in.width / layer->kernel, false};
    return NORMNET_OK;
}

/* ---- Maximum: y = the first maximum of the window; dx = dy there, 0 elsewhere ------------------- */

static normnet_status resolve_maxpool(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const normnet_status status = resolve_window(layer, token, MAX_KERNEL);

    (void)config;
    layer->module = "MaxPool2d";
    layer->saved_bytes = normnet__map_groups(normnet__shape_map(layer->out)) * NORMNET__LANES;
    return status;
}

static void forward_maxpool(const struct layer *layer, const struct block *block)
{
    block->kernels->max_pool(normnet__input_map(layer, block), normnet__input(layer, block), layer->kernel,
                             normnet__output_map(layer, block), normnet__output(layer, block),
                             normnet__saved(layer, block));
}

static void backward_maxpool(const struct layer *layer, const struct block *block)
{
    if (layer->needs_dx)
        block->kernels->max_pool_gradient(normnet__output_map(layer, block), normnet__output(layer, block),
                                          normnet__saved(layer, block), layer->kernel, normnet__input_map(layer, block),
                                          normnet__input(layer, block), layer->relu_mask);
}

const struct layer_type normnet__maxpool = {
    .word = "maxpool", .resolve = resolve_maxpool, .forward = forward_maxpool, .backward = backward_maxpool};

/* ---- Mean: y = the mean of the window; dx = dy / size in all of it ----------------------------- */

static normnet_status resolve_avgpool(struct layer *layer, const struct token *token, const normnet_config *config)
{
    (void)config;
    layer->module = "AvgPool2d";
    return resolve_window(layer, token, NORMNET__MAX_DIMENSION);
}

static normnet_status resolve_gap(struct layer *layer, const struct token *token, const normnet_config *config)
{
    (void)config;
    if (layer->in.flat)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "a pool needs rows and columns");
    if (*token->rest != '\0')
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "expected nothing after the name");
    layer->module = "AdaptiveAvgPool2d";
    layer->out = (struct shape){layer->in.channels, 1, 1, false};
    return NORMNET_OK;
}

static void forward_average(const struct layer *layer, const struct block *block)
{
    int32_t height, width;

    if (normnet__pool_window(layer, &height, &width))
        block->kernels->average_pool(normnet__input_map(layer, block), normnet__input(layer, block), height, width,
                                     normnet__output_map(layer, block), normnet__output(layer, block));
}

static void backward_average(const struct layer *layer, const struct block *block)
{
    int32_t height, width;

    if (layer->needs_dx && normnet__pool_window(layer, &height, &width))
        block->kernels->average_pool_gradient(normnet__output_map(layer, block), normnet__output(layer, block), height,
                                              width, normnet__input_map(layer, block), normnet__input(layer, block),
                                              layer->relu_mask);
}

const struct layer_type normnet__avgpool = {
    .word = "avgpool", .resolve = resolve_avgpool, .forward = forward_average, .backward = backward_average};

const struct layer_type normnet__gap = {
    .word = "gap", .resolve = resolve_gap, .forward = forward_average, .backward = backward_average};
