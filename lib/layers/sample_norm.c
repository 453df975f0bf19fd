/* SPDX-License-Identifier: MIT */
#include "layers/sample_norm.h"

#include "base/tree.h"
#include "layers/dropout.h"
#include "layers/moments.h"

#include <string.h>

/* Statistics of one run, per lane; forward saves them for backward. */
struct run_statistics {
    struct norm_statistics lanes[NORMNET__MAX_LANES];
};

void normnet__set_runs(struct layer *layer, int32_t runs, int32_t chains)
{
    layer->norm.runs = runs;
    layer->norm.chains = chains;
    layer->norm.chain_length = normnet__shape_size(layer->in) / chains;
    /*
     * Per chain the largest of: two rows of doubles (4 groups); struct chain_coefficients and an offset (another
     * group); one struct moments.
     */
    layer->scratch_groups = (4 * NORMNET__MAX_LANES / layer->lanes + 1) * (int64_t)chains;
    layer->saved_bytes = runs * (int64_t)sizeof(struct run_statistics);
}

static int64_t chains_per_run(const struct layer *layer)
{
    return layer->norm.chains / layer->norm.runs;
}

/* 1; for layer norm over the width, the number of rows. */
static int64_t chains_per_channel(const struct layer *layer)
{
    return layer->norm.chains / layer->in.channels;
}

/* Where a chain begins, in floats. */
static int64_t chain_begin(const struct layer *layer, int64_t chain)
{
    const int64_t plane = normnet__shape_map(layer->in, layer->lanes).channel_stride,
                  per_channel = chains_per_channel(layer);

    return (chain / per_channel * plane + chain % per_channel * layer->norm.chain_length) * layer->lanes;
}

/*
 * For affine per element: the index of a chain's first gamma. In layer norm over one or two dimensions, all runs share
 * the same gammas.
 */
static int64_t chain_element(const struct layer *layer, int64_t chain)
{
    return chain * layer->norm.chain_length % layer->weight.count;
}

/*
 * gamma and beta of a chain, which is a channel if affine is per channel; else 1 and 0: per element, they are applied
 * in a separate pass.
 */
static double chain_gamma(const struct layer *layer, const struct block *block, int64_t chain)
{
    return layer->norm.affine == NORMNET_AFFINE_CHANNEL ? normnet__gamma(layer, block->parameters, chain) : 1.0;
}

static double chain_beta(const struct layer *layer, const struct block *block, int64_t chain)
{
    return layer->norm.affine == NORMNET_AFFINE_CHANNEL ? normnet__beta(layer, block->parameters, chain) : 0.0;
}

/* ---- Forward --------------------------------------------------------------------------------------- */

/* Of one chain: y = fma((x - center) * power, scale, shift), a group each. */
struct chain_coefficients {
    _Alignas(64) float center[NORMNET__MAX_LANES], power[NORMNET__MAX_LANES], scale[NORMNET__MAX_LANES],
        shift[NORMNET__MAX_LANES];
};

static void set_lane(struct chain_coefficients *chain, int lane, struct norm_coefficients coefficients)
{
    chain->center[lane] = coefficients.center;
    chain->power[lane] = coefficients.power;
    chain->scale[lane] = coefficients.scale;
    chain->shift[lane] = coefficients.shift;
}

static void set_chain_coefficients(const struct layer *layer, const struct block *block, int64_t chain,
                                   const struct run_statistics *run, struct chain_coefficients *chain_coefficients)
{
    const double gamma = chain_gamma(layer, block, chain), beta = chain_beta(layer, block, chain);

    for (int lane = 0; lane < layer->lanes; ++lane)
        set_lane(chain_coefficients, lane, normnet__norm_coefficients(run->lanes[lane], gamma, beta));
}

/* For RMS norm the mean is 0 and the variance is taken about 0. */
static struct norm_statistics find_lane_statistics(const struct layer *layer, double mean, double variance)
{
    return layer->norm.rms ? normnet__norm_statistics(0.0, variance + mean * mean, layer->eps)
                           : normnet__norm_statistics(mean, variance, layer->eps);
}

static void find_statistics(const struct layer *layer, const struct block *block, int64_t run,
                            struct run_statistics *statistics)
{
    const int64_t length = layer->norm.chain_length, per_run = chains_per_run(layer);
    const float *x = normnet__input(layer, block);
    double *mean = (double *)(void *)block->scratch, *m2 = mean + per_run * layer->lanes;

    for (int64_t i = 0; i < per_run; ++i)
        block->kernels->moments(x + chain_begin(layer, run * per_run + i), length, layer->lanes,
                                mean + i * layer->lanes, m2 + i * layer->lanes);
    normnet__combine_lane_moments(mean, m2, per_run, length, layer->lanes);
    for (int lane = 0; lane < layer->lanes; ++lane)
        statistics->lanes[lane] = find_lane_statistics(layer, mean[lane], m2[lane] / (double)(per_run * length));
}

static void normalize_chain(const struct layer *layer, const struct block *block, int64_t chain,
                            const struct run_statistics *run, struct mask dropout)
{
    const int64_t length = layer->norm.chain_length, at = chain_begin(layer, chain);
    float *y = normnet__output(layer, block) + at;
    struct chain_coefficients own;

    set_chain_coefficients(layer, block, chain, run, &own);
    block->kernels->normalize(normnet__input(layer, block) + at, length,
                              (struct standardization){own.center, own.power}, own.scale, own.shift,
                              normnet__mask_from(dropout, chain * length), y);
    if (layer->norm.affine == NORMNET_AFFINE_ELEMENT) {
        const float *gamma = block->parameters + layer->weight.offset + chain_element(layer, chain);
        const float *beta = block->parameters + layer->bias.offset + chain_element(layer, chain);

        if (layer->bias.count > 0)
            block->kernels->affine_elements(y, length, gamma, beta);
        else
            block->kernels->multiply_elements(y, length, gamma);
    }
}

static void forward_samples(const struct layer *layer, const struct block *block)
{
    struct run_statistics *statistics = normnet__saved(layer, block);
    const struct mask dropout = normnet__draw_fused_dropout(layer, block);
    const int64_t per_run = chains_per_run(layer);

    for (int64_t run = 0; run < layer->norm.runs; ++run) {
        find_statistics(layer, block, run, &statistics[run]);
        for (int64_t i = 0; i < per_run; ++i)
            normalize_chain(layer, block, run * per_run + i, &statistics[run], dropout);
    }
}

/* ---- Forward of a single image: the lanes are channels ---------------------------------------------- */

/* One chain of each of several channels, one per lane: all of their plane, or a row of it. */
struct channel_chains {
    int32_t first, count; /* channels */
    int64_t row;          /* of the plane, if each row is a chain; else 0 */
    int64_t at;           /* where the chains begin, in floats from the beginning of the map */
};

static struct channel_chains locate_channel_chains(const struct layer *layer, const struct block *block, int32_t first,
                                                   int64_t row)
{
    const int64_t plane = normnet__channel_at(normnet__input_map(layer, block), first);
    const int32_t left = layer->in.channels - first;

    return (struct channel_chains){first, left < layer->lanes ? left : layer->lanes, row,
                                   plane + row * layer->norm.chain_length * layer->lanes};
}

/* The moments of every chain, [chain], combined into the first of each run. */
static void find_single_moments(const struct layer *layer, const struct block *block, struct moments *moments)
{
    const int64_t length = layer->norm.chain_length, rows = chains_per_channel(layer);
    const int64_t per_run = chains_per_run(layer);
    const float *x = normnet__input(layer, block);

    for (int32_t c = 0; c < layer->in.channels; c += layer->lanes)
        for (int64_t row = 0; row < rows; ++row) {
            const struct channel_chains chains = locate_channel_chains(layer, block, c, row);
            double mean[NORMNET__MAX_LANES], m2[NORMNET__MAX_LANES];

            block->kernels->moments(x + chains.at, length, chains.count, mean, m2);
            for (int32_t lane = 0; lane < chains.count; ++lane)
                moments[(c + lane) * rows + row] = (struct moments){(double)length, mean[lane], m2[lane]};
        }
    for (int64_t run = 0; run < layer->norm.runs; ++run)
        normnet__combine_moments(moments + run * per_run, per_run);
}

/*
 * y = fma(y, gamma, beta) per element, with `normalize`, whose center is 0. Without a beta it is fma(y, gamma, -0),
 * which is y gamma whatever the signs of zeros.
 */
static void scale_single(const struct layer *layer, const struct block *block, struct channel_chains chains, float *y)
{
    const int64_t rows = chains_per_channel(layer);

    for (int64_t i = 0; i < layer->norm.chain_length; ++i) {
        struct chain_coefficients own = {{0}, {0}, {0}, {0}};

        for (int32_t lane = 0; lane < chains.count; ++lane) {
            const int64_t element = chain_element(layer, (chains.first + lane) * rows + chains.row) + i;

            own.power[lane] = 1.0f;
            own.scale[lane] = block->parameters[layer->weight.offset + element];
            own.shift[lane] = layer->bias.count > 0 ? block->parameters[layer->bias.offset + element] : -0.0f;
        }
        block->kernels->normalize(y + i * layer->lanes, 1, (struct standardization){own.center, own.power}, own.scale,
                                  own.shift, (struct mask){NULL, 1.0f}, y + i * layer->lanes);
    }
}

static void normalize_single(const struct layer *layer, const struct block *block, struct channel_chains chains,
                             const struct moments *moments)
{
    const int64_t rows = chains_per_channel(layer), per_run = chains_per_run(layer);
    struct chain_coefficients own = {{0}, {0}, {0}, {0}};
    float *y = normnet__output(layer, block) + chains.at;

    for (int32_t lane = 0; lane < chains.count; ++lane) {
        const int64_t chain = (chains.first + lane) * rows + chains.row;
        const struct moments *run = &moments[chain / per_run * per_run];

        set_lane(&own, lane,
                 normnet__norm_coefficients(find_lane_statistics(layer, run->mean, run->m2 / run->count),
                                            chain_gamma(layer, block, chain), chain_beta(layer, block, chain)));
    }
    block->kernels->normalize(normnet__input(layer, block) + chains.at, layer->norm.chain_length,
                              (struct standardization){own.center, own.power}, own.scale, own.shift,
                              (struct mask){NULL, 1.0f}, y);
    if (layer->norm.affine == NORMNET_AFFINE_ELEMENT)
        scale_single(layer, block, chains, y);
}

static void forward_single(const struct layer *layer, const struct block *block)
{
    struct moments *moments = (struct moments *)(void *)block->scratch;

    find_single_moments(layer, block, moments);
    for (int32_t c = 0; c < layer->in.channels; c += layer->lanes)
        for (int64_t row = 0; row < chains_per_channel(layer); ++row)
            normalize_single(layer, block, locate_channel_chains(layer, block, c, row), moments);
}

void normnet__sample_norm_forward(const struct layer *layer, const struct block *block)
{
    if (block->layout == NORMNET__LAYOUT_SINGLE)
        forward_single(layer, block);
    else
        forward_samples(layer, block);
}

/* ---- Backward --------------------------------------------------------------------------------------- */

/*
 * With xhat = (x - mean) invstd:   dgamma = sum of dy xhat,   dbeta = sum of dy,   dx as in moments.h
 *
 * The sums are taken of dy and dy (x - m) power, m the mean rounded to float, and corrected by mean - m afterwards. RMS
 * norm has mean 0, which does not depend on x, and so no avg(q).
 */

/*
 * dgamma and dbeta per element: within a lane over the chains that share it (rows or channels of layer norm over one or
 * two dimensions), then over the lanes.
 */
static void element_gradients(const struct layer *layer, const struct block *block, const float *dy)
{
    const int64_t length = layer->norm.chain_length, per_run = chains_per_run(layer);
    const int64_t positions = layer->weight.count / length, chains_per_position = layer->norm.chains / positions;
    const struct run_statistics *statistics = normnet__saved(layer, block);
    struct chain_coefficients *coefficients = (struct chain_coefficients *)(void *)block->scratch;
    int64_t *offsets = (int64_t *)(void *)(coefficients + chains_per_position);

    for (int64_t position = 0; position < positions; ++position) {
        const int64_t element = position * length;

        for (int64_t i = 0; i < chains_per_position; ++i) {
            const int64_t chain = i * positions + position;

            set_chain_coefficients(layer, block, chain, &statistics[chain / per_run], &coefficients[i]);
            offsets[i] = chain_begin(layer, chain) / layer->lanes;
        }
        block->kernels->affine_gradient(normnet__input(layer, block), dy, length, chains_per_position, offsets,
                                        block->scratch,
                                        layer->bias.count > 0 ? block->gradient + layer->bias.sum + element : NULL,
                                        block->gradient + layer->weight.sum + element);
    }
}

/* q = dy gamma, in place. */
static void multiply_by_gamma(const struct layer *layer, const struct block *block, float *dy)
{
    const float *gamma = block->parameters + layer->weight.offset;

    for (int64_t chain = 0; chain < layer->norm.chains; ++chain)
        block->kernels->multiply_elements(dy + chain_begin(layer, chain), layer->norm.chain_length,
                                          gamma + chain_element(layer, chain));
}

/*
 * dgamma and dbeta of one channel from its sums per lane. + 0.0 turns -0 into 0, so that the signs of the zeros in idle
 * lanes cannot show in a zero sum. A sum of dy is never -0: it starts at 0, and nothing is multiplied.
 */
static void channel_gradient(const struct layer *layer, const struct block *block, int64_t channel,
                             const struct run_statistics *run, const double *sum_dy, const double *sum_dyx)
{
    double dgamma[NORMNET__MAX_LANES];

    for (int lane = 0; lane < layer->lanes; ++lane)
        dgamma[lane] = (sum_dyx[lane] - normnet__center_error(run->lanes[lane]) * sum_dy[lane]) * run->lanes[lane].rest;
    block->gradient[layer->weight.sum + channel] = normnet__tree_sum(dgamma, layer->lanes, 1) + 0.0;
    if (layer->bias.count > 0)
        block->gradient[layer->bias.sum + channel] = normnet__tree_sum(sum_dy, layer->lanes, 1);
}

/* The mean and the power of each lane, as the kernels take them. */
static void load_standardization(const struct layer *layer, const struct run_statistics *run, float *center,
                                 float *power)
{
    for (int lane = 0; lane < layer->lanes; ++lane) {
        center[lane] = (float)run->lanes[lane].mean;
        power[lane] = (float)run->lanes[lane].power;
    }
}

/*
 * Sums of q and q (x - m) power of each chain of a run, [chain][lanes]. With affine per channel this is where dgamma
 * and dbeta come from; per element, dy is q already.
 */
static void sum_run(const struct layer *layer, const struct block *block, int64_t run, struct mask dropout,
                    double *sum_q, double *sum_qx)
{
    const int64_t length = layer->norm.chain_length, per_run = chains_per_run(layer);
    const struct run_statistics *statistics = (const struct run_statistics *)normnet__saved(layer, block) + run;
    const float *x = normnet__input(layer, block), *dy = normnet__output(layer, block);
    _Alignas(64) float center[NORMNET__MAX_LANES], power[NORMNET__MAX_LANES];

    load_standardization(layer, statistics, center, power);
    for (int64_t i = 0; i < per_run; ++i) {
        const int64_t chain = run * per_run + i, at = chain_begin(layer, chain);
        double *dy_sum = sum_q + i * layer->lanes, *dyx_sum = sum_qx + i * layer->lanes;
        double gamma;

        block->kernels->gradient_moments(x + at, dy + at, length, (struct standardization){center, power},
                                         normnet__mask_from(dropout, chain * length), dy_sum, dyx_sum);
        if (layer->norm.affine != NORMNET_AFFINE_CHANNEL)
            continue;
        channel_gradient(layer, block, chain, statistics, dy_sum, dyx_sum);
        gamma = chain_gamma(layer, block, chain);
        for (int lane = 0; lane < layer->lanes; ++lane) {
            dy_sum[lane] *= gamma;
            dyx_sum[lane] *= gamma;
        }
    }
}

/* The coefficients of dx, a group each; gamma is in a. */
static void set_gradient_coefficients(const struct layer *layer, double gamma, int64_t count,
                                      const struct run_statistics *run, const double *sum_q, const double *sum_qx,
                                      float *a, float *b, float *c)
{
    for (int lane = 0; lane < layer->lanes; ++lane) {
        const struct norm_statistics *own = &run->lanes[lane];
        const double sum_qd = sum_qx[lane] - normnet__center_error(*own) * sum_q[lane];
        const struct norm_gradient_coefficients coefficients = normnet__norm_gradient_coefficients(
            *own, gamma, layer->norm.rms ? 0.0 : sum_q[lane] / (double)count, sum_qd / (double)count);

        a[lane] = coefficients.a;
        b[lane] = coefficients.b;
        c[lane] = coefficients.c;
    }
}

/* dx of one run from the sums of its chains. */
static void run_input_gradient(const struct layer *layer, const struct block *block, int64_t run, struct mask dropout,
                               double *sum_q, double *sum_qx)
{
    const int64_t length = layer->norm.chain_length, per_run = chains_per_run(layer);
    const struct run_statistics *statistics = (const struct run_statistics *)normnet__saved(layer, block) + run;
    float *x = normnet__input(layer, block);
    const float *dy = normnet__output(layer, block);
    _Alignas(64) float center[NORMNET__MAX_LANES], power[NORMNET__MAX_LANES];
    _Alignas(64) float a[NORMNET__MAX_LANES], b[NORMNET__MAX_LANES], c[NORMNET__MAX_LANES];

    /*
     * One value is its own mean: the output is beta, whatever the input, and dx is 0. The formula would give a rounding
     * error times invstd.
     */
    if (per_run * length == 1 && !layer->norm.rms) {
        memset(x + chain_begin(layer, run), 0, (size_t)layer->lanes * sizeof *x);
        return;
    }
    normnet__add_lane_sums(sum_q, per_run, layer->lanes);
    normnet__add_lane_sums(sum_qx, per_run, layer->lanes);
    load_standardization(layer, statistics, center, power);
    for (int64_t i = 0; i < per_run; ++i) {
        const int64_t chain = run * per_run + i, at = chain_begin(layer, chain);

        set_gradient_coefficients(layer, chain_gamma(layer, block, chain), per_run * length, statistics, sum_q, sum_qx,
                                  a, b, c);
        /* Every lane is a sample of its own; unused ones have dy = 0 and so get dx = 0. */
        block->kernels->normalize_gradient(x + at, dy + at, length, (struct standardization){center, power},
                                           &(struct gradient_coefficients){a, b, c},
                                           normnet__mask_from(dropout, chain * length), 0xFFFFu, layer->relu_mask);
    }
}

void normnet__sample_norm_backward(const struct layer *layer, const struct block *block)
{
    const struct mask dropout = normnet__saved_fused_dropout(layer, block);
    float *dy = normnet__output(layer, block);
    double *sum_q = (double *)(void *)block->scratch, *sum_qx = sum_q + chains_per_run(layer) * layer->lanes;

    if (layer->norm.affine == NORMNET_AFFINE_ELEMENT)
        element_gradients(layer, block, dy);
    if (layer->norm.affine == NORMNET_AFFINE_ELEMENT && layer->needs_dx)
        multiply_by_gamma(layer, block, dy);
    if (layer->norm.affine != NORMNET_AFFINE_CHANNEL && !layer->needs_dx)
        return;
    for (int64_t run = 0; run < layer->norm.runs; ++run) {
        sum_run(layer, block, run, dropout, sum_q, sum_qx);
        if (layer->needs_dx)
            run_input_gradient(layer, block, run, dropout, sum_q, sum_qx);
    }
}
