/* SPDX-License-Identifier: MIT */
#include "data/idx.h"

#include "support/file_kind.h"
#include "support/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int check_idx_magic(const struct mapped_file *file, const char *path, int32_t min_rank, int32_t max_rank)
{
    const uint8_t *magic = file->data;

    if (file->size < 4)
        return report_error("%s is too short for an IDX file: %zu bytes", path, file->size);
    if (magic[0] == 0x1f && magic[1] == 0x8b)
        return report_error("%s is compressed: unpack it with gunzip first", path);
    if (magic[0] != 0 || magic[1] != 0 || magic[2] < 8)
        return file_kind_reject(path, magic, file->size, "an IDX file");
    if (magic[2] != 8)
        return report_error("%s holds values of the IDX type 0x%02x; only unsigned bytes (0x08) can be read", path,
                            magic[2]);
    if (magic[3] < min_rank || magic[3] > max_rank) {
        if (min_rank == max_rank)
            return report_error("%s has %d dimensions instead of %" PRId32, path, magic[3], min_rank);
        return report_error("%s has %d dimensions instead of %" PRId32 " to %" PRId32, path, magic[3], min_rank,
                            max_rank);
    }
    return 0;
}

static int read_idx_shape(struct idx_file *idx, const char *path)
{
    const struct mapped_file *file = &idx->file;
    size_t header = 4 + 4 * (size_t)file->data[3];
    char shape[64] = "";
    int length = 0;
    uint64_t expected = 1;

    if (file->size < header)
        return report_error("%s is cut off inside its header: %zu bytes of %zu", path, file->size, header);
    idx->rank = file->data[3];
    for (int i = 0; i < idx->rank; ++i) {
        uint32_t dimension = big_endian(file->data + 4 + 4 * i);

        if (dimension == 0 || dimension > INT32_MAX)
            return report_error("%s: its dimension %d is %" PRIu32 "; expected 1 to 2147483647", path, i + 1,
                                dimension);
        if (expected > (uint64_t)INT64_MAX / dimension)
            return report_error("%s: the product of its dimensions is above 2^63", path);
        expected *= dimension;
        idx->shape[i] = dimension;
        length += snprintf(shape + length, sizeof shape - (size_t)length, i ? " x %" PRIu32 : "%" PRIu32, dimension);
    }
    if (file->size - header < expected)
        return report_error("%s is cut off: %s values need %" PRIu64 " bytes, %zu are there", path, shape, expected,
                            file->size - header);
    if (file->size - header > expected)
        return report_error("%s is too long: %s values need %" PRIu64 " bytes, %zu are there", path, shape, expected,
                            file->size - header);
    idx->values = file->data + header;
    return 0;
}

int idx_open(struct idx_file *idx, const char *path, int32_t min_rank, int32_t max_rank)
{
    struct mapped_file file;

    *idx = (struct idx_file){0};
    int code = mapped_file_open(&file, path);
    return code == 0 ? idx_take(idx, &file, path, min_rank, max_rank) : code;
}

int idx_take(struct idx_file *idx, struct mapped_file *file, const char *path, int32_t min_rank, int32_t max_rank)
{
    *idx = (struct idx_file){.file = *file};
    *file = (struct mapped_file){0};
    int code = check_idx_magic(&idx->file, path, min_rank, max_rank);
    if (code == 0)
        code = read_idx_shape(idx, path);
    if (code != 0)
        idx_close(idx);
    return code;
}

void idx_close(struct idx_file *idx)
{
    mapped_file_close(&idx->file);
    *idx = (struct idx_file){0};
}
