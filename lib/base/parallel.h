/* SPDX-License-Identifier: MIT */
/* Independent work, distributed over threads. Results never depend on the number of threads. */
#ifndef NORMNET_BASE_PARALLEL_H
#define NORMNET_BASE_PARALLEL_H

#include "base/thread_pool.h"

/* Works on the items begin, ..., end - 1. Threads are numbered from 0. */
typedef void range_work(void *context, int32_t thread, int64_t begin, int64_t end);

enum { NORMNET__MAX_THREADS = 1024 };

/* Who runs the work of a model. */
struct threads {
    int32_t count; /* config.threads, up to NORMNET__MAX_THREADS */
    /* config.parallel_for: threads of the program, or NULL for those of the pool. */
    void (*parallel_for)(void *user, int32_t count, void (*task)(void *context, int32_t index), void *context);
    void *user;
    struct thread_pool *pool;
};

/*
 * Cuts [0, count) into up to threads->count contiguous ranges, in the order of the threads, and calls `work` for all of
 * them, at the same time if it can.
 */
void normnet__parallel(const struct threads *threads, int64_t count, range_work *work, void *context);

#endif
