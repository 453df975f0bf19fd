/* SPDX-License-Identifier: MIT */
/* Loading and saving models. Every function returns 0, or reports the failure. */
#ifndef MNIST_MODEL_FILE_H
#define MNIST_MODEL_FILE_H

#include <normnet.h>

/* Whether a model from this file may use more memory than the library's default limit. */
enum model_file_trust { MODEL_UNTRUSTED, MODEL_TRUSTED };

/*
 * Loads a checkpoint or a file of weights, to evaluate, predict or clone; max_batch is 1. `network` describes the
 * network of a file that does not say it, and is NULL for one that does; `option` is one that describes it, for
 * messages.
 */
int model_file_open(normnet_model **model, const char *path, enum model_file_trust trust, int64_t threads,
                    const normnet_config *network, const char *option);

/* Which weights of a checkpoint a command takes: the words of --use. */
enum use { USE_AUTO, USE_AVERAGE, USE_LAST };
extern const char *const model_file_use_names[]; /* ended by NULL */
extern const char model_file_use_help[];

/*
 * Replaces the model by one of its averaged weights with USE_AVERAGE, and with USE_AUTO if it keeps an average; `*use`
 * then is USE_AVERAGE, otherwise USE_LAST. `path` is the model's, for messages.
 */
int model_file_use(normnet_model **model, int32_t *use, const char *path);

/* Gives `model` the weights and running statistics of a model with the same network. */
int model_file_copy_weights(normnet_model *model, normnet_model *from);

/* Writes a file of this kind (normnet_file). If `path` is a symbolic link, its target. `note` may be NULL. */
int model_file_save(normnet_model *model, const char *path, int32_t kind, const char *note);

/* Writes an ONNX graph, to the same place. */
int model_file_export_onnx(normnet_model *model, const char *path);

#endif
