/* SPDX-License-Identifier: MIT */
#include "train/schedule.h"

#include "base/elementary.h"

#include <stdbool.h>

/* From `start` at q = 0 to `end` at q = 1. */
static double anneal(bool linear, double start, double end, double q)
{
    return linear ? (end - start) * q + start : end + (start - end) / 2.0 * (normnet__cos_pi(q) + 1.0);
}

/*
 * L. N. Smith's cycle as PyTorch has it. With T = total_steps the phases end at these steps, which need not be whole
 *
 *     two phases      pct T - 1: lr up, momentum down          T - 1: lr down to the minimum, momentum up
 *     three phases    pct T - 1: the same   2 pct T - 2: lr and momentum back   T - 1: lr down to the minimum
 *
 * and a step belongs to the first phase whose end it does not pass.
 */
struct rate normnet__one_cycle_rate(const normnet_config *config, int64_t step)
{
    const double initial = config->max_lr / config->div_factor, minimum = initial / config->final_div_factor;
    const double total = (double)config->total_steps, peak = config->pct_start * total - 1.0;
    const struct {
        double end, lr_start, lr_end, momentum_start, momentum_end;
    } phases[3] = {
        {peak, initial, config->max_lr, config->max_momentum, config->base_momentum},
        {config->three_phase ? 2.0 * peak : total - 1.0, config->max_lr, config->three_phase ? initial : minimum,
         config->base_momentum, config->max_momentum},
        {total - 1.0, initial, minimum, config->max_momentum, config->max_momentum},
    };
    const int count = config->three_phase ? 3 : 2;
    const bool linear = config->anneal == NORMNET_ANNEAL_LINEAR;
    double start = 0.0, length, q;
    int phase = 0;

    while (phase < count - 1 && (double)step > phases[phase].end)
        start = phases[phase++].end;
    length = phases[phase].end - start;
    q = length != 0.0 ? ((double)step - start) / length : 1.0; /* a phase of length 0: the step is at its end */
    return (struct rate){anneal(linear, phases[phase].lr_start, phases[phase].lr_end, q),
                         config->cycle_momentum
                             ? anneal(linear, phases[phase].momentum_start, phases[phase].momentum_end, q)
                             : config->momentum};
}

struct rate normnet__step_rate(const normnet_config *config, int64_t step)
{
    /* 0 stays 0, also where the power is infinite. */
    const double lr =
        config->lr == 0.0 ? 0.0 : config->lr * normnet__power(config->step_gamma, step / config->step_size);

    return (struct rate){lr, config->momentum};
}

struct rate normnet__scheduled_rate(const normnet_config *config, int64_t step)
{
    switch (config->schedule) {
    case NORMNET_SCHEDULE_ONE_CYCLE:
        return normnet__one_cycle_rate(config, step);
    case NORMNET_SCHEDULE_STEP:
        return normnet__step_rate(config, step);
    default:
        return (struct rate){config->lr, config->momentum};
    }
}
