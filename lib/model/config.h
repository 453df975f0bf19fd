/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_MODEL_CONFIG_H
#define NORMNET_MODEL_CONFIG_H

#include "normnet.h"

/* What hyper-parameters may be at most: large, but with room for products in double. */
#define NORMNET__MAX_NUMBER 1e30

enum { NORMNET__MAX_CHANNELS = 4096 }; /* of an image */

/* Sizes of the first release; a struct that a caller passes is at least this large. */
enum {
    NORMNET__CONFIG_FIRST = 256 + 8 * (int)sizeof(void *),
    NORMNET__TENSOR_FIRST = 152,
    NORMNET__METRICS_FIRST = 72,
    NORMNET__BATCH_FIRST = 24,
    NORMNET__PREDICT_OPTIONS_FIRST = 16,
    NORMNET__SAVE_OPTIONS_FIRST = 16,
    NORMNET__LAYER_INFO_FIRST = 40 + 2 * (int)sizeof(void *),
    NORMNET__STATE_INFO_FIRST = 80 + 2 * (int)sizeof(void *)
};

/* The caller's configuration over the defaults, every value checked. NULL: the defaults. */
normnet_status normnet__read_config(normnet_config *config, const normnet_config *from);

/* The same with only what schedules need checked. */
normnet_status normnet__read_schedule(normnet_config *config, const normnet_config *from, int32_t schedule);

/* Takes over from `host` what belongs to the host program. Nothing is checked but the struct itself. */
normnet_status normnet__merge_host(normnet_config *config, const normnet_config *host);

#endif
