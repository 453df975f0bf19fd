/* SPDX-License-Identifier: MIT */
/*
 * What allocates in a program that is linked with ld's --wrap, and that says which requests fail. For its one source
 * file, which also defines __wrap_free().
 */
#ifndef REFUSED_MALLOC_H
#define REFUSED_MALLOC_H

#include "harness/wrapped_malloc.h"

#include <errno.h>

/* Counts a request; whether it fails: defined by the program. */
static int refused(void);

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return refused() ? NULL : __real_realloc(block, size);
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
    return refused() ? ENOMEM : __real_posix_memalign(block, alignment, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return refused() ? NULL : __real_aligned_alloc(alignment, size);
}

#endif
