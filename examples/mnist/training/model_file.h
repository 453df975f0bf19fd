/* SPDX-License-Identifier: MIT */
/* Models in files. Every function returns 0, or reports what is wrong. */
#ifndef MNIST_MODEL_FILE_H
#define MNIST_MODEL_FILE_H

#include <normnet.h>

/* How much memory a model may take: that of a stranger as much as the library lets it, one's own any. */
enum model_file_origin { MODEL_OF_STRANGER, MODEL_OF_OWN };

/* Opens a file of either kind, to be tested, asked or cloned; training would go image by image. */
int model_file_open(normnet_model **model, const char *path, enum model_file_origin origin, int64_t threads);

/* Writes a file of the kind (normnet_file); where `path` is a link, to where it leads. `note` may be NULL. */
int model_file_save(normnet_model *model, const char *path, int32_t kind, const char *note);

/* The same for an ONNX graph. */
int model_file_export_onnx(normnet_model *model, const char *path);

#endif
