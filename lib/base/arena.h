/* SPDX-License-Identifier: MIT */
/*
 * One block of memory that is cut into pieces. The same allocation function runs twice: first with an arena without
 * memory, which only counts, then with one that has the memory.
 *
 *     | piece 0 | padding to 64 bytes | piece 1 | padding to 64 bytes | piece 2 ...
 */
#ifndef NORMNET_BASE_ARENA_H
#define NORMNET_BASE_ARENA_H

#include "base/allocator.h"

#include <stdbool.h>

struct arena {
    char *memory; /* NULL while counting */
    int64_t used;
    bool overflow; /* a size exceeded 64 bits; `used` is meaningless then */
};

/* Allocates `count` elements of `size` bytes, aligned to a cache line. NULL while counting or after an overflow. */
void *normnet__arena_alloc(struct arena *arena, int64_t count, int64_t size);

#endif
