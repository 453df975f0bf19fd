/* SPDX-License-Identifier: MIT */
#include "io/output.h"

#include "base/bits.h"
#include "base/message.h"

#include <string.h>

void normnet__put_byte(struct output *output, unsigned byte)
{
    if (output->length < output->capacity)
        output->bytes[output->length] = (unsigned char)byte;
    output->length += 1;
}

void normnet__put_bytes(struct output *output, const void *bytes, int64_t count)
{
    if (count > 0 && output->capacity - output->length >= count)
        memcpy(output->bytes + output->length, bytes, (size_t)count);
    output->length += count;
}

void normnet__put_text(struct output *output, const char *text)
{
    normnet__put_bytes(output, text, (int64_t)strlen(text));
}

void normnet__put_decimal(struct output *output, int64_t value)
{
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char digits[20];
    int count = 0;

    if (value < 0)
        normnet__put_byte(output, '-');
    do
        digits[count++] = (char)('0' + left % 10);
    while ((left /= 10) != 0);
    while (count > 0)
        normnet__put_byte(output, (unsigned char)digits[--count]);
}

void normnet__put_hexadecimal(struct output *output, uint64_t value, int digits)
{
    while (digits-- > 0)
        normnet__put_byte(output, (unsigned char)"0123456789abcdef"[value >> 4 * digits & 15]);
}

void normnet__put_little(struct output *output, uint64_t value, int size)
{
    for (int i = 0; i < size; ++i)
        normnet__put_byte(output, (unsigned)(value >> 8 * i & 255));
}

void normnet__put_float(struct output *output, float value)
{
    normnet__put_little(output, normnet__float_bits(value), 4);
}

void normnet__put_floats(struct output *output, const float *values, int64_t count)
{
    if (output->bytes == NULL)
        output->length += 4 * count;
    else
        for (int64_t i = 0; i < count; ++i)
            normnet__put_float(output, values[i]);
}

normnet_status normnet__check_counted(const struct output *output, int64_t counted)
{
    return output->length == counted
               ? NORMNET_OK
               : normnet__fail(NORMNET_EINVAL,
                               "options.note was changed while it was written: the file has %lld bytes "
                               "and no longer %lld",
                               (long long)output->length, (long long)counted);
}
