/* SPDX-License-Identifier: MIT */
/* The message about the last failure of the calling thread. */
#ifndef NORMNET_BASE_MESSAGE_H
#define NORMNET_BASE_MESSAGE_H

#include "normnet.h"

#if defined(__MINGW32__)
#define NORMNET__PRINTF __attribute__((format(gnu_printf, 2, 3)))
#else
#define NORMNET__PRINTF __attribute__((format(printf, 2, 3)))
#endif

/*
 * Formats the message and returns `status`, so that a check reads `return normnet__fail(...)`. Only the function that
 * detects a failure calls it; its callers return the status unchanged.
 */
NORMNET__PRINTF normnet_status normnet__fail(normnet_status status, const char *format, ...);

/* After a failure in what a file holds: "'<path>': <message>". Nothing if the status is NORMNET_OK. Returns `status`.
 */
normnet_status normnet__name_file(normnet_status status, const char *path);

/* "" before the first failure. Valid until the next failure of the same thread. */
const char *normnet__error_message(void);

/*
 * Formats a number with up to 9 significant digits and with a decimal point in every locale. `text` has room for at
 * least 32 bytes. Returns `text`.
 */
const char *normnet__decimal(char *text, double value);

#endif
