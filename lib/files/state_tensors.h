/* SPDX-License-Identifier: MIT */
/*
 * The tensors of a model's file: the entries of the state_dict under their names and, in a checkpoint, the momentum of
 * each parameter X under the name optim.X.
 */
#ifndef NORMNET_FILES_STATE_TENSORS_H
#define NORMNET_FILES_STATE_TENSORS_H

#include "io/safetensors_writer.h"
#include "model/model.h"

#include <stdbool.h>

/* The number of tensors, their entries in the header, and their data; with or without momentum. */
int32_t normnet__count_tensors(const struct state *state, bool momentum);
void normnet__put_tensor_headers(struct header *header, const struct state *state, bool momentum);
void normnet__put_tensor_data(struct output *output, const struct state *state, bool momentum);

/*
 * NORMNET_EMISMATCH unless the file has exactly the tensors of the model's state. Other programs' files may have them
 * in any type, and need not have num_batches_tracked.
 */
normnet_status normnet__compare_tensors(const struct safetensors *file, const normnet_model *model, bool momentum);

/* NORMNET_EVALUE for a value that its entry cannot have. The tensors have been compared. */
normnet_status normnet__check_tensor_values(const struct safetensors *file, const struct state *state, bool momentum);

/* Copies values that have been checked. What the file does not have stays as it is. */
void normnet__copy_tensors(const struct safetensors *file, struct state *state, bool momentum);

#endif
