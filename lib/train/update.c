/* SPDX-License-Identifier: MIT */
#include "train/update.h"

#include "train/regularizer.h"

#include <string.h>

struct updater {
    const struct engine *engine;
    const normnet_config *config;
    const struct update_rules *rules;
    struct state *state;
};

/* The parameters that a span and an entry have in common; none if the count is not positive. */
struct part {
    int64_t first, count;
};

static struct part common_part(int64_t span, const struct entry *entry)
{
    const int64_t begin = span * NORMNET__SPAN_PARAMETERS, end = begin + NORMNET__SPAN_PARAMETERS;
    const int64_t entry_end = entry->offset + entry->count;
    const int64_t first = entry->offset > begin ? entry->offset : begin;

    return (struct part){first, (entry_end < end ? entry_end : end) - first};
}

static const struct update_rule *rule_for(const struct updater *updater, bool penalized)
{
    return penalized ? &updater->rules->penalized : &updater->rules->plain;
}

static struct update_sums measure_span(const struct updater *updater, int64_t span)
{
    const struct state *state = updater->state;
    struct update_sums total = {.finite = true};

    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];
        const struct part part = common_part(span, entry);
        const bool penalized = normnet__is_penalized(updater->config, entry);
        struct update_sums sums;

        if (!entry->trained || part.count <= 0)
            continue;
        sums = updater->engine->kernels->measure_update(
            rule_for(updater, penalized), part.count, state->gradients + part.first,
            state->weights.parameters + part.first, state->momentum + part.first);
        total.absolute += penalized ? sums.absolute : 0.0;
        total.square += penalized ? sums.square : 0.0;
        total.gradient_square += sums.gradient_square;
        total.finite = total.finite && sums.finite;
    }
    return total;
}

static void measure_spans(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct updater *updater = context;

    (void)thread;
    for (int64_t span = begin; span < end; ++span)
        updater->state->span_sums[span] = measure_span(updater, span);
}

struct update_sums normnet__measure_update(const struct engine *engine, const normnet_config *config,
                                           const struct update_rules *rules, struct state *state)
{
    const int64_t spans = normnet__count_spans(engine->network->parameter_count);
    struct updater updater = {engine, config, rules, state};
    struct update_sums total = {.finite = true};

    normnet__parallel(&engine->threads, spans, measure_spans, &updater);
    for (int64_t span = 0; span < spans; ++span) {
        const struct update_sums *sums = &state->span_sums[span];

        total.absolute += sums->absolute;
        total.square += sums->square;
        total.gradient_square += sums->gradient_square;
        total.finite = total.finite && sums->finite;
    }
    return total;
}

/* Of parameters that have just been updated. */
static void average_part(const struct updater *updater, struct part part)
{
    const struct state *state = updater->state;
    const float *parameters = state->weights.parameters + part.first;
    float *average = state->average.weights.parameters + part.first;
    const double share = normnet__newest_share(&state->average, state->step);

    if (share == 1.0)
        memcpy(average, parameters, (size_t)part.count * sizeof *average);
    else
        updater->engine->kernels->average(share, part.count, parameters, average);
}

static void update_span(const struct updater *updater, int64_t span)
{
    const struct state *state = updater->state;

    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];
        const struct part part = common_part(span, entry);
        double *gradient = state->gradients + part.first;

        if (!entry->trained || part.count <= 0)
            continue;
        updater->engine->kernels->update(rule_for(updater, normnet__is_penalized(updater->config, entry)), part.count,
                                         gradient, state->weights.parameters + part.first,
                                         state->momentum + part.first);
        memset(gradient, 0, (size_t)part.count * sizeof *gradient);
        if (normnet__is_averaging(&state->average))
            average_part(updater, part);
    }
}

static void update_spans(void *context, int32_t thread, int64_t begin, int64_t end)
{
    (void)thread;
    for (int64_t span = begin; span < end; ++span)
        update_span(context, span);
}

void normnet__update_parameters(const struct engine *engine, const normnet_config *config,
                                const struct update_rules *rules, struct state *state)
{
    struct updater updater = {engine, config, rules, state};

    normnet__parallel(&engine->threads, normnet__count_spans(engine->network->parameter_count), update_spans, &updater);
}
