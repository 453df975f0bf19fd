/* SPDX-License-Identifier: MIT */
/* Normalization over lanes, its gradient, and gamma and beta per element; included by kernel_table.c only. */
#ifndef NORMNET_KERNELS_NORMALIZATION_KERNELS_H
#define NORMNET_KERNELS_NORMALIZATION_KERNELS_H

#include "base/tree.h"
#include "kernels/dropout_kernels.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"

static void KERNEL(normalize)(const float *x, int64_t count, const float *mean, const float *scale, const float *shift,
                              struct mask mask, float *y)
{
    for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
        const lanes center = lanes_load(mean + lane);
        const lanes factor = lanes_load(scale + lane), offset = lanes_load(shift + lane);

        for (int64_t i = 0; i < count; ++i) {
            const int64_t at = i * NORMNET__LANES + lane;
            lanes value = lanes_fma(lanes_load(x + at) - center, factor, offset);

            if (mask.bits != NULL)
                value = apply_dropout(mask, i, lane, value);
            lanes_store(y + at, value);
        }
    }
}

static void KERNEL(affine_elements)(float *y, int64_t count, const float *gamma, const float *beta)
{
    for (int64_t i = 0; i < count; ++i) {
        const lanes factor = lanes_splat(gamma[i]), offset = lanes_splat(beta[i]);

        for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
            float *value = y + i * NORMNET__LANES + lane;
            lanes_store(value, lanes_fma(lanes_load(value), factor, offset));
        }
    }
}

/* ---- Gradient ------------------------------------------------------------------------------------ */

LANES_INLINE void normalize_gradient_lanes(float *x, const float *dy, int64_t count,
                                           const struct gradient_coefficients *form, int lane, struct mask mask,
                                           lanes_int keep, const bool dropout, const bool relu_mask)
{
    const lanes center = lanes_load(form->mean + lane), zero = lanes_splat(0.0f);
    const lanes a = lanes_load(form->a + lane), b = lanes_load(form->b + lane), c = lanes_load(form->c + lane);

    for (int64_t i = 0; i < count; ++i) {
        float *at = x + i * NORMNET__LANES + lane;
        const lanes value = lanes_load(at);
        const lanes dx = lanes_fma(a, load_gradient(dy, i, lane, mask, dropout), lanes_fma(b, value - center, c));
        lanes_int passes = keep;

        if (relu_mask)
            passes &= (lanes_int)(value > zero);
        lanes_store(at, lanes_select(passes, dx, zero));
    }
}

static void KERNEL(normalize_gradient)(float *x, const float *dy, int64_t count,
                                       const struct gradient_coefficients *form, struct mask mask, uint32_t valid,
                                       bool relu_mask)
{
    const bool dropout = mask.bits != NULL;

    for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
        const lanes_int keep = lanes_mask(valid >> lane);

        if (relu_mask && dropout)
            normalize_gradient_lanes(x, dy, count, form, lane, mask, keep, true, true);
        else if (relu_mask)
            normalize_gradient_lanes(x, dy, count, form, lane, mask, keep, false, true);
        else if (dropout)
            normalize_gradient_lanes(x, dy, count, form, lane, mask, keep, true, false);
        else
            normalize_gradient_lanes(x, dy, count, form, lane, mask, keep, false, false);
    }
}

/* ---- Per element --------------------------------------------------------------------------------- */

static void KERNEL(multiply_elements)(float *dy, int64_t count, const float *gamma)
{
    for (int64_t i = 0; i < count; ++i)
        for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH)
            lanes_store(dy + i * NORMNET__LANES + lane,
                        lanes_load(dy + i * NORMNET__LANES + lane) * lanes_splat(gamma[i]));
}

static void KERNEL(affine_gradient)(const float *x, const float *dy, int64_t count, int64_t chains,
                                    const int64_t *offsets, const float *coefficients, double *sum_dy, double *sum_dyx)
{
    for (int64_t i = 0; i < count; ++i) {
        double of_dy[NORMNET__LANES], of_dyx[NORMNET__LANES];

        for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
            lanes_double sum = {{0}, {0}}, product = {{0}, {0}};

            for (int64_t chain = 0; chain < chains; ++chain) {
                const float *form = coefficients + chain * 3 * NORMNET__LANES + lane;
                const int64_t at = (offsets[chain] + i) * NORMNET__LANES + lane;
                const lanes deviation = lanes_load(x + at) - lanes_load(form);
                const lanes y =
                    lanes_fma(deviation, lanes_load(form + NORMNET__LANES), lanes_load(form + 2 * NORMNET__LANES));
                const lanes_double slope = lanes_to_double(lanes_load(dy + at));

                sum = lanes_double_add(sum, slope);
                product = lanes_double_add(product, lanes_double_multiply(slope, lanes_to_double(y)));
            }
            lanes_double_store(of_dy + lane, sum);
            lanes_double_store(of_dyx + lane, product);
        }
        sum_dy[i] = normnet__tree_sum(of_dy, NORMNET__LANES, 1);
        sum_dyx[i] = normnet__tree_sum(of_dyx, NORMNET__LANES, 1);
    }
}

#endif
