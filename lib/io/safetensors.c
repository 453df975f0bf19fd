/* SPDX-License-Identifier: MIT */
#include "io/safetensors.h"

#include "base/bits.h"
#include "io/crc32c.h"
#include "io/output.h"

#include <string.h>

int64_t normnet__element_bytes(int32_t dtype)
{
    return dtype == NORMNET_F32 ? 4 : 8;
}

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

float normnet__file_float(const struct safetensors *file, const struct file_tensor *tensor, int64_t index)
{
    return normnet__float_of_bits((uint32_t)normnet__read_little_endian(file->data + tensor->begin + 4 * index, 4));
}

int64_t normnet__file_integer(const struct safetensors *file, const struct file_tensor *tensor, int64_t index)
{
    const uint64_t bits = normnet__read_little_endian(file->data + tensor->begin + 8 * index, 8);
    int64_t value;

    memcpy(&value, &bits, sizeof value);
    return value;
}
