/* SPDX-License-Identifier: MIT */
/* Calls of the kernels of norms with random shapes and values. */
#include "kernel_calls.h"
#include "kernel_shapes.h"

#include "harness/check.h"

void call_moments(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w), in_use = draw_bool(w) ? w->lanes : 1 + draw(w, w->lanes);
    float *x = take_groups(w, count);
    double *mean = take_sums(w, w->lanes), *m2 = take_sums(w, w->lanes);

    if (draw_bool(w)) /* constant in some lanes */
        for (int lane = draw(w, w->lanes); lane < w->lanes; lane += 1 + draw(w, w->lanes))
            for (int i = 1; i < count; ++i)
                x[i * w->lanes + lane] = x[lane];
    remember(w, x, (size_t)count * group_bytes(w));
    kernels->moments(x, count, in_use, mean, m2);
    for (int lane = in_use; lane < w->lanes; ++lane) /* the larger the vectors, the more of them are written */
        mean[lane] = m2[lane] = 0.0;
}

void call_normalize(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    float *x = take_groups(w, count), *y = draw_bool(w) ? x : take_groups(w, count);
    const float *values = take_groups(w, 4);
    const struct standardization standard = {values, values + w->lanes};
    const struct mask mask = draw_mask(w, count);

    mark_groups(w, y, count, FLOATS);
    kernels->normalize(x, count, standard, values + 2 * w->lanes, values + 3 * w->lanes, mask, y);
}

void call_affine_elements(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    const float *gamma = take_floats(w, count), *beta = take_floats(w, count);
    float *y = take_groups(w, count);

    mark_groups(w, y, count, FLOATS);
    kernels->affine_elements(y, count, gamma, beta);
}

void call_multiply_elements(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    const float *gamma = take_floats(w, count);
    float *dy = take_groups(w, count);

    mark_groups(w, dy, count, FLOATS);
    kernels->multiply_elements(dy, count, gamma);
}

void call_gradient_moments(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    const float *x = take_groups(w, count), *dy = take_groups(w, count), *values = take_groups(w, 2);
    const struct standardization standard = {values, values + w->lanes};
    double *sum_dy = take_sums(w, w->lanes), *sum_dyx = take_sums(w, w->lanes);
    const struct mask mask = draw_mask(w, count);

    kernels->gradient_moments(x, dy, count, standard, mask, sum_dy, sum_dyx);
}

void call_normalize_gradient(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    float *x = take_groups(w, count);
    const float *dy = take_groups(w, count), *values = take_groups(w, 5);
    const struct standardization standard = {values, values + w->lanes};
    const struct gradient_coefficients coefficients = {values + 2 * w->lanes, values + 3 * w->lanes,
                                                       values + 4 * w->lanes};
    const struct mask mask = draw_mask(w, count);
    const uint32_t valid = draw_bool(w) ? 0xFFFF : 0xFFFFu >> draw(w, w->lanes);

    mark_groups(w, x, count, FLOATS);
    kernels->normalize_gradient(x, dy, count, standard, &coefficients, mask, valid, draw_bool(w));
}

void call_affine_gradient(const struct kernels *kernels, struct workspace *w)
{
    enum { MAX_CHAINS = 7 };
    const int count = draw_count(w), chains = 1 + draw(w, MAX_CHAINS);
    const float *x = take_groups(w, (int64_t)count * MAX_CHAINS), *dy = take_groups(w, (int64_t)count * MAX_CHAINS);
    const float *coefficients = take(w, 4 * MAX_CHAINS * NORMNET__MAX_LANES * sizeof(float), group_bytes(w));
    double *sum_dy = take_sums(w, count), *sum_dyx = take_sums(w, count);
    int64_t offsets[MAX_CHAINS];

    for (int i = 0; i < chains; ++i)
        offsets[i] = (int64_t)draw(w, MAX_CHAINS) * count;
    kernels->affine_gradient(x, dy, count, chains, offsets, coefficients, draw_bool(w) ? sum_dy : NULL, sum_dyx);
}

void call_sum_all(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    const float *dy = take_groups(w, count);
    double *sum = take_sums(w, 1);

    *sum = kernels->sum_all(dy, count);
}
