/* SPDX-License-Identifier: MIT */
#include "files/state_tensors.h"

#include "base/message.h"
#include "model/state_entries.h"
#include "model/views.h"

#include <stdio.h>
#include <string.h>

#define OPTIMIZER_PREFIX "optim."

enum { MOMENTUM_NAME = sizeof OPTIMIZER_PREFIX + sizeof((struct entry *)0)->name };

static const char *momentum_name(const struct entry *entry, char name[MOMENTUM_NAME])
{
    snprintf(name, MOMENTUM_NAME, "%s%s", OPTIMIZER_PREFIX, entry->name);
    return name;
}

static const struct file_tensor *find_momentum(const struct safetensors *file, const struct entry *entry)
{
    char name[MOMENTUM_NAME];

    return normnet__find_tensor(file, momentum_name(entry, name));
}

/* ---- Writing --------------------------------------------------------------------------------------- */

int32_t normnet__count_tensors(const struct state *state, bool momentum)
{
    int32_t count = state->entry_count;

    for (int32_t i = 0; i < state->entry_count; ++i)
        count += momentum && state->entries[i].trained;
    return count;
}

void normnet__put_tensor_headers(struct header *header, const struct state *state, bool momentum)
{
    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];

        normnet__put_tensor(header, entry->name, normnet__entry_dtype(entry), entry->rank, entry->shape, entry->count);
    }
    for (int32_t i = 0; i < state->entry_count && momentum; ++i) {
        const struct entry *entry = &state->entries[i];
        char name[MOMENTUM_NAME];

        if (entry->trained)
            normnet__put_tensor(header, momentum_name(entry, name), NORMNET_F32, entry->rank, entry->shape,
                                entry->count);
    }
}

void normnet__put_tensor_data(struct output *output, const struct state *state, bool momentum)
{
    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];

        if (entry->values != NULL)
            normnet__put_floats(output, entry->values, entry->count);
        else
            normnet__put_little(output, (uint64_t)*entry->batches, 8);
    }
    for (int32_t i = 0; i < state->entry_count && momentum; ++i)
        if (state->entries[i].trained)
            normnet__put_floats(output, state->momentum + state->entries[i].offset, state->entries[i].count);
}

/* ---- Reading: names and shapes -------------------------------------------------------------------- */

static normnet_status compare_tensor(const struct file_tensor *tensor, const struct entry *entry, const char *prefix)
{
    const int32_t dtype = normnet__entry_dtype(entry);
    char expected[NORMNET__DIMS_TEXT], actual[NORMNET__DIMS_TEXT];
    int64_t shape[8] = {0};

    if (tensor == NULL)
        return normnet__fail(NORMNET_EMISMATCH, "the file has no tensor '%s%s', which the model has as %s of %s",
                             prefix, entry->name, normnet__dims_text(expected, entry->rank, entry->shape),
                             normnet__dtype_name(dtype));
    for (int32_t i = 0; i < tensor->rank; ++i)
        shape[i] = tensor->shape[i];
    if (tensor->dtype == dtype && normnet__entry_has_shape(entry, tensor->rank, shape))
        return NORMNET_OK;
    return normnet__fail(NORMNET_EMISMATCH, "byte %lld: tensor '%s' is %s of %s; the model's is %s of %s",
                         (long long)tensor->at, tensor->name, normnet__dims_text(actual, tensor->rank, shape),
                         normnet__dtype_name(tensor->dtype), normnet__dims_text(expected, entry->rank, entry->shape),
                         normnet__dtype_name(dtype));
}

/* Whether it is the name of an entry, or with `momentum` that of a trained entry's momentum. */
static bool is_expected(const char *name, const struct state *state, bool momentum)
{
    const size_t prefix = sizeof OPTIMIZER_PREFIX - 1;
    const bool optimizer = strncmp(name, OPTIMIZER_PREFIX, prefix) == 0;

    if (optimizer && !momentum)
        return false;
    for (int32_t i = 0; i < state->entry_count; ++i)
        if (strcmp(optimizer ? name + prefix : name, state->entries[i].name) == 0)
            return !optimizer || state->entries[i].trained;
    return false;
}

normnet_status normnet__compare_tensors(const struct safetensors *file, const struct state *state, bool momentum)
{
    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];
        normnet_status status = compare_tensor(normnet__find_tensor(file, entry->name), entry, "");

        if (status == NORMNET_OK && momentum && entry->trained)
            status = compare_tensor(find_momentum(file, entry), entry, OPTIMIZER_PREFIX);
        if (status != NORMNET_OK)
            return status;
    }
    for (int32_t i = 0; i < file->tensor_count; ++i)
        if (!is_expected(file->tensors[i].name, state, momentum))
            return normnet__fail(NORMNET_EMISMATCH, "byte %lld: the model has no tensor '%s'",
                                 (long long)file->tensors[i].at, file->tensors[i].name);
    return NORMNET_OK;
}

/* ---- Reading: values ------------------------------------------------------------------------------ */

/* Checks the values of an entry or of its momentum. */
static normnet_status check_values(const struct safetensors *file, const struct file_tensor *tensor,
                                   const struct entry *entry)
{
    char number[32];

    for (int64_t i = 0; i < tensor->count; ++i) {
        const double value = tensor->dtype == NORMNET_F32 ? (double)normnet__file_float(file, tensor, i)
                                                          : (double)normnet__file_integer(file, tensor, i);

        if (!normnet__entry_accepts(entry, value))
            return normnet__fail(NORMNET_EVALUE, "byte %lld: element %lld of tensor '%s' is %s", (long long)tensor->at,
                                 (long long)i, tensor->name, normnet__decimal(number, value));
    }
    return NORMNET_OK;
}

normnet_status normnet__check_tensor_values(const struct safetensors *file, const struct state *state, bool momentum)
{
    normnet_status status = NORMNET_OK;

    for (int32_t i = 0; i < state->entry_count && status == NORMNET_OK; ++i) {
        const struct entry *entry = &state->entries[i];

        status = check_values(file, normnet__find_tensor(file, entry->name), entry);
        if (status == NORMNET_OK && momentum && entry->trained)
            status = check_values(file, find_momentum(file, entry), entry);
    }
    return status;
}

static void copy_floats(const struct safetensors *file, const struct file_tensor *tensor, float *values)
{
    for (int64_t i = 0; i < tensor->count; ++i)
        values[i] = normnet__file_float(file, tensor, i);
}

void normnet__copy_tensors(const struct safetensors *file, struct state *state, bool momentum)
{
    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];
        const struct file_tensor *tensor = normnet__find_tensor(file, entry->name);

        if (entry->values != NULL)
            copy_floats(file, tensor, entry->values);
        else
            *entry->batches = normnet__file_integer(file, tensor, 0);
        if (momentum && entry->trained)
            copy_floats(file, find_momentum(file, entry), state->momentum + entry->offset);
    }
}
