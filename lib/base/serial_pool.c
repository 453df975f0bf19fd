/* SPDX-License-Identifier: MIT */
/* A build without threads: every call runs in the thread of its caller. */
#include "base/thread_pool.h"

void normnet__pool_run(struct thread_pool *pool, int32_t count, void (*task)(void *context, int32_t index),
                       void *context)
{
    (void)pool;
    for (int32_t i = 0; i < count; ++i)
        task(context, i);
}
