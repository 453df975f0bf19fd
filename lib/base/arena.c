/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/checked.h"

#include <stdlib.h>

void *normnet__arena_take(struct normnet__arena *arena, int64_t count, int64_t size)
{
    int64_t bytes, end, used = arena->used;

    if (!normnet__multiply(count, size, &bytes) || !normnet__add(used, bytes, &end) ||
        !normnet__align_up(end, NORMNET__ALIGNMENT, &end))
        arena->overflow = true;
    if (arena->overflow)
        return NULL;
    arena->used = end;
    return arena->memory == NULL ? NULL : arena->memory + used;
}

/*
 * malloc aligns to 16 bytes at best and aligned_alloc is missing on some platforms, so the block is
 * taken larger and its true address is kept in the word before the aligned one.
 */
static void *default_allocate(void *user, int64_t size, int64_t alignment)
{
    const uintptr_t mask = (uintptr_t)alignment - 1;
    int64_t padded;
    char *block;
    void **aligned;

    (void)user;
    if (!normnet__add(size, alignment + (int64_t)sizeof(void *), &padded) || (uint64_t)padded > SIZE_MAX)
        return NULL;
    block = malloc((size_t)padded);
    if (block == NULL)
        return NULL;
    aligned = (void **)(((uintptr_t)block + sizeof(void *) + mask) & ~mask);
    aligned[-1] = block;
    return aligned;
}

static void default_deallocate(void *user, void *block, int64_t size)
{
    (void)user;
    (void)size;
    if (block != NULL)
        free(((void **)block)[-1]);
}

struct normnet__allocator normnet__default_allocator(void)
{
    return (struct normnet__allocator){default_allocate, default_deallocate, NULL};
}
