/* SPDX-License-Identifier: MIT */
#include "data/idx.h"

#include "support/file_kind.h"
#include "support/report.h"

#include <inttypes.h>

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Returns false for a code that is none of IDX. */
static bool find_type(struct array *array, uint8_t code)
{
    static const struct {
        uint8_t code;
        enum array_type type;
    } types[] = {{0x08, ARRAY_U8},  {0x09, ARRAY_I8},  {0x0b, ARRAY_I16},
                 {0x0c, ARRAY_I32}, {0x0d, ARRAY_F32}, {0x0e, ARRAY_F64}};

    for (size_t i = 0; i < sizeof types / sizeof types[0]; ++i) {
        array->type = types[i].type;
        if (types[i].code == code)
            return true;
    }
    return false;
}

bool idx_begins(const uint8_t *data, size_t size)
{
    struct array array;

    return size >= 4 && data[0] == 0 && data[1] == 0 && find_type(&array, data[2]);
}

int idx_read(struct array *array, const struct whole_file *file, const char *path)
{
    const uint8_t *magic = file->data;

    *array = (struct array){.big_endian = true};
    if (file->size == 0)
        return file_kind_reject(path, magic, 0, "an IDX file");
    if (file->size < 4)
        return report_error("%s is too short for an IDX file: %zu bytes", path, file->size);
    /* Other kinds begin with two zeros, too. */
    const bool known = find_type(array, magic[2]);
    if (magic[0] != 0 || magic[1] != 0 || (!known && file_kind_name(magic, file->size)))
        return file_kind_reject(path, magic, file->size, "an IDX file");
    if (!known)
        return report_error("%s holds values of the unknown IDX type 0x%02x; expected 0x08, 0x09 or 0x0b to 0x0e", path,
                            magic[2]);
    if (magic[3] < 1 || magic[3] > ARRAY_MAX_RANK)
        return report_error("%s has %d dimensions; expected 1 to %d", path, magic[3], ARRAY_MAX_RANK);
    const size_t header = 4 + 4 * (size_t)magic[3];
    if (file->size < header)
        return report_error("%s is cut off inside its header: %zu bytes of %zu", path, file->size, header);
    array->rank = magic[3];
    for (int i = 0; i < array->rank; ++i)
        array->shape[i] = big_endian(file->data + 4 + 4 * i);
    array->values = file->data + header;
    return array_check_size(array, file->size - header, path);
}
