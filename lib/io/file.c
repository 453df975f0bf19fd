/* SPDX-License-Identifier: MIT */
#include "io/file.h"

#include "base/bits.h"
#include "base/clock.h"
#include "base/message.h"
#include "io/source.h"

#include <stdio.h>
#include <string.h>

/* ---- Reading ------------------------------------------------------------------------------------- */

/* Reads source->size bytes and checks that there are no more. */
static normnet_status read_exactly(const struct source *source, const char *path, unsigned char *bytes)
{
    unsigned char more;
    const int64_t count = normnet__read_source(source, bytes, source->size);
    const int64_t after = count == source->size ? normnet__read_source(source, &more, 1) : 0;

    if (count < 0 || after < 0)
        return normnet__reject_file("read", path);
    if (count < source->size)
        return normnet__fail(NORMNET_ETRUNCATED, "'%.255s' shrank from %lld to %lld bytes while it was read", path,
                             (long long)source->size, (long long)count);
    if (after > 0)
        return normnet__fail(NORMNET_EFORMAT, "'%.255s' grew while it was read", path);
    return NORMNET_OK;
}

static normnet_status read_source(const struct source *source, const char *path, int64_t limit,
                                  const struct allocator *allocator, unsigned char **bytes)
{
    void *block = NULL;
    normnet_status status = NORMNET_OK;

    if (limit > 0 && source->size > limit)
        return normnet__fail(NORMNET_ELIMIT, "'%.255s' has %lld bytes; config.memory_limit is %lld", path,
                             (long long)source->size, (long long)limit);
    if (source->size > 0)
        status = normnet__name_file(normnet__allocate(allocator, source->size, &block), path);
    if (status == NORMNET_OK)
        status = read_exactly(source, path, block);
    if (status == NORMNET_OK)
        *bytes = block;
    else
        normnet__deallocate(allocator, block, source->size);
    return status;
}

normnet_status normnet__read_file(const char *path, int64_t limit, const struct allocator *allocator,
                                  unsigned char **bytes, int64_t *size)
{
    struct source source;
    normnet_status status = normnet__open_source(&source, path);

    if (status != NORMNET_OK)
        return status;
    status = read_source(&source, path, limit, allocator, bytes);
    normnet__close_source(&source);
    if (status != NORMNET_OK)
        return status;
    *size = source.size;
    return NORMNET_OK;
}

normnet_status normnet__copy_bytes(const void *from, int64_t size, int64_t limit, const struct allocator *allocator,
                                   unsigned char **bytes)
{
    void *block = NULL;
    normnet_status status = NORMNET_OK;

    if (limit > 0 && size > limit)
        return normnet__fail(NORMNET_ELIMIT, "size is %lld; config.memory_limit is %lld", (long long)size,
                             (long long)limit);
    if (size > 0) {
        status = normnet__allocate(allocator, size, &block);
        if (status == NORMNET_OK)
            memcpy(block, from, (size_t)size);
    }
    *bytes = block;
    return status;
}

/* ---- Writing ------------------------------------------------------------------------------------- */

/* From the clock and the address of the stack, which the system draws for each process. */
void normnet__name_temporary(char name[NORMNET__TEMPORARY_NAME], int attempt)
{
    const uint64_t place = (uint64_t)(uintptr_t)&attempt, moment = normnet__double_bits(normnet__seconds());
    const uint64_t number = (moment ^ place << 20 ^ (uint64_t)attempt) * UINT64_C(0x9E3779B97F4A7C15);

    snprintf(name, NORMNET__TEMPORARY_NAME, ".normnet-%08x%08x.tmp", (unsigned)(number >> 32),
             (unsigned)(number & 0xffffffffu));
}

normnet_status normnet__write_file(const char *path, put_function *put, const void *context,
                                   const struct allocator *allocator)
{
    struct output output = {NULL, 0, 0};
    void *block;
    int64_t size;
    normnet_status status;

    put(&output, context);
    size = output.length;
    status = normnet__name_file(normnet__allocate(allocator, size, &block), path);
    if (status != NORMNET_OK)
        return status;
    output = (struct output){block, size, 0};
    put(&output, context);
    status = normnet__name_file(normnet__check_counted(&output, size), path);
    if (status == NORMNET_OK)
        status = normnet__replace_file(path, block, size);
    normnet__deallocate(allocator, block, size);
    return status;
}
