/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_LAYERS_ELEMENTWISE_H
#define NORMNET_LAYERS_ELEMENTWISE_H

#include "layers/layer.h"

extern const struct normnet__layer_type normnet__relu, normnet__dropout, normnet__flatten;

#endif
