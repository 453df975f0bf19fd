/* SPDX-License-Identifier: MIT */
#include "io/protobuf.h"

#include <string.h>

/* Wire types. */
enum { VARINT = 0, LENGTH_DELIMITED = 2, FIXED32 = 5 };

/* A message's length always has five bytes, so that it can be written afterwards: readers accept longer forms. */
enum { LENGTH_BYTES = 5 };

/* Seven bits per byte, the lowest first; the eighth is set if another byte follows. */
static void put_varint(struct output *output, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        normnet__put_byte(output, (unsigned)(value & 0x7F) | 0x80);
    normnet__put_byte(output, (unsigned)value);
}

static void put_key(struct output *output, int32_t field, int wire_type)
{
    put_varint(output, (uint64_t)field << 3 | (unsigned)wire_type);
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
    put_key(output, field, LENGTH_DELIMITED);
    put_varint(output, strlen(text));
    normnet__put_text(output, text);
}

int64_t normnet__begin_message(struct output *output, int32_t field)
{
    put_key(output, field, LENGTH_DELIMITED);
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
