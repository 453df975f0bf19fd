/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "base/parallel.h"
#include "layers/token.h"
#include "model/config.h"
#include "model/enumerators.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

static normnet_status check_integer(const char *name, int64_t value, int64_t min, int64_t max, normnet_status status)
{
    if (value >= min && value <= max)
        return NORMNET_OK;
    if (min == max)
        return normnet__fail(status, "config.%s is %lld; expected %lld", name, (long long)value, (long long)min);
    return normnet__fail(status, "config.%s is %lld; expected %lld to %lld", name, (long long)value, (long long)min,
                         (long long)max);
}

static normnet_status check_number(const char *name, double value, double min, bool open, double max)
{
    char number[32], low[32], high[32];

    if (isfinite(value) && value <= max && (open ? value > min : value >= min))
        return NORMNET_OK;
    return normnet__fail(NORMNET_EVALUE, "config.%s is %s; expected %s%s to %s", name, normnet__decimal(number, value),
                         open ? "more than " : "", normnet__decimal(low, min), normnet__decimal(high, max));
}

/* From 1 on, old gradients never fade: every weight goes to infinity. */
normnet_status normnet__check_momentum(const char *name, double value)
{
    char number[32];

    if (value >= 0.0 && value < 1.0)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EVALUE, "%s is %s; expected 0 to less than 1, e.g. 0.9", name,
                         normnet__decimal(number, value));
}

struct integer_range {
    const char *name;
    int64_t value, min, max;
    normnet_status status;
};

struct number_range {
    const char *name;
    double value, min;
    bool open; /* min itself is out of range */
    double max;
};

static normnet_status check_integers(const struct integer_range *ranges, size_t count)
{
    normnet_status status = NORMNET_OK;

    for (size_t i = 0; i < count && status == NORMNET_OK; ++i)
        status = check_integer(ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].max, ranges[i].status);
    return status;
}

static normnet_status check_numbers(const struct number_range *ranges, size_t count)
{
    normnet_status status = NORMNET_OK;

    for (size_t i = 0; i < count && status == NORMNET_OK; ++i)
        status = check_number(ranges[i].name, ranges[i].value, ranges[i].min, ranges[i].open, ranges[i].max);
    return status;
}

static const double max_number = NORMNET__MAX_NUMBER;

/* The first rate of one-cycle, or the last one. */
static normnet_status check_rate(const char *formula, double value, double max_lr)
{
    char number[32], peak[32];

    if (isfinite(value))
        return NORMNET_OK;
    return normnet__fail(NORMNET_EVALUE, "config.%s is %s with config.max_lr %s; expected a finite learning rate",
                         formula, normnet__decimal(number, value), normnet__decimal(peak, max_lr));
}

static normnet_status check_one_cycle_rates(const normnet_config *config)
{
    const double initial = config->max_lr / config->div_factor;
    const normnet_status status = check_rate("max_lr / config.div_factor", initial, config->max_lr);

    return status == NORMNET_OK ? check_rate("max_lr / config.div_factor / config.final_div_factor",
                                             initial / config->final_div_factor, config->max_lr)
                                : status;
}

normnet_status normnet__check_schedule_config(const normnet_config *config)
{
    const struct integer_range integers[] = {
        {"schedule", config->schedule, 0, NORMNET__LAST_SCHEDULE, NORMNET_EUNSUPPORTED},
        {"anneal", config->anneal, 0, NORMNET__LAST_ANNEAL, NORMNET_EUNSUPPORTED},
        {"three_phase", config->three_phase, 0, 1, NORMNET_EINVAL},
        {"cycle_momentum", config->cycle_momentum, 0, 1, NORMNET_EINVAL},
        {"step_size", config->step_size, 1, INT64_MAX, NORMNET_EINVAL},
        {"total_steps", config->total_steps, 0, NORMNET__MAX_STEPS, NORMNET_EINVAL},
    };
    const struct number_range numbers[] = {
        {"lr", config->lr, 0.0, false, max_number},
        {"step_gamma", config->step_gamma, 0.0, false, max_number},
        {"max_lr", config->max_lr, 0.0, false, max_number},
        {"pct_start", config->pct_start, 0.0, false, 1.0},
        {"div_factor", config->div_factor, 0.0, true, max_number},
        {"final_div_factor", config->final_div_factor, 0.0, true, max_number},
    };
    normnet_status status = check_integers(integers, sizeof integers / sizeof integers[0]);

    if (status == NORMNET_OK && config->schedule == NORMNET_SCHEDULE_ONE_CYCLE && config->total_steps == 0)
        status = normnet__fail(NORMNET_EINVAL,
                               "config.total_steps is 0; one-cycle needs the number of training steps, 1 to %lld: "
                               "epochs times steps per epoch",
                               (long long)NORMNET__MAX_STEPS);
    if (status == NORMNET_OK)
        status = check_numbers(numbers, sizeof numbers / sizeof numbers[0]);
    if (status == NORMNET_OK && config->schedule == NORMNET_SCHEDULE_ONE_CYCLE)
        status = check_one_cycle_rates(config);
    if (status == NORMNET_OK)
        status = normnet__check_momentum("config.momentum", config->momentum);
    if (status == NORMNET_OK)
        status = normnet__check_momentum("config.base_momentum", config->base_momentum);
    if (status == NORMNET_OK)
        status = normnet__check_momentum("config.max_momentum", config->max_momentum);
    return status;
}

normnet_status normnet__check_input(const normnet_config *config)
{
    for (int32_t c = 0; c < config->channels; ++c) {
        normnet_status status = NORMNET_OK;

        if (config->input_mean != NULL)
            status = check_number("input_mean", config->input_mean[c], -max_number, false, max_number);
        if (status == NORMNET_OK && config->input_std != NULL)
            status = check_number("input_std", config->input_std[c], 1e-30, false, max_number);
        if (status != NORMNET_OK)
            return status;
    }
    return NORMNET_OK;
}

/* The smallest momentum of any step. */
static double min_momentum(const normnet_config *config)
{
    if (config->schedule != NORMNET_SCHEDULE_ONE_CYCLE || !config->cycle_momentum)
        return config->momentum;
    return config->base_momentum < config->max_momentum ? config->base_momentum : config->max_momentum;
}

/* Fields that are in their ranges, but exclude each other. */
static normnet_status check_combinations(const normnet_config *config)
{
    char momentum[32], dampening[32];

    if (config->virtual_batch % NORMNET__MAX_LANES != 0)
        return normnet__fail(NORMNET_EINVAL, "config.virtual_batch is %d; expected a multiple of %d",
                             config->virtual_batch, (int)NORMNET__MAX_LANES);
    if (config->virtual_batch != 0 && config->reduce != NULL)
        return normnet__fail(NORMNET_EUNSUPPORTED,
                             "config.virtual_batch and config.reduce exclude each other: ghost batch norm has "
                             "statistics of parts of a batch, synchronized batch norm of several batches");
    if ((config->allocate == NULL) != (config->deallocate == NULL))
        return normnet__fail(NORMNET_EINVAL, "config.allocate and config.deallocate go together; %s is NULL",
                             config->allocate == NULL ? "allocate" : "deallocate");
    if (config->nesterov && (config->dampening != 0.0 || min_momentum(config) == 0.0))
        return normnet__fail(NORMNET_EINVAL,
                             "config.nesterov is 1, the least momentum %s and config.dampening %s; expected momentum "
                             "above 0 and dampening 0",
                             normnet__decimal(momentum, min_momentum(config)),
                             normnet__decimal(dampening, config->dampening));
    return NORMNET_OK;
}

normnet_status normnet__check_config(const normnet_config *config)
{
    const struct integer_range integers[] = {
        {"norm", config->norm, 0, NORMNET__LAST_NORM, NORMNET_EUNSUPPORTED},
        {"channels", config->channels, 1, NORMNET__MAX_CHANNELS, NORMNET_EINVAL},
        {"height", config->height, 1, 4096, NORMNET_EINVAL},
        {"width", config->width, 1, 4096, NORMNET_EINVAL},
        {"classes", config->classes, 2, 65536, NORMNET_EINVAL},
        {"groups", config->groups, 0, NORMNET__MAX_DIMENSION, NORMNET_EARCH},
        {"layer_dims", config->layer_dims, 1, 3, NORMNET_EINVAL},
        {"affine", config->affine, 0, NORMNET__LAST_AFFINE, NORMNET_EUNSUPPORTED},
        {"virtual_batch", config->virtual_batch, 0, 1048576, NORMNET_EINVAL},
        {"cumulative_statistics", config->cumulative_statistics, 0, 1, NORMNET_EINVAL},
        {"penalty_on", config->penalty_on, 0, NORMNET__LAST_PENALTY, NORMNET_EUNSUPPORTED},
        {"nesterov", config->nesterov, 0, 1, NORMNET_EINVAL},
        {"threads", config->threads, 1, NORMNET__MAX_THREADS, NORMNET_EINVAL},
        {"readers", config->readers, 1, 1024, NORMNET_EINVAL},
        {"max_batch", config->max_batch, 1, 1048576, NORMNET_EINVAL},
        {"cpu", config->cpu, 0, NORMNET__LAST_CPU, NORMNET_EUNSUPPORTED},
        {"reserved", config->reserved, 0, 0, NORMNET_EINVAL},
        {"memory_limit", config->memory_limit, 0, INT64_MAX, NORMNET_EINVAL},
        {"average_from", config->average_from, 0, NORMNET__MAX_STEPS, NORMNET_EINVAL},
    };
    const struct number_range numbers[] = {
        {"eps", config->eps, 0.0, false, max_number},
        {"batchnorm_momentum", config->batchnorm_momentum, 0.0, false, 1.0},
        {"dropout", config->dropout, 0.0, false, 1.0},
        {"l1", config->l1, 0.0, false, max_number},
        {"l2", config->l2, 0.0, false, max_number},
        {"label_smoothing", config->label_smoothing, 0.0, false, 1.0},
        {"dampening", config->dampening, -max_number, false, max_number},
        {"clip_norm", config->clip_norm, 0.0, false, max_number},
        {"average_decay", config->average_decay, 0.0, false, 1.0},
    };
    normnet_status status = check_integers(integers, sizeof integers / sizeof integers[0]);

    if (status == NORMNET_OK)
        status = check_numbers(numbers, sizeof numbers / sizeof numbers[0]);
    if (status == NORMNET_OK)
        status = normnet__check_schedule_config(config);
    if (status == NORMNET_OK)
        status = normnet__check_input(config);
    return status == NORMNET_OK ? check_combinations(config) : status;
}
