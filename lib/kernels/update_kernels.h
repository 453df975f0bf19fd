/* SPDX-License-Identifier: MIT */
/*
 * What a training step does to each parameter p, with the sum G of its gradient over the images and its momentum
 * buffer v; included by kernel_table.c only. In this order, in double, rounded once where p and v are stored:
 *
 *     g = (G / images + l1 sgn(p) + l2 p) * scale                         sgn(0) = 0
 *     v = momentum_of_buffer v + momentum_of_gradient g
 *     p = p - lr (step_of_gradient g + step_of_momentum v)
 *
 * The average a of a parameter then becomes a + share (p - a), also in double and rounded once.
 *
 * A network with large layers reads and writes its parameters more often than its activations, so that nothing between
 * these lines is stored. `measure_update` computes the same without storing anything: the sums that the step needs
 * before it can be taken, and whether it can.
 */
#ifndef NORMNET_KERNELS_UPDATE_KERNELS_H
#define NORMNET_KERNELS_UPDATE_KERNELS_H

#include "kernels/kernels.h"
#include "kernels/lanes.h"

/* The parameters of a group, which have one chain of each sum each, in vectors of double. */
enum { UPDATE_GROUP = 8, HALF_LANES = VECTOR_LANES / 2, GROUP_HALVES = UPDATE_GROUP / HALF_LANES };

/* The smallest number that does not round to a finite float. */
#define ROUNDS_TO_INFINITY 0x1.ffffffp127

LANES_INLINE half_double half_load_floats(const float *from)
{
    half_lanes value;

    memcpy(&value, from, sizeof value);
    return __builtin_convertvector(value, half_double);
}

LANES_INLINE void half_store_floats(float *to, half_double value)
{
    const half_lanes rounded = __builtin_convertvector(value, half_lanes);

    memcpy(to, &rounded, sizeof rounded);
}

/* The next values of some parameters, before they are rounded. */
struct updated {
    half_double gradient, buffer, parameter;
};

LANES_INLINE struct updated update_half(const struct update_rule *rule, half_double sum, half_double parameter,
                                        half_double buffer)
{
    const half_double l1 = half_splat(rule->l1);
    struct updated next;
    half_double momentum;

    next.gradient = sum / rule->images;
    if (rule->penalized) {
        next.gradient += half_where((half_int64)(parameter > 0.0), l1) - half_where((half_int64)(parameter < 0.0), l1);
        next.gradient += rule->l2 * parameter;
    }
    next.gradient *= rule->scale;
    momentum = rule->momentum_of_buffer * buffer + rule->momentum_of_gradient * next.gradient;
    next.buffer = rule->keeps_buffer ? buffer : momentum;
    next.parameter =
        parameter - rule->lr * (rule->step_of_gradient * next.gradient + rule->step_of_momentum * momentum);
    return next;
}

/* A group that is not full, followed by zeros. */
struct last_group {
    double gradient[UPDATE_GROUP];
    float parameters[UPDATE_GROUP], buffer[UPDATE_GROUP];
};

static void fill_last_group(struct last_group *last, int64_t count, const double *gradient, const float *parameters,
                            const float *buffer)
{
    memcpy(last->gradient, gradient, (size_t)count * sizeof *gradient);
    memcpy(last->parameters, parameters, (size_t)count * sizeof *parameters);
    memcpy(last->buffer, buffer, (size_t)count * sizeof *buffer);
}

/* ---- Measuring ------------------------------------------------------------------------------------ */

/* The sums of each chain. */
struct update_chains {
    half_double absolute[GROUP_HALVES], square[GROUP_HALVES], gradient_square[GROUP_HALVES];
    half_int64 finite;
};

LANES_INLINE void measure_group(const struct update_rule *rule, const double *gradient, const float *parameters,
                                const float *buffer, struct update_chains *chains)
{
    LANES_FOR (n, GROUP_HALVES) {
        const half_double parameter = half_load_floats(parameters + n * HALF_LANES);
        half_double sum;
        struct updated next;

        memcpy(&sum, gradient + n * HALF_LANES, sizeof sum);
        next = update_half(rule, sum, parameter, half_load_floats(buffer + n * HALF_LANES));
        chains->absolute[n] +=
            half_where((half_int64)(parameter > 0.0), parameter) - half_where((half_int64)(parameter < 0.0), parameter);
        chains->square[n] += parameter * parameter;
        chains->gradient_square[n] += next.gradient * next.gradient;
        chains->finite &=
            (half_int64)(next.parameter < ROUNDS_TO_INFINITY) & (half_int64)(next.parameter > -ROUNDS_TO_INFINITY) &
            (half_int64)(next.buffer < ROUNDS_TO_INFINITY) & (half_int64)(next.buffer > -ROUNDS_TO_INFINITY);
    }
}

/* Neighbours first, then neighbouring pairs and so on. */
LANES_INLINE double add_chains(const half_double chains[GROUP_HALVES])
{
    double sum[UPDATE_GROUP];

    memcpy(sum, chains, sizeof sum);
    for (int count = UPDATE_GROUP / 2; count > 0; count /= 2)
        for (int i = 0; i < count; ++i)
            sum[i] = sum[2 * i] + sum[2 * i + 1];
    return sum[0];
}

static struct update_sums KERNEL(measure_update)(const struct update_rule *rule, int64_t count, const double *gradient,
                                                 const float *parameters, const float *buffer)
{
    struct update_chains chains = {.finite = (half_int64)(half_splat(0.0) == 0.0)};
    struct last_group last = {0};
    bool finite = true;

    for (int64_t left = count; left > 0; left -= UPDATE_GROUP) {
        if (left < UPDATE_GROUP) {
            fill_last_group(&last, left, gradient, parameters, buffer);
            gradient = last.gradient;
            parameters = last.parameters;
            buffer = last.buffer;
        }
        measure_group(rule, gradient, parameters, buffer, &chains);
        gradient += UPDATE_GROUP;
        parameters += UPDATE_GROUP;
        buffer += UPDATE_GROUP;
    }
    for (int i = 0; i < HALF_LANES; ++i)
        finite = finite && chains.finite[i] != 0;
    return (struct update_sums){add_chains(chains.absolute), add_chains(chains.square),
                                add_chains(chains.gradient_square), finite};
}

/* ---- Updating ------------------------------------------------------------------------------------- */

LANES_INLINE void update_group(const struct update_rule *rule, const double *gradient, float *parameters, float *buffer)
{
    LANES_FOR (n, GROUP_HALVES) {
        float *parameter = parameters + n * HALF_LANES, *momentum = buffer + n * HALF_LANES;
        half_double sum;
        struct updated next;

        memcpy(&sum, gradient + n * HALF_LANES, sizeof sum);
        next = update_half(rule, sum, half_load_floats(parameter), half_load_floats(momentum));
        half_store_floats(parameter, next.parameter);
        half_store_floats(momentum, next.buffer);
    }
}

static void KERNEL(update)(const struct update_rule *rule, int64_t count, const double *gradient, float *parameters,
                           float *buffer)
{
    for (; count >= UPDATE_GROUP; count -= UPDATE_GROUP) {
        update_group(rule, gradient, parameters, buffer);
        gradient += UPDATE_GROUP;
        parameters += UPDATE_GROUP;
        buffer += UPDATE_GROUP;
    }
    if (count > 0) {
        struct last_group last = {0};

        fill_last_group(&last, count, gradient, parameters, buffer);
        KERNEL(update)(rule, UPDATE_GROUP, last.gradient, last.parameters, last.buffer);
        memcpy(parameters, last.parameters, (size_t)count * sizeof *parameters);
        memcpy(buffer, last.buffer, (size_t)count * sizeof *buffer);
    }
}

/* ---- Averaging ------------------------------------------------------------------------------------ */

LANES_INLINE void average_group(double share, const float *parameters, float *averages)
{
    LANES_FOR (n, GROUP_HALVES) {
        const half_double average = half_load_floats(averages + n * HALF_LANES);
        const half_double parameter = half_load_floats(parameters + n * HALF_LANES);

        half_store_floats(averages + n * HALF_LANES, average + share * (parameter - average));
    }
}

static void KERNEL(average)(double share, int64_t count, const float *parameters, float *averages)
{
    for (; count >= UPDATE_GROUP; count -= UPDATE_GROUP) {
        average_group(share, parameters, averages);
        parameters += UPDATE_GROUP;
        averages += UPDATE_GROUP;
    }
    if (count > 0) {
        float last_parameters[UPDATE_GROUP] = {0}, last_averages[UPDATE_GROUP] = {0};

        memcpy(last_parameters, parameters, (size_t)count * sizeof *parameters);
        memcpy(last_averages, averages, (size_t)count * sizeof *averages);
        average_group(share, last_parameters, last_averages);
        memcpy(averages, last_averages, (size_t)count * sizeof *averages);
    }
}

#endif
