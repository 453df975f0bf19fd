/* SPDX-License-Identifier: MIT */
/* The entries of a model's state_dict: what they are, and setting them from outside. Setters need the writer's lock. */
#ifndef NORMNET_MODEL_STATE_ENTRIES_H
#define NORMNET_MODEL_STATE_ENTRIES_H

#include "model/model.h"
#include "model/views.h"

/* NORMNET_F32, or NORMNET_I64 for num_batches_tracked. */
int32_t normnet__entry_dtype(const struct entry *entry);

normnet_state_info normnet__describe_entry(const struct state *state, int32_t index);

/* Sets the entry `name` to the values of a tensor of the same shape and dtype. */
normnet_status normnet__set_entry(normnet_model *model, const char *name, const struct view *view);

/* Sets all parameters to parameter_count finite numbers. */
normnet_status normnet__set_parameters(normnet_model *model, const float *values);

#endif
