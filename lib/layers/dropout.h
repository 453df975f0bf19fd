/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_LAYERS_DROPOUT_H
#define NORMNET_LAYERS_DROPOUT_H

#include "layers/layer.h"

extern const struct layer_type normnet__relu, normnet__dropout, normnet__flatten;

/*
 * The mask of the dropout that a layer does on its way in this pass, drawn on the way forward and kept for the way
 * back; without bits if there is none.
 */
struct mask normnet__fused_dropout(const struct layer *layer, const struct block *block, bool forward);

/* The part of a mask that begins at group `first`: of a chain or channel, since masks have no gaps between planes. */
struct mask normnet__mask_from(struct mask mask, int64_t first);

#endif
