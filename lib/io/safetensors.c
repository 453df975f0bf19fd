/* SPDX-License-Identifier: MIT */
#include "io/safetensors.h"

#include "io/crc32c.h"
#include "io/output.h"

#include <string.h>

uint64_t normnet__read_little_endian(const unsigned char *bytes, int size)
{
    uint64_t value = 0;

    for (int i = 0; i < size; ++i)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

void normnet__checksum_digits(const unsigned char *bytes, int64_t size, int64_t digits_at,
                              unsigned char digits[NORMNET__CHECKSUM_DIGITS])
{
    const int64_t after = digits_at + NORMNET__CHECKSUM_DIGITS;
    struct output output = {digits, 0};
    uint32_t checksum = normnet__crc32c(0, bytes, digits_at);

    checksum = normnet__crc32c(checksum, "00000000", NORMNET__CHECKSUM_DIGITS);
    checksum = normnet__crc32c(checksum, bytes + after, size - after);
    normnet__put_hexadecimal(&output, checksum, NORMNET__CHECKSUM_DIGITS);
}

int64_t normnet__data_bytes(const struct safetensors *file)
{
    return file->size - (file->data - file->bytes);
}

const char *normnet__find_metadata(const struct safetensors *file, const char *key)
{
    for (int32_t i = 0; i < file->metadata_count; ++i)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}

const struct file_tensor *normnet__find_tensor(const struct safetensors *file, const char *name)
{
    for (int32_t i = 0; i < file->tensor_count; ++i)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

bool normnet__is_own_file(const struct safetensors *file)
{
    return file->checksum_at > 0;
}

/* The length of what stands before "0.weight" in a name. */
static size_t prefix_length(const char *name)
{
    const char *dot = strrchr(name, '.');

    while (dot != NULL && dot > name && dot[-1] != '.')
        --dot;
    return dot != NULL ? (size_t)(dot - name) : 0;
}

void normnet__strip_prefix(struct safetensors *file)
{
    const size_t length = file->tensor_count > 0 ? prefix_length(file->tensors[0].name) : 0;

    for (int32_t i = 0; i < file->tensor_count; ++i)
        if (strncmp(file->tensors[i].name, file->tensors[0].name, length) != 0)
            return;
    for (int32_t i = 0; i < file->tensor_count; ++i)
        file->tensors[i].name += length;
    file->prefix = (int32_t)length;
}

const unsigned char *normnet__file_element(const struct safetensors *file, const struct file_tensor *tensor,
                                           int64_t index)
{
    return file->data + tensor->begin + tensor->type->bytes * index;
}
