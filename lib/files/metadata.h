/* SPDX-License-Identifier: MIT */
/* What a file says of its model beside the tensors, in texts under `__metadata__`: docs/format.md. */
#ifndef NORMNET_FILES_METADATA_H
#define NORMNET_FILES_METADATA_H

#include "io/safetensors_reader.h"
#include "io/safetensors_writer.h"
#include "model/model.h"

/* The optimizer's memory of parameter X is the tensor optim.X. */
#define NORMNET__OPTIMIZER_PREFIX "optim."

enum { NORMNET__MOMENTUM_NAME = sizeof NORMNET__OPTIMIZER_PREFIX + sizeof((struct entry *)0)->name };

const char *normnet__momentum_name(const struct entry *entry, char name[NORMNET__MOMENTUM_NAME]);

void normnet__put_model_metadata(struct header *header, const normnet_model *model, int32_t kind, const char *note);

/* At most so many numbers of means and stds are in a file. */
int64_t normnet__max_numbers(const struct safetensors *file);

/* What is read besides the configuration. Texts belong to the file. */
struct file_info {
    int32_t kind; /* normnet_file */
    int64_t step;
    bool has_momentum;
    const char *note;
};

/* Of a file that does not say so: weights. NORMNET_EUNSUPPORTED for a later format. */
normnet_status normnet__read_file_kind(const struct safetensors *file, int32_t *kind);

/*
 * Over `config`: the network, from a checkpoint (facts->kind) also everything that is not the host's. The architecture
 * stays the file's; `scaling` is room for as many numbers as the file holds, see normnet__max_numbers(). NORMNET_EARCH
 * without an architecture, NORMNET_EFORMAT for a text that is missing or does not say what it should, NORMNET_EVALUE.
 */
normnet_status normnet__read_model_metadata(const struct safetensors *file, normnet_config *config, double *scaling,
                                            struct file_info *info);

/* NORMNET_EMISMATCH if the file says that its network is another one than the model's. */
normnet_status normnet__compare_model_metadata(const struct safetensors *file, const normnet_model *model);

#endif
