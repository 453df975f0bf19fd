/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "files/input_scaling.h"
#include "files/metadata.h"
#include "files/model_files.h"
#include "files/state_tensors.h"
#include "io/file.h"
#include "io/safetensors_reader.h"
#include "model/config.h"
#include "model/sized_struct.h"

/*
 * The configuration before the metadata is read. A checkpoint has everything except the host's fields; a weights file
 * has only the network.
 */
static normnet_status begin_config(normnet_config *config, const normnet_config *host, bool checkpoint)
{
    *config = normnet__default_config(NORMNET_NORM_NONE);
    if (host == NULL)
        return NORMNET_OK;
    if (checkpoint)
        return normnet__merge_host(config, host);
    return normnet__read_struct(config, (int32_t)sizeof *config, NORMNET__CONFIG, host, "host");
}

/* Only one-cycle depends on the end of the training. */
static normnet_status check_total_steps(const normnet_config *config, const normnet_config *host)
{
    normnet_config requested;
    normnet_status status = begin_config(&requested, host, false);

    if (status != NORMNET_OK || requested.total_steps == 0 || requested.total_steps == config->total_steps ||
        config->schedule != NORMNET_SCHEDULE_ONE_CYCLE)
        return status;
    return normnet__fail(NORMNET_ESTATE, "host.total_steps is %lld; the checkpoint's schedule has %lld steps",
                         (long long)requested.total_steps, (long long)config->total_steps);
}

/* A file that makes the configuration of a valid host invalid has a wrong value: no argument is wrong. */
static normnet_status check_merged(const normnet_config *merged, const normnet_config *host, bool checkpoint,
                                   normnet_config *config)
{
    const normnet_status status = normnet__read_config(config, merged, NULL);
    normnet_config before;

    if (status != NORMNET_EINVAL || begin_config(&before, host, checkpoint) != NORMNET_OK ||
        normnet__check_config(&before) != NORMNET_OK)
        return status;
    return NORMNET_EVALUE;
}

static normnet_status config_from_file(const struct safetensors *file, const normnet_config *host, double *scaling,
                                       normnet_config *config, struct model_metadata *metadata)
{
    normnet_config merged;
    normnet_status status = normnet__read_file_kind(file, &metadata->kind);
    const bool checkpoint = status == NORMNET_OK && metadata->kind == NORMNET_FILE_CHECKPOINT;

    if (status == NORMNET_OK)
        status = begin_config(&merged, host, checkpoint);
    if (status == NORMNET_OK)
        status = normnet__read_model_metadata(file, &merged, scaling, metadata);
    if (status == NORMNET_OK && checkpoint)
        status = check_total_steps(&merged, host);
    return status == NORMNET_OK ? check_merged(&merged, host, checkpoint, config) : status;
}

/*
 * Keeps a small file from causing a large allocation. It need not be exact: the tensors are compared one by one later.
 */
static normnet_status check_size(const struct safetensors *file, const struct network *network)
{
    const int64_t bytes = normnet__data_bytes(file);
    const int64_t numbers = network->parameter_count + network->statistic_count;

    if (numbers <= bytes) /* lenient: floats take four bytes each */
        return NORMNET_OK;
    return normnet__fail(NORMNET_EMISMATCH,
                         "the network has %lld weights and statistics; the file has %lld bytes of data",
                         (long long)numbers, (long long)bytes);
}

/* Fills a finished model with tensors that have been checked. */
static void copy_state(const struct safetensors *file, const struct model_metadata *metadata, enum series last,
                       normnet_model *model)
{
    struct state *state = &model->state;

    normnet__copy_tensors(file, state, NORMNET__ENTRIES);
    if (last >= NORMNET__MOMENTUM)
        normnet__copy_tensors(file, state, NORMNET__MOMENTUM);
    state->step = metadata->step;
    state->has_momentum = metadata->has_momentum;
    normnet__refresh_state(&model->network, state);
    if (last >= NORMNET__AVERAGES) {
        normnet__copy_tensors(file, state, NORMNET__AVERAGES);
        normnet__touch_average(&state->average);
    }
}

static normnet_status create_model(normnet_model **created, const struct safetensors *file, const normnet_config *host,
                                   double *scaling)
{
    normnet_config config;
    struct model_metadata metadata;
    normnet_model *model = NULL;
    enum series last = NORMNET__ENTRIES;
    normnet_status status = config_from_file(file, host, scaling, &config, &metadata);

    if (status == NORMNET_OK)
        last = normnet__last_series(metadata.kind, &config);
    if (status == NORMNET_OK)
        status = normnet__begin_model(&model, &config, metadata.note);
    if (status == NORMNET_OK)
        status = check_size(file, &model->network);
    if (status == NORMNET_OK)
        status = normnet__finish_model(model);
    if (status == NORMNET_OK)
        status = normnet__compare_tensors(file, model, last);
    if (status == NORMNET_OK)
        status = normnet__check_tensor_values(file, &model->state, last);
    if (status != NORMNET_OK) {
        normnet__destroy_model(model);
        return status;
    }
    copy_state(file, &metadata, last, model);
    *created = model;
    return NORMNET_OK;
}

/* The host's allocator and limit, which reading the file needs. */
static normnet_status read_host(const normnet_config *host, struct allocator *allocator, int64_t *limit)
{
    normnet_config config;
    normnet_status status = begin_config(&config, host, true);

    if (status == NORMNET_OK && (config.allocate == NULL) != (config.deallocate == NULL))
        status = normnet__fail(NORMNET_EINVAL, "host.allocate and host.deallocate go together; %s is NULL",
                               config.allocate == NULL ? "allocate" : "deallocate");
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
    scaling_bytes = normnet__max_scaling_numbers(&file) * (int64_t)sizeof(double);
    status = normnet__allocate(allocator, scaling_bytes, &scaling);
    if (status == NORMNET_OK) {
        status = create_model(model, &file, host, scaling);
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
    unsigned char *copy = NULL;
    normnet_status status = read_host(host, &allocator, &limit);

    if (status == NORMNET_OK)
        status = normnet__copy_bytes(bytes, size, limit, &allocator, &copy);
    if (status != NORMNET_OK)
        return status;
    status = deserialize(model, copy, size, host, &allocator);
    normnet__deallocate(&allocator, copy, size);
    return status;
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
    return normnet__name_file(status, path);
}
