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
    struct output output = {digits, NORMNET__CHECKSUM_DIGITS, 0};
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

/* torch.optim.swa_utils.AveragedModel keeps its network in "module." and beside it a number. */
#define AVERAGED_MODULE "module."
#define AVERAGED_COUNT "n_averaged"

static bool ends_with(const char *name, const char *end)
{
    const size_t length = strlen(name), count = strlen(end);

    return length >= count && strcmp(name + length - count, end) == 0;
}

/* Whether it is that number, if the network's names begin with the first `length` bytes of `name`. */
static bool counts_averages(const struct file_tensor *tensor, const char *name, size_t length)
{
    const size_t module = sizeof AVERAGED_MODULE - 1, outer = length - module;

    return length >= module && strncmp(name + outer, AVERAGED_MODULE, module) == 0 && tensor->count == 1 &&
           strncmp(tensor->name, name, outer) == 0 && strcmp(tensor->name + outer, AVERAGED_COUNT) == 0;
}

/* A name with a prefix that may be common; NULL if there is none. */
static const char *name_with_prefix(const struct safetensors *file)
{
    for (int32_t i = 0; i < file->tensor_count; ++i)
        if (!ends_with(file->tensors[i].name, AVERAGED_COUNT))
            return prefix_length(file->tensors[i].name) > 0 ? file->tensors[i].name : NULL;
    return NULL;
}

void normnet__strip_prefix(struct safetensors *file)
{
    const char *const name = name_with_prefix(file);
    const size_t length = name != NULL ? prefix_length(name) : 0;
    int32_t kept = 0;

    if (name == NULL)
        return;
    for (int32_t i = 0; i < file->tensor_count; ++i)
        if (strncmp(file->tensors[i].name, name, length) != 0 && !counts_averages(&file->tensors[i], name, length))
            return;
    for (int32_t i = 0; i < file->tensor_count; ++i) {
        if (counts_averages(&file->tensors[i], name, length))
            continue;
        file->tensors[kept] = file->tensors[i];
        file->tensors[kept++].name += length;
    }
    file->tensor_count = kept;
    file->prefix = (int32_t)length;
}

const unsigned char *normnet__file_element(const struct safetensors *file, const struct file_tensor *tensor,
                                           int64_t index)
{
    return file->data + tensor->begin + tensor->type->bytes * index;
}
