/* SPDX-License-Identifier: MIT */
#include "train/step.h"

#include "base/message.h"
#include "base/random.h"
#include "train/regularizer.h"
#include "train/sgd.h"

#include <math.h>
#include <string.h>

normnet_status normnet__check_schedule(const struct trainer *trainer)
{
    const normnet_config *config = trainer->config;

    if (config->schedule == NORMNET_SCHEDULE_ONE_CYCLE && trainer->state->step >= config->total_steps)
        return normnet__fail(NORMNET_ESTATE, "the one-cycle schedule ends after its %lld steps",
                             (long long)config->total_steps);
    return NORMNET_OK;
}

/* ---- Compute ------------------------------------------------------------------------------------- */

static bool all_finite(const double *values, int64_t count)
{
    for (int64_t i = 0; i < count; ++i)
        if (!isfinite(values[i]))
            return false;
    return true;
}

static bool all_finite_floats(const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; ++i)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* The training has most likely diverged. */
static normnet_status reject_diverged(const struct trainer *trainer, const char *problem, double value)
{
    const double lr = normnet__scheduled_rate(trainer->config, trainer->state->step).lr;
    char number[32], rate[32];

    return normnet__fail(NORMNET_EVALUE, "%s%s; try a lower learning rate (this step has %s)", problem,
                         normnet__decimal(number, value), normnet__decimal(rate, lr));
}

static normnet_status check_result(const struct trainer *trainer, const struct pass_result *result)
{
    const struct network *network = trainer->engine->network;

    if (!isfinite(result->loss))
        return reject_diverged(trainer, "the loss of the batch is ", result->loss);
    if (!all_finite(trainer->training->gradient, network->parameter_count))
        return reject_diverged(trainer, "the gradient of the batch is not finite; its loss is ", result->loss);
    if (!all_finite_floats(trainer->state->next_statistics, network->statistic_count))
        return reject_diverged(trainer, "a running statistic of batch norm would not be finite; the loss is ",
                               result->loss);
    return NORMNET_OK;
}

normnet_status normnet__compute(const struct trainer *trainer, const struct images *images, const struct labels *labels,
                                int64_t first_sample, struct pass_result *result)
{
    const struct network *network = trainer->engine->network;
    struct state *state = trainer->state;
    const struct dropout_source source = {(uint64_t)trainer->config->seed, NORMNET__STREAM_DROPOUT,
                                          (uint64_t)state->step, first_sample};
    normnet_status status;

    normnet__save_next_statistics(network, state);
    status =
        normnet__forward_backward(trainer->engine, trainer->training, images, labels, source, state->running, result);
    if (status == NORMNET_OK)
        status = check_result(trainer, result);
    if (status != NORMNET_OK) {
        normnet__restore_next_statistics(network, state);
        return status;
    }
    for (int64_t i = 0; i < network->parameter_count; ++i)
        state->gradients[i] += trainer->training->gradient[i];
    state->pending = true;
    if (state->next_sample < first_sample + images->count)
        state->next_sample = first_sample + images->count;
    return NORMNET_OK;
}

/* ---- Apply --------------------------------------------------------------------------------------- */

/*
 * Adds the penalty's gradient to state->mean_gradient and returns the penalty: of all parameters, or of the weights of
 * conv and fc.
 */
static double penalize(const struct trainer *trainer)
{
    const normnet_config *config = trainer->config;
    struct state *state = trainer->state;
    double penalty = 0.0;

    if (config->l1 == 0.0 && config->l2 == 0.0)
        return 0.0;
    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];

        if (entry->trained && (entry->is_weight || config->penalty_on == NORMNET_PENALTY_ALL))
            penalty += normnet__add_penalty(entry->values, entry->count, config->l1, config->l2,
                                            state->mean_gradient + entry->offset);
    }
    return penalty;
}

static double euclidean_norm(const double *values, int64_t count)
{
    double sum = 0.0;

    for (int64_t i = 0; i < count; ++i)
        sum += values[i] * values[i];
    return sqrt(sum);
}

static void commit(const struct trainer *trainer, bool has_momentum)
{
    const struct network *network = trainer->engine->network;
    struct state *state = trainer->state;

    memcpy(state->parameters, state->next_parameters, (size_t)network->parameter_count * sizeof *state->parameters);
    memcpy(state->momentum, state->next_momentum, (size_t)network->parameter_count * sizeof *state->momentum);
    state->has_momentum = state->has_momentum || has_momentum;
    state->step += 1;
    normnet__commit_statistics(network, state);
    normnet__clear_gradients(network, state);
}

normnet_status normnet__apply(const struct trainer *trainer, int64_t images_in_all, struct update *update)
{
    const normnet_config *config = trainer->config;
    struct state *state = trainer->state;
    const int64_t count = trainer->engine->network->parameter_count;
    struct sgd sgd;

    update->rate = normnet__scheduled_rate(config, state->step);
    for (int64_t i = 0; i < count; ++i)
        state->mean_gradient[i] = state->gradients[i] / (double)images_in_all;
    update->penalty = penalize(trainer);
    update->gradient_norm = euclidean_norm(state->mean_gradient, count);
    if (!isfinite(update->gradient_norm))
        return reject_diverged(trainer, "the norm of the gradient is ", update->gradient_norm);
    if (config->clip_norm > 0.0 && update->gradient_norm > config->clip_norm)
        for (int64_t i = 0; i < count; ++i)
            state->mean_gradient[i] *= config->clip_norm / update->gradient_norm;
    sgd = (struct sgd){update->rate.lr, update->rate.momentum, config->dampening, config->nesterov != 0,
                       !state->has_momentum};
    if (!normnet__sgd_step(&sgd, state->mean_gradient, state->parameters, state->momentum, count,
                           state->next_parameters, state->next_momentum))
        return reject_diverged(trainer, "a weight would not be finite after this step; the gradient's norm is ",
                               update->gradient_norm);
    commit(trainer, update->rate.momentum != 0.0);
    return NORMNET_OK;
}
