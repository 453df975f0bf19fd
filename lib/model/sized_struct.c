/* SPDX-License-Identifier: MIT */
#include "model/sized_struct.h"

#include "base/message.h"

#include <string.h>

enum { MAX_SIZE = 4096 }; /* a larger struct_size has most likely not been initialized */

normnet_status normnet__check_struct_size(int32_t size, int32_t min_size, const char *name)
{
    /* Structs grow by 8 bytes at a time, so any other size ends inside a field. */
    if (size >= min_size && size <= MAX_SIZE && size % 8 == 0)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EINVAL, "%s.struct_size is %d; expected a multiple of 8 from %d to %d", name, size,
                         min_size, (int)MAX_SIZE);
}

/* The struct_size of a caller's struct. */
static normnet_status read_size(const void *from, int32_t min_size, const char *name, int32_t *size)
{
    memcpy(size, from, sizeof *size);
    return normnet__check_struct_size(*size, min_size, name);
}

/* Copies the fields that both structs have, without the size. */
static void copy_fields(void *to, const void *from, int32_t one_size, int32_t other_size)
{
    const size_t common = (size_t)(one_size < other_size ? one_size : other_size), first = sizeof(int32_t);

    memcpy((char *)to + first, (const char *)from + first, common - first);
}

normnet_status normnet__read_struct(void *to, int32_t size, int32_t min_size, const void *from, const char *name)
{
    const unsigned char *bytes = from;
    int32_t given_size;
    const normnet_status status = read_size(from, min_size, name, &given_size);

    if (status != NORMNET_OK)
        return status;
    for (int32_t i = size; i < given_size; ++i)
        if (bytes[i] != 0)
            return normnet__fail(NORMNET_EINVAL, "%s sets a field at byte %d, which this version does not support",
                                 name, i);
    copy_fields(to, from, size, given_size);
    return NORMNET_OK;
}

normnet_status normnet__write_struct(void *to, int32_t min_size, const void *from, int32_t size, const char *name)
{
    int32_t given_size;
    const normnet_status status = read_size(to, min_size, name, &given_size);

    if (status != NORMNET_OK)
        return status;
    copy_fields(to, from, size, given_size);
    if (given_size > size)
        memset((char *)to + size, 0, (size_t)(given_size - size));
    return NORMNET_OK;
}
