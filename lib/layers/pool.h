/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_LAYERS_POOL_H
#define NORMNET_LAYERS_POOL_H

#include "layers/layer.h"

extern const struct layer_type normnet__maxpool, normnet__avgpool, normnet__gap;

/* Whether the layer is a pool, and the window that it takes of its input. */
bool normnet__pool_window(const struct layer *layer, int32_t *height, int32_t *width);

#endif
