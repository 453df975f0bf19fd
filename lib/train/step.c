/* SPDX-License-Identifier: MIT */
#include "train/step.h"

#include "base/message.h"
#include "base/published.h"
#include "base/random.h"
#include "train/regularizer.h"
#include "train/sgd.h"
#include "train/update.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

normnet_status normnet__check_schedule(const struct trainer *trainer)
{
    const normnet_config *config = trainer->config;

    if (config->schedule == NORMNET_SCHEDULE_ONE_CYCLE && trainer->state->step >= config->total_steps)
        return normnet__fail(NORMNET_ESTATE, "the one-cycle schedule ends after its %lld steps",
                             (long long)config->total_steps);
    if (trainer->state->step >= NORMNET__MAX_STEPS)
        return normnet__fail(NORMNET_ESTATE, "the model has taken %lld steps, which is as far as they are counted",
                             (long long)NORMNET__MAX_STEPS);
    return NORMNET_OK;
}

/* ---- Compute ------------------------------------------------------------------------------------- */

/* The gradient of a pass: whether it is finite, and its addition to the pending one. */
struct addition {
    const double *gradient;
    int64_t count;
    double *pending;
    atomic_bool finite;
};

static int64_t span_end(const struct addition *addition, int64_t span)
{
    const int64_t end = span * NORMNET__SPAN_PARAMETERS;

    return end < addition->count ? end : addition->count;
}

static void check_gradient(void *context, int32_t thread, int64_t begin, int64_t end)
{
    struct addition *addition = context;
    bool finite = true;

    (void)thread;
    for (int64_t i = begin * NORMNET__SPAN_PARAMETERS; i < span_end(addition, end); ++i)
        finite = finite && isfinite(addition->gradient[i]);
    if (!finite)
        atomic_store(&addition->finite, false);
}

static void add_gradient(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct addition *addition = context;

    (void)thread;
    for (int64_t i = begin * NORMNET__SPAN_PARAMETERS; i < span_end(addition, end); ++i)
        addition->pending[i] += addition->gradient[i];
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

static normnet_status check_result(const struct trainer *trainer, const struct pass_result *result,
                                   struct addition *addition)
{
    const struct network *network = trainer->engine->network;

    if (!isfinite(result->loss))
        return reject_diverged(trainer, "the loss of the batch is ", result->loss);
    normnet__parallel(&trainer->engine->threads, normnet__count_spans(addition->count), check_gradient, addition);
    if (!addition->finite)
        return reject_diverged(trainer, "the gradient of the batch is not finite; its loss is ", result->loss);
    if (!all_finite_floats(trainer->state->next_statistics, network->statistic_count))
        return reject_diverged(trainer, "a running statistic of batch norm would not be finite; the loss is ",
                               result->loss);
    return NORMNET_OK;
}

normnet_status normnet__compute(const struct trainer *trainer, const struct images *images, const int32_t *labels,
                                int64_t first_sample, struct pass_result *result)
{
    const struct network *network = trainer->engine->network;
    struct state *state = trainer->state;
    const struct dropout_source source = {(uint64_t)trainer->config->seed, NORMNET__STREAM_DROPOUT,
                                          (uint64_t)state->step, first_sample};
    /* The first gradient is not added to pending ones, which are 0. */
    double *gradient = state->pending ? trainer->training->gradient : state->gradients;
    struct addition addition = {gradient, network->parameter_count, state->gradients, true};
    normnet_status status;

    normnet__save_next_statistics(network, state);
    status = normnet__forward_backward(trainer->engine, trainer->training, images, labels, source, state->running,
                                       gradient, result);
    if (status == NORMNET_OK)
        status = check_result(trainer, result, &addition);
    if (status != NORMNET_OK) {
        normnet__restore_next_statistics(network, state);
        if (!state->pending)
            memset(state->gradients, 0, (size_t)network->parameter_count * sizeof *state->gradients);
        return status;
    }
    if (state->pending)
        normnet__parallel(&trainer->engine->threads, normnet__count_spans(addition.count), add_gradient, &addition);
    state->pending = true;
    if (state->next_sample < first_sample + images->count)
        state->next_sample = first_sample + images->count;
    return NORMNET_OK;
}

/* ---- Apply --------------------------------------------------------------------------------------- */

struct preparation {
    const struct network *network;
    const struct weights *weights;
};

/* Of the layers whose packed weights begin in these spans. */
static void prepare_spans(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct preparation *preparation = context;

    (void)thread;
    for (int32_t i = 0; i < preparation->network->layer_count; ++i) {
        const int64_t span = preparation->network->layers[i].prepared / NORMNET__SPAN_PARAMETERS;

        if (span >= begin && span < end)
            normnet__prepare_layers(preparation->network, preparation->weights, i, i + 1);
    }
}

static void commit(const struct trainer *trainer, bool has_momentum)
{
    const struct network *network = trainer->engine->network;
    struct state *state = trainer->state;
    struct preparation preparation = {network, &state->weights};

    state->has_momentum = state->has_momentum || has_momentum;
    normnet__publish_count(&state->step, state->step + 1);
    normnet__commit_statistics(network, state, &state->weights);
    normnet__end_pending(network, state);
    normnet__parallel(&trainer->engine->threads, normnet__count_spans(network->prepared_count), prepare_spans,
                      &preparation);
    if (normnet__is_averaging(&state->average)) {
        normnet__copy_statistics(network, &state->average.weights, &state->weights);
        normnet__touch_average(&state->average);
    }
}

/* The rules for a step: the gradient's mean, plus the penalty, in the units of SGD. */
static struct update_rules make_rules(const struct trainer *trainer, struct rate rate, int64_t images_in_all)
{
    const normnet_config *config = trainer->config;
    const struct sgd sgd = {rate.lr, rate.momentum, config->dampening, config->nesterov != 0,
                            !trainer->state->has_momentum};
    struct update_rules rules = {.plain = normnet__sgd_rule(&sgd)};

    rules.plain.images = (double)images_in_all;
    rules.penalized = rules.plain;
    rules.penalized.penalized = config->l1 != 0.0 || config->l2 != 0.0;
    rules.penalized.l1 = config->l1;
    rules.penalized.l2 = config->l2;
    return rules;
}

normnet_status normnet__apply(const struct trainer *trainer, int64_t images_in_all, struct update *update)
{
    const normnet_config *config = trainer->config;
    struct state *state = trainer->state;
    const struct rate rate = normnet__scheduled_rate(config, state->step);
    struct update_rules rules = make_rules(trainer, rate, images_in_all);
    struct update_sums sums = normnet__measure_update(trainer->engine, config, &rules, state);

    *update = (struct update){rate, normnet__penalty(config, &sums), sqrt(sums.gradient_square)};
    if (!isfinite(update->gradient_norm))
        return reject_diverged(trainer, "the norm of the gradient is ", update->gradient_norm);
    if (config->clip_norm > 0.0 && update->gradient_norm > config->clip_norm) {
        rules.plain.scale = rules.penalized.scale = config->clip_norm / update->gradient_norm;
        sums = normnet__measure_update(trainer->engine, config, &rules, state);
    }
    if (!sums.finite)
        return reject_diverged(trainer, "a weight would not be finite after this step; the gradient's norm is ",
                               update->gradient_norm);
    normnet__update_parameters(trainer->engine, config, &rules, state);
    commit(trainer, rate.momentum != 0.0);
    return NORMNET_OK;
}
