/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_LAYERS_FLATTEN_H
#define NORMNET_LAYERS_FLATTEN_H

#include "layers/layer_type.h"

extern const struct layer_type normnet__flatten;

#endif
