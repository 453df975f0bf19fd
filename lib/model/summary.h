/* SPDX-License-Identifier: MIT */
/* What normnet_layer() and normnet_model_summary() report of a model. */
#ifndef NORMNET_MODEL_SUMMARY_H
#define NORMNET_MODEL_SUMMARY_H

#include "model/model.h"

normnet_layer_info normnet__describe_layer(const normnet_model *model, int32_t index);

/* Writes up to `size` bytes including the final 0 to `text`, and returns the length of the whole text without it. */
int64_t normnet__summarize(const normnet_model *model, char *text, int64_t size);

#endif
