/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_LAYERS_CONVOLUTION_H
#define NORMNET_LAYERS_CONVOLUTION_H

#include "layers/layer_type.h"

extern const struct layer_type normnet__conv, normnet__fc;

#endif
