/* SPDX-License-Identifier: MIT */
#include "io/protobuf.h"

#include <string.h>

enum { VARINT = 0, DELIMITED = 2, FIXED32 = 5 };

/* Lengths take five bytes, so that they can be entered afterwards: readers accept longer forms than needed. */
enum { LENGTH_BYTES = 5 };

/* Seven bits per byte, the lowest first; the eighth says that another follows. */
static void put_varint(struct output *output, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        normnet__put_byte(output, (unsigned)(value & 0x7F) | 0x80);
    normnet__put_byte(output, (unsigned)value);
}

static void put_key(struct output *output, int32_t field, int kind)
{
    put_varint(output, (uint64_t)field << 3 | (unsigned)kind);
}

void normnet__put_integer_field(struct output *output, int32_t field, int64_t value)
{
    put_key(output, field, VARINT);
    put_varint(output, (uint64_t)value);
}

void normnet__put_float_field(struct output *output, int32_t field, float value)
{
    put_key(output, field, FIXED32);
    normnet__put_float(output, value);
}

void normnet__put_text_field(struct output *output, int32_t field, const char *text)
{
    put_key(output, field, DELIMITED);
    put_varint(output, strlen(text));
    normnet__put_text(output, text);
}

int64_t normnet__begin_message(struct output *output, int32_t field)
{
    put_key(output, field, DELIMITED);
    output->length += LENGTH_BYTES;
    return output->length;
}

void normnet__end_message(struct output *output, int64_t begin)
{
    const uint64_t length = (uint64_t)(output->length - begin);

    if (output->bytes == NULL)
        return;
    for (int i = 0; i < LENGTH_BYTES; ++i)
        output->bytes[begin - LENGTH_BYTES + i] =
            (unsigned char)((length >> 7 * i & 0x7F) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
}
