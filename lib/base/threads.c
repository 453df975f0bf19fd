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
 * A child that is forked after a parallel region inherits libgomp's idea of its threads, but not the threads, and waits
 * for them for ever in its first region. It works alone instead. Set in children only, and never cleared.
 */
static atomic_bool lost_threads;

#if !defined(_WIN32)
static void lose_threads(void)
{
    atomic_store(&lost_threads, true);
}

static void watch_forks(void)
{
    /* Without memory for the handler a fork is as it was without one. */
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
            /* The runtime may grant fewer threads than asked for. */
            const int64_t team = omp_get_num_threads(), thread = omp_get_thread_num();
            work(context, (int32_t)thread, count * thread / team, count * (thread + 1) / team);
        }
        return;
    }
#endif
    if (count > 0)
        work(context, 0, 0, count);
}
