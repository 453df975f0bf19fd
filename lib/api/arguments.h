/* SPDX-License-Identifier: MIT */
/* Checks of arguments that several sections of the public header have in common. */
#ifndef NORMNET_API_ARGUMENTS_H
#define NORMNET_API_ARGUMENTS_H

#include "normnet.h"

/* NORMNET_EINVAL, naming the argument, if `pointer` is NULL. */
normnet_status normnet__require(const void *pointer, const char *name);

/* NORMNET_EINVAL unless 0 <= index < count. */
normnet_status normnet__check_index(int32_t index, int32_t count, const char *name);

/* Metrics may be NULL: nothing is written then. Their size is read and checked once, before anything is computed. */
normnet_status normnet__read_metrics_size(const normnet_metrics *metrics, int32_t *size);
void normnet__write_metrics(normnet_metrics *metrics, int32_t size, const normnet_metrics *from);

#endif
