/* SPDX-License-Identifier: MIT */
/*
 * The tensors of a model's file: the entries of the state_dict under their names; in a checkpoint also the momentum of
 * each parameter X under the name optim.X, and the average of each entry X, if there is one, under the name average.X.
 */
#ifndef NORMNET_FILES_STATE_TENSORS_H
#define NORMNET_FILES_STATE_TENSORS_H

#include "io/safetensors_writer.h"
#include "model/model.h"

/* Series of tensors, one after another: a file has the first, or the first two, or all three. */
enum series { NORMNET__ENTRIES, NORMNET__MOMENTUM, NORMNET__AVERAGES };

/* The last series in a file of this kind (normnet_file) of a model with this configuration. */
enum series normnet__last_series(int32_t kind, const normnet_config *config);

/* The number of tensors, their entries in the header, and their data; up to the series `last`. */
int32_t normnet__count_tensors(const struct state *state, enum series last);
void normnet__put_tensor_headers(struct header *header, const struct state *state, enum series last);
void normnet__put_tensor_data(struct output *output, const struct state *state, enum series last);

/*
 * NORMNET_EMISMATCH unless the file has exactly the tensors of the model's state up to the series `last`. Other
 * programs' files may have them in any type, and need not have num_batches_tracked.
 */
normnet_status normnet__compare_tensors(const struct safetensors *file, const normnet_model *model, enum series last);

/* NORMNET_EVALUE for a value that its entry cannot have. The tensors have been compared. */
normnet_status normnet__check_tensor_values(const struct safetensors *file, const struct state *state,
                                            enum series last);

/* Copies values that have been checked, of one series. What the file does not have stays as it is. */
void normnet__copy_tensors(const struct safetensors *file, struct state *state, enum series series);

#endif
