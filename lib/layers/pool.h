/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_LAYERS_POOL_H
#define NORMNET_LAYERS_POOL_H

#include "layers/layer_type.h"

extern const struct layer_type normnet__maxpool, normnet__avgpool, normnet__gap;

#endif
