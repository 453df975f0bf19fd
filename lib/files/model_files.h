/* SPDX-License-Identifier: MIT */
/* Models to files and back (docs/format.md), and to ONNX. Nothing of a model changes before the whole file is checked.
 */
#ifndef NORMNET_FILES_MODEL_FILES_H
#define NORMNET_FILES_MODEL_FILES_H

#include "model/model.h"

/* normnet_save_options that have been checked. The note is the caller's memory, which somebody may change. */
struct saving {
    int32_t kind;
    const char *note; /* or NULL */
    int64_t note_length;
};

/* The caller holds the lock as a reader. NORMNET_EINVAL if the note changes its length as it is written. */
normnet_status normnet__save_model(const normnet_model *model, const char *path, const struct saving *saving);
normnet_status normnet__export_onnx(const normnet_model *model, const char *path);

/* `*needed` is the length of the file, which is written to `bytes` unless `size` is 0. NORMNET_EINVAL if it is too
 * small. */
normnet_status normnet__serialize_model(const normnet_model *model, void *bytes, int64_t size, int64_t *needed,
                                        const struct saving *saving);

/* Creates a model. `host` may be NULL. */
normnet_status normnet__load_model(normnet_model **model, const char *path, const normnet_config *host);
normnet_status normnet__deserialize_model(normnet_model **model, const void *bytes, int64_t size,
                                          const normnet_config *host);

/* Fills a model with a file's weights. They take the lock as a writer, after the file has been read. */
normnet_status normnet__load_weights(normnet_model *model, const char *path);
normnet_status normnet__deserialize_weights(normnet_model *model, const void *bytes, int64_t size);

#endif
