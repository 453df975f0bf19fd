/* SPDX-License-Identifier: MIT */
/* Group, instance, layer and RMS norm: from the token and the configuration to a norm_spec (layer.h). */
#include "layers/sample_norm.h"

#include <stdio.h>

/* ---- Common to all --------------------------------------------------------------------------------- */

/*
 * In ONNX, norms see runs of consecutive values: Reshape to [N, runs, length, 1], and back with gamma and beta. Four
 * dimensions, since ncnn has no InstanceNormalization of three.
 */
static void begin_onnx_runs(const struct layer *layer, struct onnx_graph *graph)
{
    const struct shape in = layer->in;
    const int64_t cut[4] = {0, layer->norm.runs, normnet__shape_size(in) / layer->norm.runs, 1}; /* 0: as it is, N */
    const int64_t whole[4] = {0, in.channels, in.height, in.width};

    normnet__onnx_integer_constant(graph, "runs", 4, cut);
    normnet__onnx_integer_constant(graph, "shape", in.flat ? 2 : 4, whole);
    normnet__onnx_node(graph, "Reshape", "cut");
    normnet__onnx_input(graph, "runs");
}

/* gamma and beta of the shape [rows, columns, 1]. */
static void put_onnx_affine(const struct layer *layer, struct onnx_graph *graph, int64_t rows, int64_t columns)
{
    graph->affine_shape[0] = rows;
    graph->affine_shape[1] = columns;
    graph->affine_shape[2] = 1;
    normnet__onnx_node(graph, "Mul", "scaled");
    normnet__onnx_input(graph, "weight");
    if (layer->bias.count == 0)
        return;
    normnet__onnx_node(graph, "Add", "shifted");
    normnet__onnx_input(graph, "bias");
}

/*
 * With the same gamma for all of a channel: Reshape, Mul and Add. With one per element, also of features, the order is
 * Mul, Add and Reshape, since OpenCV 5 takes the other one for a GroupNormalization, whose gammas are one per channel.
 */
static void end_onnx_runs(const struct layer *layer, struct onnx_graph *graph)
{
    const bool affine = layer->norm.affine != NORMNET_AFFINE_NONE;
    const bool by_element = layer->norm.affine == NORMNET_AFFINE_ELEMENT || layer->in.flat;
    const int64_t length = normnet__shape_size(layer->in) / layer->norm.runs, count = layer->weight.count;

    if (affine && by_element)
        put_onnx_affine(layer, graph, count / length, length);
    normnet__onnx_node(graph, "Reshape", "output");
    normnet__onnx_input(graph, "shape");
    if (affine && !by_element)
        put_onnx_affine(layer, graph, count, 1);
}

static void sample_norm_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    begin_onnx_runs(layer, graph);
    normnet__onnx_float_constant(graph, "ones", layer->norm.runs, 1.0f);
    normnet__onnx_float_constant(graph, "zeros", layer->norm.runs, 0.0f);
    normnet__onnx_node(graph, "InstanceNormalization", "normalized");
    normnet__onnx_input(graph, "ones");
    normnet__onnx_input(graph, "zeros");
    normnet__onnx_float(graph, "epsilon", (float)layer->eps);
    end_onnx_runs(layer, graph);
}

/*
 * Whether a mean over these windows of the output is the same for every image: the mean of a normalized run is 0 (its
 * beta with an affine), so it is if each window holds whole runs. Not so with a gamma per element, which weighs them.
 */
static bool mean_is_constant(const struct layer *layer, struct window window)
{
    if (layer->norm.affine == NORMNET_AFFINE_ELEMENT)
        return false;
    if (layer->norm.dims == 1)
        return window.width == layer->in.width;
    return layer->norm.runs == layer->in.channels && window.height == layer->in.height &&
           window.width == layer->in.width;
}

static void sample_norm_warn(const struct layer *layer, const struct layer *next, struct text *text)
{
    if (next != NULL && next->type->averages && mean_is_constant(layer, next->type->window(next)))
        normnet__append(text,
                        "warning: layer %d (%s) normalizes sets of values that lie inside the windows of layer %d "
                        "(%s): the pooled value does not depend on the image\n",
                        layer->index, layer->token, next->index, next->token);
    if (normnet__shape_size(layer->in) == layer->norm.runs)
        normnet__append(text, "warning: layer %d (%s) has a single value per statistic, so its output is constant\n",
                        layer->index, layer->token);
}

/* ---- Group norm ------------------------------------------------------------------------------------ */

static normnet_status set_groups(struct layer *layer, const struct token *token, const normnet_config *config,
                                 int32_t groups)
{
    char reason[64];

    if (groups < 1 || layer->in.channels % groups != 0) {
        snprintf(reason, sizeof reason, "%d channels cannot be divided into %d groups", layer->in.channels, groups);
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, reason);
    }
    layer->module = "GroupNorm";
    normnet__set_runs(layer, groups, layer->in.channels);
    return normnet__resolve_affine(layer, token, config->affine, true, 0);
}

/* groupnorm<g>; groupnorm alone and `norm` take config.groups, where 0 is one group per four channels. */
static normnet_status groupnorm_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const char *rest = token->rest;
    int32_t groups = config->groups;

    normnet__begin_norm(layer, config);
    if (*rest != '\0' && (!normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &groups) || *rest != '\0'))
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "expected groupnorm<groups>, 1 to 65536");
    if (token->rest[0] == '\0' && groups == 0) {
        if (layer->in.channels % 4 != 0)
            return normnet__reject_token(NORMNET_EARCH, token, layer->in,
                                         "one group per four channels (groups = 0) does not divide the channels");
        groups = layer->in.channels / 4;
    }
    return set_groups(layer, token, config, groups);
}

const struct layer_type normnet__groupnorm = {
    .name = "groupnorm",
    .example = "groupnorm2",
    .in_place_in_evaluation = true,
    .applies_relu_mask = true,
    .resolve = groupnorm_resolve,
    .forward = normnet__sample_norm_forward,
    .backward = normnet__sample_norm_backward,
    .same = normnet__norm_same,
    .to_onnx = sample_norm_to_onnx,
    .warn = sample_norm_warn,
};

/* ---- Instance norm: as many groups as channels ------------------------------------------------------ */

static normnet_status instancenorm_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const normnet_status status = normnet__expect_no_numbers(token, layer->in);

    if (status != NORMNET_OK)
        return status;
    normnet__begin_norm(layer, config);
    if (layer->in.flat)
        return normnet__reject_token(NORMNET_EUNSUPPORTED, token, layer->in,
                                     "instance norm of features has a single value per statistic");
    return set_groups(layer, token, config, layer->in.channels);
}

const struct layer_type normnet__instancenorm = {
    .name = "instancenorm",
    .example = "instancenorm",
    .in_place_in_evaluation = true,
    .applies_relu_mask = true,
    .resolve = instancenorm_resolve,
    .forward = normnet__sample_norm_forward,
    .backward = normnet__sample_norm_backward,
    .same = normnet__norm_same,
    .to_onnx = sample_norm_to_onnx,
    .warn = sample_norm_warn,
};

/* ---- Layer norm over the three, two or one trailing dimensions -------------------------------------- */

static normnet_status layernorm_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const struct shape in = layer->in;
    const int32_t dims = in.flat ? 3 : config->layer_dims;
    const normnet_status status = normnet__expect_no_numbers(token, in);

    if (status != NORMNET_OK)
        return status;
    normnet__begin_norm(layer, config);
    if (dims == 1) {
        const int64_t rows = (int64_t)in.channels * in.height;

        if (rows > INT32_MAX)
            return normnet__reject_token(NORMNET_ELIMIT, token, in, "more than 2^31 - 1 rows");
        normnet__set_runs(layer, (int32_t)rows, (int32_t)rows);
    } else {
        normnet__set_runs(layer, dims == 2 ? in.channels : 1, in.channels);
    }
    layer->norm.dims = dims;
    /* One gamma per channel over all of a sample is what PyTorch calls GroupNorm(1, C). */
    layer->module = dims == 3 && !in.flat && config->affine != NORMNET_AFFINE_ELEMENT ? "GroupNorm" : "LayerNorm";
    return normnet__resolve_affine(layer, token, config->affine, dims == 3, dims);
}

const struct layer_type normnet__layernorm = {
    .name = "layernorm",
    .example = "layernorm",
    .in_place_in_evaluation = true,
    .applies_relu_mask = true,
    .resolve = layernorm_resolve,
    .forward = normnet__sample_norm_forward,
    .backward = normnet__sample_norm_backward,
    .same = normnet__norm_same,
    .to_onnx = sample_norm_to_onnx,
    .warn = sample_norm_warn,
};

/* ---- RMS norm: over the three trailing dimensions ----------------------------------------------------- */

static normnet_status rmsnorm_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    normnet_status status = normnet__expect_no_numbers(token, layer->in);

    if (status != NORMNET_OK)
        return status;
    normnet__begin_norm(layer, config);
    normnet__set_runs(layer, 1, layer->in.channels);
    layer->norm.dims = 3;
    layer->norm.rms = true;
    layer->module = "RMSNorm";
    status = normnet__resolve_affine(layer, token, config->affine, true, 3);
    layer->bias.count = 0;
    return status;
}

/* x / sqrt(mean of x^2 + eps): Pow, ReduceMean, Add eps, Sqrt, then Div of the run by that. */
static void rmsnorm_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    const int64_t axes[1] = {2};

    begin_onnx_runs(layer, graph);
    normnet__onnx_float_constant(graph, "two", 1, 2.0f);
    normnet__onnx_float_constant(graph, "eps", 1, (float)layer->eps);
    normnet__onnx_node(graph, "Pow", "square");
    normnet__onnx_input(graph, "two");
    normnet__onnx_node(graph, "ReduceMean", "mean_square");
    normnet__onnx_integers(graph, "axes", 1, axes);
    normnet__onnx_node(graph, "Add", "sum");
    normnet__onnx_input(graph, "eps");
    normnet__onnx_node(graph, "Sqrt", "root");
    normnet__onnx_node(graph, "Div", "normalized");
    normnet__onnx_from(graph, "cut");
    normnet__onnx_input(graph, "root");
    end_onnx_runs(layer, graph);
}

const struct layer_type normnet__rmsnorm = {
    .name = "rmsnorm",
    .example = "rmsnorm",
    .in_place_in_evaluation = true,
    .applies_relu_mask = true,
    .resolve = rmsnorm_resolve,
    .forward = normnet__sample_norm_forward,
    .backward = normnet__sample_norm_backward,
    .same = normnet__norm_same,
    .to_onnx = rmsnorm_to_onnx,
};
