/* SPDX-License-Identifier: MIT */
/* Norms within a sample: the arithmetic of all of them, given their sets (layer->norm). */
#ifndef NORMNET_LAYERS_SAMPLE_NORM_H
#define NORMNET_LAYERS_SAMPLE_NORM_H

#include "layers/norm.h"

/* Sets the runs, the chains that they consist of, and the memory that the functions below require. */
void normnet__set_runs(struct layer *layer, int32_t runs, int32_t chains);

void normnet__sample_norm_forward(const struct layer *layer, const struct block *block);
void normnet__sample_norm_backward(const struct layer *layer, const struct block *block);

#endif
