/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

/* Table 3-7 of the Unicode standard. */
int normnet__utf8_length(const unsigned char *bytes, int64_t count)
{
    const int first = count > 0 ? bytes[0] : 0xFF;
    int length, low = 0x80, high = 0xBF;

    if (first < 0x80)
        return 1;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (count < length)
        return 0;
    if (first == 0xE0)
        low = 0xA0; /* below are longer forms than needed */
    else if (first == 0xED)
        high = 0x9F; /* above are surrogates */
    else if (first == 0xF0)
        low = 0x90;
    else if (first == 0xF4)
        high = 0x8F; /* U+10FFFF */
    if (bytes[1] < low || bytes[1] > high)
        return 0;
    for (int i = 2; i < length; ++i)
        if (bytes[i] < 0x80 || bytes[i] > 0xBF)
            return 0;
    return length;
}

int normnet__utf8_encode(uint32_t code, char *bytes)
{
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    const int length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;

    for (int i = length - 1; i > 0; --i, code >>= 6)
        bytes[i] = (char)(0x80 | (code & 0x3F));
    bytes[0] = (char)(first[length] | code);
    return length;
}
