/* SPDX-License-Identifier: MIT */
#include "layers/batch_norm.h"

#include "base/message.h"
#include "base/tree.h"
#include "layers/dropout.h"
#include "layers/norm.h"

#include <string.h>

/* Sets all 16 lanes to one value. */
static void broadcast(float *lanes, float value)
{
    for (int lane = 0; lane < NORMNET__LANES; ++lane)
        lanes[lane] = value;
}

/* ---- Resolving ------------------------------------------------------------------------------------- */

static normnet_status batchnorm_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const normnet_status status = normnet__expect_no_numbers(token, layer->in);

    if (status != NORMNET_OK)
        return status;
    normnet__begin_norm(layer, config);
    layer->module = layer->in.flat ? "BatchNorm1d" : "BatchNorm2d";
    layer->norm = (struct norm_spec){
        .over_batch = true, .chains = layer->in.channels, .chain_length = (int64_t)layer->in.height * layer->in.width};
    layer->prepared_count = 3 * (int64_t)layer->in.channels;
    return normnet__resolve_affine(layer, token, config->affine, true, 0);
}

/* ---- Groups of blocks ------------------------------------------------------------------------------ */

struct grouping normnet__group_blocks(int64_t images, int64_t virtual_batch)
{
    const int64_t blocks = (images + NORMNET__LANES - 1) / NORMNET__LANES;
    const int64_t groups = virtual_batch == 0 || images < virtual_batch ? 1 : images / virtual_batch;

    return (struct grouping){blocks, groups, groups == 1 ? blocks : virtual_batch / NORMNET__LANES};
}

static int64_t group_of(const struct grouping *grouping, int64_t block)
{
    const int64_t group = block / grouping->blocks_per_group;

    return group < grouping->groups ? group : grouping->groups - 1;
}

static int64_t group_begin(const struct grouping *grouping, int64_t group)
{
    return group < grouping->groups ? group * grouping->blocks_per_group : grouping->blocks;
}

/* ---- Forward ------------------------------------------------------------------------------------- */

void normnet__batch_norm_block_moments(const struct layer *layer, const struct block *block)
{
    const int64_t length = layer->norm.chain_length, plane = normnet__shape_map(layer->in).channel_stride;
    struct moments *moments = block->batch_norms[layer->batch_norm].moments + block->index * layer->in.channels;
    const float *x = normnet__input(layer, block);

    for (int32_t c = 0; c < layer->in.channels; ++c) {
        double mean[NORMNET__LANES], m2[NORMNET__LANES];
        struct moments parts[NORMNET__LANES];

        block->kernels->moments(x + c * plane * NORMNET__LANES, length, mean, m2);
        for (int32_t lane = 0; lane < block->count; ++lane)
            parts[lane] = (struct moments){(double)length, mean[lane], m2[lane]};
        normnet__combine_moments(parts, block->count, 1);
        moments[c] = parts[0];
    }
}

/*
 * Combines the moments of all ranks, [C], in place: first counts and sums for the common mean, then the squared
 * deviations from it.
 */
static normnet_status reduce_moments(struct reduction reduction, struct moments *combined, int32_t channels,
                                     double *totals)
{
    for (int32_t c = 0; c < channels; ++c) {
        totals[c] = combined[c].count;
        totals[channels + c] = combined[c].count * combined[c].mean;
    }
    if (reduction.reduce(reduction.user, totals, 2 * (int64_t)channels) != 0)
        return normnet__fail(NORMNET_EIO, "config.reduce failed in a batch norm's forward pass");
    for (int32_t c = 0; c < channels; ++c) {
        const double mean = totals[channels + c] / totals[c], difference = combined[c].mean - mean;
        const double m2 = combined[c].m2 + combined[c].count * difference * difference;

        combined[c] = (struct moments){totals[c], mean, 0.0};
        totals[c] = m2;
    }
    if (reduction.reduce(reduction.user, totals, channels) != 0)
        return normnet__fail(NORMNET_EIO, "config.reduce failed in a batch norm's forward pass");
    for (int32_t c = 0; c < channels; ++c)
        combined[c].m2 = totals[c];
    return NORMNET_OK;
}

static void update_running(struct running *running, struct averaging averaging, const struct moments *combined,
                           int32_t channels)
{
    const int64_t batches = running->batches[0] < INT64_MAX ? running->batches[0] + 1 : INT64_MAX;
    const double weight = averaging.cumulative ? 1.0 / (double)batches : averaging.momentum;

    running->batches[0] = batches;
    for (int32_t c = 0; c < channels; ++c) {
        const double unbiased = combined[c].m2 / (combined[c].count - 1.0);

        running->mean[c] = (float)(weight * combined[c].mean + (1.0 - weight) * (double)running->mean[c]);
        running->variance[c] = (float)(weight * unbiased + (1.0 - weight) * (double)running->variance[c]);
    }
}

/* The statistics of one group from its moments, and the coefficients of y = fma(x - center, scale, shift). */
static void set_group_statistics(const struct layer *layer, struct batch_norm *norm, int64_t group,
                                 const float *parameters, const struct moments *combined)
{
    for (int32_t c = 0; c < layer->in.channels; ++c) {
        const int64_t i = group * layer->in.channels + c;
        const double invstd = normnet__inverse_deviation(combined[c].m2 / combined[c].count, layer->eps);
        const struct norm_coefficients coefficients = normnet__norm_coefficients(
            combined[c].mean, invstd, normnet__gamma(layer, parameters, c), normnet__beta(layer, parameters, c));

        norm->mean[i] = combined[c].mean;
        norm->invstd[i] = invstd;
        norm->count[i] = combined[c].count;
        norm->center[i] = coefficients.center;
        norm->scale[i] = coefficients.scale;
        norm->shift[i] = coefficients.shift;
    }
}

normnet_status normnet__batch_norm_combine_forward(const struct layer *layer, struct batch_norm *norm,
                                                   const float *parameters, struct reduction reduction,
                                                   struct averaging averaging, struct running *running)
{
    const int32_t channels = layer->in.channels;

    for (int64_t group = 0; group < norm->grouping.groups; ++group) {
        const int64_t begin = group_begin(&norm->grouping, group), end = group_begin(&norm->grouping, group + 1);
        struct moments *combined = norm->moments + begin * channels;

        for (int32_t c = 0; c < channels; ++c)
            normnet__combine_moments(combined + c, end - begin, channels);
        if (reduction.reduce != NULL) {
            const normnet_status status = reduce_moments(reduction, combined, channels, norm->totals);

            if (status != NORMNET_OK)
                return status;
        }
        /* Only with reduce: normnet__check_batch_norms has rejected it otherwise. */
        if (combined[0].count < 2.0)
            return normnet__fail(NORMNET_EINVAL,
                                 "layer %d (%.64s): batch statistics need more than one value per channel; all ranks "
                                 "together have %.0f",
                                 layer->index, layer->token, combined[0].count);
        set_group_statistics(layer, norm, group, parameters, combined);
        if (running != NULL)
            update_running(running, averaging, combined, channels);
    }
    return NORMNET_OK;
}

static void batchnorm_prepare(const struct layer *layer, const float *parameters, const float *statistics,
                              float *prepared)
{
    const int32_t channels = layer->in.channels;
    const float *mean = statistics + layer->statistics, *variance = mean + channels;
    float *center = prepared + layer->prepared;

    for (int32_t c = 0; c < channels; ++c) {
        const struct norm_coefficients coefficients =
            normnet__norm_coefficients((double)mean[c], normnet__inverse_deviation((double)variance[c], layer->eps),
                                       normnet__gamma(layer, parameters, c), normnet__beta(layer, parameters, c));

        center[c] = coefficients.center;
        center[channels + c] = coefficients.scale;
        center[2 * channels + c] = coefficients.shift;
    }
}

/* Sixteen channels of a single image at a time. */
static void batchnorm_forward_single(const struct layer *layer, const struct block *block)
{
    const struct map map = normnet__input_map(layer, block);
    const int32_t channels = layer->in.channels;
    const float *prepared = block->prepared + layer->prepared;
    const float *x = normnet__input(layer, block);
    float *y = normnet__output(layer, block);

    for (int32_t c = 0; c < channels; c += NORMNET__LANES) {
        const int32_t count = channels - c < NORMNET__LANES ? channels - c : NORMNET__LANES;
        const int64_t at = normnet__channel_at(map, c);
        _Alignas(64) float coefficients[3][NORMNET__LANES] = {{0}};

        for (int i = 0; i < 3; ++i)
            memcpy(coefficients[i], prepared + i * channels + c, (size_t)count * sizeof *prepared);
        block->kernels->normalize(x + at, layer->norm.chain_length, coefficients[0], coefficients[1], coefficients[2],
                                  (struct mask){NULL, 1.0f}, y + at);
    }
}

void normnet__batch_norm_forward(const struct layer *layer, const struct block *block)
{
    const int64_t length = layer->norm.chain_length, plane = normnet__shape_map(layer->in).channel_stride;
    const int32_t channels = layer->in.channels;
    const float *x = normnet__input(layer, block);
    float *y = normnet__output(layer, block);
    const float *center = block->prepared + layer->prepared;
    const float *scale = center + channels, *shift = scale + channels;
    const struct mask dropout = normnet__draw_fused_dropout(layer, block);

    if (block->layout == NORMNET__LAYOUT_SINGLE) {
        batchnorm_forward_single(layer, block);
        return;
    }
    if (block->batch_norms != NULL) {
        const struct batch_norm *norm = &block->batch_norms[layer->batch_norm];
        const int64_t first = group_of(&norm->grouping, block->index) * channels;

        center = norm->center + first;
        scale = norm->scale + first;
        shift = norm->shift + first;
    }
    for (int32_t c = 0; c < channels; ++c) {
        const int64_t at = c * plane * NORMNET__LANES;
        _Alignas(64) float centers[NORMNET__LANES], scales[NORMNET__LANES], shifts[NORMNET__LANES];

        broadcast(centers, center[c]);
        broadcast(scales, scale[c]);
        broadcast(shifts, shift[c]);
        block->kernels->normalize(x + at, length, centers, scales, shifts, normnet__mask_from(dropout, c * length),
                                  y + at);
    }
}

/* ---- Backward ------------------------------------------------------------------------------------ */

/*
 * With S = sum of dy and D = sum of dy (x - mean) over the group's n values:
 *
 *     dx = (dy - S / n - (x - mean) D invstd^2 / n) invstd gamma,   dgamma = D invstd,   dbeta = S
 */
void normnet__batch_norm_block_sums(const struct layer *layer, const struct block *block)
{
    const int64_t length = layer->norm.chain_length, plane = normnet__shape_map(layer->in).channel_stride;
    const int32_t channels = layer->in.channels;
    const struct batch_norm *norm = &block->batch_norms[layer->batch_norm];
    const float *center = norm->center + group_of(&norm->grouping, block->index) * channels;
    const float *x = normnet__input(layer, block), *dy = normnet__output(layer, block);
    double *sums = norm->sums + block->index * 2 * channels;
    const struct mask dropout = normnet__saved_fused_dropout(layer, block);

    for (int32_t c = 0; c < channels; ++c) {
        const int64_t at = c * plane * NORMNET__LANES;
        double dy_sum[NORMNET__LANES], dyx_sum[NORMNET__LANES];
        _Alignas(64) float centers[NORMNET__LANES];

        broadcast(centers, center[c]);
        block->kernels->gradient_moments(x + at, dy + at, length, centers, normnet__mask_from(dropout, c * length),
                                         dy_sum, dyx_sum);
        sums[2 * c] = normnet__tree_sum(dy_sum, block->count, 1);
        sums[2 * c + 1] = normnet__tree_sum(dyx_sum, block->count, 1);
    }
}

/* The sums of one group over its blocks, into norm->totals. */
static void combine_sums(const struct batch_norm *norm, int64_t group, int32_t channels)
{
    const int64_t begin = group_begin(&norm->grouping, group), end = group_begin(&norm->grouping, group + 1);
    const int64_t values = 2 * (int64_t)channels;

    for (int64_t i = 0; i < values; ++i)
        norm->totals[i] = normnet__tree_sum(norm->sums + begin * values + i, end - begin, values);
}

/* Adds dgamma and dbeta of one group from its sums in this process: the caller sums gradients over ranks. */
static void add_parameter_gradients(const struct layer *layer, const struct batch_norm *norm, int64_t group,
                                    double *gradient)
{
    const int64_t first = group * layer->in.channels;

    for (int64_t channel = 0; channel < layer->weight.count; ++channel) {
        const int64_t i = first + channel;
        const double rounding_error = norm->mean[i] - (double)norm->center[i];
        const double dy_sum = norm->totals[2 * channel];
        const double dyx_sum = norm->totals[2 * channel + 1] - rounding_error * dy_sum;

        gradient[layer->weight.offset + channel] += dyx_sum * norm->invstd[i];
        gradient[layer->bias.offset + channel] += dy_sum;
    }
}

/* The coefficients of dx = fma(a, dy, fma(b, x - center, c)) of one group, from its sums over all ranks. */
static void set_backward_coefficients(const struct layer *layer, struct batch_norm *norm, int64_t group,
                                      const float *parameters)
{
    const int64_t first = group * layer->in.channels;

    for (int32_t channel = 0; channel < layer->in.channels; ++channel) {
        const int64_t i = first + channel;
        const double rounding_error = norm->mean[i] - (double)norm->center[i];
        const double n = norm->count[i], invstd = norm->invstd[i];
        const double gamma = normnet__gamma(layer, parameters, channel);
        const double dy_sum = norm->totals[2 * channel];
        const double dyx_sum = norm->totals[2 * channel + 1] - rounding_error * dy_sum;
        const double exact_b = -gamma * invstd * invstd * invstd * (dyx_sum / n);

        norm->a[i] = (float)(invstd * gamma);
        norm->b[i] = (float)exact_b;
        norm->c[i] = (float)(-invstd * gamma * (dy_sum / n) - exact_b * rounding_error);
    }
}

normnet_status normnet__batch_norm_combine_backward(const struct layer *layer, struct batch_norm *norm,
                                                    const float *parameters, struct reduction reduction,
                                                    double *gradient)
{
    const int32_t channels = layer->in.channels;

    for (int64_t i = 0; i < layer->weight.count; ++i)
        gradient[layer->weight.offset + i] = gradient[layer->bias.offset + i] = 0.0;
    for (int64_t group = 0; group < norm->grouping.groups; ++group) {
        combine_sums(norm, group, channels);
        add_parameter_gradients(layer, norm, group, gradient);
        if (reduction.reduce != NULL && reduction.reduce(reduction.user, norm->totals, 2 * (int64_t)channels) != 0)
            return normnet__fail(NORMNET_EIO, "config.reduce failed in a batch norm's backward pass");
        set_backward_coefficients(layer, norm, group, parameters);
    }
    return NORMNET_OK;
}

void normnet__batch_norm_backward(const struct layer *layer, const struct block *block)
{
    const int64_t length = layer->norm.chain_length, plane = normnet__shape_map(layer->in).channel_stride;
    const int32_t channels = layer->in.channels;
    const struct batch_norm *norm = &block->batch_norms[layer->batch_norm];
    const int64_t first = group_of(&norm->grouping, block->index) * channels;
    /* Needed, unlike in sample norms: c is not 0 in idle lanes. */
    const uint32_t valid = (1u << block->count) - 1u;
    const float *dy = normnet__output(layer, block);
    float *x = normnet__input(layer, block);
    const struct mask dropout = normnet__saved_fused_dropout(layer, block);

    if (!layer->needs_dx)
        return;
    for (int32_t channel = 0; channel < channels; ++channel) {
        const int64_t i = first + channel, at = channel * plane * NORMNET__LANES;
        _Alignas(64) float center[NORMNET__LANES], a[NORMNET__LANES], b[NORMNET__LANES], c[NORMNET__LANES];

        broadcast(center, norm->center[i]);
        broadcast(a, norm->a[i]);
        broadcast(b, norm->b[i]);
        broadcast(c, norm->c[i]);
        block->kernels->normalize_gradient(x + at, dy + at, length, &(struct gradient_coefficients){center, a, b, c},
                                           normnet__mask_from(dropout, channel * length), valid, layer->relu_mask);
    }
}

/* ---- The types ------------------------------------------------------------------------------------- */

static void batchnorm_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    if (layer->norm.affine == NORMNET_AFFINE_NONE) {
        normnet__onnx_float_constant(graph, "weight", layer->in.channels, 1.0f);
        normnet__onnx_float_constant(graph, "bias", layer->in.channels, 0.0f);
    }
    normnet__onnx_node(graph, "BatchNormalization", "output");
    normnet__onnx_input(graph, "weight");
    normnet__onnx_input(graph, "bias");
    normnet__onnx_input(graph, "running_mean");
    normnet__onnx_input(graph, "running_var");
    normnet__onnx_float(graph, "epsilon", (float)layer->eps);
}

const struct layer_type normnet__batchnorm = {
    .name = "batchnorm",
    .example = "batchnorm",
    .in_place_in_evaluation = true,
    .applies_relu_mask = true,
    .resolve = batchnorm_resolve,
    .forward = normnet__batch_norm_forward,
    .backward = normnet__batch_norm_backward,
    .prepare = batchnorm_prepare,
    .same = normnet__norm_same,
    .to_onnx = batchnorm_to_onnx,
};
