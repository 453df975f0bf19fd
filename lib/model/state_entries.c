/* SPDX-License-Identifier: MIT */
#include "model/state_entries.h"

#include "base/edit_distance.h"
#include "base/message.h"

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

static double number_at(const struct view *view, int64_t index)
{
    const void *element = element_at(view, index);

    return view->tensor.dtype == NORMNET_F32 ? (double)*(const float *)element : (double)*(const int64_t *)element;
}

static normnet_status check_tensor(const struct entry *entry, const struct view *view)
{
    const int32_t dtype = normnet__entry_dtype(entry);
    char expected[NORMNET__DIMS_TEXT], actual[NORMNET__DIMS_TEXT], number[32];

    if (view->tensor.dtype != dtype || !normnet__entry_has_shape(entry, view->tensor.rank, view->tensor.shape))
        return normnet__fail(NORMNET_EMISMATCH, "'%s' is %s of %s in the model; the tensor is %s of %s", entry->name,
                             normnet__dims_text(expected, entry->rank, entry->shape), normnet__dtype_name(dtype),
                             normnet__dims_text(actual, view->tensor.rank, view->tensor.shape),
                             normnet__dtype_name(view->tensor.dtype));
    for (int64_t i = 0; i < entry->count; ++i) {
        const double value = number_at(view, i);

        if (!normnet__entry_accepts(entry, value))
            return normnet__fail(NORMNET_EVALUE, "element %lld of '%s' is %s; expected %s", (long long)i, entry->name,
                                 normnet__decimal(number, value), normnet__entry_range(entry));
    }
    return NORMNET_OK;
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

/* By way of memory that is free between steps: the tensor may lie in the model itself. */
static void copy_floats(const normnet_model *model, const struct entry *entry, const struct view *view)
{
    float *copy = entry->trained ? (float *)(void *)model->training.gradient : model->state.saved_statistics;

    for (int64_t i = 0; i < entry->count; ++i)
        copy[i] = *(const float *)element_at(view, i);
    memcpy(entry->values, copy, (size_t)entry->count * sizeof *copy);
}

normnet_status normnet__set_entry(normnet_model *model, const char *name, const struct view *view)
{
    struct entry *entry = find_entry(model, name);
    normnet_status status;

    if (entry == NULL)
        return reject_name(&model->state, name);
    status = check_tensor(entry, view);
    if (status != NORMNET_OK)
        return status;
    if (entry->values != NULL)
        copy_floats(model, entry, view);
    else
        *entry->batches = *(const int64_t *)element_at(view, 0);
    normnet__refresh_entry(&model->network, &model->state, entry);
    return NORMNET_OK;
}

void normnet__set_parameters(normnet_model *model, const float *values)
{
    memmove(model->state.weights.parameters, values, (size_t)model->network.parameter_count * sizeof *values);
    normnet__refresh_weights(&model->network, &model->state);
}
