/* SPDX-License-Identifier: MIT */
#include "files/state_tensors.h"

#include "base/message.h"
#include "base/text.h"
#include "model/views.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *prefix;
    bool trained_only;
} all_series[] = {
    [NORMNET__ENTRIES] = {"", false},
    [NORMNET__MOMENTUM] = {"optim.", true},
    [NORMNET__AVERAGES] = {"average.", false},
};

enum { MAX_TENSOR_NAME = sizeof "average." + sizeof((struct entry *)0)->name };

enum series normnet__last_series(int32_t kind, const normnet_config *config)
{
    if (kind != NORMNET_FILE_CHECKPOINT)
        return NORMNET__ENTRIES;
    return config->average_decay > 0.0 ? NORMNET__AVERAGES : NORMNET__MOMENTUM;
}

/* Whether the series has a tensor for the entry, and its name. */
static bool has_tensor(enum series series, const struct entry *entry)
{
    return entry->trained || !all_series[series].trained_only;
}

static const char *tensor_name(enum series series, const struct entry *entry, char name[MAX_TENSOR_NAME])
{
    snprintf(name, MAX_TENSOR_NAME, "%s%s", all_series[series].prefix, entry->name);
    return name;
}

static const struct file_tensor *find_tensor(const struct safetensors *file, enum series series,
                                             const struct entry *entry)
{
    char name[MAX_TENSOR_NAME];

    return normnet__find_tensor(file, tensor_name(series, entry, name));
}

static const struct element_type *element_type(const struct entry *entry)
{
    return entry->values != NULL ? &normnet__f32 : &normnet__i64;
}

/* Where the state has the values of a tensor, unless it is a num_batches_tracked. */
static float *values_of(const struct state *state, enum series series, const struct entry *entry)
{
    if (series == NORMNET__MOMENTUM)
        return state->momentum + entry->offset;
    return series == NORMNET__ENTRIES ? entry->values : normnet__values_of(entry, &state->average.weights);
}

static int64_t *batches_of(const struct state *state, enum series series, const struct entry *entry)
{
    return series == NORMNET__ENTRIES ? entry->batches : normnet__batches_of(entry, &state->average.weights);
}

/* ---- Writing --------------------------------------------------------------------------------------- */

/* What is done for each tensor of a file. */
typedef void tensor_visitor(void *context, const struct state *state, enum series series, const struct entry *entry);

static void for_each_tensor(const struct state *state, enum series last, tensor_visitor *visit, void *context)
{
    for (int series = NORMNET__ENTRIES; series <= (int)last; ++series)
        for (int32_t i = 0; i < state->entry_count; ++i)
            if (has_tensor((enum series)series, &state->entries[i]))
                visit(context, state, (enum series)series, &state->entries[i]);
}

static void count_tensor(void *context, const struct state *state, enum series series, const struct entry *entry)
{
    int32_t *count = context;

    (void)state;
    (void)series;
    (void)entry;
    *count += 1;
}

int32_t normnet__count_tensors(const struct state *state, enum series last)
{
    int32_t count = 0;

    for_each_tensor(state, last, count_tensor, &count);
    return count;
}

static void put_header(void *context, const struct state *state, enum series series, const struct entry *entry)
{
    struct header *header = context;
    char name[MAX_TENSOR_NAME];

    (void)state;
    normnet__put_tensor(header, tensor_name(series, entry, name), element_type(entry), entry->rank, entry->shape,
                        entry->count);
}

void normnet__put_tensor_headers(struct header *header, const struct state *state, enum series last)
{
    for_each_tensor(state, last, put_header, header);
}

static void put_data(void *context, const struct state *state, enum series series, const struct entry *entry)
{
    struct output *output = context;

    if (entry->values != NULL)
        normnet__put_floats(output, values_of(state, series, entry), entry->count);
    else
        normnet__put_little(output, (uint64_t)*batches_of(state, series, entry), 8);
}

void normnet__put_tensor_data(struct output *output, const struct state *state, enum series last)
{
    for_each_tensor(state, last, put_data, output);
}

/* ---- Reading: names and shapes -------------------------------------------------------------------- */

enum { SHOWN_TENSORS = 4, MISMATCH_TEXT = 900 };

/* Whether it is the name of a tensor of the model, up to the series `last`. */
static bool is_expected(const char *name, const struct state *state, enum series last)
{
    int series = (int)last;

    /* All names begin with the empty prefix of the first series. */
    while (strncmp(name, all_series[series].prefix, strlen(all_series[series].prefix)) != 0)
        --series;
    name += strlen(all_series[series].prefix);
    for (int32_t i = 0; i < state->entry_count; ++i)
        if (strcmp(name, state->entries[i].name) == 0)
            return has_tensor((enum series)series, &state->entries[i]);
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
static void describe_both(struct text *text, const struct safetensors *file, const normnet_model *model,
                          enum series last)
{
    int32_t shown = 0;

    normnet__append(text, "; the file has");
    for (int expected = 0; expected < 2; ++expected)
        for (int32_t i = 0; i < file->tensor_count && shown < SHOWN_TENSORS; ++i) {
            const struct file_tensor *tensor = &file->tensors[i];
            char shape[NORMNET__DIMS_TEXT];

            if (is_expected(tensor->name, &model->state, last) != (expected != 0))
                continue;
            normnet__append(text, "%s '%s' of %s", shown++ > 0 ? "," : "", tensor->name - file->prefix,
                            shape_of(tensor, shape));
        }
    if (file->tensor_count > shown)
        normnet__append(text, " and %d more", file->tensor_count - shown);
    normnet__append(text, "%s; the model is '%.200s'", shown == 0 ? " no tensors" : "", model->config.architecture);
}

static normnet_status reject_names(const struct safetensors *file, const normnet_model *model, enum series last,
                                   struct text *problem)
{
    describe_both(problem, file, model, last);
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
    return strncmp(tensor->name, name, length) == 0 && is_expected(tensor->name + length, state, NORMNET__ENTRIES);
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

static normnet_status reject_missing(const struct safetensors *file, const normnet_model *model, enum series last,
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
    return reject_names(file, model, last, &problem);
}

static normnet_status reject_form(const struct safetensors *file, const normnet_model *model, enum series last,
                                  const struct file_tensor *tensor, const struct entry *entry)
{
    char bytes[MISMATCH_TEXT], actual[NORMNET__DIMS_TEXT], expected[NORMNET__DIMS_TEXT];
    struct text problem = {bytes, sizeof bytes, 0};

    normnet__append(&problem, "byte %lld: tensor '%s' is %s of %s; the model's is %s of %s", (long long)tensor->at,
                    tensor->name - file->prefix, shape_of(tensor, actual), tensor->type->name,
                    normnet__dims_text(expected, entry->rank, entry->shape), element_type(entry)->name);
    return reject_names(file, model, last, &problem);
}

static normnet_status reject_unknown(const struct safetensors *file, const normnet_model *model, enum series last,
                                     const struct file_tensor *tensor)
{
    char bytes[MISMATCH_TEXT];
    struct text problem = {bytes, sizeof bytes, 0};

    normnet__append(&problem, "byte %lld: the model has no tensor '%s'", (long long)tensor->at,
                    tensor->name - file->prefix);
    return reject_names(file, model, last, &problem);
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

static normnet_status compare_entry(const struct safetensors *file, const normnet_model *model, enum series last,
                                    const struct entry *entry)
{
    for (int i = NORMNET__ENTRIES; i <= (int)last; ++i) {
        const enum series series = (enum series)i;
        const struct file_tensor *tensor = find_tensor(file, series, entry);

        if (!has_tensor(series, entry) || (tensor == NULL && may_be_missing(file, entry)))
            continue;
        if (tensor == NULL)
            return reject_missing(file, model, last, all_series[series].prefix, entry);
        if (!has_form(file, tensor, entry))
            return reject_form(file, model, last, tensor, entry);
    }
    return NORMNET_OK;
}

normnet_status normnet__compare_tensors(const struct safetensors *file, const normnet_model *model, enum series last)
{
    const struct state *state = &model->state;
    normnet_status status = NORMNET_OK;

    for (int32_t i = 0; i < state->entry_count && status == NORMNET_OK; ++i)
        status = compare_entry(file, model, last, &state->entries[i]);
    for (int32_t i = 0; i < file->tensor_count && status == NORMNET_OK; ++i)
        if (!is_expected(file->tensors[i].name, state, last))
            status = reject_unknown(file, model, last, &file->tensors[i]);
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

/* Checks the values of a tensor of an entry. */
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

normnet_status normnet__check_tensor_values(const struct safetensors *file, const struct state *state, enum series last)
{
    for (int32_t i = 0; i < state->entry_count; ++i)
        for (int series = NORMNET__ENTRIES; series <= (int)last; ++series) {
            const struct entry *entry = &state->entries[i];
            const struct file_tensor *tensor = find_tensor(file, (enum series)series, entry);
            const normnet_status status = tensor != NULL ? check_values(file, tensor, entry) : NORMNET_OK;

            if (status != NORMNET_OK)
                return status;
        }
    return NORMNET_OK;
}

static void copy_tensor_floats(const struct safetensors *file, const struct file_tensor *tensor, float *values)
{
    for (int64_t i = 0; i < tensor->count; ++i)
        values[i] = normnet__element_float(tensor->type, normnet__file_element(file, tensor, i));
}

void normnet__copy_tensors(const struct safetensors *file, struct state *state, enum series series)
{
    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];
        const struct file_tensor *tensor = find_tensor(file, series, entry);

        if (tensor != NULL && entry->values != NULL)
            copy_tensor_floats(file, tensor, values_of(state, series, entry));
        else if (tensor != NULL)
            (void)normnet__element_integer(tensor->type, normnet__file_element(file, tensor, 0),
                                           batches_of(state, series, entry));
    }
}
