/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_LAYERS_LEAKY_RELU_H
#define NORMNET_LAYERS_LEAKY_RELU_H

#include "layers/layer_type.h"

extern const struct layer_type normnet__leaky_relu;

#endif
