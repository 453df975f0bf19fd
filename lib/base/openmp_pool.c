/* SPDX-License-Identifier: MIT */
/*
 * A build with OpenMP: its runtime owns the threads, and starts them in the first call. It ends the process if it
 * cannot, and a forked child would wait forever for its parent's threads if these exist, so that a child has one
 * thread.
 */
#include "base/thread_pool.h"

#include "base/forks.h"

#include <omp.h>

/* Before any fork: the parent may have used OpenMP itself, without any model. */
__attribute__((constructor)) static void watch_forks_from_start(void)
{
    (void)normnet__count_forks();
}

void normnet__pool_run(struct thread_pool *pool, int32_t count, void (*task)(void *context, int32_t index),
                       void *context)
{
    (void)pool;
    if (normnet__count_forks() > 0 || omp_in_parallel()) {
        for (int32_t i = 0; i < count; ++i)
            task(context, i);
        return;
    }
#pragma omp parallel for num_threads(count) schedule(static, 1)
    for (int32_t i = 0; i < count; ++i)
        task(context, i);
}
