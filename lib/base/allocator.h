/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_BASE_ALLOCATOR_H
#define NORMNET_BASE_ALLOCATOR_H

#include "normnet.h"

enum { NORMNET__ALIGNMENT = 64 }; /* a cache line, and the widest vector */

/* Where memory comes from: the functions of normnet_config, or malloc and free. */
struct allocator {
    void *(*allocate)(void *user, int64_t size, int64_t alignment);
    void (*deallocate)(void *user, void *block, int64_t size);
    void *user;
};

struct allocator normnet__default_allocator(void);

/* Allocates `size` bytes, at least 1, aligned to a cache line. NORMNET_ENOMEM; NORMNET_EINVAL if it is not aligned. */
normnet_status normnet__allocate(const struct allocator *allocator, int64_t size, void **block);

/* Frees a block of `size` bytes; NULL is allowed. */
void normnet__deallocate(const struct allocator *allocator, void *block, int64_t size);

#endif
