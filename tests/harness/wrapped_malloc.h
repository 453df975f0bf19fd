/* SPDX-License-Identifier: MIT */
/*
 * malloc and the like in a program that is linked with ld's --wrap: calls of the objects that are linked arrive at
 * __wrap_malloc(), which the program defines, and __real_malloc() is libc's.
 */
#ifndef WRAPPED_MALLOC_H
#define WRAPPED_MALLOC_H

#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
int __real_posix_memalign(void **block, size_t alignment, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

#endif
