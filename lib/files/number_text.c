/* SPDX-License-Identifier: MIT */
#include "files/number_text.h"

#include "base/bits.h"

void normnet__put_number_bits(struct output *output, double value)
{
    normnet__put_hexadecimal(output, normnet__double_bits(value), NORMNET__NUMBER_DIGITS);
}

bool normnet__parse_number_bits(const char *text, double *value)
{
    uint64_t bits = 0;

    for (int i = 0; i < NORMNET__NUMBER_DIGITS; ++i) {
        const char digit = text[i];

        if (digit >= '0' && digit <= '9')
            bits = bits << 4 | (uint64_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            bits = bits << 4 | (uint64_t)(digit - 'a' + 10);
        else
            return false;
    }
    *value = normnet__double_of_bits(bits);
    return true;
}

bool normnet__parse_decimal(const char *text, int64_t *value)
{
    const bool negative = *text == '-';
    uint64_t magnitude = 0;

    text += negative;
    if (*text == '\0' || (*text == '0' && (text[1] != '\0' || negative)))
        return false;
    for (; *text != '\0'; ++text) {
        if (*text < '0' || *text > '9' || magnitude > ((uint64_t)INT64_MAX + negative - (uint64_t)(*text - '0')) / 10)
            return false;
        magnitude = magnitude * 10 + (uint64_t)(*text - '0');
    }
    *value = negative ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return true;
}
