/* SPDX-License-Identifier: MIT */
/* The pool of builds without threads of the library's own: there is none. */
#include "base/thread_pool.h"

#include <stddef.h>

struct thread_pool *normnet__alloc_pool(struct arena *arena, int32_t workers)
{
    (void)arena;
    (void)workers;
    return NULL;
}

void normnet__start_pool(struct thread_pool *pool, int32_t workers)
{
    (void)pool;
    (void)workers;
}

void normnet__stop_pool(struct thread_pool *pool)
{
    (void)pool;
}
