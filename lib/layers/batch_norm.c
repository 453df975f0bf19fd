/* SPDX-License-Identifier: MIT */
#include "layers/batch_norm.h"

#include "base/float_mode.h"
#include "base/message.h"
#include "base/tree.h"
#include "kernels/algorithm.h"
#include "layers/dropout.h"
#include "layers/norm.h"

#include <float.h>
#include <string.h>

/* Floats of struct norm_coefficients, of which an array per channel is prepared for evaluation. */
enum { COEFFICIENTS = sizeof(struct norm_coefficients) / sizeof(float) };

/* Sets all lanes to one value. */
static void broadcast(float *lanes, float value)
{
    for (int lane = 0; lane < NORMNET__MAX_LANES; ++lane)
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
    layer->prepared_count = COEFFICIENTS * (int64_t)layer->in.channels;
    return normnet__resolve_affine(layer, token, config->affine, true, 0);
}

/* ---- Groups of blocks ------------------------------------------------------------------------------ */

struct grouping normnet__group_blocks(int64_t images, int64_t virtual_batch, int32_t lanes)
{
    const int64_t blocks = (images + lanes - 1) / lanes;
    const int64_t groups = virtual_batch == 0 || images < virtual_batch ? 1 : images / virtual_batch;

    return (struct grouping){.blocks = blocks,
                             .groups = groups,
                             .blocks_per_group = groups == 1 ? blocks : virtual_batch / lanes,
                             .leaves = (images + NORMNET__LEAF_SAMPLES - 1) / NORMNET__LEAF_SAMPLES,
                             .leaves_per_block = lanes / NORMNET__LEAF_SAMPLES};
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

static int64_t leaf_begin(const struct grouping *grouping, int64_t group)
{
    const int64_t leaf = group_begin(grouping, group) * grouping->leaves_per_block;

    return leaf < grouping->leaves ? leaf : grouping->leaves;
}

/* ---- Forward ------------------------------------------------------------------------------------- */

void normnet__batch_norm_block_moments(const struct layer *layer, const struct block *block)
{
    const int64_t length = layer->norm.chain_length, plane = normnet__shape_map(layer->in, layer->lanes).channel_stride;
    const struct batch_norm *norm = &block->batch_norms[layer->batch_norm];
    const int32_t channels = layer->in.channels;
    struct moments *moments = norm->moments + block->index * norm->grouping.leaves_per_block * channels;
    const float *x = normnet__input(layer, block);

    for (int32_t c = 0; c < channels; ++c) {
        double mean[NORMNET__MAX_LANES], m2[NORMNET__MAX_LANES];

        block->kernels->moments(x + c * plane * layer->lanes, length, layer->lanes, mean, m2);
        for (int32_t first = 0; first < block->count; first += NORMNET__LEAF_SAMPLES) {
            const int32_t left = block->count - first;
            const int32_t count = left < NORMNET__LEAF_SAMPLES ? left : NORMNET__LEAF_SAMPLES;
            struct moments parts[NORMNET__LEAF_SAMPLES];

            for (int32_t i = 0; i < count; ++i)
                parts[i] = (struct moments){(double)length, mean[first + i], m2[first + i]};
            normnet__combine_moments(parts, count);
            moments[first / NORMNET__LEAF_SAMPLES * channels + c] = parts[0];
        }
    }
}

static bool reduce(struct reduction reduction, double *values, int64_t count)
{
    const bool done = reduction.reduce(reduction.user, values, count) == 0;

    normnet__reset_float_mode();
    return done;
}

/* The leaves of a group: those before `end`, from `begin` on. */
struct leaves {
    int64_t begin, end;
};

/* Sums the terms of the group's leaves along the tree, for each channel. */
static void sum_terms(const struct batch_norm *norm, struct leaves leaves, int32_t channels, double *sums)
{
    for (int32_t c = 0; c < channels; ++c)
        sums[c] =
            normnet__tree_sum(norm->leaf_terms + leaves.begin * channels + c, leaves.end - leaves.begin, channels);
}

/* totals = count, ranks, then for each channel the sum of x. */
static normnet_status sum_values(struct batch_norm *norm, struct leaves leaves, int32_t channels,
                                 struct reduction reduction)
{
    double *totals = norm->totals;

    totals[0] = 0.0;
    totals[1] = 1.0;
    for (int64_t leaf = leaves.begin; leaf < leaves.end; ++leaf) {
        const struct moments *moments = norm->moments + leaf * channels;

        totals[0] += moments[0].count;
        for (int32_t c = 0; c < channels; ++c)
            norm->leaf_terms[leaf * channels + c] = moments[c].count * moments[c].mean;
    }
    sum_terms(norm, leaves, channels, totals + 2);
    if (reduction.reduce != NULL && !reduce(reduction, totals, channels + 2))
        return normnet__fail(NORMNET_EIO, "config.reduce failed in a batch norm's forward pass");
    return NORMNET_OK;
}

/* totals = for each channel the sum of (x - mean)^2. */
static normnet_status sum_squares(struct batch_norm *norm, struct leaves leaves, int32_t channels,
                                  struct reduction reduction)
{
    for (int64_t leaf = leaves.begin; leaf < leaves.end; ++leaf)
        for (int32_t c = 0; c < channels; ++c) {
            const struct moments *moments = &norm->moments[leaf * channels + c];
            const double difference = moments->mean - norm->combined[c].mean;

            norm->leaf_terms[leaf * channels + c] = moments->m2 + moments->count * (difference * difference);
        }
    sum_terms(norm, leaves, channels, norm->totals);
    if (reduction.reduce != NULL && !reduce(reduction, norm->totals, channels))
        return normnet__fail(NORMNET_EIO, "config.reduce failed in a batch norm's forward pass");
    return NORMNET_OK;
}

/*
 * The moments of a group over all ranks, into norm->combined: first the common mean, then the squared deviations from
 * it. Both are plain sums over leaves, so that several ranks get the bits of one if reduce adds along the tree.
 */
static normnet_status combine_moments(const struct layer *layer, struct batch_norm *norm, int64_t group,
                                      struct reduction reduction)
{
    const int32_t channels = layer->in.channels;
    const struct leaves leaves = {leaf_begin(&norm->grouping, group), leaf_begin(&norm->grouping, group + 1)};
    char number[32];
    normnet_status status = sum_values(norm, leaves, channels, reduction);

    if (status != NORMNET_OK)
        return status;
    if (isnan(norm->totals[0]))
        return normnet__fail(NORMNET_EVALUE, "layer %d (%.64s): the batch of another rank cannot be used", layer->index,
                             layer->token);
    norm->ranks = norm->totals[1];
    for (int32_t c = 0; c < channels; ++c)
        norm->combined[c] = (struct moments){norm->totals[0], norm->totals[2 + c] / norm->totals[0], 0.0};
    status = sum_squares(norm, leaves, channels, reduction);
    for (int32_t c = 0; status == NORMNET_OK && c < channels; ++c) {
        norm->combined[c].m2 = norm->totals[c];
        if (norm->totals[c] < 0.0)
            status = normnet__fail(NORMNET_EVALUE,
                                   "layer %d (%.64s): a sum of squares from config.reduce is %s; expected 0 or more",
                                   layer->index, layer->token, normnet__decimal(number, norm->totals[c]));
    }
    return status;
}

void normnet__batch_norm_withdraw(struct reduction reduction, const struct layer *layer, struct batch_norm *norm)
{
    for (int32_t i = 0; i < layer->in.channels + 2; ++i)
        norm->totals[i] = NAN;
    (void)reduce(reduction, norm->totals, layer->in.channels + 2);
}

/* NORMNET_EVALUE for a variance that eps does not cover and that a float cannot hold. */
static normnet_status check_variance(const struct layer *layer, double variance)
{
    char number[32], eps[32];

    if (variance == 0.0 || !(variance + layer->eps < (double)FLT_MIN))
        return NORMNET_OK;
    return normnet__fail(NORMNET_EVALUE,
                         "layer %d (%.64s): a running variance would be %s and eps is %s; expected a sum of at least "
                         "1.2e-38, the smallest float",
                         layer->index, layer->token, normnet__decimal(number, variance),
                         normnet__decimal(eps, layer->eps));
}

static normnet_status update_running(const struct layer *layer, struct running *running, struct averaging averaging,
                                     const struct moments *combined)
{
    const int64_t batches = running->batches[0] < INT64_MAX ? running->batches[0] + 1 : INT64_MAX;
    const double weight = averaging.cumulative ? 1.0 / (double)batches : averaging.momentum;

    running->batches[0] = batches;
    for (int32_t c = 0; c < layer->in.channels; ++c) {
        const double unbiased = combined[c].m2 / (combined[c].count - 1.0);
        const double variance = weight * unbiased + (1.0 - weight) * (double)running->variance[c];
        const normnet_status status = check_variance(layer, variance);

        if (status != NORMNET_OK)
            return status;
        running->mean[c] = (float)(weight * combined[c].mean + (1.0 - weight) * (double)running->mean[c]);
        running->variance[c] = (float)variance;
    }
    return NORMNET_OK;
}

/* The statistics of one group from its moments, and the coefficients of y. */
static void set_group_statistics(const struct layer *layer, struct batch_norm *norm, int64_t group,
                                 const float *parameters)
{
    const struct moments *combined = norm->combined;

    for (int32_t c = 0; c < layer->in.channels; ++c) {
        const int64_t i = group * layer->in.channels + c;

        norm->statistics[i] =
            normnet__norm_statistics(combined[c].mean, combined[c].m2 / combined[c].count, layer->eps);
        norm->count[i] = combined[c].count;
        norm->coefficients[i] = normnet__norm_coefficients(norm->statistics[i], normnet__gamma(layer, parameters, c),
                                                           normnet__beta(layer, parameters, c));
    }
}

normnet_status normnet__batch_norm_combine_forward(const struct layer *layer, struct batch_norm *norm,
                                                   const float *parameters, struct reduction reduction,
                                                   struct averaging averaging, struct running *running)
{
    const struct moments *combined = norm->combined;

    for (int64_t group = 0; group < norm->grouping.groups; ++group) {
        normnet_status status = combine_moments(layer, norm, group, reduction);

        if (status != NORMNET_OK)
            return status;
        /* Only with reduce: normnet__check_batch_norms has rejected it otherwise. */
        if (combined[0].count < 2.0)
            return normnet__fail(NORMNET_EINVAL,
                                 "layer %d (%.64s): batch statistics need more than one value per channel; all ranks "
                                 "together have %.0f",
                                 layer->index, layer->token, combined[0].count);
        set_group_statistics(layer, norm, group, parameters);
        if (running != NULL)
            status = update_running(layer, running, averaging, combined);
        if (status != NORMNET_OK)
            return status;
    }
    return NORMNET_OK;
}

static void batchnorm_prepare(const struct layer *layer, const float *parameters, const float *statistics,
                              float *prepared)
{
    const int32_t channels = layer->in.channels;
    const float *mean = statistics + layer->statistics, *variance = mean + channels;
    struct norm_coefficients *coefficients = (struct norm_coefficients *)(void *)(prepared + layer->prepared);

    for (int32_t c = 0; c < channels; ++c)
        coefficients[c] =
            normnet__norm_coefficients(normnet__norm_statistics((double)mean[c], (double)variance[c], layer->eps),
                                       normnet__gamma(layer, parameters, c), normnet__beta(layer, parameters, c));
}

/* The coefficients of y for a block: of its group in training, prepared in evaluation. */
static const struct norm_coefficients *forward_coefficients(const struct layer *layer, const struct block *block)
{
    const struct batch_norm *norm;

    if (block->batch_norms == NULL)
        return (const struct norm_coefficients *)(const void *)(block->prepared + layer->prepared);
    norm = &block->batch_norms[layer->batch_norm];
    return norm->coefficients + group_of(&norm->grouping, block->index) * layer->in.channels;
}

/* As the kernels take them, a group each. */
struct lane_coefficients {
    _Alignas(64) float center[NORMNET__MAX_LANES], power[NORMNET__MAX_LANES], scale[NORMNET__MAX_LANES],
        shift[NORMNET__MAX_LANES];
};

static void normalize(const struct layer *layer, const struct block *block, int64_t at,
                      const struct lane_coefficients *own, struct mask dropout)
{
    block->kernels->normalize(normnet__input(layer, block) + at, layer->norm.chain_length,
                              (struct standardization){own->center, own->power}, own->scale, own->shift, dropout,
                              normnet__output(layer, block) + at);
}

/* Sixteen channels of a single image at a time. */
static void batchnorm_forward_single(const struct layer *layer, const struct block *block)
{
    const struct norm_coefficients *coefficients = forward_coefficients(layer, block);
    const struct map map = normnet__input_map(layer, block);
    const int32_t channels = layer->in.channels;

    for (int32_t c = 0; c < channels; c += layer->lanes) {
        struct lane_coefficients own = {{0}, {0}, {0}, {0}};

        for (int32_t lane = 0; lane < layer->lanes && c + lane < channels; ++lane) {
            own.center[lane] = coefficients[c + lane].center;
            own.power[lane] = coefficients[c + lane].power;
            own.scale[lane] = coefficients[c + lane].scale;
            own.shift[lane] = coefficients[c + lane].shift;
        }
        normalize(layer, block, normnet__channel_at(map, c), &own, (struct mask){NULL, 1.0f});
    }
}

static void batchnorm_forward_samples(const struct layer *layer, const struct block *block)
{
    const struct norm_coefficients *coefficients = forward_coefficients(layer, block);
    const int64_t length = layer->norm.chain_length, plane = normnet__shape_map(layer->in, layer->lanes).channel_stride;
    const struct mask dropout = normnet__draw_fused_dropout(layer, block);

    for (int32_t c = 0; c < layer->in.channels; ++c) {
        struct lane_coefficients own;

        broadcast(own.center, coefficients[c].center);
        broadcast(own.power, coefficients[c].power);
        broadcast(own.scale, coefficients[c].scale);
        broadcast(own.shift, coefficients[c].shift);
        normalize(layer, block, c * plane * layer->lanes, &own, normnet__mask_from(dropout, c * length));
    }
}

void normnet__batch_norm_forward(const struct layer *layer, const struct block *block)
{
    if (block->layout == NORMNET__LAYOUT_SINGLE)
        batchnorm_forward_single(layer, block);
    else
        batchnorm_forward_samples(layer, block);
}

/* ---- Backward ------------------------------------------------------------------------------------ */

/*
 * With S = sum of dy and D = sum of dy (x - mean) power over the group's n values:
 *
 *     dgamma = D rest,   dbeta = S,   dx as in moments.h, whose averages are S gamma / n and D gamma / n
 */
void normnet__batch_norm_block_sums(const struct layer *layer, const struct block *block)
{
    const int64_t length = layer->norm.chain_length, plane = normnet__shape_map(layer->in, layer->lanes).channel_stride;
    const int32_t channels = layer->in.channels;
    const struct batch_norm *norm = &block->batch_norms[layer->batch_norm];
    const struct norm_coefficients *coefficients = forward_coefficients(layer, block);
    const float *x = normnet__input(layer, block), *dy = normnet__output(layer, block);
    double *sums = norm->sums + block->index * 2 * channels;
    const struct mask dropout = normnet__saved_fused_dropout(layer, block);

    for (int32_t c = 0; c < channels; ++c) {
        const int64_t at = c * plane * layer->lanes;
        double dy_sum[NORMNET__MAX_LANES], dyx_sum[NORMNET__MAX_LANES];
        _Alignas(64) float center[NORMNET__MAX_LANES], power[NORMNET__MAX_LANES];

        broadcast(center, coefficients[c].center);
        broadcast(power, coefficients[c].power);
        block->kernels->gradient_moments(x + at, dy + at, length, (struct standardization){center, power},
                                         normnet__mask_from(dropout, c * length), dy_sum, dyx_sum);
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

/* Adds this rank's part of dgamma and dbeta of one group from its sums over all ranks. */
static void add_parameter_gradients(const struct layer *layer, const struct batch_norm *norm, int64_t group,
                                    double *gradient)
{
    const int64_t first = group * layer->in.channels;

    for (int64_t channel = 0; channel < layer->weight.count; ++channel) {
        const int64_t i = first + channel;
        const double dy_sum = norm->totals[2 * channel];
        const double dyx_sum = norm->totals[2 * channel + 1] - normnet__center_error(norm->statistics[i]) * dy_sum;

        gradient[layer->weight.offset + channel] += dyx_sum * norm->statistics[i].rest / norm->ranks;
        gradient[layer->bias.offset + channel] += dy_sum / norm->ranks;
    }
}

/* The coefficients of dx of one group, from its sums over all ranks. */
static void set_backward_coefficients(const struct layer *layer, struct batch_norm *norm, int64_t group,
                                      const float *parameters)
{
    const int64_t first = group * layer->in.channels;

    for (int32_t channel = 0; channel < layer->in.channels; ++channel) {
        const int64_t i = first + channel;
        const double gamma = normnet__gamma(layer, parameters, channel), n = norm->count[i];
        const double dy_sum = norm->totals[2 * channel];
        const double dyx_sum = norm->totals[2 * channel + 1] - normnet__center_error(norm->statistics[i]) * dy_sum;

        norm->gradients[i] = normnet__norm_gradient_coefficients(norm->statistics[i], gamma, gamma * (dy_sum / n),
                                                                 gamma * (dyx_sum / n));
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
        if (reduction.reduce != NULL && !reduce(reduction, norm->totals, 2 * (int64_t)channels))
            return normnet__fail(NORMNET_EIO, "config.reduce failed in a batch norm's backward pass");
        add_parameter_gradients(layer, norm, group, gradient);
        set_backward_coefficients(layer, norm, group, parameters);
    }
    return NORMNET_OK;
}

void normnet__batch_norm_backward(const struct layer *layer, const struct block *block)
{
    const int64_t length = layer->norm.chain_length, plane = normnet__shape_map(layer->in, layer->lanes).channel_stride;
    const int32_t channels = layer->in.channels;
    const struct batch_norm *norm = &block->batch_norms[layer->batch_norm];
    const int64_t first = group_of(&norm->grouping, block->index) * channels;
    /* Needed, unlike in sample norms: c is not 0 in idle lanes. */
    const uint32_t valid = (1u << block->count) - 1u;
    const float *dy = normnet__output(layer, block);
    float *x = normnet__input(layer, block);
    const struct mask dropout = normnet__saved_fused_dropout(layer, block);

    for (int32_t channel = 0; channel < channels; ++channel) {
        const int64_t i = first + channel, at = channel * plane * layer->lanes;
        _Alignas(64) float center[NORMNET__MAX_LANES], power[NORMNET__MAX_LANES];
        _Alignas(64) float a[NORMNET__MAX_LANES], b[NORMNET__MAX_LANES], c[NORMNET__MAX_LANES];

        broadcast(center, norm->coefficients[i].center);
        broadcast(power, norm->coefficients[i].power);
        broadcast(a, norm->gradients[i].a);
        broadcast(b, norm->gradients[i].b);
        broadcast(c, norm->gradients[i].c);
        block->kernels->normalize_gradient(x + at, dy + at, length, (struct standardization){center, power},
                                           &(struct gradient_coefficients){a, b, c},
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
