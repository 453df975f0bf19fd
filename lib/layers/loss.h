/* SPDX-License-Identifier: MIT */
/*
 * Cross-entropy of log-softmax with label smoothing, per sample, in double:
 *
 *     logp_k = z_k - max z - log(sum over j of exp(z_j - max z))
 *     loss = -sum over k of t_k logp_k,   t = (1 - e) onehot + e / K
 *     dz = softmax(z) - t
 */
#ifndef NORMNET_LAYERS_LOSS_H
#define NORMNET_LAYERS_LOSS_H

#include "kernels/kernels.h"

#include <stdbool.h>
#include <stdint.h>

/* The outputs of the last layer for a block: `classes` lane groups. */
struct logits {
    float *values;
    int32_t classes, lanes;
};

static inline float *normnet__logit(struct logits logits, int32_t class_index, int32_t lane)
{
    return &logits.values[(int64_t)class_index * logits.lanes + lane];
}

/*
 * For the samples below `count`: their losses, and their predictions: the first class with the highest logit; NaN and
 * -1 if a logit is not finite. With `backward` the logits are replaced by dz, which is 0 in the lanes beyond.
 */
void normnet__cross_entropy(const struct kernels *kernels, struct logits logits, const int32_t *labels, int32_t count,
                            double smoothing, double *losses, int32_t *predictions, bool backward);

/* max z and log(sum of exp(z - max z)) of one sample: logp = z - max z - log_sum. */
void normnet__log_sum_exp(struct logits logits, int32_t lane, double *log_sum, double *maximum);

/* The first maximum; NaN is lower than any number. */
int32_t normnet__argmax(struct logits logits, int32_t lane);

#endif
