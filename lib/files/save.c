/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "files/metadata.h"
#include "files/model_files.h"
#include "io/file.h"

static void put_header(struct header *header, const normnet_model *model, const normnet_save_options *options)
{
    const struct state *state = &model->state;

    normnet__put_model_metadata(header, model, options->kind, options->note);
    normnet__end_all_metadata(header);
    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];

        normnet__put_tensor(header, entry->name, entry->values != NULL ? NORMNET_F32 : NORMNET_I64, entry->rank,
                            entry->shape, entry->count);
    }
    for (int32_t i = 0; i < state->entry_count && options->kind == NORMNET_FILE_CHECKPOINT; ++i) {
        const struct entry *entry = &state->entries[i];
        char name[NORMNET__MOMENTUM_NAME];

        if (entry->trained)
            normnet__put_tensor(header, normnet__momentum_name(entry, name), NORMNET_F32, entry->rank, entry->shape,
                                entry->count);
    }
    normnet__end_header(header);
}

/* In the order of the header. */
static void put_data(struct output *output, const normnet_model *model, int32_t kind)
{
    const struct state *state = &model->state;

    for (int32_t i = 0; i < state->entry_count; ++i) {
        const struct entry *entry = &state->entries[i];

        if (entry->values != NULL)
            normnet__put_floats(output, entry->values, entry->count);
        else
            normnet__put_little(output, (uint64_t)*entry->batches, 8);
    }
    for (int32_t i = 0; i < state->entry_count && kind == NORMNET_FILE_CHECKPOINT; ++i)
        if (state->entries[i].trained)
            normnet__put_floats(output, state->momentum + state->entries[i].offset, state->entries[i].count);
}

/* What is saved, and how. */
struct content {
    const normnet_model *model;
    const normnet_save_options *options;
};

/* The whole file; without memory in the output, its length. */
static void put_file(struct output *output, const void *context)
{
    const struct content *content = context;
    struct header header = normnet__begin_header(output);

    put_header(&header, content->model, content->options);
    put_data(output, content->model, content->options->kind);
    normnet__finish_safetensors(&header);
}

/* What readers would refuse, and what would be lost. */
static normnet_status check_model(const normnet_model *model, int32_t kind)
{
    const struct state *state = &model->state;
    int32_t tensors = state->entry_count;

    if (kind == NORMNET_FILE_CHECKPOINT && state->pending)
        return normnet__fail(NORMNET_ESTATE,
                             "gradients are pending, which a checkpoint does not hold: apply or discard "
                             "them");
    for (int32_t i = 0; i < state->entry_count; ++i)
        tensors += kind == NORMNET_FILE_CHECKPOINT && state->entries[i].trained;
    if (tensors > NORMNET__MAX_TENSORS)
        return normnet__fail(NORMNET_ELIMIT, "the model has %d tensors; a file holds up to %d", tensors,
                             (int)NORMNET__MAX_TENSORS);
    return NORMNET_OK;
}

normnet_status normnet__serialize_model(const normnet_model *model, void *bytes, int64_t size, int64_t *needed,
                                        const normnet_save_options *options)
{
    const struct content content = {model, options};
    struct output output = {NULL, 0};
    const normnet_status status = check_model(model, options->kind);

    if (status != NORMNET_OK)
        return status;
    put_file(&output, &content);
    if (size > 0 && size < output.length)
        return normnet__fail(NORMNET_EINVAL, "size is %lld; the file has %lld bytes", (long long)size,
                             (long long)output.length);
    *needed = output.length;
    output = (struct output){bytes, 0};
    if (size > 0)
        put_file(&output, &content);
    return NORMNET_OK;
}

normnet_status normnet__save_model(const normnet_model *model, const char *path, const normnet_save_options *options)
{
    const struct content content = {model, options};
    const normnet_status status = check_model(model, options->kind);

    return status == NORMNET_OK ? normnet__write_file(path, put_file, &content, &model->allocator) : status;
}
