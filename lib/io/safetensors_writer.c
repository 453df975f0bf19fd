/* SPDX-License-Identifier: MIT */
#include "io/safetensors_writer.h"

#include "base/utf8.h"

#include <string.h>

/* The data begins at a multiple of a cache line. */
enum { DATA_ALIGNMENT = 64 };

struct header normnet__begin_header(struct output *output)
{
    struct header header = {.output = output};

    normnet__put_little(output, 0, NORMNET__LENGTH_BYTES);
    normnet__put_text(output, "{\"__metadata__\":{\"format\":\"pt\"");
    normnet__begin_metadata(&header, NORMNET__CHECKSUM_KEY);
    header.checksum_at = output->length;
    normnet__put_text(output, "00000000");
    normnet__end_metadata(&header);
    return header;
}

void normnet__begin_metadata(struct header *header, const char *key)
{
    normnet__put_text(header->output, ",\"");
    normnet__put_text(header->output, key);
    normnet__put_text(header->output, "\":\"");
}

void normnet__end_metadata(struct header *header)
{
    normnet__put_byte(header->output, '"');
}

static void put_character(struct output *output, const unsigned char *bytes, int length)
{
    if (bytes[0] < 0x20) {
        normnet__put_text(output, "\\u");
        normnet__put_hexadecimal(output, bytes[0], 4);
        return;
    }
    if (bytes[0] == '"' || bytes[0] == '\\')
        normnet__put_byte(output, '\\');
    normnet__put_bytes(output, bytes, length);
}

void normnet__put_metadata(struct header *header, const char *key, const char *text, int64_t length)
{
    normnet__begin_metadata(header, key);
    for (int64_t at = 0; at < length;) {
        /* Each byte is read once. */
        unsigned char bytes[4] = {0};
        const int64_t left = length - at, count = left < (int64_t)sizeof bytes ? left : (int64_t)sizeof bytes;
        int character;

        memcpy(bytes, text + at, (size_t)count);
        character = bytes[0] == '\0' ? 0 : normnet__utf8_length(bytes, count);
        if (character == 0)
            normnet__put_byte(header->output, '?');
        else
            put_character(header->output, bytes, character);
        at += character == 0 ? 1 : character;
    }
    normnet__end_metadata(header);
}

void normnet__end_all_metadata(struct header *header)
{
    normnet__put_byte(header->output, '}');
}

void normnet__put_tensor(struct header *header, const char *name, const struct element_type *type, int32_t rank,
                         const int64_t *shape, int64_t count)
{
    struct output *output = header->output;
    const int64_t end = header->data_bytes + count * type->bytes;

    normnet__put_text(output, ",\"");
    normnet__put_text(output, name);
    normnet__put_text(output, "\":{\"dtype\":\"");
    normnet__put_text(output, type->name);
    normnet__put_text(output, "\",\"shape\":[");
    for (int32_t i = 0; i < rank; ++i) {
        if (i > 0)
            normnet__put_byte(output, ',');
        normnet__put_decimal(output, shape[i]);
    }
    normnet__put_text(output, "],\"data_offsets\":[");
    normnet__put_decimal(output, header->data_bytes);
    normnet__put_byte(output, ',');
    normnet__put_decimal(output, end);
    normnet__put_text(output, "]}");
    header->data_bytes = end;
}

void normnet__end_header(struct header *header)
{
    struct output *output = header->output;

    normnet__put_byte(output, '}');
    while (output->length % DATA_ALIGNMENT != 0)
        normnet__put_byte(output, ' ');
    if (output->bytes != NULL) {
        struct output length = {output->bytes, NORMNET__LENGTH_BYTES, 0};

        normnet__put_little(&length, (uint64_t)(output->length - NORMNET__LENGTH_BYTES), NORMNET__LENGTH_BYTES);
    }
}

void normnet__finish_safetensors(struct header *header)
{
    const struct output *output = header->output;

    if (output->bytes != NULL && output->length <= output->capacity)
        normnet__checksum_digits(output->bytes, output->length, header->checksum_at,
                                 output->bytes + header->checksum_at);
}
