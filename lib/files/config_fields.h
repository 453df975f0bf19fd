/* SPDX-License-Identifier: MIT */
/* The fields of normnet_config that a file holds: each is the metadata "normnet." followed by the field's name. */
#ifndef NORMNET_FILES_CONFIG_FIELDS_H
#define NORMNET_FILES_CONFIG_FIELDS_H

#include "io/safetensors_writer.h"

#include <stdbool.h>

/* Fields are written and read in groups. */
enum field_group {
    NORMNET__NETWORK_FIELDS,  /* that determine the network: in every file */
    NORMNET__TRAINING_FIELDS, /* that determine the training: in checkpoints */
    NORMNET__AVERAGE_FIELDS   /* of the average of the weights: in checkpoints that have one */
};

void normnet__put_fields(struct header *header, enum field_group group, const normnet_config *config);

/* A field without metadata keeps its value, or is NORMNET_EFORMAT if it is `required`. */
normnet_status normnet__read_fields(const struct safetensors *file, enum field_group group, bool required,
                                    normnet_config *config);

/* NORMNET_EFORMAT for metadata that is not what it should be, or is missing from a checkpoint. */
normnet_status normnet__reject_metadata(const char *key, const char *text);
normnet_status normnet__reject_missing_metadata(const char *key);

#endif
