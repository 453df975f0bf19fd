/* SPDX-License-Identifier: MIT */
/* The caller's configuration: defaults, checks, and which fields belong to the host program. */
#ifndef NORMNET_MODEL_CONFIG_H
#define NORMNET_MODEL_CONFIG_H

#include "base/allocator.h"
#include "train/schedule.h"

/* The largest hyper-parameter: products of several still fit into a double. */
#define NORMNET__MAX_NUMBER 1e30

enum { NORMNET__MAX_CHANNELS = 4096 }; /* of an image */

normnet_config normnet__default_config(int32_t norm);

/*
 * Copies the fields of `from` (NULL: none) over the defaults, and checks every value. The architecture, or if it is
 * missing the default one for the images and classes, is written to `architecture`, NORMNET__ARCHITECTURE_BYTES long;
 * NULL where `from` has one that nobody else changes.
 */
normnet_status normnet__read_config(normnet_config *config, const normnet_config *from, char *architecture);

/* The same for a configuration with the schedule `schedule` of which only the schedule's fields matter. */
normnet_status normnet__read_schedule(normnet_config *config, const normnet_config *from, int32_t schedule);

/* Copies the fields that belong to the host program from `host`, without checking their values. */
normnet_status normnet__merge_host(normnet_config *config, const normnet_config *host);

/* One range check per field. The first that fails determines status and message. */
normnet_status normnet__check_config(const normnet_config *config);

/* A part of it: the arrays that config.input_mean and config.input_std point to. */
normnet_status normnet__check_input(const normnet_config *config);
normnet_status normnet__check_schedule_config(const normnet_config *config);

/* NORMNET_EVALUE unless 0 <= value < 1. `name` is the field's or argument's, for the message. */
normnet_status normnet__check_momentum(const char *name, double value);

/* The allocator of the configuration, or malloc and free. */
struct allocator normnet__configured_allocator(const normnet_config *config);

#endif
