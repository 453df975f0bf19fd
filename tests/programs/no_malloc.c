/* SPDX-License-Identifier: MIT */
/*
 * Ends a program in which the library or the program itself calls malloc or the like: linked with the library's objects
 * and ld's --wrap, these calls arrive here. Those of libc's own, such as stdio's buffers, do not.
 */
#include "harness/wrapped_malloc.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn static void refuse(const char *function)
{
    fprintf(stderr, "%s was called\n", function);
    exit(3);
}

void *__wrap_malloc(size_t size)
{
    (void)size;
    refuse("malloc");
}

void *__wrap_calloc(size_t count, size_t size)
{
    (void)count;
    (void)size;
    refuse("calloc");
}

void *__wrap_realloc(void *block, size_t size)
{
    (void)block;
    (void)size;
    refuse("realloc");
}

void __wrap_free(void *block)
{
    if (block != NULL)
        refuse("free");
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
    (void)block;
    (void)alignment;
    (void)size;
    refuse("posix_memalign");
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    (void)alignment;
    (void)size;
    refuse("aligned_alloc");
}
