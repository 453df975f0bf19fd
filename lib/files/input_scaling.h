/* SPDX-License-Identifier: MIT */
/* Mean and std of the input in the metadata of a file: a number per channel, separated by spaces. */
#ifndef NORMNET_FILES_INPUT_SCALING_H
#define NORMNET_FILES_INPUT_SCALING_H

#include "io/safetensors_writer.h"

#include <stdbool.h>

void normnet__put_input_scaling(struct header *header, const normnet_config *config);

/* The largest number of means and stds together that the file can hold. */
int64_t normnet__max_scaling_numbers(const struct safetensors *file);

/*
 * Reads mean and std of config->channels channels to `values`, which has room for normnet__max_scaling_numbers(), and
 * lets `config` point there. Without metadata `config` keeps the host's, which have `host_channels` channels; that is
 * NORMNET_EMISMATCH if the channels differ, or NORMNET_EFORMAT if the metadata is `required`.
 */
normnet_status normnet__read_input_scaling(const struct safetensors *file, bool required, int32_t host_channels,
                                           double *values, normnet_config *config);

#endif
