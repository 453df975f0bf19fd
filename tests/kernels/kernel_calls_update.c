/* SPDX-License-Identifier: MIT */
#include "kernel_calls.h"

/* The values of some parameters. */
struct parameters {
    int64_t count;
    double *gradient;
    float *values, *buffer;
};

/* Up to 70, so that some do not fill their last group. Gradients are of all magnitudes and kinds. */
static struct parameters take_parameters(struct workspace *w)
{
    struct parameters parameters = {.count = draw(w, 70)};
    const float *gradient = take_floats(w, parameters.count);

    parameters.gradient = take(w, (size_t)parameters.count * sizeof(double), sizeof(double));
    for (int64_t i = 0; i < parameters.count; ++i)
        parameters.gradient[i] = (double)gradient[i] / 3.0;
    parameters.values = take_floats(w, parameters.count);
    parameters.buffer = take_floats(w, parameters.count);
    mark(w, parameters.gradient, (size_t)parameters.count * sizeof(double), DOUBLES); /* this function has written it */
    return parameters;
}

static struct update_rule draw_rule(struct workspace *w)
{
    const bool nesterov = draw_bool(w);

    return (struct update_rule){.images = 1 + draw(w, 200),
                                .penalized = draw_bool(w),
                                .l1 = draw_bool(w) ? 0.001 : 0.0,
                                .l2 = draw_bool(w) ? 0.0005 : 0.0,
                                .scale = draw_bool(w) ? 1.0 : 0.3,
                                .momentum_of_buffer = draw_bool(w) ? 0.9 : 0.0,
                                .momentum_of_gradient = draw_bool(w) ? 1.0 : 0.9,
                                .step_of_gradient = nesterov ? 1.0 : 0.0,
                                .step_of_momentum = nesterov ? 0.9 : 1.0,
                                .lr = 0.1,
                                .keeps_buffer = draw_bool(w)};
}

void call_measure_update(const struct kernels *kernels, struct workspace *w)
{
    const struct parameters parameters = take_parameters(w);
    const struct update_rule rule = draw_rule(w);
    double *sums = take_sums(w, 4);
    const struct update_sums measured =
        kernels->measure_update(&rule, parameters.count, parameters.gradient, parameters.values, parameters.buffer);

    sums[0] = measured.absolute;
    sums[1] = measured.square;
    sums[2] = measured.gradient_square;
    sums[3] = measured.finite ? 1.0 : 0.0;
}

void call_update(const struct kernels *kernels, struct workspace *w)
{
    const struct parameters parameters = take_parameters(w);
    const struct update_rule rule = draw_rule(w);

    mark(w, parameters.values, (size_t)parameters.count * sizeof(float), FLOATS);
    mark(w, parameters.buffer, (size_t)parameters.count * sizeof(float), FLOATS);
    kernels->update(&rule, parameters.count, parameters.gradient, parameters.values, parameters.buffer);
}

void call_average(const struct kernels *kernels, struct workspace *w)
{
    const struct parameters parameters = take_parameters(w);
    const double share = draw_bool(w) ? 0.001 : 1.0 / draw(w, 50);

    mark(w, parameters.buffer, (size_t)parameters.count * sizeof(float), FLOATS);
    kernels->average(share, parameters.count, parameters.values, parameters.buffer);
}
