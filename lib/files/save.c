/* SPDX-License-Identifier: MIT */
/* Models to files: docs/format.md. */
#include "base/message.h"
#include "files/metadata.h"
#include "io/file.h"
#include "io/json.h"
#include "model/config.h"
#include "model/sized_struct.h"

#include <string.h>

enum { MAX_NOTE = 65536 }; /* bytes */

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

static normnet_status check_note(const char *note)
{
    const struct json text = {(const unsigned char *)note, 0, note != NULL ? (int64_t)strlen(note) : 0};

    if (text.end > MAX_NOTE)
        return normnet__fail(NORMNET_ELIMIT, "options.note has %lld bytes; expected up to %d", (long long)text.end,
                             (int)MAX_NOTE);
    if (normnet__json_check_utf8(&text) != NORMNET_OK)
        return normnet__fail(NORMNET_EINVAL, "options.note is not well-formed UTF-8");
    return NORMNET_OK;
}

static normnet_status read_options(normnet_save_options *options, const normnet_save_options *from)
{
    normnet_status status = NORMNET_OK;

    *options = (normnet_save_options){.struct_size = (int32_t)sizeof *options};
    if (from != NULL)
        status = normnet__read_struct(options, (int32_t)sizeof *options, NORMNET__SAVE_OPTIONS_FIRST, from, "options");
    if (status == NORMNET_OK && (options->kind < 0 || options->kind > NORMNET_FILE_WEIGHTS))
        status = normnet__fail(NORMNET_EUNSUPPORTED, "options.kind is %d; expected 0 or 1", options->kind);
    return status == NORMNET_OK ? check_note(options->note) : status;
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

/* With the model open for reading. */
typedef normnet_status writer_function(const struct content *content, void *context);

static normnet_status write_model(normnet_model *model, const normnet_save_options *from, writer_function *write,
                                  void *context)
{
    normnet_save_options options;
    struct reader *reader;
    normnet_status status = read_options(&options, from);

    if (status == NORMNET_OK)
        status = normnet__begin_reading(model, &reader);
    if (status != NORMNET_OK)
        return status;
    status = check_model(model, options.kind);
    if (status == NORMNET_OK)
        status = write(&(struct content){model, &options}, context);
    normnet__end_reading(model, reader);
    return status;
}

/* ---- To memory ----------------------------------------------------------------------------------- */

struct destination {
    unsigned char *bytes;
    int64_t size, *needed;
};

static normnet_status write_to_memory(const struct content *content, void *context)
{
    const struct destination *destination = context;
    struct output output = {NULL, 0};

    put_file(&output, content);
    if (destination->size > 0 && destination->size < output.length)
        return normnet__fail(NORMNET_EINVAL, "size is %lld; the file has %lld bytes", (long long)destination->size,
                             (long long)output.length);
    *destination->needed = output.length;
    output = (struct output){destination->bytes, 0};
    if (destination->size > 0)
        put_file(&output, content);
    return NORMNET_OK;
}

normnet_status normnet_model_serialize(normnet_model *model, void *bytes, int64_t size, int64_t *needed,
                                       const normnet_save_options *options)
{
    struct destination destination = {bytes, size, needed};
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(needed, "needed");
    if (status == NORMNET_OK && size < 0)
        status = normnet__fail(NORMNET_EINVAL, "size is %lld", (long long)size);
    if (status == NORMNET_OK && size > 0)
        status = normnet__require(bytes, "bytes");
    return status == NORMNET_OK ? write_model(model, options, write_to_memory, &destination) : status;
}

/* ---- To a file ----------------------------------------------------------------------------------- */

static normnet_status write_to_file(const struct content *content, void *context)
{
    return normnet__write_file(context, put_file, content, &content->model->allocator);
}

normnet_status normnet_model_save(normnet_model *model, const char *path, const normnet_save_options *options)
{
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(path, "path");
    return status == NORMNET_OK ? write_model(model, options, write_to_file, (void *)(uintptr_t)path) : status;
}
