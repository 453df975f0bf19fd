/* SPDX-License-Identifier: MIT */
/* Statistics and normalization over lanes; included by kernels_lanes.c only. */
#ifndef NORMNET_KERNELS_NORMALIZATION_KERNELS_H
#define NORMNET_KERNELS_NORMALIZATION_KERNELS_H

#include "base/tree.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"

static void moments(const float *x, int64_t count, double *mean, double *m2)
{
    for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
        const lanes_double pivot = lanes_to_double(lanes_load(x + lane));
        lanes_double sum = {{0}, {0}}, square = {{0}, {0}};
        double sums[LANE_WIDTH], squares[LANE_WIDTH], pivots[LANE_WIDTH];

        for (int64_t i = 0; i < count; ++i) {
            const lanes_double value = lanes_to_double(lanes_load(x + i * NORMNET__LANES + lane));
            const lanes_double deviation = lanes_double_subtract(value, pivot);

            sum = lanes_double_add(sum, deviation);
            square = lanes_double_add(square, lanes_double_multiply(deviation, deviation));
        }
        lanes_double_store(sums, sum);
        lanes_double_store(squares, square);
        lanes_double_store(pivots, pivot);
        for (int i = 0; i < LANE_WIDTH; ++i) {
            const double shift = sums[i] / (double)count, rest = squares[i] - sums[i] * shift;

            mean[lane + i] = pivots[i] + shift;
            m2[lane + i] = rest < 0.0 ? 0.0 : rest; /* rounding may leave -1e-17 of a constant; NaN stays */
        }
    }
}

static void normalize(const float *x, int64_t count, const float *mean, const float *scale, const float *shift,
                      float *y)
{
    for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
        const lanes center = lanes_load(mean + lane);
        const lanes factor = lanes_load(scale + lane), offset = lanes_load(shift + lane);

        for (int64_t i = lane; i < count * NORMNET__LANES; i += NORMNET__LANES)
            lanes_store(y + i, lanes_fma(lanes_load(x + i) - center, factor, offset));
    }
}

static void scale_elements(float *y, int64_t count, const float *gamma, const float *beta)
{
    for (int64_t i = 0; i < count; ++i) {
        const lanes factor = lanes_splat(gamma[i]), offset = lanes_splat(beta[i]);

        for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
            float *value = y + i * NORMNET__LANES + lane;
            lanes_store(value, lanes_fma(lanes_load(value), factor, offset));
        }
    }
}

static void gradient_moments(const float *x, const float *dy, int64_t count, const float *mean, double *sum_dy,
                             double *sum_dyx)
{
    for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
        const lanes center = lanes_load(mean + lane);
        lanes_double sum = {{0}, {0}}, product = {{0}, {0}};

        for (int64_t i = lane; i < count * NORMNET__LANES; i += NORMNET__LANES) {
            const lanes_double gradient = lanes_to_double(lanes_load(dy + i));
            const lanes_double deviation = lanes_to_double(lanes_load(x + i) - center);

            sum = lanes_double_add(sum, gradient);
            product = lanes_double_add(product, lanes_double_multiply(gradient, deviation));
        }
        lanes_double_store(sum_dy + lane, sum);
        lanes_double_store(sum_dyx + lane, product);
    }
}

LANES_INLINE void gradient_of_lanes(float *x, const float *dy, int64_t count, const float *mean, const float *a,
                                    const float *b, const float *c, lanes_int keep, const bool gate)
{
    const lanes center = lanes_load(mean), zero = lanes_splat(0.0f);
    const lanes of_dy = lanes_load(a), of_x = lanes_load(b), constant = lanes_load(c);

    for (int64_t i = 0; i < count * NORMNET__LANES; i += NORMNET__LANES) {
        const lanes value = lanes_load(x + i);
        const lanes dx = lanes_fma(of_dy, lanes_load(dy + i), lanes_fma(of_x, value - center, constant));

        lanes_int passes = keep;

        if (gate)
            passes &= (lanes_int)(value > zero);
        lanes_store(x + i, lanes_select(passes, dx, zero));
    }
}

static void normalize_gradient(float *x, const float *dy, int64_t count, const float *mean, const float *a,
                               const float *b, const float *c, uint32_t valid, bool gate)
{
    for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
        const lanes_int keep = lanes_mask(valid >> lane);

        if (gate)
            gradient_of_lanes(x + lane, dy + lane, count, mean + lane, a + lane, b + lane, c + lane, keep, true);
        else
            gradient_of_lanes(x + lane, dy + lane, count, mean + lane, a + lane, b + lane, c + lane, keep, false);
    }
}

static void multiply_elements(float *dy, int64_t count, const float *gamma)
{
    for (int64_t i = 0; i < count; ++i)
        for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH)
            lanes_store(dy + i * NORMNET__LANES + lane,
                        lanes_load(dy + i * NORMNET__LANES + lane) * lanes_splat(gamma[i]));
}

static void element_gradient(const float *x, const float *dy, int64_t count, int64_t chains, const int64_t *offsets,
                             const float *coefficients, double *sum_dy, double *sum_dyx)
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

static double sum_all(const float *dy, int64_t count)
{
    double total[NORMNET__LANES];

    for (int lane = 0; lane < NORMNET__LANES; lane += LANE_WIDTH) {
        lanes_double sum = {{0}, {0}};

        for (int64_t i = lane; i < count * NORMNET__LANES; i += NORMNET__LANES)
            sum = lanes_double_add(sum, lanes_to_double(lanes_load(dy + i)));
        lanes_double_store(total + lane, sum);
    }
    return normnet__tree_sum(total, NORMNET__LANES, 1);
}

#endif
