/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "files/compare_network.h"
#include "files/config_fields.h"
#include "files/metadata.h"
#include "files/model_files.h"
#include "files/state_tensors.h"
#include "io/file.h"
#include "io/safetensors_reader.h"
#include "model/config.h"
#include "model/lock.h"

/* All of a checkpoint must be valid, although its momentum and its average are not used. */
static normnet_status replace_weights(normnet_model *model, const struct safetensors *file)
{
    struct state *state = &model->state;
    normnet_config averaging = normnet__default_config(NORMNET_NORM_NONE);
    enum series last = NORMNET__ENTRIES;
    int32_t kind;
    normnet_status status = normnet__read_file_kind(file, &kind);

    if (status == NORMNET_OK)
        status = normnet__read_fields(file, NORMNET__AVERAGE_FIELDS, false, &averaging);
    if (status == NORMNET_OK)
        last = normnet__last_series(kind, &averaging);
    if (status == NORMNET_OK)
        status = normnet__compare_network(file, model);
    if (status == NORMNET_OK)
        status = normnet__compare_tensors(file, model, last);
    if (status == NORMNET_OK)
        status = normnet__check_tensor_values(file, state, last);
    if (status != NORMNET_OK)
        return status;
    normnet__copy_tensors(file, state, NORMNET__ENTRIES);
    normnet__refresh_state(&model->network, state);
    return NORMNET_OK;
}

/* From bytes that nobody else changes. */
static normnet_status load_bytes(normnet_model *model, const unsigned char *bytes, int64_t size)
{
    struct safetensors file;
    normnet_status status = normnet__begin_writing(model);

    if (status != NORMNET_OK)
        return status;
    status = normnet__open_safetensors(&file, bytes, size, &model->allocator);
    if (status == NORMNET_OK) {
        if (!normnet__is_own_file(&file))
            normnet__strip_prefix(&file);
        status = replace_weights(model, &file);
        normnet__close_safetensors(&file, &model->allocator);
    }
    normnet__end_writing(model);
    return status;
}

normnet_status normnet__deserialize_weights(normnet_model *model, const void *bytes, int64_t size)
{
    unsigned char *copy = NULL;
    normnet_status status = normnet__copy_bytes(bytes, size, model->config.memory_limit, &model->allocator, &copy);

    if (status != NORMNET_OK)
        return status;
    status = load_bytes(model, copy, size);
    normnet__deallocate(&model->allocator, copy, size);
    return status;
}

normnet_status normnet__load_weights(normnet_model *model, const char *path)
{
    int64_t size;
    unsigned char *bytes;
    normnet_status status = normnet__read_file(path, model->config.memory_limit, &model->allocator, &bytes, &size);

    if (status != NORMNET_OK)
        return status;
    status = load_bytes(model, bytes, size);
    normnet__deallocate(&model->allocator, bytes, size);
    return normnet__name_file(status, path);
}
