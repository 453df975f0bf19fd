/* SPDX-License-Identifier: MIT */
/*
 * The threads of a model, which exist from its creation to its destruction and are shared by simultaneous calls.
 * The build chooses: thread_pool.c, threads of the library's own; openmp_pool.c, those of OpenMP; or serial_pool.c,
 * none. The latter two need no_pool.c.
 */
#ifndef NORMNET_BASE_THREAD_POOL_H
#define NORMNET_BASE_THREAD_POOL_H

#include "base/arena.h"

struct thread_pool;

/* Memory for a pool of up to `workers` threads; NULL while the arena only counts. */
struct thread_pool *normnet__alloc_pool(struct arena *arena, int32_t workers);

/*
 * Starts the threads. The pool may have fewer than `workers`, or none, if the system has no more: callers of
 * normnet__pool_run run the tasks that no worker takes.
 */
void normnet__start_pool(struct thread_pool *pool, int32_t workers);
void normnet__stop_pool(struct thread_pool *pool);

/*
 * Runs task(context, i) once for each i in 0, ..., count - 1, some of them in the calling thread, and returns when all
 * have returned. In a forked child, which has none of its parent's threads, the first call starts the pool again.
 */
void normnet__pool_run(struct thread_pool *pool, int32_t count, void (*task)(void *context, int32_t index),
                       void *context);

#endif
