/* SPDX-License-Identifier: MIT */
#include "base/message.h"

#include "base/utf8.h"

#include <fenv.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Room for the tensors of a file, and for the first 250 bytes of two architectures; longer messages are truncated. */
static _Thread_local char message[1024];

/* U+0000 to U+001F and U+007F to U+009F. */
static bool is_control(const unsigned char *character)
{
    return character[0] < 0x20 || character[0] == 0x7F || (character[0] == 0xC2 && character[1] < 0xA0);
}

/* Names from files and callers may contain newlines, terminal escape sequences or incomplete characters. */
static void make_printable(unsigned char *text, int64_t count)
{
    while (count > 0) {
        int length = normnet__utf8_length(text, count);
        const bool printable = length > 0 && !is_control(text);

        length += length == 0;
        if (!printable)
            memset(text, '?', (size_t)length);
        text += length;
        count -= length;
    }
}

normnet_status normnet__fail(normnet_status status, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (vsnprintf(message, sizeof message, format, arguments) < 0)
        message[0] = '\0';
    va_end(arguments);
    make_printable((unsigned char *)message, (int64_t)strlen(message));
    return status;
}

normnet_status normnet__name_file(normnet_status status, const char *path)
{
    char problem[sizeof message];

    if (status == NORMNET_OK)
        return status;
    strcpy(problem, message);
    return normnet__fail(status, "'%.255s': %s", path, problem);
}

const char *normnet__error_message(void)
{
    return message;
}

/*
 * C libraries print decimals in the rounding mode of the caller, and some, on x86, in that of the x87, which
 * base/float_mode.h does not set. The decimal point of the locale may be a comma, or a character of several bytes.
 */
const char *normnet__decimal(char *text, double value)
{
    char *to = text;
    fenv_t environment;

    (void)fegetenv(&environment);
    (void)fesetenv(FE_DFL_ENV);
    if (snprintf(text, 32, "%.9g", isnan(value) ? (double)NAN : value) < 0 || isnan(value))
        strcpy(text, "nan"); /* some C libraries print the sign or the bits of a NaN */
    (void)fesetenv(&environment);
    for (const char *from = text; *from != '\0'; ++from)
        if (strchr("0123456789+-einfa", *from) != NULL)
            *to++ = *from;
        else if (to == text || to[-1] != '.')
            *to++ = '.';
    *to = '\0';
    return text;
}
