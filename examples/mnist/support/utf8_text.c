/* SPDX-License-Identifier: MIT */
#include "support/utf8_text.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

size_t utf8_mark(const void *text, size_t size)
{
    return size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

int utf8_length(const char *text)
{
    const unsigned char *bytes = (const unsigned char *)text;
    const int length = bytes[0] < 0x80                       ? 1
                       : bytes[0] >= 0xc2 && bytes[0] < 0xe0 ? 2
                       : bytes[0] >= 0xe0 && bytes[0] < 0xf0 ? 3
                       : bytes[0] >= 0xf0 && bytes[0] < 0xf5 ? 4
                                                             : 0;

    for (int i = 1; i < length; ++i) {
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] >= 0xa0) ||
        (bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] >= 0x90))
        return 0;
    return length;
}

static uint32_t code_point(const char *text, int length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    uint32_t code = length == 1 ? bytes[0] : bytes[0] & (0x7fU >> length);

    for (int i = 1; i < length; ++i)
        code = code << 6 | (bytes[i] & 0x3f);
    return code;
}

static int code_columns(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } wide[] = {
        {0x1100, 0x115f}, {0x2e80, 0xa4cf}, {0xac00, 0xd7a3},   {0xf900, 0xfaff},
        {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0x1f300, 0x1faff}, {0x20000, 0x3fffd},
    };

    for (unsigned i = 0; i < sizeof wide / sizeof wide[0]; ++i) {
        if (code >= wide[i].first && code <= wide[i].last)
            return 2;
    }
    return 1;
}

/* Goes through the text until it ends or `limit` columns are exceeded. */
static int measure(const char *text, int limit, int *columns)
{
    int bytes = 0;

    *columns = 0;
    while (text[bytes]) {
        const int length = utf8_length(text + bytes);
        const int width = length > 0 ? code_columns(code_point(text + bytes, length)) : 0;

        if (length == 0 || *columns > limit - width)
            break;
        *columns += width;
        bytes += length;
    }
    return bytes;
}

int utf8_columns(const char *text)
{
    int columns;

    measure(text, INT_MAX, &columns);
    return columns;
}

int utf8_cut(const char *text, int columns)
{
    int used;

    return measure(text, columns, &used);
}

int utf8_blanks(const char *text, int columns)
{
    const int used = utf8_columns(text);

    return used < columns ? columns - used : 0;
}

void utf8_end_whole(char *text)
{
    text[utf8_cut(text, INT_MAX)] = '\0';
}
