/* SPDX-License-Identifier: MIT */
/* The metadata of a model's file: what it holds besides the tensors. docs/format.md lists every key. */
#ifndef NORMNET_FILES_METADATA_H
#define NORMNET_FILES_METADATA_H

#include "files/model_files.h"
#include "io/safetensors_writer.h"
#include "model/model.h"

void normnet__put_model_metadata(struct header *header, const normnet_model *model, const struct saving *saving);

/* What is read besides the configuration. */
struct model_metadata {
    int32_t kind; /* normnet_file */
    int64_t step;
    bool has_momentum;
    const char *note; /* belongs to the file */
};

/* A file without the metadata is one of weights. NORMNET_EUNSUPPORTED for a later format version. */
normnet_status normnet__read_file_kind(const struct safetensors *file, int32_t *kind);

/*
 * Reads the network to `config`, and from a checkpoint (metadata->kind) every other field that is not the host's. The
 * architecture belongs to the file, mean and std are in `scaling`: see normnet__read_input_scaling(). NORMNET_EARCH
 * without an architecture, NORMNET_EFORMAT for metadata that is missing or malformed, NORMNET_EVALUE.
 */
normnet_status normnet__read_model_metadata(const struct safetensors *file, normnet_config *config, double *scaling,
                                            struct model_metadata *metadata);

#endif
