/* SPDX-License-Identifier: MIT */
/* What happens between two batches: penalties, clipping, stochastic gradient descent, schedules. */
#include "reference.h"

#include <math.h>
#include <string.h>

void reference_config_init(normnet_config *config, int norm)
{
    memset(config, 0, sizeof *config);
    config->struct_size = (int32_t)sizeof *config;
    config->norm = norm;
    config->channels = 1;
    config->height = 28;
    config->width = 28;
    config->classes = 10;
    config->layer_dims = 3;
    config->cycle_momentum = 1;
    config->threads = 1;
    config->readers = 1;
    config->max_batch = 128;
    config->seed = 1;
    config->step_size = 1;
    config->memory_limit = (int64_t)1 << 30;
    config->eps = 1e-5;
    config->batchnorm_momentum = 0.1;
    config->dropout = 0.03;
    config->lr = 0.01;
    config->momentum = 0.9;
    config->step_gamma = 0.1;
    config->max_lr = 0.015;
    config->base_momentum = 0.85;
    config->max_momentum = 0.95;
    config->pct_start = 0.3;
    config->div_factor = 25;
    config->final_div_factor = 1e4;
}

/* ---- Penalties and clipping ------------------------------------------------------------------ */

double reference_l1(int count, double factor, const double *parameters, double *gradient)
{
    double sum = 0;

    for (int i = 0; i < count; ++i) {
        sum += fabs(parameters[i]);
        gradient[i] += factor * ((parameters[i] > 0) - (parameters[i] < 0));
    }
    return factor * sum;
}

double reference_l2(int count, double factor, const double *parameters, double *gradient)
{
    double sum = 0;

    for (int i = 0; i < count; ++i) {
        sum += parameters[i] * parameters[i];
        gradient[i] += factor * parameters[i];
    }
    return factor / 2 * sum;
}

double reference_clip(int count, double limit, double *gradient)
{
    double sum = 0, norm;

    for (int i = 0; i < count; ++i)
        sum += gradient[i] * gradient[i];
    norm = sqrt(sum);
    for (int i = 0; limit > 0 && norm > limit && i < count; ++i)
        gradient[i] *= limit / norm;
    return norm;
}

/* ---- Stochastic gradient descent ------------------------------------------------------------- */

void reference_sgd_step(int count, const struct reference_sgd *sgd, const double *gradient, double *buffer,
                        double *parameters)
{
    for (int i = 0; i < count; ++i) {
        double d = gradient[i];

        if (sgd->momentum != 0) {
            buffer[i] = sgd->first ? d : sgd->momentum * buffer[i] + (1 - sgd->dampening) * d;
            d = sgd->nesterov ? d + sgd->momentum * buffer[i] : buffer[i];
        }
        parameters[i] -= sgd->lr * d;
    }
}

/* ---- Schedules ------------------------------------------------------------------------------- */

/* From `start` to `end` as q goes from 0 to 1. */
static double anneal(int how, double start, double end, double q)
{
    const double pi = 3.14159265358979323846;

    return how == NORMNET_ANNEAL_COSINE ? end + (start - end) / 2 * (cos(pi * q) + 1) : (end - start) * q + start;
}

void reference_one_cycle(const normnet_config *config, int64_t step, double *lr, double *momentum)
{
    struct phase {
        double end, lr_from, lr_to, momentum_from, momentum_to;
    };
    const double steps = (double)config->total_steps, rise = config->pct_start * steps;
    const double high = config->max_lr, initial = high / config->div_factor,
                 lowest = initial / config->final_div_factor;
    const double slow = config->base_momentum, fast = config->max_momentum;
    const struct phase two[] = {{rise - 1, initial, high, fast, slow}, {steps - 1, high, lowest, slow, fast}};
    const struct phase three[] = {{rise - 1, initial, high, fast, slow},
                                  {2 * rise - 2, high, initial, slow, fast},
                                  {steps - 1, initial, lowest, fast, fast}};
    const struct phase *phases = config->three_phase ? three : two;
    const int last = config->three_phase ? 2 : 1;
    double start = 0, q;
    int i = 0;
    while (i < last && (double)step > phases[i].end)
        start = phases[i++].end;
    q = ((double)step - start) / (phases[i].end - start);
    *lr = anneal(config->anneal, phases[i].lr_from, phases[i].lr_to, q);
    *momentum = anneal(config->anneal, phases[i].momentum_from, phases[i].momentum_to, q);
    if (!config->cycle_momentum)
        *momentum = config->momentum;
}

void reference_step_schedule(const normnet_config *config, int64_t step, double *lr, double *momentum)
{
    *lr = config->lr * pow(config->step_gamma, (double)(step / config->step_size));
    *momentum = config->momentum;
}

void reference_schedule(const normnet_config *config, int64_t step, double *lr, double *momentum)
{
    if (config->schedule == NORMNET_SCHEDULE_ONE_CYCLE) {
        reference_one_cycle(config, step, lr, momentum);
    } else if (config->schedule == NORMNET_SCHEDULE_STEP) {
        reference_step_schedule(config, step, lr, momentum);
    } else {
        *lr = config->lr;
        *momentum = config->momentum;
    }
}
