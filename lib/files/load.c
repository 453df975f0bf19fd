/* SPDX-License-Identifier: MIT */
/* Files to models: docs/format.md. Nothing of a model changes before all of the file has been checked. */
#include "base/message.h"
#include "files/metadata.h"
#include "files/model_files.h"
#include "io/file.h"
#include "io/safetensors_reader.h"
#include "model/config.h"
#include "model/lock.h"
#include "model/sized_struct.h"
#include "model/views.h"

#include <string.h>

static const struct file_tensor *find_momentum(const struct safetensors *file, const struct entry *entry)
{
    char name[NORMNET__MOMENTUM_NAME];

    return normnet__find_tensor(file, normnet__momentum_name(entry, name));
}

/* ---- Names and shapes ---------------------------------------------------------------------------- */

static normnet_status compare_tensor(const struct file_tensor *tensor, const struct entry *entry, const char *prefix)
{
    const int32_t dtype = entry->values != NULL ? NORMNET_F32 : NORMNET_I64;
    char own[NORMNET__DIMS_TEXT], given[NORMNET__DIMS_TEXT];
    int64_t shape[8] = {0};

    if (tensor == NULL)
        return normnet__fail(NORMNET_EMISMATCH, "the file has no tensor '%s%s', which the model has as %s of %s",
                             prefix, entry->name, normnet__dims_text(own, entry->rank, entry->shape),
                             normnet__dtype_name(dtype));
    for (int32_t i = 0; i < tensor->rank; ++i)
        shape[i] = tensor->shape[i];
    if (tensor->dtype == dtype && normnet__entry_has_shape(entry, tensor->rank, shape))
        return NORMNET_OK;
    return normnet__fail(NORMNET_EMISMATCH, "byte %lld: tensor '%s' is %s of %s; the model's is %s of %s",
                         (long long)tensor->at, tensor->name, normnet__dims_text(given, tensor->rank, shape),
                         normnet__dtype_name(tensor->dtype), normnet__dims_text(own, entry->rank, entry->shape),
                         normnet__dtype_name(dtype));
}

/* Is it the name of an entry, or with `momentum` the optimizer's of a trained one? */
static bool is_known(const char *name, const struct state *state, bool momentum)
{
    const size_t prefix = sizeof NORMNET__OPTIMIZER_PREFIX - 1;
    const bool optimizer = strncmp(name, NORMNET__OPTIMIZER_PREFIX, prefix) == 0;

    if (optimizer && !momentum)
        return false;
    for (int32_t i = 0; i < state->entry_count; ++i)
        if (strcmp(optimizer ? name + prefix : name, state->entries[i].name) == 0)
            return !optimizer || state->entries[i].trained;
    return false;
}

/* The file has the model's entries, with `momentum` also the optimizer's, and no others. */
static normnet_status compare_tensors(const struct safetensors *file, const struct state *state, bool momentum)
{
    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];
        normnet_status status = compare_tensor(normnet__find_tensor(file, entry->name), entry, "");

        if (status == NORMNET_OK && momentum && entry->trained)
            status = compare_tensor(find_momentum(file, entry), entry, NORMNET__OPTIMIZER_PREFIX);
        if (status != NORMNET_OK)
            return status;
    }
    for (int32_t i = 0; i < file->tensor_count; ++i)
        if (!is_known(file->tensors[i].name, state, momentum))
            return normnet__fail(NORMNET_EMISMATCH, "byte %lld: the model has no tensor '%s'",
                                 (long long)file->tensors[i].at, file->tensors[i].name);
    return NORMNET_OK;
}

/* ---- Values -------------------------------------------------------------------------------------- */

/* Values for an entry, or with the same shape the optimizer's. */
static normnet_status check_tensor(const struct safetensors *file, const struct file_tensor *tensor,
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

static normnet_status check_values(const struct safetensors *file, const struct state *state, bool momentum)
{
    normnet_status status = NORMNET_OK;

    for (int32_t i = 0; i < state->entry_count && status == NORMNET_OK; ++i) {
        const struct entry *entry = &state->entries[i];

        status = check_tensor(file, normnet__find_tensor(file, entry->name), entry);
        if (status == NORMNET_OK && momentum && entry->trained)
            status = check_tensor(file, find_momentum(file, entry), entry);
    }
    return status;
}

static void copy_floats(const struct safetensors *file, const struct file_tensor *tensor, float *values)
{
    for (int64_t i = 0; i < tensor->count; ++i)
        values[i] = normnet__file_float(file, tensor, i);
}

/* Of a file that has been checked. */
static void copy_values(const struct safetensors *file, struct state *state, bool momentum)
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

/* ---- Filling a model ----------------------------------------------------------------------------- */

/* All of a checkpoint has to be in order, though its momentum is not taken. */
static normnet_status fill(normnet_model *model, const struct safetensors *file)
{
    int32_t kind;
    bool momentum;
    normnet_status status = normnet__read_file_kind(file, &kind);

    if (status == NORMNET_OK)
        status = normnet__compare_model_metadata(file, model);
    if (status != NORMNET_OK)
        return status;
    momentum = kind == NORMNET_FILE_CHECKPOINT;
    status = compare_tensors(file, &model->state, momentum);
    if (status == NORMNET_OK)
        status = check_values(file, &model->state, momentum);
    if (status != NORMNET_OK)
        return status;
    copy_values(file, &model->state, false);
    normnet__refresh_state(&model->network, &model->state);
    return NORMNET_OK;
}

normnet_status normnet__deserialize_weights(normnet_model *model, const void *bytes, int64_t size)
{
    struct safetensors file;
    normnet_status status = normnet__begin_writing(model);

    if (status != NORMNET_OK)
        return status;
    status = normnet__open_safetensors(&file, bytes, size, &model->allocator);
    if (status == NORMNET_OK) {
        status = fill(model, &file);
        normnet__close_safetensors(&file, &model->allocator);
    }
    normnet__end_writing(model);
    return status;
}

normnet_status normnet__load_weights(normnet_model *model, const char *path)
{
    int64_t size;
    unsigned char *bytes;
    normnet_status status = normnet__read_file(path, model->config.memory_limit, &model->allocator, &bytes, &size);

    if (status != NORMNET_OK)
        return status;
    status = normnet__deserialize_weights(model, bytes, size);
    normnet__deallocate(&model->allocator, bytes, size);
    return status;
}

/* ---- Creating a model ---------------------------------------------------------------------------- */

/* What the file does not say: of a checkpoint the host's part, of weights everything but the network. */
static normnet_status begin_config(normnet_config *config, const normnet_config *host, bool checkpoint)
{
    *config = normnet__default_config(NORMNET_NORM_NONE);
    if (host == NULL)
        return NORMNET_OK;
    if (checkpoint)
        return normnet__merge_host(config, host);
    return normnet__read_struct(config, (int32_t)sizeof *config, NORMNET__CONFIG_MIN_SIZE, host, "host");
}

static normnet_status check_total_steps(const normnet_config *config, const normnet_config *host)
{
    normnet_config given;
    normnet_status status = begin_config(&given, host, false);

    if (status != NORMNET_OK || given.total_steps == 0 || given.total_steps == config->total_steps)
        return status;
    return normnet__fail(NORMNET_ESTATE, "host.total_steps is %lld; the checkpoint's schedule has %lld steps",
                         (long long)given.total_steps, (long long)config->total_steps);
}

static normnet_status read_config(const struct safetensors *file, const normnet_config *host, double *scaling,
                                  normnet_config *config, struct file_info *info)
{
    normnet_config merged;
    normnet_status status = normnet__read_file_kind(file, &info->kind);
    const bool checkpoint = status == NORMNET_OK && info->kind == NORMNET_FILE_CHECKPOINT;

    if (status == NORMNET_OK)
        status = begin_config(&merged, host, checkpoint);
    if (status == NORMNET_OK)
        status = normnet__read_model_metadata(file, &merged, scaling, info);
    if (status == NORMNET_OK && checkpoint)
        status = check_total_steps(&merged, host);
    return status == NORMNET_OK ? normnet__read_config(config, &merged) : status;
}

/*
 * A small file shall not make a large network. What is missing of one that comes near is named later, tensor by
 * tensor.
 */
static normnet_status check_size(const struct safetensors *file, const struct network *network)
{
    const int64_t bytes = normnet__data_bytes(file);
    const int64_t numbers = network->parameter_count + network->statistic_count;

    if (numbers <= bytes) /* four times as many as fit */
        return NORMNET_OK;
    return normnet__fail(NORMNET_EMISMATCH,
                         "the network has %lld weights and statistics; the file has %lld bytes of data",
                         (long long)numbers, (long long)bytes);
}

static normnet_status create(normnet_model **created, const struct safetensors *file, const normnet_config *host,
                             double *scaling)
{
    normnet_config config;
    struct file_info info;
    normnet_model *model = NULL;
    bool checkpoint = false;
    normnet_status status = read_config(file, host, scaling, &config, &info);

    if (status == NORMNET_OK)
        status = normnet__begin_model(&model, &config, info.note);
    if (status == NORMNET_OK)
        status = check_size(file, &model->network);
    if (status == NORMNET_OK)
        status = normnet__finish_model(model);
    if (status == NORMNET_OK) {
        checkpoint = info.kind == NORMNET_FILE_CHECKPOINT;
        status = compare_tensors(file, &model->state, checkpoint);
    }
    if (status == NORMNET_OK)
        status = check_values(file, &model->state, checkpoint);
    if (status != NORMNET_OK) {
        normnet__destroy_model(model);
        return status;
    }
    copy_values(file, &model->state, checkpoint);
    model->state.step = info.step;
    model->state.has_momentum = info.has_momentum;
    normnet__refresh_state(&model->network, &model->state);
    *created = model;
    return NORMNET_OK;
}

/* The host's allocator and limit, before the file can say anything. */
static normnet_status read_host(const normnet_config *host, struct allocator *allocator, int64_t *limit)
{
    normnet_config config;
    normnet_status status = begin_config(&config, host, true);

    if (status == NORMNET_OK && (config.allocate == NULL) != (config.deallocate == NULL))
        status = normnet__fail(NORMNET_EINVAL, "host.allocate and host.deallocate go together; one of them is NULL");
    if (status == NORMNET_OK && config.memory_limit < 0)
        status = normnet__fail(NORMNET_EINVAL, "host.memory_limit is %lld; expected 0 or more",
                               (long long)config.memory_limit);
    *allocator = normnet__configured_allocator(&config);
    *limit = config.memory_limit;
    return status;
}

static normnet_status deserialize(normnet_model **model, const void *bytes, int64_t size, const normnet_config *host,
                                  const struct allocator *allocator)
{
    struct safetensors file;
    void *scaling;
    int64_t scaling_bytes;
    normnet_status status = normnet__open_safetensors(&file, bytes, size, allocator);

    if (status != NORMNET_OK)
        return status;
    scaling_bytes = normnet__max_numbers(&file) * (int64_t)sizeof(double);
    status = normnet__allocate(allocator, scaling_bytes, &scaling);
    if (status == NORMNET_OK) {
        status = create(model, &file, host, scaling);
        normnet__deallocate(allocator, scaling, scaling_bytes);
    }
    normnet__close_safetensors(&file, allocator);
    return status;
}

normnet_status normnet__deserialize_model(normnet_model **model, const void *bytes, int64_t size,
                                          const normnet_config *host)
{
    struct allocator allocator;
    int64_t limit;
    const normnet_status status = read_host(host, &allocator, &limit);

    return status == NORMNET_OK ? deserialize(model, bytes, size, host, &allocator) : status;
}

normnet_status normnet__load_model(normnet_model **model, const char *path, const normnet_config *host)
{
    struct allocator allocator;
    int64_t limit, size;
    unsigned char *bytes;
    normnet_status status = read_host(host, &allocator, &limit);

    if (status == NORMNET_OK)
        status = normnet__read_file(path, limit, &allocator, &bytes, &size);
    if (status != NORMNET_OK)
        return status;
    status = deserialize(model, bytes, size, host, &allocator);
    normnet__deallocate(&allocator, bytes, size);
    return status;
}
