/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_LAYERS_DROPOUT_H
#define NORMNET_LAYERS_DROPOUT_H

#include "layers/layer_type.h"

extern const struct layer_type normnet__dropout;

/*
 * The mask of the dropout that is fused into `layer`: forward draws and saves it, backward reads it again. Without bits
 * if there is none in this pass.
 */
struct mask normnet__draw_fused_dropout(const struct layer *layer, const struct block *block);
struct mask normnet__saved_fused_dropout(const struct layer *layer, const struct block *block);

/* The part of a mask that begins at group `first`, which a chain or channel does: masks have no gaps between planes. */
struct mask normnet__mask_from(struct mask mask, int64_t first);

#endif
