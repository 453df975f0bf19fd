/* SPDX-License-Identifier: MIT */
#include "io/safetensors_writer.h"

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

void normnet__put_metadata(struct header *header, const char *key, const char *text)
{
    normnet__begin_metadata(header, key);
    for (; *text != '\0'; ++text) {
        const unsigned char byte = (unsigned char)*text;

        if (byte < 0x20) {
            normnet__put_text(header->output, "\\u");
            normnet__put_hexadecimal(header->output, byte, 4);
            continue;
        }
        if (byte == '"' || byte == '\\')
            normnet__put_byte(header->output, '\\');
        normnet__put_byte(header->output, byte);
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
        struct output length = {output->bytes, 0};

        normnet__put_little(&length, (uint64_t)(output->length - NORMNET__LENGTH_BYTES), NORMNET__LENGTH_BYTES);
    }
}

void normnet__finish_safetensors(struct header *header)
{
    const struct output *output = header->output;

    if (output->bytes != NULL)
        normnet__checksum_digits(output->bytes, output->length, header->checksum_at,
                                 output->bytes + header->checksum_at);
}
