/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>

void normnet__append(struct text *text, const char *format, ...)
{
    const int64_t room = text->length < text->size ? text->size - text->length : 0;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(room > 0 ? text->to + text->length : NULL, (size_t)room, format, arguments);
    va_end(arguments);
    text->length += length > 0 ? length : 0;
}
