/* SPDX-License-Identifier: MIT */
/* The sentence about the last failure of the calling thread. */
#ifndef NORMNET_BASE_MESSAGE_H
#define NORMNET_BASE_MESSAGE_H

#include "normnet.h"

#if defined(__MINGW32__)
#define NORMNET__PRINTF __attribute__((format(gnu_printf, 2, 3)))
#else
#define NORMNET__PRINTF __attribute__((format(printf, 2, 3)))
#endif

/*
 * Writes the sentence and returns `status`, so that a check reads `return normnet__fail(...)`. Only
 * the place that finds the failure calls it; callers pass the status on and leave the sentence alone.
 */
NORMNET__PRINTF normnet_status normnet__fail(normnet_status status, const char *format, ...);

/* A number in at most 9 digits with a decimal point in every locale; `text` holds at least 32 bytes. */
const char *normnet__decimal(char *text, double value);

#endif
