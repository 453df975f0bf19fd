/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "files/metadata.h"
#include "files/model_files.h"
#include "files/state_tensors.h"
#include "io/file.h"

struct saved_model {
    const normnet_model *model;
    const struct saving *saving;
};

static void put_model_file(struct output *output, const void *context)
{
    const struct saved_model *saved = context;
    const enum series last = normnet__last_series(saved->saving->kind, &saved->model->config);
    struct header header = normnet__begin_header(output);

    normnet__put_model_metadata(&header, saved->model, saved->saving);
    normnet__end_all_metadata(&header);
    normnet__put_tensor_headers(&header, &saved->model->state, last);
    normnet__end_header(&header);
    normnet__put_tensor_data(output, &saved->model->state, last);
    normnet__finish_safetensors(&header);
}

/* Rejects a model whose file could not be read, or whose checkpoint would be incomplete. */
static normnet_status check_model(const normnet_model *model, int32_t kind)
{
    const bool checkpoint = kind == NORMNET_FILE_CHECKPOINT;
    const int32_t tensors = normnet__count_tensors(&model->state, normnet__last_series(kind, &model->config));

    if (checkpoint && model->state.pending)
        return normnet__fail(NORMNET_ESTATE,
                             "gradients are pending, which a checkpoint does not hold: apply or discard them");
    if (tensors > NORMNET__MAX_TENSORS)
        return normnet__fail(NORMNET_ELIMIT, "the model has %d tensors; a file holds up to %d", tensors,
                             (int)NORMNET__MAX_TENSORS);
    return NORMNET_OK;
}

normnet_status normnet__serialize_model(const normnet_model *model, void *bytes, int64_t size, int64_t *needed,
                                        const struct saving *saving)
{
    const struct saved_model saved = {model, saving};
    struct output output = {NULL, 0, 0};
    normnet_status status = check_model(model, saving->kind);
    int64_t counted;

    if (status != NORMNET_OK)
        return status;
    put_model_file(&output, &saved);
    counted = output.length;
    if (size > 0 && size < output.length)
        return normnet__fail(NORMNET_EINVAL, "size is %lld; the file has %lld bytes", (long long)size,
                             (long long)output.length);
    output = (struct output){bytes, counted, 0};
    if (size > 0)
        put_model_file(&output, &saved);
    status = size > 0 ? normnet__check_counted(&output, counted) : NORMNET_OK;
    if (status == NORMNET_OK)
        *needed = counted;
    return status;
}

normnet_status normnet__save_model(const normnet_model *model, const char *path, const struct saving *saving)
{
    const struct saved_model saved = {model, saving};
    const normnet_status status = check_model(model, saving->kind);

    if (status != NORMNET_OK)
        return normnet__name_file(status, path);
    return normnet__write_file(path, put_model_file, &saved, &model->allocator);
}
