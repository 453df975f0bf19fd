/* SPDX-License-Identifier: MIT */
#include "model/sized_struct.h"

#include "base/message.h"

#include <string.h>

enum { MAX_STRUCT = 4096 }; /* more is taken for an uninitialized size */

normnet_status normnet__check_size(int32_t size, int32_t first, const char *name)
{
    /* Structs grow by 8 bytes at a time, so any other size ends inside a field. */
    if (size >= first && size <= MAX_STRUCT && size % 8 == 0)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EINVAL, "%s.struct_size is %d; expected a multiple of 8 from %d to %d", name, size,
                         first, (int)MAX_STRUCT);
}

static normnet_status read_size(const void *from, int32_t first, const char *name, int32_t *size)
{
    memcpy(size, from, sizeof *size);
    return normnet__check_size(*size, first, name);
}

normnet_status normnet__read_struct(void *to, int32_t own, int32_t first, const void *from, const char *name)
{
    const unsigned char *bytes = from;
    int32_t size;
    const normnet_status status = read_size(from, first, name, &size);

    if (status != NORMNET_OK)
        return status;
    for (int32_t i = own; i < size; ++i)
        if (bytes[i] != 0)
            return normnet__fail(NORMNET_EINVAL, "%s sets a field, at byte %d, that this version does not know", name,
                                 i);
    memcpy((char *)to + sizeof size, bytes + sizeof size, (size_t)(size < own ? size : own) - sizeof size);
    return NORMNET_OK;
}

normnet_status normnet__write_struct(void *to, int32_t first, const void *from, int32_t own, const char *name)
{
    int32_t size;
    const normnet_status status = read_size(to, first, name, &size);

    if (status != NORMNET_OK)
        return status;
    memcpy((char *)to + sizeof size, (const char *)from + sizeof size, (size_t)(size < own ? size : own) - sizeof size);
    if (size > own)
        memset((char *)to + own, 0, (size_t)(size - own));
    return NORMNET_OK;
}
