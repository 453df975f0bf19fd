/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L /* pthread_atfork */
#endif

#include "base/threads.h"

#if defined(_OPENMP)
#include <omp.h>
#include <stdatomic.h>
#include <stdbool.h>
#if !defined(_WIN32)
#include <pthread.h>
#endif

/*
 * Set in forked children, and never cleared. If a process forks after a parallel region, the child has libgomp's
 * records of the threads, but not the threads, and would wait for them forever in its first region.
 */
static atomic_bool lost_threads;

#if !defined(_WIN32)
static void lose_threads(void)
{
    atomic_store(&lost_threads, true);
}

static void watch_forks(void)
{
    /* If there is no memory for the handler, forked children are not protected. */
    (void)pthread_atfork(NULL, NULL, lose_threads);
}
#endif

static bool may_fan_out(void)
{
#if !defined(_WIN32)
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, watch_forks);
#endif
    return !atomic_load(&lost_threads) && !omp_in_parallel();
}
#endif

void normnet__parallel(int32_t threads, int64_t count, range_work *work, void *context)
{
    if (threads > count)
        threads = (int32_t)count;
#if defined(_OPENMP)
    if (threads > 1 && may_fan_out()) {
#pragma omp parallel num_threads(threads)
        {
            /* The runtime may start fewer threads than requested. */
            const int64_t team = omp_get_num_threads(), thread = omp_get_thread_num();
            work(context, (int32_t)thread, count * thread / team, count * (thread + 1) / team);
        }
        return;
    }
#endif
    if (count > 0)
        work(context, 0, 0, count);
}
