/* SPDX-License-Identifier: MIT */
/*
 * Softmax over the classes of a block: lanes are samples; included by kernel_table.c only. All in double; the sums over
 * the classes are in order.
 */
#ifndef NORMNET_KERNELS_LOSS_KERNELS_H
#define NORMNET_KERNELS_LOSS_KERNELS_H

#include "base/elementary.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"

/*
 * normnet__exp for x <= 0, operation by operation. Adding 3 * 2^51 rounds to an integer, which is then in the last bits
 * of the sum, and 2^k is k + 1023 in the bits of the exponent.
 */
LANES_INLINE half_double half_exp(half_double x)
{
    const half_double shifted = x * NORMNET__EXP_PER_LN2 + NORMNET__EXP_SHIFT;
    const half_double k = shifted - NORMNET__EXP_SHIFT;
    const half_double r = (x - k * NORMNET__LN2_HIGH) - k * NORMNET__LN2_LOW;
    const half_double power = (half_double)(((half_int64)shifted + 1023) << 52);
    half_double sum = half_splat(normnet__exp_terms[NORMNET__EXP_DEGREE]);

    for (int n = NORMNET__EXP_DEGREE - 1; n >= 0; --n)
        sum = sum * r + normnet__exp_terms[n];
    return half_where((half_int64)(x >= NORMNET__MIN_EXP), sum * power);
}

LANES_INLINE lanes_double lanes_exp(lanes_double x)
{
    return (lanes_double){half_exp(x.low), half_exp(x.high)};
}

/* Of one vector of lanes. */
LANES_INLINE void softmax_vector(const float *logits, int64_t classes, struct softmax *softmax, int lane)
{
    lanes maximum = lanes_load(logits);
    lanes_int best = {0}, finite = lanes_finite(maximum);
    lanes_double sum = lanes_double_splat(0.0), sum_centered = sum, shift;

    for (int64_t k = 1; k < classes; ++k) {
        const lanes logit = lanes_load(logits + k * LANES);
        const lanes_int higher = logit > maximum;

        maximum = lanes_select(higher, logit, maximum);
        best = (higher & (int32_t)k) | (~higher & best);
        finite &= lanes_finite(logit);
    }
    shift = lanes_to_double(maximum);
    for (int64_t k = 0; k < classes; ++k) {
        const lanes_double logit = lanes_to_double(lanes_load(logits + k * LANES));
        const lanes_double centered = lanes_double_subtract(logit, shift);

        sum_centered = lanes_double_add(sum_centered, centered);
        sum = lanes_double_add(sum, lanes_exp(centered));
    }
    memcpy(softmax->best + lane, &best, sizeof best);
    lanes_double_store(softmax->maximum + lane, shift);
    lanes_double_store(softmax->sum_centered + lane, sum_centered);
    lanes_double_store(softmax->sum + lane, sum);
    softmax->finite |= lanes_mask_bits(finite) << lane;
}

static void KERNEL(softmax)(const float *logits, int64_t classes, struct softmax *softmax)
{
    softmax->finite = 0;
    for (int lane = 0; lane < LANES; lane += VECTOR_LANES)
        softmax_vector(logits + lane, classes, softmax, lane);
}

static void KERNEL(softmax_gradient)(float *logits, int64_t classes, const double *maximum, const double *log_sum,
                                     double uniform)
{
    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        const lanes_double shift = lanes_double_load(maximum + lane), scale = lanes_double_load(log_sum + lane);

        for (int64_t k = 0; k < classes; ++k) {
            float *logit = logits + k * LANES + lane;
            const lanes_double centered = lanes_double_subtract(lanes_to_double(lanes_load(logit)), shift);
            const lanes_double logp = lanes_double_subtract(centered, scale);

            lanes_store(logit, lanes_from_double(lanes_double_subtract(lanes_exp(logp), lanes_double_splat(uniform))));
        }
    }
}

#endif
