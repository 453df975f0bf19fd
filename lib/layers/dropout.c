/* SPDX-License-Identifier: MIT */
/* Dropout: y = m x / (1 - p) with m = 0 with probability p, else 1; dx = m dy / (1 - p). */
#include "layers/dropout.h"

#include "base/random.h"

/* dropout, or dropout<p>. */
static normnet_status dropout_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    double p = config->dropout;

    layer->out = layer->in;
    layer->module = "Dropout";
    if (*token->rest != '\0' && (!normnet__read_decimal(token->rest, &p) || p > 1.0))
        return normnet__reject_token(NORMNET_EARCH, token, layer->in,
                                     "expected a probability from 0 to 1 of up to ten digits, e.g. 0.1");
    layer->threshold = (uint32_t)(p * 65536.0 + 0.5);
    layer->dropout_scale = layer->threshold < 65536u ? (float)(65536.0 / (65536.0 - layer->threshold)) : 0.0f;
    layer->identity = layer->threshold == 0;
    layer->saved_bytes = normnet__shape_size(layer->out) * (int64_t)sizeof(uint16_t); /* one mask per lane group */
    return NORMNET_OK;
}

/* Two key words per sample, so that a sample's mask does not depend on the batch that it comes in: [2][lanes]. */
static void fill_key(const struct layer *layer, const struct block *block, uint32_t *key)
{
    const struct dropout_source *source = &block->source;

    for (int lane = 0; lane < layer->lanes; ++lane) {
        const struct random random = normnet__random(source->seed, (enum stream)source->stream, (uint32_t)layer->index,
                                                     (uint32_t)(source->first_sample + lane), source->step);

        key[lane] = random.word[0];
        key[layer->lanes + lane] = random.word[1];
    }
}

static struct mask saved_mask(const struct layer *layer, const struct block *block)
{
    return (struct mask){normnet__saved(layer, block), layer->dropout_scale};
}

static struct mask draw_mask(const struct layer *layer, const struct block *block)
{
    uint32_t key[2 * NORMNET__MAX_LANES];

    fill_key(layer, block, key);
    block->kernels->dropout_masks(key, normnet__shape_size(layer->out), layer->threshold, normnet__saved(layer, block));
    return saved_mask(layer, block);
}

static struct mask no_mask(void)
{
    return (struct mask){NULL, 1.0f};
}

struct mask normnet__draw_fused_dropout(const struct layer *layer, const struct block *block)
{
    const struct layer *dropout = normnet__fused_layer(layer, block);

    return dropout != NULL && block->dropout ? draw_mask(dropout, block) : no_mask();
}

struct mask normnet__saved_fused_dropout(const struct layer *layer, const struct block *block)
{
    const struct layer *dropout = normnet__fused_layer(layer, block);

    return dropout != NULL && block->dropout ? saved_mask(dropout, block) : no_mask();
}

struct mask normnet__mask_from(struct mask mask, int64_t first)
{
    if (mask.bits != NULL)
        mask.bits += first;
    return mask;
}

static void dropout_forward(const struct layer *layer, const struct block *block)
{
    if (block->dropout && !layer->fused_into_previous)
        block->kernels->dropout(normnet__output_map(layer, block), normnet__output(layer, block),
                                draw_mask(layer, block));
}

static void dropout_backward(const struct layer *layer, const struct block *block)
{
    if (block->dropout && !layer->fused_into_previous)
        block->kernels->dropout(normnet__output_map(layer, block), normnet__output(layer, block),
                                saved_mask(layer, block));
}

/* In evaluation it does nothing. */
static void dropout_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    (void)layer;
    (void)graph;
}

const struct layer_type normnet__dropout = {
    .name = "dropout",
    .example = "dropout0.25",
    .can_be_in_place = true,
    .resolve = dropout_resolve,
    .forward = dropout_forward,
    .backward = dropout_backward,
    .same = normnet__same_without_numbers, /* p may differ: weights mean the same with any */
    .to_onnx = dropout_to_onnx,
};
