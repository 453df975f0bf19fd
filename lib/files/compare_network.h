/* SPDX-License-Identifier: MIT */
/* Whether a file's weights fit a model: its metadata describe a network, which is compared with the model's. */
#ifndef NORMNET_FILES_COMPARE_NETWORK_H
#define NORMNET_FILES_COMPARE_NETWORK_H

#include "io/safetensors.h"
#include "model/model.h"

/*
 * NORMNET_EMISMATCH if the weights have another meaning in the network that the metadata describe. What the metadata do
 * not say is taken from the model.
 */
normnet_status normnet__compare_network(const struct safetensors *file, const normnet_model *model);

#endif
