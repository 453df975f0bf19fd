/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_LAYERS_RELU_H
#define NORMNET_LAYERS_RELU_H

#include "layers/layer_type.h"

extern const struct layer_type normnet__relu;

#endif
