/* SPDX-License-Identifier: MIT */
/*
 * A norm is defined by two choices: which values share a mean and a variance, and which share gamma and beta.
 *
 *     y = (x - mean) invstd gamma + beta,   invstd = 1 / sqrt(var + eps),   var = M2 / n
 *
 *     batch            a channel over the batch and its pixels            (batch_norm.h)
 *     group            consecutive channels of one sample, in `groups` runs
 *     layer, 3 dims    all of a sample: one run
 *     layer, 2 dims    a channel of one sample: as many runs as channels
 *     layer, 1 dim     a row of one sample: as many runs as rows in all channels
 *     instance         a channel of one sample
 *     RMS              all of a sample, with the mean taken as 0: y = x / sqrt(mean of x^2 + eps) gamma, no beta
 *
 * Computed as fma((x - m) power, scale, shift) with m the mean rounded to float: the difference is exact near the mean,
 * so that a mean of a million costs no digits, and shift includes the rounding error of the mean. The power of two is
 * near invstd, so that neither deviations of 1e30 nor of 1e-30 leave the range of float (moments.h).
 */
#ifndef NORMNET_LAYERS_NORM_H
#define NORMNET_LAYERS_NORM_H

#include "layers/layer_type.h"

/* The word `norm`: the type that config.norm names takes over when the token is resolved. */
extern const struct layer_type normnet__norm;

/* The types of norms within a sample: sample_norm_types.c. */
extern const struct layer_type normnet__groupnorm, normnet__layernorm, normnet__instancenorm, normnet__rmsnorm;

/* What all norms have in common before runs and affine form are set: the output shape and eps. */
void normnet__begin_norm(struct layer *layer, const normnet_config *config);

/*
 * Sets gamma and beta. `per_channel`: a pair per channel is possible and the default. `element_rank` trailing
 * dimensions share no gamma with affine per element, where that is possible; else 0. NORMNET_EUNSUPPORTED.
 */
normnet_status normnet__resolve_affine(struct layer *layer, const struct token *token, int32_t affine, bool per_channel,
                                       int32_t element_rank);

/* Of all norms. */
bool normnet__norm_same(const struct layer *one, const struct layer *other);

/* gamma and beta of channel or element `i`; 1 and 0 without gamma and beta. */
static inline double normnet__gamma(const struct layer *layer, const float *parameters, int64_t i)
{
    return layer->weight.count > 0 ? (double)parameters[layer->weight.offset + i] : 1.0;
}

static inline double normnet__beta(const struct layer *layer, const float *parameters, int64_t i)
{
    return layer->bias.count > 0 ? (double)parameters[layer->bias.offset + i] : 0.0;
}

#endif
