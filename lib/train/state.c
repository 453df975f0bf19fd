/* SPDX-License-Identifier: MIT */
#include "train/state.h"

#include "train/initial_values.h"

#include <string.h>

void normnet__alloc_state(struct arena *arena, const struct network *network, struct state *state)
{
    const int64_t parameters = network->parameter_count, statistics = network->statistic_count;
    const int64_t norms = network->batch_norm_count;

    state->entries =
        normnet__arena_alloc(arena, NORMNET__MAX_LAYER_ENTRIES * (int64_t)network->layer_count, sizeof *state->entries);
    state->weights = normnet__alloc_weights(arena, network);
    normnet__alloc_average(arena, network, &state->average);
    state->momentum = normnet__arena_alloc(arena, parameters, sizeof *state->momentum);
    state->gradients = normnet__arena_alloc(arena, parameters, sizeof *state->gradients);
    state->next_statistics = normnet__arena_alloc(arena, statistics, sizeof *state->next_statistics);
    state->next_batches = normnet__arena_alloc(arena, norms, sizeof *state->next_batches);
    state->saved_statistics = normnet__arena_alloc(arena, statistics, sizeof *state->saved_statistics);
    state->saved_batches = normnet__arena_alloc(arena, norms, sizeof *state->saved_batches);
    state->running = normnet__arena_alloc(arena, norms, sizeof *state->running);
    state->span_sums = normnet__arena_alloc(arena, normnet__count_spans(parameters), sizeof *state->span_sums);
}

/* ---- Beginning ----------------------------------------------------------------------------------- */

void normnet__clear_state(const struct network *network, struct state *state)
{
    const struct weights *weights = &state->weights;

    state->entry_count = normnet__fill_entries(network, weights, state->entries);
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];
        float *next = state->next_statistics + layer->statistics;

        if (layer->batch_norm >= 0)
            state->running[layer->batch_norm] =
                (struct running){next, next + layer->in.channels, state->next_batches + layer->batch_norm};
    }
    normnet__clear_weights(network, weights);
    if (normnet__is_averaging(&state->average))
        normnet__clear_weights(network, &state->average.weights);
    memset(state->momentum, 0, (size_t)network->parameter_count * sizeof *state->momentum);
    state->has_momentum = false;
    state->step = 0;
    normnet__clear_gradients(network, state);
}

void normnet__initialize_state(const struct network *network, uint64_t seed, struct state *state)
{
    normnet__set_initial_values(network, seed, state->weights.parameters, state->weights.statistics);
    normnet__refresh_state(network, state);
}

/* ---- Changes ------------------------------------------------------------------------------------- */

void normnet__copy_state(const struct network *network, struct state *to, const struct state *from)
{
    const size_t parameters = (size_t)network->parameter_count, statistics = (size_t)network->statistic_count;
    const size_t norms = (size_t)network->batch_norm_count;

    normnet__copy_weights(network, &to->weights, &from->weights);
    memcpy(to->momentum, from->momentum, parameters * sizeof *to->momentum);
    memcpy(to->gradients, from->gradients, parameters * sizeof *to->gradients);
    memcpy(to->next_statistics, from->next_statistics, statistics * sizeof *to->next_statistics);
    memcpy(to->next_batches, from->next_batches, norms * sizeof *to->next_batches);
    to->has_momentum = from->has_momentum;
    to->step = from->step;
    to->pending = from->pending;
    to->next_sample = from->next_sample;
    normnet__prepare_weights(network, &to->weights);
    if (normnet__is_averaging(&to->average)) {
        normnet__copy_weights(network, &to->average.weights, &from->average.weights);
        normnet__touch_average(&to->average);
    }
}

void normnet__refresh_weights(const struct network *network, struct state *state)
{
    normnet__prepare_weights(network, &state->weights);
    normnet__follow_weights(network, &state->average, state->step, &state->weights);
}

void normnet__restart_statistics(const struct network *network, struct state *state, const struct weights *from)
{
    memcpy(state->next_statistics, from->statistics, (size_t)network->statistic_count * sizeof *from->statistics);
    memcpy(state->next_batches, from->batches, (size_t)network->batch_norm_count * sizeof *from->batches);
}

void normnet__refresh_state(const struct network *network, struct state *state)
{
    normnet__restart_statistics(network, state, &state->weights);
    normnet__refresh_weights(network, state);
}

void normnet__refresh_entry(const struct network *network, struct state *state, const struct entry *entry)
{
    if (entry->batches != NULL)
        state->next_batches[entry->offset] = *entry->batches;
    else if (!entry->trained)
        memcpy(state->next_statistics + entry->offset, entry->values, (size_t)entry->count * sizeof *entry->values);
    normnet__refresh_weights(network, state);
}

void normnet__commit_statistics(const struct network *network, const struct state *state, const struct weights *to)
{
    memcpy(to->statistics, state->next_statistics, (size_t)network->statistic_count * sizeof *to->statistics);
    memcpy(to->batches, state->next_batches, (size_t)network->batch_norm_count * sizeof *to->batches);
}

void normnet__end_pending(const struct network *network, struct state *state)
{
    normnet__restart_statistics(network, state, &state->weights);
    state->pending = false;
    state->next_sample = 0;
}

void normnet__clear_gradients(const struct network *network, struct state *state)
{
    memset(state->gradients, 0, (size_t)network->parameter_count * sizeof *state->gradients);
    normnet__end_pending(network, state);
}

void normnet__save_next_statistics(const struct network *network, struct state *state)
{
    memcpy(state->saved_statistics, state->next_statistics,
           (size_t)network->statistic_count * sizeof *state->next_statistics);
    memcpy(state->saved_batches, state->next_batches, (size_t)network->batch_norm_count * sizeof *state->next_batches);
}

void normnet__restore_next_statistics(const struct network *network, struct state *state)
{
    memcpy(state->next_statistics, state->saved_statistics,
           (size_t)network->statistic_count * sizeof *state->next_statistics);
    memcpy(state->next_batches, state->saved_batches, (size_t)network->batch_norm_count * sizeof *state->next_batches);
}
