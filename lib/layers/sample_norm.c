/* SPDX-License-Identifier: MIT */
#include "layers/norm.h"

#include "base/message.h"
#include "base/tree.h"
#include "layers/batch_norm.h"
#include "layers/dropout.h"
#include "layers/moments.h"

#include <stdio.h>
#include <string.h>

/* ---- From a token to the two sets --------------------------------------------------------------- */

static normnet_status resolve_affine(struct layer *layer, const struct token *token, int32_t wanted, bool per_channel,
                                     int64_t element_length)
{
    struct norm_spec *norm = &layer->norm;

    if (wanted == NORMNET_AFFINE_DEFAULT)
        wanted = per_channel ? NORMNET_AFFINE_CHANNEL : NORMNET_AFFINE_NONE;
    if (wanted == NORMNET_AFFINE_CHANNEL && !per_channel)
        return normnet__reject_token(NORMNET_EUNSUPPORTED, token, layer->in,
                                     "layer norm over one or two dimensions has no gamma and beta per channel");
    if (wanted == NORMNET_AFFINE_ELEMENT && element_length == 0)
        return normnet__reject_token(NORMNET_EUNSUPPORTED, token, layer->in,
                                     "gamma and beta per element go with layer norm only");
    norm->affine = wanted;
    norm->affine_length = wanted == NORMNET_AFFINE_CHANNEL   ? layer->in.channels
                          : wanted == NORMNET_AFFINE_ELEMENT ? element_length
                                                             : 0;
    layer->weight_count = layer->bias_count = norm->affine_length;
    layer->fusible = wanted == NORMNET_AFFINE_ELEMENT ? NULL : &normnet__dropout;
    return NORMNET_OK;
}

static normnet_status begin(struct layer *layer, const struct token *token, const normnet_config *config, bool plain)
{
    layer->out = layer->in;
    layer->eps = config->eps;
    if (plain && *token->rest != '\0')
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "expected nothing after the name");
    return NORMNET_OK;
}

static normnet_status resolve_batch(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const normnet_status status = begin(layer, token, config, true);

    if (status != NORMNET_OK)
        return status;
    layer->module = layer->in.flat ? "BatchNorm1d" : "BatchNorm2d";
    layer->norm = (struct norm_spec){
        .over_batch = true, .chains = layer->in.channels, .chain_length = (int64_t)layer->in.height * layer->in.width};
    layer->prepared_count = 3 * (int64_t)layer->in.channels;
    return resolve_affine(layer, token, config->affine, true, 0);
}

/* What norms within a sample have in common: their memory. */
static void set_run_requirements(struct layer *layer, int32_t runs, int32_t chains)
{
    /* Doubles count as two floats. Forward and backward: two rows of 16 doubles per chain. */
    layer->norm.runs = runs;
    layer->norm.chains = chains;
    layer->norm.chain_length = normnet__shape_size(layer->in) / chains;
    layer->scratch_groups = 4 * (int64_t)chains;
    layer->saved_bytes = (int64_t)runs * 2 * NORMNET__LANES * (int64_t)sizeof(double);
}

static normnet_status resolve_groups(struct layer *layer, const struct token *token, const normnet_config *config,
                                     int32_t groups)
{
    char reason[64];

    if (groups < 1 || layer->in.channels % groups != 0) {
        snprintf(reason, sizeof reason, "%d channels cannot be divided into %d groups", layer->in.channels, groups);
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, reason);
    }
    layer->module = "GroupNorm";
    set_run_requirements(layer, groups, layer->in.channels);
    return resolve_affine(layer, token, config->affine, true, 0);
}

/* groupnorm<g>; groupnorm alone and `norm` take config.groups, where 0 is one group per four channels. */
static normnet_status resolve_group(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const char *rest = token->rest;
    int32_t groups = config->groups;
    const normnet_status status = begin(layer, token, config, false);

    if (status != NORMNET_OK)
        return status;
    if (*rest != '\0' && (!normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &groups) || *rest != '\0'))
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "expected groupnorm<groups>, 1 to 65536");
    if (token->rest[0] == '\0' && groups == 0) {
        if (layer->in.channels % 4 != 0)
            return normnet__reject_token(NORMNET_EARCH, token, layer->in,
                                         "one group per four channels (groups = 0) does not divide the channels");
        groups = layer->in.channels / 4;
    }
    return resolve_groups(layer, token, config, groups);
}

static normnet_status resolve_instance(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const normnet_status status = begin(layer, token, config, true);

    if (status != NORMNET_OK)
        return status;
    if (layer->in.flat)
        return normnet__reject_token(NORMNET_EUNSUPPORTED, token, layer->in,
                                     "instance norm of features has a single value per statistic");
    return resolve_groups(layer, token, config, layer->in.channels);
}

static normnet_status resolve_layer(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const struct shape in = layer->in;
    const int32_t dims = in.flat ? 3 : config->layer_dims;
    const normnet_status status = begin(layer, token, config, true);

    if (status != NORMNET_OK)
        return status;
    if (dims == 1) {
        const int64_t rows = (int64_t)in.channels * in.height;

        if (rows > INT32_MAX)
            return normnet__reject_token(NORMNET_ELIMIT, token, in, "more than 2^31 - 1 rows");
        set_run_requirements(layer, (int32_t)rows, (int32_t)rows);
    } else {
        set_run_requirements(layer, dims == 2 ? in.channels : 1, in.channels);
    }
    layer->norm.dims = dims;
    /* One gamma per channel over all of a sample is what PyTorch calls GroupNorm(1, C). */
    layer->module = dims == 3 && !in.flat && config->affine != NORMNET_AFFINE_ELEMENT ? "GroupNorm" : "LayerNorm";
    return resolve_affine(layer, token, config->affine, dims == 3,
                          dims == 1   ? in.width
                          : dims == 2 ? (int64_t)in.height * in.width
                                      : normnet__shape_size(in));
}

/* ---- Statistics within a sample ------------------------------------------------------------------ */

/* Per run and lane: the mean and invstd. Kept for backward, in double. */
struct run_statistics {
    double mean[NORMNET__LANES], invstd[NORMNET__LANES];
};

/* Where a chain begins, in floats: a channel, or a row of one. */
static int64_t chain_begin(const struct layer *layer, int64_t chain)
{
    const int64_t plane = normnet__shape_map(layer->in).channel_stride;
    const int64_t per_channel = layer->norm.chains / layer->in.channels;

    return (chain / per_channel * plane + chain % per_channel * layer->norm.chain_length) * NORMNET__LANES;
}

/* Which gammas chain number `chain` begins at; per element they repeat from run to run of one or two dimensions. */
static int64_t affine_index(const struct norm_spec *norm, int64_t chain)
{
    return norm->affine == NORMNET_AFFINE_ELEMENT ? chain * norm->chain_length % norm->affine_length : chain;
}

/* gamma and beta of a chain; where they are per element, 1 and 0. */
static double chain_gamma(const struct layer *layer, const struct block *block, int64_t chain)
{
    return layer->norm.affine == NORMNET_AFFINE_CHANNEL ? (double)block->parameters[layer->weight + chain] : 1.0;
}

static double chain_beta(const struct layer *layer, const struct block *block, int64_t chain)
{
    return layer->norm.affine == NORMNET_AFFINE_CHANNEL ? (double)block->parameters[layer->bias + chain] : 0.0;
}

/* y = fma(x - center, scale, shift) of one chain; for per-element affine this is the normal form, without it. */
static void coefficients(const struct layer *layer, const struct block *block, int64_t chain,
                         const struct run_statistics *run, float *center, float *scale, float *shift)
{
    const double gamma = chain_gamma(layer, block, chain), beta = chain_beta(layer, block, chain);

    for (int lane = 0; lane < NORMNET__LANES; ++lane) {
        const struct norm_coefficients form =
            normnet__norm_coefficients(run->mean[lane], run->invstd[lane], gamma, beta);

        center[lane] = form.center;
        scale[lane] = form.scale;
        shift[lane] = form.shift;
    }
}

static void forward(const struct layer *layer, const struct block *block)
{
    const struct norm_spec *norm = &layer->norm;
    const int64_t length = norm->chain_length, per_run = norm->chains / norm->runs;
    const float *x = normnet__input(layer, block);
    float *y = normnet__output(layer, block);
    struct run_statistics *statistics = normnet__saved(layer, block);
    const struct mask mask = normnet__fused_dropout(layer, block, true);
    double *mean = (double *)(void *)block->scratch, *m2 = mean + per_run * NORMNET__LANES;

    for (int64_t run = 0; run < norm->runs; ++run) {
        struct run_statistics *of_run = &statistics[run];

        for (int64_t i = 0; i < per_run; ++i)
            block->kernels->moments(x + chain_begin(layer, run * per_run + i), length, mean + i * NORMNET__LANES,
                                    m2 + i * NORMNET__LANES);
        normnet__combine_lane_moments(mean, m2, per_run, length);
        for (int lane = 0; lane < NORMNET__LANES; ++lane) {
            of_run->mean[lane] = mean[lane];
            of_run->invstd[lane] = normnet__inverse_deviation(m2[lane] / (double)(per_run * length), layer->eps);
        }
        for (int64_t i = 0; i < per_run; ++i) {
            const int64_t chain = run * per_run + i, at = chain_begin(layer, chain);
            _Alignas(64) float center[NORMNET__LANES], scale[NORMNET__LANES], shift[NORMNET__LANES];

            coefficients(layer, block, chain, of_run, center, scale, shift);
            block->kernels->normalize(x + at, length, center, scale, shift, normnet__mask_from(mask, chain * length),
                                      y + at);
            if (norm->affine == NORMNET_AFFINE_ELEMENT)
                block->kernels->scale_elements(y + at, length,
                                               block->parameters + layer->weight + affine_index(norm, chain),
                                               block->parameters + layer->bias + affine_index(norm, chain));
        }
    }
}

/* ---- A single image: the lanes are channels ------------------------------------------------------- */

/* Sixteen channels, and one chain of each: all of their plane, or row `row` of it. */
struct channel_chains {
    int32_t first, count; /* channels */
    int64_t row, at;      /* floats from the beginning of the map */
};

static struct channel_chains channel_chains(const struct layer *layer, const struct block *block, int32_t first,
                                            int64_t row)
{
    const int64_t plane = normnet__channel_at(normnet__input_map(layer, block), first);
    const int32_t left = layer->in.channels - first;

    return (struct channel_chains){first, left < NORMNET__LANES ? left : NORMNET__LANES, row,
                                   plane + row * layer->norm.chain_length * NORMNET__LANES};
}

/* The moments of every chain, [chain], joined into the first of each run. */
static void observe_single(const struct layer *layer, const struct block *block, struct moments *moments)
{
    const struct norm_spec *norm = &layer->norm;
    const int64_t rows = norm->chains / layer->in.channels, per_run = norm->chains / norm->runs;
    const float *x = normnet__input(layer, block);

    for (int32_t c = 0; c < layer->in.channels; c += NORMNET__LANES)
        for (int64_t row = 0; row < rows; ++row) {
            const struct channel_chains chains = channel_chains(layer, block, c, row);
            double mean[NORMNET__LANES], m2[NORMNET__LANES];

            block->kernels->moments(x + chains.at, norm->chain_length, mean, m2);
            for (int32_t lane = 0; lane < chains.count; ++lane)
                moments[(c + lane) * rows + row] = (struct moments){(double)norm->chain_length, mean[lane], m2[lane]};
        }
    for (int64_t run = 0; run < norm->runs; ++run)
        normnet__combine_moments(moments + run * per_run, per_run, 1);
}

/* y = fma(y, gamma, beta) per element, for one chain of each of 16 channels. */
static void scale_single(const struct layer *layer, const struct block *block, struct channel_chains chains, float *y)
{
    const int64_t rows = layer->norm.chains / layer->in.channels;

    for (int64_t i = 0; i < layer->norm.chain_length; ++i) {
        _Alignas(64) float zero[NORMNET__LANES] = {0}, gamma[NORMNET__LANES] = {0}, beta[NORMNET__LANES] = {0};

        for (int32_t lane = 0; lane < chains.count; ++lane) {
            const int64_t element = affine_index(&layer->norm, (chains.first + lane) * rows + chains.row) + i;

            gamma[lane] = block->parameters[layer->weight + element];
            beta[lane] = block->parameters[layer->bias + element];
        }
        block->kernels->normalize(y + i * NORMNET__LANES, 1, zero, gamma, beta, (struct mask){NULL, 1.0f},
                                  y + i * NORMNET__LANES);
    }
}

static void normalize_single(const struct layer *layer, const struct block *block, struct channel_chains chains,
                             const struct moments *moments)
{
    const struct norm_spec *norm = &layer->norm;
    const int64_t rows = norm->chains / layer->in.channels, per_run = norm->chains / norm->runs;
    _Alignas(64) float center[NORMNET__LANES] = {0}, scale[NORMNET__LANES] = {0}, shift[NORMNET__LANES] = {0};
    float *y = normnet__output(layer, block) + chains.at;

    for (int32_t lane = 0; lane < chains.count; ++lane) {
        const int64_t chain = (chains.first + lane) * rows + chains.row;
        const struct moments *run = &moments[chain / per_run * per_run];
        const struct norm_coefficients form =
            normnet__norm_coefficients(run->mean, normnet__inverse_deviation(run->m2 / run->count, layer->eps),
                                       chain_gamma(layer, block, chain), chain_beta(layer, block, chain));

        center[lane] = form.center;
        scale[lane] = form.scale;
        shift[lane] = form.shift;
    }
    block->kernels->normalize(normnet__input(layer, block) + chains.at, norm->chain_length, center, scale, shift,
                              (struct mask){NULL, 1.0f}, y);
    if (norm->affine == NORMNET_AFFINE_ELEMENT)
        scale_single(layer, block, chains, y);
}

static void forward_single(const struct layer *layer, const struct block *block)
{
    const int64_t rows = layer->norm.chains / layer->in.channels;
    struct moments *moments = (struct moments *)(void *)block->scratch;

    observe_single(layer, block, moments);
    for (int32_t c = 0; c < layer->in.channels; c += NORMNET__LANES)
        for (int64_t row = 0; row < rows; ++row)
            normalize_single(layer, block, channel_chains(layer, block, c, row), moments);
}

/* ---- Backward within a sample ------------------------------------------------------------------- */

/*
 * With q = dy gamma, xh = (x - mean) invstd and averages over the run:
 *
 *     dx = invstd (q - avg(q) - xh avg(q xh)),   dgamma = sum of dy xh,   dbeta = sum of dy
 *
 * The sums are taken of dy and dy (x - m), m the mean rounded to float; mean - m is put right afterwards.
 */

/*
 * dgamma and dbeta per element: within a lane over the chains that share it (rows or channels of layer norm over
 * one or two dimensions), then over the lanes.
 */
static void element_gradients(const struct layer *layer, const struct block *block, const float *dy)
{
    const struct norm_spec *norm = &layer->norm;
    const int64_t length = norm->chain_length, per_run = norm->chains / norm->runs;
    const int64_t positions = norm->affine_length / length, sharing = norm->chains / positions;
    const struct run_statistics *statistics = normnet__saved(layer, block);
    const float *x = normnet__input(layer, block);

    int64_t *offsets = (int64_t *)(void *)(block->scratch + sharing * 3 * NORMNET__LANES);

    for (int64_t position = 0; position < positions; ++position) {
        const int64_t element = position * length;

        for (int64_t i = 0; i < sharing; ++i) {
            const int64_t chain = i * positions + position;
            float *center = block->scratch + i * 3 * NORMNET__LANES;

            coefficients(layer, block, chain, &statistics[chain / per_run], center, center + NORMNET__LANES,
                         center + 2 * NORMNET__LANES);
            offsets[i] = chain_begin(layer, chain) / NORMNET__LANES;
        }
        block->kernels->element_gradient(x, dy, length, sharing, offsets, block->scratch,
                                         block->gradient + layer->bias + element,
                                         block->gradient + layer->weight + element);
    }
}

/* dgamma and dbeta of one channel from its sums per lane. */
static void channel_gradient(const struct layer *layer, const struct block *block, int64_t channel,
                             const struct run_statistics *run, const double *sum_dy, const double *sum_dyx)
{
    double dgamma[NORMNET__LANES];

    for (int lane = 0; lane < NORMNET__LANES; ++lane) {
        const double residue = run->mean[lane] - (double)(float)run->mean[lane];
        dgamma[lane] = (sum_dyx[lane] - residue * sum_dy[lane]) * run->invstd[lane];
    }
    block->gradient[layer->weight + channel] = normnet__tree_sum(dgamma, NORMNET__LANES, 1) + 0.0;
    block->gradient[layer->bias + channel] = normnet__tree_sum(sum_dy, NORMNET__LANES, 1) + 0.0;
}

/*
 * dx = fma(a, dy, fma(b, x - m, c)), gamma included in a:
 *
 *     a = invstd gamma,  b = -invstd^3 avg(q (x - mean)),  c = -invstd avg(q) - b (mean - m)
 */
static void gradient_coefficients(double gamma, int64_t count, const struct run_statistics *run, const double *sum_q,
                                  const double *sum_qx, float *center, float *a, float *b, float *c)
{
    for (int lane = 0; lane < NORMNET__LANES; ++lane) {
        const double invstd = run->invstd[lane];
        const double residue = run->mean[lane] - (double)(float)run->mean[lane];
        const double average = sum_q[lane] / (double)count;
        const double slope = -invstd * invstd * invstd * ((sum_qx[lane] - residue * sum_q[lane]) / (double)count);

        center[lane] = (float)run->mean[lane];
        a[lane] = (float)(invstd * gamma);
        b[lane] = (float)slope;
        c[lane] = (float)(-invstd * average - slope * residue);
    }
}

static void backward(const struct layer *layer, const struct block *block)
{
    const struct norm_spec *norm = &layer->norm;
    const bool per_channel = norm->affine == NORMNET_AFFINE_CHANNEL;
    const bool per_element = norm->affine == NORMNET_AFFINE_ELEMENT;
    const int64_t length = norm->chain_length, per_run = norm->chains / norm->runs;
    const struct run_statistics *statistics = normnet__saved(layer, block);
    float *x = normnet__input(layer, block), *q = normnet__output(layer, block); /* dy at first */
    const struct mask mask = normnet__fused_dropout(layer, block, false);
    double *sum_q = (double *)(void *)block->scratch, *sum_qx = sum_q + per_run * NORMNET__LANES;

    if (per_element)
        element_gradients(layer, block, q);
    if (per_element && layer->needs_dx)
        for (int64_t chain = 0; chain < norm->chains; ++chain)
            block->kernels->multiply_elements(q + chain_begin(layer, chain), length,
                                              block->parameters + layer->weight + affine_index(norm, chain));
    if (!layer->needs_dx && !per_channel)
        return;
    for (int64_t run = 0; run < norm->runs; ++run) {
        _Alignas(64) float center[NORMNET__LANES], a[NORMNET__LANES], b[NORMNET__LANES], c[NORMNET__LANES];

        for (int lane = 0; lane < NORMNET__LANES; ++lane)
            center[lane] = (float)statistics[run].mean[lane];
        for (int64_t i = 0; i < per_run; ++i) {
            const int64_t chain = run * per_run + i, at = chain_begin(layer, chain);
            double *of_dy = sum_q + i * NORMNET__LANES, *of_dyx = sum_qx + i * NORMNET__LANES;

            block->kernels->gradient_moments(x + at, q + at, length, center, normnet__mask_from(mask, chain * length),
                                             of_dy, of_dyx);
            if (!per_channel)
                continue;
            channel_gradient(layer, block, chain, &statistics[run], of_dy, of_dyx);
            for (int lane = 0; lane < NORMNET__LANES; ++lane) {
                of_dy[lane] *= (double)block->parameters[layer->weight + chain];
                of_dyx[lane] *= (double)block->parameters[layer->weight + chain];
            }
        }
        if (!layer->needs_dx)
            continue;
        /* One value is its own mean: the output is beta, whatever the input. Computed, a rounding error times invstd.
         */
        if (per_run * length == 1) {
            memset(x + chain_begin(layer, run), 0, NORMNET__LANES * sizeof *x);
            continue;
        }
        normnet__add_lane_sums(sum_q, per_run);
        normnet__add_lane_sums(sum_qx, per_run);
        for (int64_t i = 0; i < per_run; ++i) {
            const int64_t chain = run * per_run + i, at = chain_begin(layer, chain);
            const double gamma = per_channel ? (double)block->parameters[layer->weight + chain] : 1.0;

            gradient_coefficients(gamma, per_run * length, &statistics[run], sum_q, sum_qx, center, a, b, c);
            /* Every lane is a sample of its own; unused ones bring dy = 0 and so get dx = 0. */
            block->kernels->normalize_gradient(x + at, q + at, length, &(struct gradient_coefficients){center, a, b, c},
                                               normnet__mask_from(mask, chain * length), 0xFFFFu, layer->relu_mask);
        }
    }
}

/* ---- The types ----------------------------------------------------------------------------------- */

/* Runs within a sample, or the part of batch norm that a block can do on its own. */
static void forward_any(const struct layer *layer, const struct block *block)
{
    if (layer->norm.over_batch)
        normnet__batch_norm_forward(layer, block);
    else if (block->layout == NORMNET__LAYOUT_SINGLE)
        forward_single(layer, block);
    else
        forward(layer, block);
}

static void backward_any(const struct layer *layer, const struct block *block)
{
    if (layer->norm.over_batch)
        normnet__batch_norm_backward(layer, block);
    else
        backward(layer, block);
}

/* `norm`: whatever the configuration names. */
static normnet_status resolve_norm(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const normnet_status status = begin(layer, token, config, true);

    if (status != NORMNET_OK)
        return status;
    switch (config->norm) {
    case NORMNET_NORM_BATCH:
        return resolve_batch(layer, token, config);
    case NORMNET_NORM_GROUP:
        return resolve_group(layer, token, config);
    case NORMNET_NORM_LAYER:
        return resolve_layer(layer, token, config);
    case NORMNET_NORM_INSTANCE:
        return resolve_instance(layer, token, config);
    default:
        layer->module = "Identity";
        layer->identity = true;
        return NORMNET_OK;
    }
}

const struct layer_type normnet__norm_of_config = {
    .word = "norm",
    .in_place_in_evaluation = true,
    .resolve = resolve_norm,
    .forward = forward_any,
    .backward = backward_any,
    .prepare = normnet__batch_norm_prepare,
};

const struct layer_type normnet__batchnorm = {
    .word = "batchnorm",
    .in_place_in_evaluation = true,
    .resolve = resolve_batch,
    .forward = forward_any,
    .backward = backward_any,
    .prepare = normnet__batch_norm_prepare,
};

const struct layer_type normnet__groupnorm = {
    .word = "groupnorm",
    .in_place_in_evaluation = true,
    .resolve = resolve_group,
    .forward = forward_any,
    .backward = backward_any,
    .prepare = normnet__batch_norm_prepare,
};

const struct layer_type normnet__layernorm = {
    .word = "layernorm",
    .in_place_in_evaluation = true,
    .resolve = resolve_layer,
    .forward = forward_any,
    .backward = backward_any,
    .prepare = normnet__batch_norm_prepare,
};

const struct layer_type normnet__instancenorm = {
    .word = "instancenorm",
    .in_place_in_evaluation = true,
    .resolve = resolve_instance,
    .forward = forward_any,
    .backward = backward_any,
    .prepare = normnet__batch_norm_prepare,
};
