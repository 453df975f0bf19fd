/* SPDX-License-Identifier: MIT */
/*
 * Normalization is one idea: choose the set of values that share a mean and a variance, and the set that share
 * a gamma and a beta.
 *
 *     y = (x - mean) invstd gamma + beta,   invstd = 1 / sqrt(var + eps),   var = M2 / n
 *
 *     batch            a channel over the batch and its pixels            (batch_norm.h)
 *     group            consecutive channels of one sample, in `groups` runs
 *     layer, 3 dims    all of a sample: one run
 *     layer, 2 dims    a channel of one sample: as many runs as channels
 *     layer, 1 dim     a row of one sample: as many runs as rows in all channels
 *     instance         a channel of one sample
 *
 * Computed as fma(x - m, scale, shift) with m the mean rounded to float: the difference is exact near the mean, so
 * that a mean of a million costs no digits, and shift carries what the rounding of the mean left over.
 */
#ifndef NORMNET_LAYERS_NORM_H
#define NORMNET_LAYERS_NORM_H

#include "layers/layer.h"

extern const struct layer_type normnet__norm_of_config, normnet__batchnorm, normnet__groupnorm, normnet__layernorm,
    normnet__instancenorm;

#endif
