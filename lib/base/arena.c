/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include "base/checked.h"

void *normnet__arena_alloc(struct arena *arena, int64_t count, int64_t size)
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
