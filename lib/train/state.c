/* SPDX-License-Identifier: MIT */
#include "train/state.h"

#include "base/random.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* weight, bias, running_mean, running_var, num_batches_tracked */
enum { ENTRIES_PER_LAYER = 5 };

void normnet__alloc_state(struct arena *arena, const struct network *network, struct state *state)
{
    const int64_t parameters = network->parameter_count, statistics = network->statistic_count;
    const int64_t norms = network->batch_norm_count;

    state->entries =
        normnet__arena_alloc(arena, ENTRIES_PER_LAYER * (int64_t)network->layer_count, sizeof *state->entries);
    state->parameters = normnet__arena_alloc(arena, parameters, sizeof *state->parameters);
    state->statistics = normnet__arena_alloc(arena, statistics, sizeof *state->statistics);
    state->batches = normnet__arena_alloc(arena, norms, sizeof *state->batches);
    state->prepared = normnet__arena_alloc(arena, network->prepared_count, sizeof *state->prepared);
    state->momentum = normnet__arena_alloc(arena, parameters, sizeof *state->momentum);
    state->gradients = normnet__arena_alloc(arena, parameters, sizeof *state->gradients);
    state->next_statistics = normnet__arena_alloc(arena, statistics, sizeof *state->next_statistics);
    state->next_batches = normnet__arena_alloc(arena, norms, sizeof *state->next_batches);
    state->saved_statistics = normnet__arena_alloc(arena, statistics, sizeof *state->saved_statistics);
    state->saved_batches = normnet__arena_alloc(arena, norms, sizeof *state->saved_batches);
    state->running = normnet__arena_alloc(arena, norms, sizeof *state->running);
    state->total = normnet__arena_alloc(arena, parameters, sizeof *state->total);
    state->next_parameters = normnet__arena_alloc(arena, parameters, sizeof *state->next_parameters);
    state->next_momentum = normnet__arena_alloc(arena, parameters, sizeof *state->next_momentum);
}

/* ---- Entries ------------------------------------------------------------------------------------- */

static struct entry *add_entry(struct state *state, const struct layer *layer, const char *role)
{
    struct entry *entry = &state->entries[state->entry_count++];

    *entry = (struct entry){.layer = layer->index, .count = 1};
    snprintf(entry->name, sizeof entry->name, "%d.%s", layer->index, role);
    return entry;
}

static void add_dimension(struct entry *entry, int64_t size)
{
    entry->shape[entry->rank++] = size;
    entry->count *= size;
}

/* The shape of gamma and beta: one dimension, or the normalized ones. */
static void add_affine_shape(struct entry *entry, const struct layer *layer)
{
    const struct norm_spec *norm = &layer->norm;

    if (norm->affine == NORMNET_AFFINE_CHANNEL || layer->in.flat) {
        add_dimension(entry, norm->affine_length);
        return;
    }
    if (norm->dims >= 3)
        add_dimension(entry, layer->in.channels);
    if (norm->dims >= 2)
        add_dimension(entry, layer->in.height);
    add_dimension(entry, layer->in.width);
}

static void add_trained(struct state *state, const struct layer *layer, const char *role, int64_t offset, bool weight)
{
    struct entry *entry = add_entry(state, layer, role);
    const bool normalizes = layer->norm.affine_length > 0;

    entry->trained = true;
    entry->weight = weight && !normalizes;
    entry->offset = offset;
    entry->values = state->parameters + offset;
    if (normalizes) {
        add_affine_shape(entry, layer);
        return;
    }
    add_dimension(entry, layer->out.channels);
    if (!weight)
        return;
    add_dimension(entry, layer->in.channels);
    if (layer->in.flat)
        return;
    add_dimension(entry, layer->kernel);
    add_dimension(entry, layer->kernel);
}

static void add_running(struct state *state, const struct layer *layer)
{
    static const char *const roles[2] = {"running_mean", "running_var"};

    for (int i = 0; i < 2; ++i) {
        struct entry *entry = add_entry(state, layer, roles[i]);

        entry->offset = layer->statistics + (int64_t)i * layer->in.channels;
        entry->values = state->statistics + entry->offset;
        entry->variance = i == 1;
        add_dimension(entry, layer->in.channels);
    }
    add_entry(state, layer, "num_batches_tracked")->batches = &state->batches[layer->batch_norm];
}

static void name_entries(const struct network *network, struct state *state)
{
    state->entry_count = 0;
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];

        if (layer->weight_count > 0)
            add_trained(state, layer, "weight", layer->weight, true);
        if (layer->bias_count > 0)
            add_trained(state, layer, "bias", layer->bias, false);
        if (layer->batch_norm >= 0)
            add_running(state, layer);
    }
}

/* ---- Initial values ------------------------------------------------------------------------------ */

/* PyTorch's default: weight and bias of conv and fc uniform in (-b, b), b = 1 / sqrt(fan-in). */
static void draw_weights(const struct layer *layer, uint64_t seed, float *parameters)
{
    const double fan_in = (double)layer->in.channels * layer->kernel * layer->kernel, bound = 1.0 / sqrt(fan_in);

    for (int64_t i = 0; i < layer->weight_count + layer->bias_count; ++i) {
        const struct random random =
            normnet__random(seed, NORMNET__STREAM_WEIGHTS, (uint32_t)layer->index, 0, (uint64_t)i);
        const double uniform = ((double)random.word[0] + 0.5) / 4294967296.0; /* in (0, 1) */

        parameters[layer->weight + i] = (float)(bound * (2.0 * uniform - 1.0));
    }
}

static void clear(float *values, int64_t count)
{
    memset(values, 0, (size_t)count * sizeof *values);
}

void normnet__clear_state(const struct network *network, struct state *state)
{
    name_entries(network, state);
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];
        float *next = state->next_statistics + layer->statistics;

        if (layer->batch_norm >= 0)
            state->running[layer->batch_norm] =
                (struct running){next, next + layer->in.channels, state->next_batches + layer->batch_norm};
    }
    clear(state->parameters, network->parameter_count);
    clear(state->momentum, network->parameter_count);
    clear(state->statistics, network->statistic_count);
    clear(state->prepared, network->prepared_count);
    memset(state->batches, 0, (size_t)network->batch_norm_count * sizeof *state->batches);
    state->has_momentum = false;
    state->step = 0;
    normnet__clear_gradients(network, state);
}

void normnet__initialize_state(const struct network *network, uint64_t seed, struct state *state)
{
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];

        if (layer->norm.affine_length == 0 && layer->weight_count > 0)
            draw_weights(layer, seed, state->parameters);
        else
            for (int64_t j = 0; j < layer->weight_count + layer->bias_count; ++j)
                state->parameters[layer->weight + j] = j < layer->weight_count ? 1.0f : 0.0f;
        if (layer->batch_norm < 0)
            continue;
        for (int32_t c = 0; c < layer->in.channels; ++c)
            state->statistics[layer->statistics + layer->in.channels + c] = 1.0f;
    }
    normnet__clear_gradients(network, state);
    normnet__prepare_weights(network, state);
}

/* ---- Values from outside ------------------------------------------------------------------------- */

bool normnet__entry_accepts(const struct entry *entry, double value)
{
    return isfinite(value) && (value >= 0.0 || (entry->batches == NULL && !entry->variance));
}

bool normnet__entry_has_shape(const struct entry *entry, int32_t rank, const int64_t *shape)
{
    bool same = rank == entry->rank;

    for (int32_t i = 0; same && i < rank; ++i)
        same = shape[i] == entry->shape[i];
    return same;
}

/* ---- Changes ------------------------------------------------------------------------------------- */

void normnet__copy_state(const struct network *network, struct state *to, const struct state *from)
{
    const size_t parameters = (size_t)network->parameter_count, statistics = (size_t)network->statistic_count;
    const size_t norms = (size_t)network->batch_norm_count;

    memcpy(to->parameters, from->parameters, parameters * sizeof *to->parameters);
    memcpy(to->statistics, from->statistics, statistics * sizeof *to->statistics);
    memcpy(to->batches, from->batches, norms * sizeof *to->batches);
    memcpy(to->momentum, from->momentum, parameters * sizeof *to->momentum);
    memcpy(to->gradients, from->gradients, parameters * sizeof *to->gradients);
    memcpy(to->next_statistics, from->next_statistics, statistics * sizeof *to->next_statistics);
    memcpy(to->next_batches, from->next_batches, norms * sizeof *to->next_batches);
    to->has_momentum = from->has_momentum;
    to->step = from->step;
    to->pending = from->pending;
    normnet__prepare_weights(network, to);
}

void normnet__prepare_weights(const struct network *network, struct state *state)
{
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];

        if (layer->prepared_count > 0)
            layer->type->prepare(layer, state->parameters, state->statistics, state->prepared);
    }
}

void normnet__commit_statistics(const struct network *network, struct state *state)
{
    memcpy(state->statistics, state->next_statistics, (size_t)network->statistic_count * sizeof *state->statistics);
    memcpy(state->batches, state->next_batches, (size_t)network->batch_norm_count * sizeof *state->batches);
    normnet__prepare_weights(network, state);
}

void normnet__clear_gradients(const struct network *network, struct state *state)
{
    memset(state->gradients, 0, (size_t)network->parameter_count * sizeof *state->gradients);
    memcpy(state->next_statistics, state->statistics, (size_t)network->statistic_count * sizeof *state->statistics);
    memcpy(state->next_batches, state->batches, (size_t)network->batch_norm_count * sizeof *state->batches);
    state->pending = false;
}

void normnet__save_pending(const struct network *network, struct state *state)
{
    memcpy(state->saved_statistics, state->next_statistics,
           (size_t)network->statistic_count * sizeof *state->statistics);
    memcpy(state->saved_batches, state->next_batches, (size_t)network->batch_norm_count * sizeof *state->batches);
}

void normnet__restore_pending(const struct network *network, struct state *state)
{
    memcpy(state->next_statistics, state->saved_statistics,
           (size_t)network->statistic_count * sizeof *state->statistics);
    memcpy(state->next_batches, state->saved_batches, (size_t)network->batch_norm_count * sizeof *state->batches);
}
