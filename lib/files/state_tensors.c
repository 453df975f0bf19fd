/* SPDX-License-Identifier: MIT */
#include "files/state_tensors.h"

#include "base/message.h"
#include "base/text.h"
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

static const struct element_type *element_type(const struct entry *entry)
{
    return entry->values != NULL ? &normnet__f32 : &normnet__i64;
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

        normnet__put_tensor(header, entry->name, element_type(entry), entry->rank, entry->shape, entry->count);
    }
    for (int32_t i = 0; i < state->entry_count && momentum; ++i) {
        const struct entry *entry = &state->entries[i];
        char name[MOMENTUM_NAME];

        if (entry->trained)
            normnet__put_tensor(header, momentum_name(entry, name), &normnet__f32, entry->rank, entry->shape,
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

enum { SHOWN_TENSORS = 4, MISMATCH_TEXT = 900 };

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

static const char *shape_of(const struct file_tensor *tensor, char text[NORMNET__DIMS_TEXT])
{
    int64_t shape[8] = {0};

    for (int32_t i = 0; i < tensor->rank; ++i)
        shape[i] = tensor->shape[i];
    return normnet__dims_text(text, tensor->rank, shape);
}

/*
 * Appends what the file has, first the tensors that the model does not have, and what the model is: the difference
 * between two networks is rarely in the one tensor that a message is about.
 */
static void describe_both(struct text *text, const struct safetensors *file, const normnet_model *model, bool momentum)
{
    int32_t shown = 0;

    normnet__append(text, "; the file has");
    for (int expected = 0; expected < 2; ++expected)
        for (int32_t i = 0; i < file->tensor_count && shown < SHOWN_TENSORS; ++i) {
            const struct file_tensor *tensor = &file->tensors[i];
            char shape[NORMNET__DIMS_TEXT];

            if (is_expected(tensor->name, &model->state, momentum) != (expected != 0))
                continue;
            normnet__append(text, "%s '%s' of %s", shown++ > 0 ? "," : "", tensor->name - file->prefix,
                            shape_of(tensor, shape));
        }
    if (file->tensor_count > shown)
        normnet__append(text, " and %d more", file->tensor_count - shown);
    normnet__append(text, "%s; the model is '%.200s'", shown == 0 ? " no tensors" : "", model->config.architecture);
}

static normnet_status reject_names(const struct safetensors *file, const normnet_model *model, bool momentum,
                                   struct text *problem)
{
    describe_both(problem, file, model, momentum);
    return normnet__fail(NORMNET_EMISMATCH, "%s", problem->to);
}

/* PyTorch's batch norm has counted its batches since version 0.4.1. */
static bool may_be_missing(const struct safetensors *file, const struct entry *entry)
{
    return entry->batches != NULL && !normnet__is_own_file(file);
}

/* Whether the tensor is an entry after the first `length` bytes of `name`. */
static bool is_prefixed_entry(const struct file_tensor *tensor, const struct state *state, const char *name,
                              size_t length)
{
    return strncmp(tensor->name, name, length) == 0 && is_expected(tensor->name + length, state, false);
}

static bool has_prefixed(const struct safetensors *file, const char *name, size_t length, const char *entry)
{
    for (int32_t i = 0; i < file->tensor_count; ++i)
        if (strncmp(file->tensors[i].name, name, length) == 0 && strcmp(file->tensors[i].name + length, entry) == 0)
            return true;
    return false;
}

/* Whether the file has every entry after the first `length` bytes of `name`. */
static bool has_all_entries(const struct safetensors *file, const struct state *state, const char *name, size_t length)
{
    for (int32_t i = 0; i < state->entry_count; ++i)
        if (!may_be_missing(file, &state->entries[i]) && !has_prefixed(file, name, length, state->entries[i].name))
            return false;
    return true;
}

/*
 * The length of a prefix after which the file has the whole network of the model, with other tensors beside it; 0 if
 * there is none. *name has it.
 */
static size_t find_whole_network(const struct safetensors *file, const struct state *state, const char **name)
{
    const char *const first = state->entries[0].name;
    const size_t count = strlen(first);

    for (int32_t i = 0; i < file->tensor_count && !normnet__is_own_file(file); ++i) {
        const size_t length = strlen(file->tensors[i].name);

        *name = file->tensors[i].name;
        if (length > count && (*name)[length - count - 1] == '.' && strcmp(*name + length - count, first) == 0 &&
            has_all_entries(file, state, *name, length - count))
            return length - count;
    }
    return 0;
}

/* Several networks in one file, or a network with its loss and its metrics. */
static normnet_status reject_others(const struct safetensors *file, const normnet_model *model, const char *name,
                                    size_t length)
{
    const char *other = name;

    for (int32_t i = file->tensor_count - 1; i >= 0; --i)
        if (!is_prefixed_entry(&file->tensors[i], &model->state, name, length))
            other = file->tensors[i].name;
    return normnet__fail(NORMNET_EMISMATCH,
                         "the tensors '%s' and so on are the model's, but the file has others beside them, such as "
                         "'%s'; save those whose names begin with '%.*s' alone",
                         name - file->prefix, other - file->prefix, (int)length + file->prefix, name - file->prefix);
}

static normnet_status reject_missing(const struct safetensors *file, const normnet_model *model, bool momentum,
                                     const char *prefix, const struct entry *entry)
{
    char bytes[MISMATCH_TEXT], shape[NORMNET__DIMS_TEXT];
    struct text problem = {bytes, sizeof bytes, 0};
    const char *name = NULL;
    const size_t length = find_whole_network(file, &model->state, &name);

    if (length > 0)
        return reject_others(file, model, name, length);
    normnet__append(&problem, "the file has no tensor '%s%s', which the model has as %s of %s", prefix, entry->name,
                    normnet__dims_text(shape, entry->rank, entry->shape), element_type(entry)->name);
    return reject_names(file, model, momentum, &problem);
}

static normnet_status reject_form(const struct safetensors *file, const normnet_model *model, bool momentum,
                                  const struct file_tensor *tensor, const struct entry *entry)
{
    char bytes[MISMATCH_TEXT], actual[NORMNET__DIMS_TEXT], expected[NORMNET__DIMS_TEXT];
    struct text problem = {bytes, sizeof bytes, 0};

    normnet__append(&problem, "byte %lld: tensor '%s' is %s of %s; the model's is %s of %s", (long long)tensor->at,
                    tensor->name - file->prefix, shape_of(tensor, actual), tensor->type->name,
                    normnet__dims_text(expected, entry->rank, entry->shape), element_type(entry)->name);
    return reject_names(file, model, momentum, &problem);
}

static normnet_status reject_unknown(const struct safetensors *file, const normnet_model *model, bool momentum,
                                     const struct file_tensor *tensor)
{
    char bytes[MISMATCH_TEXT];
    struct text problem = {bytes, sizeof bytes, 0};

    normnet__append(&problem, "byte %lld: the model has no tensor '%s'", (long long)tensor->at,
                    tensor->name - file->prefix);
    return reject_names(file, model, momentum, &problem);
}

/*
 * Files of others have any type that can be converted, as PyTorch's load_state_dict() does it, and the shape [1] for a
 * scalar, which PyTorch had before version 0.4.
 */
static bool has_form(const struct safetensors *file, const struct file_tensor *tensor, const struct entry *entry)
{
    const bool own = normnet__is_own_file(file);

    if (own && tensor->type != element_type(entry))
        return false;
    if (!own && entry->rank == 0 && tensor->rank == 1 && tensor->shape[0] == 1)
        return true;
    if (tensor->rank != entry->rank)
        return false;
    for (int32_t i = 0; i < tensor->rank; ++i)
        if (tensor->shape[i] != entry->shape[i])
            return false;
    return true;
}

static normnet_status compare_entry(const struct safetensors *file, const normnet_model *model, bool momentum,
                                    const struct entry *entry)
{
    const struct file_tensor *tensor = normnet__find_tensor(file, entry->name);
    const struct file_tensor *moment = momentum && entry->trained ? find_momentum(file, entry) : NULL;

    if (tensor == NULL && may_be_missing(file, entry))
        return NORMNET_OK;
    if (tensor == NULL)
        return reject_missing(file, model, momentum, "", entry);
    if (!has_form(file, tensor, entry))
        return reject_form(file, model, momentum, tensor, entry);
    if (momentum && entry->trained && moment == NULL)
        return reject_missing(file, model, momentum, OPTIMIZER_PREFIX, entry);
    if (moment != NULL && !has_form(file, moment, entry))
        return reject_form(file, model, momentum, moment, entry);
    return NORMNET_OK;
}

normnet_status normnet__compare_tensors(const struct safetensors *file, const normnet_model *model, bool momentum)
{
    const struct state *state = &model->state;
    normnet_status status = NORMNET_OK;

    for (int32_t i = 0; i < state->entry_count && status == NORMNET_OK; ++i)
        status = compare_entry(file, model, momentum, &state->entries[i]);
    for (int32_t i = 0; i < file->tensor_count && status == NORMNET_OK; ++i)
        if (!is_expected(file->tensors[i].name, state, momentum))
            status = reject_unknown(file, model, momentum, &file->tensors[i]);
    return status;
}

/* ---- Reading: values ------------------------------------------------------------------------------ */

static normnet_status reject_value(const struct safetensors *file, const struct file_tensor *tensor, int64_t index,
                                   const char *expected)
{
    const double value = normnet__element_double(tensor->type, normnet__file_element(file, tensor, index));
    char number[32];

    return normnet__fail(NORMNET_EVALUE, "byte %lld: element %lld of tensor '%s' is %s; expected %s",
                         (long long)tensor->at, (long long)index, tensor->name - file->prefix,
                         normnet__decimal(number, value), expected);
}

static normnet_status check_count(const struct safetensors *file, const struct file_tensor *tensor)
{
    int64_t count;

    if (normnet__element_integer(tensor->type, normnet__file_element(file, tensor, 0), &count) && count >= 0)
        return NORMNET_OK;
    return reject_value(file, tensor, 0, "0 to 2^63 - 1");
}

/* Checks the values of an entry or of its momentum. */
static normnet_status check_values(const struct safetensors *file, const struct file_tensor *tensor,
                                   const struct entry *entry)
{
    if (entry->batches != NULL)
        return check_count(file, tensor);
    for (int64_t i = 0; i < tensor->count; ++i) {
        const float value = normnet__element_float(tensor->type, normnet__file_element(file, tensor, i));

        if (!normnet__entry_accepts(entry, (double)value))
            return reject_value(file, tensor, i, normnet__entry_range(entry));
    }
    return NORMNET_OK;
}

normnet_status normnet__check_tensor_values(const struct safetensors *file, const struct state *state, bool momentum)
{
    normnet_status status = NORMNET_OK;

    for (int32_t i = 0; i < state->entry_count && status == NORMNET_OK; ++i) {
        const struct entry *entry = &state->entries[i];
        const struct file_tensor *tensor = normnet__find_tensor(file, entry->name);

        if (tensor != NULL)
            status = check_values(file, tensor, entry);
        if (status == NORMNET_OK && momentum && entry->trained)
            status = check_values(file, find_momentum(file, entry), entry);
    }
    return status;
}

static void copy_floats(const struct safetensors *file, const struct file_tensor *tensor, float *values)
{
    for (int64_t i = 0; i < tensor->count; ++i)
        values[i] = normnet__element_float(tensor->type, normnet__file_element(file, tensor, i));
}

void normnet__copy_tensors(const struct safetensors *file, struct state *state, bool momentum)
{
    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];
        const struct file_tensor *tensor = normnet__find_tensor(file, entry->name);

        if (tensor != NULL && entry->values != NULL)
            copy_floats(file, tensor, entry->values);
        else if (tensor != NULL)
            (void)normnet__element_integer(tensor->type, normnet__file_element(file, tensor, 0), entry->batches);
        if (momentum && entry->trained)
            copy_floats(file, find_momentum(file, entry), state->momentum + entry->offset);
    }
}
