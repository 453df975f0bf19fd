/* SPDX-License-Identifier: MIT */
/* Sums per lane: for mean and variance, for their gradients, and for a bias; included by kernel_table.c only. */
#ifndef NORMNET_KERNELS_MOMENTS_KERNELS_H
#define NORMNET_KERNELS_MOMENTS_KERNELS_H

#include "base/tree.h"
#include "kernels/dropout_kernels.h"
#include "kernels/kernels.h"
#include "kernels/lanes.h"
#include "kernels/standardize.h"

#include <math.h>

/*
 * Two sums over the groups of a chain, per lane: in float over pieces of 16 groups, every fourth of which goes to the
 * same accumulator, then in double over the pieces. Float takes a third of the time of double, and a piece is so short
 * that rounding its sums loses no more than rounding their terms has lost.
 */
enum { ACCUMULATORS = 4, PIECE = 4 * ACCUMULATORS };

struct float_sums {
    lanes first[ACCUMULATORS], second[ACCUMULATORS];
};

struct double_sums {
    lanes_double first, second;
};

LANES_INLINE lanes add_accumulators(const lanes sums[ACCUMULATORS])
{
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

LANES_INLINE void add_piece(struct double_sums *sums, const struct float_sums *piece)
{
    sums->first = lanes_double_add(sums->first, lanes_to_double(add_accumulators(piece->first)));
    sums->second = lanes_double_add(sums->second, lanes_to_double(add_accumulators(piece->second)));
}

LANES_INLINE struct float_sums zero_sums(void)
{
    struct float_sums sums;

    LANES_FOR (i, ACCUMULATORS)
        sums.first[i] = sums.second[i] = lanes_splat(0.0f);
    return sums;
}

/* ---- Moments ------------------------------------------------------------------------------------- */

LANES_INLINE void add_deviation(struct float_sums *sums, const int i, const float *x, lanes pivot)
{
    const lanes deviation = lanes_load(x) - pivot;

    sums->first[i] += deviation;
    sums->second[i] = lanes_fma(deviation, deviation, sums->second[i]);
}

/* The sums of d = x - pivot and of d^2; x is at the first lane of the vector. */
LANES_INLINE struct double_sums sum_deviations(const float *x, int64_t count, lanes pivot)
{
    struct double_sums sums = {{{0}, {0}}, {{0}, {0}}};

    for (int64_t left = count; left > 0; left -= PIECE) {
        struct float_sums piece = zero_sums();
        int64_t i = left < PIECE ? left : PIECE;

        for (; i >= ACCUMULATORS; i -= ACCUMULATORS, x += ACCUMULATORS * LANES)
            LANES_FOR (k, ACCUMULATORS)
                add_deviation(&piece, k, x + k * LANES, pivot);
        LANES_FOR (k, ACCUMULATORS)
            if (k < i)
                add_deviation(&piece, k, x + k * LANES, pivot);
        x += i * LANES;
        add_piece(&sums, &piece);
    }
    return sums;
}

/*
 * What is hoped to be near the mean, so that sum d^2 and (sum d)^2 / count hardly cancel: the mean of the first piece,
 * or the first value of a shorter chain.
 */
LANES_INLINE lanes choose_pivot(const float *x, int64_t count)
{
    lanes sums[ACCUMULATORS], total;

    if (count < PIECE)
        return lanes_load(x);
    LANES_FOR (i, ACCUMULATORS)
        sums[i] = (lanes_load(x + i * LANES) + lanes_load(x + (i + ACCUMULATORS) * LANES)) +
                  (lanes_load(x + (i + 2 * ACCUMULATORS) * LANES) + lanes_load(x + (i + 3 * ACCUMULATORS) * LANES));
    total = add_accumulators(sums);
    return total * lanes_splat(1.0f / PIECE);
}

/* Whether any value of a lane differs from the first. */
LANES_INLINE lanes_int find_differences(const float *x, int64_t count)
{
    const lanes first = lanes_load(x);
    lanes_int differs = {0};

    for (int64_t i = 1; i < count; ++i)
        differs |= (lanes_int)(lanes_load(x + i * LANES) != first);
    return differs;
}

/*
 * The mean and m2 of one lane: from the sums of d and d^2. False if the pivot is more than two deviations from the
 * mean: then most of both terms of m2 cancels.
 */
static bool finish_moments(double sum, double square, double pivot, int64_t count, double *mean, double *m2)
{
    const double shift = sum / (double)count, rest = square - sum * shift;

    *mean = pivot + shift;
    *m2 = rest < 0.0 ? 0.0 : rest; /* rounding may make it negative if x is constant; NaN stays */
    return !(sum * shift > 4.0 * *m2);
}

/*
 * The moments of a lane whose squares are near the ends of the range of float: all in double. The pivot is the first
 * value, which is never further from the mean than sqrt(count) deviations.
 */
static void moments_in_double(const float *x, int64_t count, double *mean, double *m2)
{
    double sum = 0.0, square = 0.0;

    for (int64_t i = 0; i < count; ++i) {
        const double deviation = (double)x[i * LANES] - (double)x[0];

        sum += deviation;
        square += deviation * deviation;
    }
    finish_moments(sum, square, (double)x[0], count, mean, m2);
}

/* The moments of the lanes of one vector. Returns a bit for each lane whose pivot is too far from the mean. */
static uint32_t KERNEL(moments_about)(const float *x, int64_t count, lanes pivot, double *mean, double *m2)
{
    const struct double_sums sums = sum_deviations(x, count, pivot);
    double sum[VECTOR_LANES], square[VECTOR_LANES], pivots[VECTOR_LANES];
    uint32_t tiny = 0, too_far = 0;

    lanes_double_store(sum, sums.first);
    lanes_double_store(square, sums.second);
    lanes_double_store(pivots, lanes_to_double(pivot));
    /*
     * A sum of squares that is 0 is that of a constant, which is common, unless the values are so small that floats
     * near them differ by less than the root of the smallest float.
     */
    for (int i = 0; i < VECTOR_LANES; ++i)
        tiny |= (uint32_t)(square[i] == 0.0 && fabs(pivots[i]) < 1e-10) << i;
    if (tiny != 0)
        tiny &= lanes_mask_bits(find_differences(x, count));
    for (int i = 0; i < VECTOR_LANES; ++i) {
        if (((square[i] > 1e-20 && square[i] < 1e30) || square[i] == 0.0) && (tiny >> i & 1) == 0)
            too_far |= (uint32_t)!finish_moments(sum[i], square[i], pivots[i], count, &mean[i], &m2[i]) << i;
        else
            moments_in_double(x + i, count, &mean[i], &m2[i]);
    }
    return too_far;
}

/*
 * If the first values of a chain are unlike the rest, the mean that they lead to is still good enough to be the pivot
 * of a second try: its error is a rounding error of their distance, and they are at most sqrt(count) deviations away.
 */
static void KERNEL(moments)(const float *x, int64_t count, int32_t lanes_in_use, double *mean, double *m2)
{
    for (int lane = 0; lane < lanes_in_use; lane += VECTOR_LANES) {
        const lanes pivot = choose_pivot(x + lane, count);
        const uint32_t too_far = KERNEL(moments_about)(x + lane, count, pivot, mean + lane, m2 + lane);

        if (too_far != 0)
            KERNEL(moments_about)
        (x + lane, count, lanes_select(lanes_mask(too_far), lanes_from_double(lanes_double_load(mean + lane)), pivot),
         mean + lane, m2 + lane);
    }
}

/* ---- Gradients ----------------------------------------------------------------------------------- */

LANES_INLINE void add_gradient_terms(struct float_sums *sums, const int i, lanes gradient, const float *x,
                                     struct standard_lanes standard)
{
    sums->first[i] += gradient;
    sums->second[i] = lanes_fma(gradient, standardize(lanes_load(x), standard), sums->second[i]);
}

LANES_INLINE struct double_sums sum_gradients(const float *x, const float *dy, int64_t count,
                                              struct standard_lanes standard, int lane, struct mask mask,
                                              const bool dropout)
{
    struct double_sums sums = {{{0}, {0}}, {{0}, {0}}};

    x += lane;
    for (int64_t begin = 0; begin < count; begin += PIECE) {
        struct float_sums piece = zero_sums();
        int64_t i = begin;

        for (; i + ACCUMULATORS <= count && i < begin + PIECE; i += ACCUMULATORS)
            LANES_FOR (k, ACCUMULATORS)
                add_gradient_terms(&piece, k, load_gradient(dy, i + k, lane, mask, dropout), x + (i + k) * LANES,
                                   standard);
        LANES_FOR (k, ACCUMULATORS)
            if (i + k < count && i < begin + PIECE)
                add_gradient_terms(&piece, k, load_gradient(dy, i + k, lane, mask, dropout), x + (i + k) * LANES,
                                   standard);
        add_piece(&sums, &piece);
    }
    return sums;
}

static void KERNEL(gradient_moments)(const float *x, const float *dy, int64_t count, struct standardization standard,
                                     struct mask mask, double *sum_dy, double *sum_dyx)
{
    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        const struct standard_lanes own = load_standard(standard, lane);
        const struct double_sums sums = mask.bits != NULL ? sum_gradients(x, dy, count, own, lane, mask, true)
                                                          : sum_gradients(x, dy, count, own, lane, mask, false);

        lanes_double_store(sum_dy + lane, sums.first);
        lanes_double_store(sum_dyx + lane, sums.second);
    }
}

static double KERNEL(sum_all)(const float *dy, int64_t count)
{
    double total[LANES];

    if (count == 1)
        return lanes_sum(dy);
    for (int lane = 0; lane < LANES; lane += VECTOR_LANES) {
        lanes_double sum = {{0}, {0}};

        for (int64_t i = lane; i < count * LANES; i += LANES)
            sum = lanes_double_add(sum, lanes_to_double(lanes_load(dy + i)));
        lanes_double_store(total + lane, sum);
    }
    return normnet__tree_sum(total, LANES, 1);
}

#endif
