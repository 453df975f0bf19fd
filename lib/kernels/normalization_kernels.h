/* SPDX-License-Identifier: MIT */
/* Normalization, its input gradient, and gamma and beta per element; included by kernel_table.c only. */
#ifndef NORMNET_KERNELS_NORMALIZATION_KERNELS_H
#define NORMNET_KERNELS_NORMALIZATION_KERNELS_H

#include "base/tree.h"
#include "kernels/dropout_kernels.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/standardize.h"

static void KERNEL(normalize)(const float *x, int64_t count, struct standardization standard, const float *scale,
                              const float *shift, struct mask mask, float *y)
{
    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        const struct standard_lanes own = load_standard(standard, lane);
        const lanes factor = lanes_load(scale + lane), offset = lanes_load(shift + lane);

        for (int64_t i = 0; i < count; ++i) {
            const int64_t at = i * LANES + lane;
            lanes value = lanes_fma(standardize(lanes_load(x + at), own), factor, offset);

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

        for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
            float *value = y + i * LANES + lane;

            lanes_store(value, lanes_fma(lanes_load(value), factor, offset));
        }
    }
}

/* ---- Input gradient ------------------------------------------------------------------------------ */

LANES_INLINE void normalize_gradient_lanes(float *x, const float *dy, int64_t count, struct standard_lanes standard,
                                           const struct gradient_coefficients *coefficients, int lane, struct mask mask,
                                           lanes_int keep, const bool dropout, const bool relu_mask)
{
    const lanes zero = lanes_splat(0.0f);
    const lanes a = lanes_load(coefficients->a + lane), b = lanes_load(coefficients->b + lane),
                c = lanes_load(coefficients->c + lane);

    for (int64_t i = 0; i < count; ++i) {
        float *at = x + i * LANES + lane;
        const lanes value = lanes_load(at);
        const lanes dx =
            lanes_fma(a, load_gradient(dy, i, lane, mask, dropout), lanes_fma(b, standardize(value, standard), c));
        lanes_int passes = keep;

        if (relu_mask)
            passes &= (lanes_int)(value > zero);
        lanes_store(at, lanes_select(passes, dx, zero));
    }
}

static void KERNEL(normalize_gradient)(float *x, const float *dy, int64_t count, struct standardization standard,
                                       const struct gradient_coefficients *coefficients, struct mask mask,
                                       uint32_t valid, bool relu_mask)
{
    const bool dropout = mask.bits != NULL;

    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        const lanes_int keep = lanes_mask(valid >> lane);
        const struct standard_lanes own = load_standard(standard, lane);

        if (relu_mask && dropout)
            normalize_gradient_lanes(x, dy, count, own, coefficients, lane, mask, keep, true, true);
        else if (relu_mask)
            normalize_gradient_lanes(x, dy, count, own, coefficients, lane, mask, keep, false, true);
        else if (dropout)
            normalize_gradient_lanes(x, dy, count, own, coefficients, lane, mask, keep, true, false);
        else
            normalize_gradient_lanes(x, dy, count, own, coefficients, lane, mask, keep, false, false);
    }
}

/* ---- Per element --------------------------------------------------------------------------------- */

static void KERNEL(multiply_elements)(float *dy, int64_t count, const float *gamma)
{
    for (int64_t i = 0; i < count; ++i)
        for (int lane = 0; lane < LANES; lane += VECTOR_LANES)
            lanes_store(dy + i * LANES + lane, lanes_load(dy + i * LANES + lane) * lanes_splat(gamma[i]));
}

static void KERNEL(affine_gradient)(const float *x, const float *dy, int64_t count, int64_t chains,
                                    const int64_t *offsets, const float *coefficients, double *sum_dy, double *sum_dyx)
{
    for (int64_t i = 0; i < count; ++i) {
        double dy_lanes[LANES], dyx_lanes[LANES];

        for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
            lanes_double sum = {{0}, {0}}, product = {{0}, {0}};

            for (int64_t chain = 0; chain < chains; ++chain) {
                const float *mean = coefficients + chain * 4 * NORMNET__MAX_LANES;
                const float *scale = mean + 2 * NORMNET__MAX_LANES + lane, *shift = scale + NORMNET__MAX_LANES;
                const int64_t at = (offsets[chain] + i) * LANES + lane;
                const struct standard_lanes own =
                    load_standard((struct standardization){mean, mean + NORMNET__MAX_LANES}, lane);
                const lanes y = lanes_fma(standardize(lanes_load(x + at), own), lanes_load(scale), lanes_load(shift));
                const lanes_double gradient = lanes_to_double(lanes_load(dy + at));

                sum = lanes_double_add(sum, gradient);
                product = lanes_double_add(product, lanes_double_multiply(gradient, lanes_to_double(y)));
            }
            lanes_double_store(dy_lanes + lane, sum);
            lanes_double_store(dyx_lanes + lane, product);
        }
        if (sum_dy != NULL)
            sum_dy[i] = normnet__tree_sum(dy_lanes, LANES, 1);
        sum_dyx[i] = normnet__tree_sum(dyx_lanes, LANES, 1);
    }
}

#endif
