/* SPDX-License-Identifier: MIT */
/* Layers that leave every value where it is: relu, dropout and flatten. */
#include "layers/dropout.h"

#include "base/message.h"
#include "base/random.h"

#include <string.h>

static normnet_status resolve_plain(struct layer *layer, const struct token *token)
{
    layer->out = layer->in;
    return *token->rest == '\0'
               ? NORMNET_OK
               : normnet__reject_token(NORMNET_EARCH, token, layer->in, "expected nothing after the name");
}

/* ---- ReLU: y = max(x, 0); dx = dy where y > 0 and 0 elsewhere ---------------------------------- */

static normnet_status resolve_relu(struct layer *layer, const struct token *token, const normnet_config *config)
{
    (void)config;
    layer->module = "ReLU";
    return resolve_plain(layer, token);
}

static void forward_relu(const struct layer *layer, const struct block *block)
{
    if (!layer->fused_into_previous)
        block->kernels->relu(normnet__input_map(layer, block), normnet__input(layer, block),
                             normnet__output(layer, block));
}

/* The layer after does it; with none, at the end of a network, the ReLU does not stay and is its own gate. */
static void backward_relu(const struct layer *layer, const struct block *block)
{
    const struct map map = normnet__input_map(layer, block);

    if (!layer->in_place && layer->needs_dx)
        block->kernels->copy_gradient(map, normnet__input(layer, block), map, normnet__output(layer, block), true);
}

const struct layer_type normnet__relu = {
    .word = "relu",
    .in_place = true,
    .defers_backward = true,
    .resolve = resolve_relu,
    .forward = forward_relu,
    .backward = backward_relu,
};

/* ---- Dropout: y = m x / (1 - p) with m = 0 in a share p of all values; dx = m dy / (1 - p) ------ */

/* The p of the token, up to nine decimals: digits, a point or both. */
static bool read_probability(const char *text, double *p)
{
    double value = 0.0, unit = 1.0;
    int digits = 0;
    bool fraction = false;

    for (; *text != '\0'; ++text) {
        if (*text == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (*text < '0' || *text > '9' || ++digits > 10)
            return false;
        value = value * 10.0 + (*text - '0');
        unit *= fraction ? 10.0 : 1.0;
    }
    *p = value / unit;
    return digits > 0 && *p <= 1.0;
}

static normnet_status resolve_dropout(struct layer *layer, const struct token *token, const normnet_config *config)
{
    double p = config->dropout;

    layer->out = layer->in;
    layer->module = "Dropout";
    if (*token->rest != '\0' && !read_probability(token->rest, &p))
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "expected a probability from 0 to 1, e.g. 0.1");
    layer->threshold = (uint32_t)(p * 65536.0 + 0.5);
    layer->dropout_scale = layer->threshold < 65536u ? (float)(65536.0 / (65536.0 - layer->threshold)) : 0.0f;
    layer->identity = layer->threshold == 0;
    /* One 16-bit mask per lane group. */
    layer->saved_bytes = normnet__shape_size(layer->out) * (int64_t)sizeof(uint16_t);
    return NORMNET_OK;
}

/* Two key words per sample, so that a sample's mask does not depend on the batch that it comes in. */
static void fill_key(const struct layer *layer, const struct block *block, uint32_t *key)
{
    const struct dropout_source *source = &block->source;

    for (int lane = 0; lane < NORMNET__LANES; ++lane) {
        const struct random random = normnet__random(source->seed, (enum stream)source->stream, (uint32_t)layer->index,
                                                     (uint32_t)(source->first_sample + lane), source->step);

        key[lane] = random.word[0];
        key[NORMNET__LANES + lane] = random.word[1];
    }
}

static struct mask saved_mask(const struct layer *layer, const struct block *block)
{
    return (struct mask){normnet__saved(layer, block), layer->dropout_scale};
}

static struct mask draw_mask(const struct layer *layer, const struct block *block)
{
    uint32_t key[2 * NORMNET__LANES];

    fill_key(layer, block, key);
    block->kernels->dropout_masks(key, normnet__shape_size(layer->out), layer->threshold, normnet__saved(layer, block));
    return saved_mask(layer, block);
}

struct mask normnet__fused_dropout(const struct layer *layer, const struct block *block, bool forward)
{
    const struct layer *dropout = normnet__fused_layer(layer, block);

    if (dropout == NULL || !block->dropout)
        return (struct mask){NULL, 1.0f};
    return forward ? draw_mask(dropout, block) : saved_mask(dropout, block);
}

struct mask normnet__mask_from(struct mask mask, int64_t first)
{
    if (mask.bits != NULL)
        mask.bits += first;
    return mask;
}

static void forward_dropout(const struct layer *layer, const struct block *block)
{
    if (block->dropout && !layer->fused_into_previous)
        block->kernels->dropout(normnet__output_map(layer, block), normnet__output(layer, block),
                                draw_mask(layer, block));
}

static void backward_dropout(const struct layer *layer, const struct block *block)
{
    if (block->dropout && !layer->fused_into_previous && layer->needs_dx)
        block->kernels->dropout(normnet__output_map(layer, block), normnet__output(layer, block),
                                saved_mask(layer, block));
}

const struct layer_type normnet__dropout = {
    .word = "dropout",
    .in_place = true,
    .resolve = resolve_dropout,
    .forward = forward_dropout,
    .backward = backward_dropout,
};

/* ---- Flatten: [C][H][W] becomes [C H W] ----------------------------------------------------------- */

enum { MAX_FEATURES = 1 << 24 };

static normnet_status resolve_flatten(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const int64_t features = normnet__shape_size(layer->in);
    normnet_status status = resolve_plain(layer, token);

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

/* The channels of a single image become features side by side. */
static void flatten_single(const struct layer *layer, const struct block *block)
{
    const struct map map = normnet__input_map(layer, block);
    const int64_t plane = (int64_t)map.height * map.width;
    const float *x = normnet__input(layer, block);
    float *y = normnet__output(layer, block);

    for (int32_t c = 0; c < layer->in.channels; ++c) {
        const float *channel = x + normnet__channel_at(map, c);

        for (int64_t i = 0; i < plane; ++i)
            *y++ = channel[i * NORMNET__LANES];
    }
}

static void forward_flatten(const struct layer *layer, const struct block *block)
{
    const struct map map = normnet__input_map(layer, block);
    const size_t plane = (size_t)map.height * (size_t)map.width * NORMNET__LANES;
    const float *x = normnet__input(layer, block);
    float *y = normnet__output(layer, block);

    if (block->layout == NORMNET__LAYOUT_SINGLE) {
        flatten_single(layer, block);
        return;
    }
    for (int32_t c = 0; c < map.channels; ++c)
        memcpy(y + (size_t)c * plane, x + c * map.channel_stride * NORMNET__LANES, plane * sizeof *y);
}

static void backward_flatten(const struct layer *layer, const struct block *block)
{
    const struct map map = normnet__input_map(layer, block);
    struct map dense = map;

    dense.channel_stride = (int64_t)map.height * map.width;
    if (layer->needs_dx)
        block->kernels->copy_gradient(map, normnet__input(layer, block), dense, normnet__output(layer, block),
                                      layer->relu_mask);
}

const struct layer_type normnet__flatten = {
    .word = "flatten", .resolve = resolve_flatten, .forward = forward_flatten, .backward = backward_flatten};
