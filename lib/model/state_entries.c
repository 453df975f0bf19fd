/* SPDX-License-Identifier: MIT */
#include "model/state_entries.h"

#include "base/edit_distance.h"
#include "base/message.h"

#include <math.h>
#include <string.h>

int32_t normnet__entry_dtype(const struct entry *entry)
{
    return entry->values != NULL ? NORMNET_F32 : NORMNET_I64;
}

/* The average of the entry; NULL if the model has none. */
static const void *average_of(const struct state *state, const struct entry *entry)
{
    const struct weights *average = &state->average.weights;

    if (!normnet__is_averaging(&state->average))
        return NULL;
    if (entry->batches != NULL)
        return normnet__batches_of(entry, average);
    return normnet__values_of(entry, average);
}

normnet_state_info normnet__describe_entry(const struct state *state, int32_t index)
{
    const struct entry *entry = &state->entries[index];
    normnet_state_info info = {
        .dtype = normnet__entry_dtype(entry),
        .rank = entry->rank,
        .trained = entry->trained,
        .name = entry->name,
        .data = entry->values != NULL ? (const void *)entry->values : entry->batches,
        .average = average_of(state, entry),
    };

    memcpy(info.shape, entry->shape, sizeof info.shape);
    return info;
}

/* Element `index` of a tensor, counted in the order of its shape. */
static const void *element_at(const struct view *view, int64_t index)
{
    const normnet_tensor *tensor = &view->tensor;
    int64_t at = 0;

    for (int32_t i = tensor->rank - 1; i >= 0; --i) {
        at += index % tensor->shape[i] * tensor->strides[i];
        index /= tensor->shape[i];
    }
    return (const char *)tensor->data + at * view->element_bytes;
}

static normnet_status check_form(const struct entry *entry, const struct view *view)
{
    const int32_t dtype = normnet__entry_dtype(entry);
    char expected[NORMNET__DIMS_TEXT], actual[NORMNET__DIMS_TEXT];

    if (view->tensor.dtype != dtype || !normnet__entry_has_shape(entry, view->tensor.rank, view->tensor.shape))
        return normnet__fail(NORMNET_EMISMATCH, "'%s' is %s of %s in the model; the tensor is %s of %s", entry->name,
                             normnet__dims_text(expected, entry->rank, entry->shape), normnet__dtype_name(dtype),
                             normnet__dims_text(actual, view->tensor.rank, view->tensor.shape),
                             normnet__dtype_name(view->tensor.dtype));
    return NORMNET_OK;
}

static normnet_status check_value(const struct entry *entry, int64_t index, double value)
{
    char number[32];

    if (normnet__entry_accepts(entry, value))
        return NORMNET_OK;
    return normnet__fail(NORMNET_EVALUE, "element %lld of '%s' is %s; expected %s", (long long)index, entry->name,
                         normnet__decimal(number, value), normnet__entry_range(entry));
}

static struct entry *find_entry(normnet_model *model, const char *name)
{
    for (int32_t i = 0; i < model->state.entry_count; ++i)
        if (strcmp(model->state.entries[i].name, name) == 0)
            return &model->state.entries[i];
    return NULL;
}

/* For the message: the entry whose name is most like `name`, or all of them by the first and the last. */
static normnet_status reject_name(const struct state *state, const char *name)
{
    const struct entry *nearest = NULL;
    const size_t length = strlen(name);
    int32_t least = 3;

    for (int32_t i = 0; i < state->entry_count && length <= NORMNET__MAX_EDITED; ++i) {
        const int32_t edits = normnet__edit_distance(name, (int32_t)length, state->entries[i].name);

        if (edits < least) {
            least = edits;
            nearest = &state->entries[i];
        }
    }
    if (nearest != NULL)
        return normnet__fail(NORMNET_EMISMATCH, "the model has no entry '%.127s'; did you mean '%s'?", name,
                             nearest->name);
    if (state->entry_count == 0)
        return normnet__fail(NORMNET_EMISMATCH, "the model has no entry '%.127s', and no others", name);
    return normnet__fail(NORMNET_EMISMATCH, "the model has no entry '%.127s'; expected one of %d, from '%s' to '%s'",
                         name, state->entry_count, state->entries[0].name, state->entries[state->entry_count - 1].name);
}

/*
 * Values are copied before they are checked, to memory that is free between steps: they may lie in the model itself, or
 * where others change them.
 */
static float *free_memory(const normnet_model *model, bool trained)
{
    return trained ? (float *)(void *)model->training.gradient : model->state.saved_statistics;
}

static normnet_status set_floats(const normnet_model *model, const struct entry *entry, const struct view *view)
{
    float *copy = free_memory(model, entry->trained);

    for (int64_t i = 0; i < entry->count; ++i)
        copy[i] = *(const float *)element_at(view, i);
    for (int64_t i = 0; i < entry->count; ++i) {
        const normnet_status status = check_value(entry, i, (double)copy[i]);

        if (status != NORMNET_OK)
            return status;
    }
    memcpy(entry->values, copy, (size_t)entry->count * sizeof *copy);
    return NORMNET_OK;
}

static normnet_status set_batches(const struct entry *entry, const struct view *view)
{
    const int64_t batches = *(const volatile int64_t *)element_at(view, 0);
    const normnet_status status = check_value(entry, 0, (double)batches);

    if (status == NORMNET_OK)
        *entry->batches = batches;
    return status;
}

normnet_status normnet__set_entry(normnet_model *model, const char *name, const struct view *view)
{
    struct entry *entry = find_entry(model, name);
    normnet_status status;

    if (entry == NULL)
        return reject_name(&model->state, name);
    status = check_form(entry, view);
    if (status == NORMNET_OK)
        status = entry->values != NULL ? set_floats(model, entry, view) : set_batches(entry, view);
    if (status == NORMNET_OK)
        normnet__refresh_entry(&model->network, &model->state, entry);
    return status;
}

normnet_status normnet__set_parameters(normnet_model *model, const float *values)
{
    const int64_t count = model->network.parameter_count;
    float *copy = free_memory(model, true);
    char number[32];

    memcpy(copy, values, (size_t)count * sizeof *copy);
    for (int64_t i = 0; i < count; ++i)
        if (!isfinite(copy[i]))
            return normnet__fail(NORMNET_EVALUE, "values[%lld] is %s; expected a finite number", (long long)i,
                                 normnet__decimal(number, (double)copy[i]));
    memcpy(model->state.weights.parameters, copy, (size_t)count * sizeof *copy);
    normnet__refresh_weights(&model->network, &model->state);
    return NORMNET_OK;
}
