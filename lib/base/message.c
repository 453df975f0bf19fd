/* SPDX-License-Identifier: MIT */
#include "base/message.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* 512 bytes hold the longest sentence with a token of 127 bytes in it; longer ones are cut. */
static _Thread_local char message[512];

normnet_status normnet__fail(normnet_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(message, sizeof message, format, arguments) < 0)
        message[0] = '\0';
    va_end(arguments);
    /* Files and callers may name things with newlines or orders to a terminal in them. */
    for (char *character = message; *character != '\0'; ++character)
        if ((unsigned char)*character < 0x20 || *character == 0x7F)
            *character = '?';
    return status;
}

const char *normnet_error_message(void)
{
    return message;
}

const char *normnet__decimal(char *text, double value)
{
    if (snprintf(text, 32, "%.9g", isnan(value) ? (double)NAN : value) < 0 || isnan(value))
        strcpy(text, "nan"); /* some C libraries print its sign or its bits */
    for (char *character = text; *character != '\0'; ++character)
        if (strchr("0123456789+-einfa", *character) == NULL)
            *character = '.';
    return text;
}

const char *normnet_status_string(int32_t status)
{
    static const char *const names[] = {
        "NORMNET_OK",      "NORMNET_EINVAL",    "NORMNET_ENOMEM",       "NORMNET_EIO",   "NORMNET_ETRUNCATED",
        "NORMNET_EFORMAT", "NORMNET_ELIMIT",    "NORMNET_EUNSUPPORTED", "NORMNET_EARCH", "NORMNET_EMISMATCH",
        "NORMNET_EVALUE",  "NORMNET_ECHECKSUM", "NORMNET_ELABEL",       "NORMNET_EBUSY", "NORMNET_ESTATE",
    };
    const int32_t count = (int32_t)(sizeof names / sizeof names[0]);

    return status >= 0 && status < count ? names[status] : "unknown status";
}
