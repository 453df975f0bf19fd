/* SPDX-License-Identifier: MIT */
/* Files and copies of models. */
#include "api/arguments.h"
#include "base/calling_thread.h"
#include "base/message.h"
#include "base/published.h"
#include "base/utf8.h"
#include "files/model_files.h"
#include "model/enumerators.h"
#include "model/lock.h"
#include "model/sized_struct.h"

#include <stdbool.h>
#include <string.h>

enum { MAX_NOTE = 65536 }; /* bytes */

/* ---- Saving ---------------------------------------------------------------------------------------- */

/* Where a text stops being UTF-8: at its end if it is. */
static int64_t utf8_end(const char *text, int64_t length)
{
    int64_t at = 0;

    for (int character = 1; at < length && character > 0; at += character)
        character = normnet__utf8_length((const unsigned char *)text + at, length - at);
    return at;
}

/* Measures the note, once, and checks it. */
static normnet_status check_note(struct saving *saving)
{
    const char *note = saving->note;
    int64_t length, end;

    if (note == NULL)
        return NORMNET_OK;
    length = (int64_t)strlen(note);
    if (length > MAX_NOTE)
        return normnet__fail(NORMNET_ELIMIT, "options.note has %lld bytes; expected up to %d", (long long)length,
                             (int)MAX_NOTE);
    end = utf8_end(note, length);
    if (end < length)
        return normnet__fail(NORMNET_EINVAL, "options.note has the byte 0x%02x at %lld, where it is not UTF-8",
                             (unsigned)(unsigned char)note[end], (long long)end);
    saving->note_length = length;
    return NORMNET_OK;
}

static normnet_status read_save_options(const normnet_save_options *from, struct saving *saving)
{
    normnet_save_options options = {.struct_size = (int32_t)sizeof options};
    normnet_status status = NORMNET_OK;

    if (from != NULL)
        status = normnet__read_struct(&options, (int32_t)sizeof options, NORMNET__SAVE_OPTIONS, from, "options");
    if (status != NORMNET_OK)
        return status;
    if (options.kind < 0 || options.kind > NORMNET__LAST_FILE)
        return normnet__fail(NORMNET_EUNSUPPORTED, "options.kind is %d; expected 0 to %d", options.kind,
                             (int)NORMNET__LAST_FILE);
    *saving = (struct saving){options.kind, options.note, 0};
    return check_note(saving);
}

normnet_status normnet_model_save(normnet_model *model, const char *path, const normnet_save_options *from)
{
    struct saving saving;
    struct reader *reader;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(path, "path");
    if (status == NORMNET_OK)
        status = read_save_options(from, &saving);
    if (status == NORMNET_OK)
        status = normnet__begin_reading(model, &reader);
    if (status != NORMNET_OK)
        return status;
    status = normnet__save_model(model, path, &saving);
    normnet__end_reading(model, reader);
    return status;
}

/* Bytes may be NULL if there are none and `may_be_empty`. */
static normnet_status check_bytes(const void *bytes, int64_t size, bool may_be_empty)
{
    if (size < 0)
        return normnet__fail(NORMNET_EINVAL, "size is %lld; expected at least 0", (long long)size);
    return may_be_empty && size == 0 ? NORMNET_OK : normnet__require(bytes, "bytes");
}

normnet_status normnet_model_serialize(normnet_model *model, void *bytes, int64_t size, int64_t *needed,
                                       const normnet_save_options *from)
{
    struct saving saving;
    struct reader *reader;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(needed, "needed");
    if (status == NORMNET_OK)
        status = check_bytes(bytes, size, true);
    if (status == NORMNET_OK)
        status = read_save_options(from, &saving);
    if (status == NORMNET_OK)
        status = normnet__begin_reading(model, &reader);
    if (status != NORMNET_OK)
        return status;
    status = normnet__serialize_model(model, bytes, size, needed, &saving);
    normnet__end_reading(model, reader);
    return status;
}

normnet_status normnet_model_export_onnx(normnet_model *model, const char *path)
{
    struct reader *reader;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(path, "path");
    if (status == NORMNET_OK)
        status = normnet__begin_reading(model, &reader);
    if (status != NORMNET_OK)
        return status;
    status = normnet__export_onnx(model, path);
    normnet__end_reading(model, reader);
    return status;
}

/* ---- Loading --------------------------------------------------------------------------------------- */

normnet_status normnet_model_load(normnet_model **model, const char *path, const normnet_config *host)
{
    const struct calling_thread caller = normnet__begin_call();
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(path, "path");
    if (status == NORMNET_OK)
        status = normnet__load_model(model, path, host);
    normnet__end_call(&caller);
    return status;
}

normnet_status normnet_model_deserialize(normnet_model **model, const void *bytes, int64_t size,
                                         const normnet_config *host)
{
    const struct calling_thread caller = normnet__begin_call();
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = check_bytes(bytes, size, false);
    if (status == NORMNET_OK)
        status = normnet__deserialize_model(model, bytes, size, host);
    normnet__end_call(&caller);
    return status;
}

normnet_status normnet_load_weights(normnet_model *model, const char *path)
{
    const struct calling_thread caller = normnet__begin_call();
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(path, "path");
    if (status == NORMNET_OK)
        status = normnet__load_weights(model, path);
    normnet__end_call(&caller);
    return status;
}

normnet_status normnet_deserialize_weights(normnet_model *model, const void *bytes, int64_t size)
{
    const struct calling_thread caller = normnet__begin_call();
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = check_bytes(bytes, size, false);
    if (status == NORMNET_OK)
        status = normnet__deserialize_weights(model, bytes, size);
    normnet__end_call(&caller);
    return status;
}

/* ---- After loading, and copies --------------------------------------------------------------------- */

const char *normnet_model_note(const normnet_model *model)
{
    return model != NULL ? model->note : NULL;
}

int64_t normnet_steps_taken(const normnet_model *model)
{
    return model != NULL ? normnet__published_count(&model->state.step) : 0;
}

/* A function that creates a model from another one. */
typedef normnet_status make_copy(normnet_model **copy, const normnet_model *model, const normnet_config *host);

static normnet_status copy_model(normnet_model **copy, normnet_model *model, const normnet_config *host,
                                 make_copy *make)
{
    struct reader *reader;
    normnet_status status = normnet__require(copy, "copy");

    if (status == NORMNET_OK)
        status = normnet__require(model, "model");
    if (status == NORMNET_OK)
        status = normnet__begin_reading(model, &reader);
    if (status != NORMNET_OK)
        return status;
    status = make(copy, model, host);
    normnet__end_reading(model, reader);
    return status;
}

normnet_status normnet_model_clone(normnet_model **copy, normnet_model *model, const normnet_config *host)
{
    return copy_model(copy, model, host, normnet__clone_model);
}

normnet_status normnet_model_clone_average(normnet_model **copy, normnet_model *model, const normnet_config *host)
{
    return copy_model(copy, model, host, normnet__clone_average);
}
