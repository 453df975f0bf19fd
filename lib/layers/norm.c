/* SPDX-License-Identifier: MIT */
/* What all norms have in common, and the word `norm`. */
#include "layers/norm.h"

#include "layers/batch_norm.h"
#include "layers/dropout.h"

void normnet__begin_norm(struct layer *layer, const normnet_config *config)
{
    layer->out = layer->in;
    layer->eps = config->eps;
}

/* One value per channel, or per element of the last `rank` dimensions. */
static struct parameter affine_parameter(struct shape in, int32_t affine, int32_t rank, enum initial initial)
{
    const int64_t sizes[3] = {in.channels, in.height, in.width};
    struct parameter parameter = {.count = 1, .initial = initial};

    if (affine == NORMNET_AFFINE_NONE)
        return (struct parameter){.count = 0};
    if (affine == NORMNET_AFFINE_CHANNEL || in.flat) {
        parameter.rank = 1;
        parameter.count = parameter.shape[0] = in.channels;
        return parameter;
    }
    for (int32_t i = 3 - rank; i < 3; ++i) {
        parameter.shape[parameter.rank++] = sizes[i];
        parameter.count *= sizes[i];
    }
    return parameter;
}

normnet_status normnet__resolve_affine(struct layer *layer, const struct token *token, int32_t affine, bool per_channel,
                                       int32_t element_rank)
{
    if (affine == NORMNET_AFFINE_DEFAULT)
        affine = per_channel ? NORMNET_AFFINE_CHANNEL : NORMNET_AFFINE_NONE;
    if (affine == NORMNET_AFFINE_CHANNEL && !per_channel)
        return normnet__reject_token(NORMNET_EUNSUPPORTED, token, layer->in,
                                     "layer norm over one or two dimensions has no gamma and beta per channel");
    if (affine == NORMNET_AFFINE_ELEMENT && element_rank == 0)
        return normnet__reject_token(NORMNET_EUNSUPPORTED, token, layer->in,
                                     "gamma and beta per element are possible with layer and RMS norm only");
    layer->norm.affine = affine;
    layer->weight = affine_parameter(layer->in, affine, element_rank, NORMNET__INITIAL_ONES);
    layer->bias = affine_parameter(layer->in, affine, element_rank, NORMNET__INITIAL_ZEROS);
    layer->fusible_type = affine == NORMNET_AFFINE_ELEMENT ? NULL : &normnet__dropout;
    return NORMNET_OK;
}

bool normnet__norm_same(const struct layer *one, const struct layer *other)
{
    const struct norm_spec *a = &one->norm, *b = &other->norm;

    return a->over_batch == b->over_batch && a->runs == b->runs && a->chains == b->chains && a->dims == b->dims &&
           a->affine == b->affine;
}

/* ---- The word `norm` -------------------------------------------------------------------------------- */

static const struct layer_type *named_type(int32_t norm)
{
    switch (norm) {
    case NORMNET_NORM_BATCH:
        return &normnet__batchnorm;
    case NORMNET_NORM_GROUP:
        return &normnet__groupnorm;
    case NORMNET_NORM_LAYER:
        return &normnet__layernorm;
    case NORMNET_NORM_INSTANCE:
        return &normnet__instancenorm;
    case NORMNET_NORM_RMS:
        return &normnet__rmsnorm;
    default: /* NORMNET_NORM_NONE: the configuration has been checked */
        return NULL;
    }
}

static normnet_status norm_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const struct layer_type *named = named_type(config->norm);
    const normnet_status status = normnet__expect_no_numbers(token, layer->in);

    if (status != NORMNET_OK)
        return status;
    if (named != NULL) {
        layer->type = named;
        return named->resolve(layer, token, config);
    }
    layer->out = layer->in;
    layer->module = "Identity";
    layer->identity = true;
    return NORMNET_OK;
}

/* Without a norm: nothing. */
static void norm_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    (void)layer;
    (void)graph;
}

const struct layer_type normnet__norm = {
    .name = "norm",
    .example = "norm",
    .can_be_in_place = true,
    .resolve = norm_resolve,
    .same = normnet__same_without_numbers,
    .to_onnx = norm_to_onnx,
};
