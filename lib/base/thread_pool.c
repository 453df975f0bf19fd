/* SPDX-License-Identifier: MIT */
/*
 * A call posts a job, a number of tasks. Threads claim them one by one under the mutex: workers those of any job, the
 * caller those of its own. So a job is finished however many threads there are, and a worker that the system does not
 * run claims nothing. A thread that waits spins for a moment, since the next piece of work is often that close, and
 * then sleeps, since the core may have other work.
 */
#include "base/thread_pool.h"

#include "base/forks.h"
#include "base/system_threads.h"

#include <stdatomic.h>
#include <string.h>
#if defined(__SSE__)
#include <xmmintrin.h>
#endif

/* On the stack of the calling thread, which returns when `unfinished` is 0: nobody may touch the job after that. */
struct job {
    void (*task)(void *context, int32_t index);
    void *context;
    int32_t count;
    int32_t claimed;       /* under the mutex: tasks 0, ..., claimed - 1 have a thread */
    atomic_int unfinished; /* tasks */
    struct job *next;      /* of the pool's list */
};

struct thread_pool {
    system_mutex mutex;
    system_condition work;     /* for workers: there is a job, or the pool stops */
    system_condition finished; /* for callers: the last task of a job has returned */

    /* Under the mutex. */
    struct job *jobs; /* those with unclaimed tasks, the oldest first */
    bool stopping;
    int32_t sleeping_workers;

    atomic_int posted;           /* jobs in the list: spinning workers look at it without the mutex */
    atomic_int sleeping_callers; /* changed under the mutex */

    struct thread_start start;
    int32_t max_workers, workers;
    atomic_int forks; /* when the threads were started: see base/forks.h */
    system_thread threads[];
};

/* ---- Spinning ---------------------------------------------------------------------------------------- */

/* 25 ns each on Zen 5. Measured: docs/performance.md. */
enum { SPINS = 3000 };

static void pause_processor(void)
{
#if defined(__SSE__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb"); /* as long as x86's pause; yield returns at once */
#endif
}

/* Spins until the variable is zero, or nonzero; false if that takes too long. */
static bool spin_until(atomic_int *variable, bool zero)
{
    for (int i = 0; i < SPINS; ++i) {
        if ((atomic_load_explicit(variable, memory_order_acquire) == 0) == zero)
            return true;
        pause_processor();
    }
    return false;
}

/* ---- Tasks ------------------------------------------------------------------------------------------- */

/* The mutex is locked, and the job has unclaimed tasks. */
static int32_t claim(struct thread_pool *pool, struct job *job)
{
    const int32_t index = job->claimed++;
    struct job **link = &pool->jobs;

    if (job->claimed == job->count) {
        while (*link != job)
            link = &(*link)->next;
        *link = job->next;
        atomic_fetch_sub(&pool->posted, 1);
    }
    return index;
}

static void run_task(struct thread_pool *pool, struct job *job, int32_t index)
{
    job->task(job->context, index);
    if (atomic_fetch_sub(&job->unfinished, 1) > 1 || atomic_load(&pool->sleeping_callers) == 0)
        return;
    /* A caller that counts itself as sleeping holds the mutex until it sleeps. */
    normnet__lock(&pool->mutex);
    normnet__wake_all(&pool->finished);
    normnet__unlock(&pool->mutex);
}

static void work(void *context)
{
    struct thread_pool *pool = context;

    for (;;) {
        struct job *job;
        int32_t index;

        (void)spin_until(&pool->posted, false);
        normnet__lock(&pool->mutex);
        while (pool->jobs == NULL && !pool->stopping) {
            ++pool->sleeping_workers;
            normnet__wait(&pool->work, &pool->mutex);
            --pool->sleeping_workers;
        }
        job = pool->jobs;
        if (job == NULL)
            break;
        index = claim(pool, job);
        normnet__unlock(&pool->mutex);
        run_task(pool, job, index);
    }
    normnet__unlock(&pool->mutex);
}

/* ---- Life -------------------------------------------------------------------------------------------- */

struct thread_pool *normnet__alloc_pool(struct arena *arena, int32_t workers)
{
    const int64_t bytes = (int64_t)sizeof(struct thread_pool) + workers * (int64_t)sizeof(system_thread);

    return normnet__arena_alloc(arena, 1, bytes);
}

static void start_threads(struct thread_pool *pool, int32_t workers)
{
    normnet__init_mutex(&pool->mutex);
    normnet__init_condition(&pool->work);
    normnet__init_condition(&pool->finished);
    pool->start = (struct thread_start){work, pool};
    while (pool->workers < workers && normnet__start_thread(&pool->threads[pool->workers], &pool->start))
        ++pool->workers;
}

void normnet__start_pool(struct thread_pool *pool, int32_t workers)
{
    memset(pool, 0, sizeof *pool);
    pool->max_workers = workers;
    atomic_init(&pool->posted, 0);
    atomic_init(&pool->sleeping_callers, 0);
    atomic_init(&pool->forks, normnet__count_forks());
    start_threads(pool, workers);
}

static void restart_after_fork(struct thread_pool *pool)
{
    if (!normnet__begin_after_fork(&pool->forks))
        return;
    pool->jobs = NULL;
    pool->workers = pool->sleeping_workers = 0;
    atomic_store(&pool->posted, 0);
    atomic_store(&pool->sleeping_callers, 0);
    start_threads(pool, pool->max_workers);
    normnet__end_after_fork(&pool->forks);
}

void normnet__stop_pool(struct thread_pool *pool)
{
    if (atomic_load(&pool->forks) != normnet__count_forks())
        return; /* the threads are the parent's */
    normnet__lock(&pool->mutex);
    pool->stopping = true;
    normnet__wake_all(&pool->work);
    normnet__unlock(&pool->mutex);
    for (int32_t i = 0; i < pool->workers; ++i)
        normnet__join_thread(pool->threads[i]);
    normnet__destroy_condition(&pool->finished);
    normnet__destroy_condition(&pool->work);
    normnet__destroy_mutex(&pool->mutex);
}

/* ---- Calls ------------------------------------------------------------------------------------------- */

static void post(struct thread_pool *pool, struct job *job)
{
    struct job **link = &pool->jobs;

    normnet__lock(&pool->mutex);
    while (*link != NULL)
        link = &(*link)->next;
    *link = job;
    atomic_fetch_add(&pool->posted, 1);
    if (pool->sleeping_workers > 0)
        normnet__wake_all(&pool->work);
    normnet__unlock(&pool->mutex);
}

/* Runs tasks of the job until all have a thread. */
static void run_unclaimed(struct thread_pool *pool, struct job *job)
{
    for (;;) {
        int32_t index = -1;

        normnet__lock(&pool->mutex);
        if (job->claimed < job->count)
            index = claim(pool, job);
        normnet__unlock(&pool->mutex);
        if (index < 0)
            return;
        run_task(pool, job, index);
    }
}

static void wait_for(struct thread_pool *pool, struct job *job)
{
    if (spin_until(&job->unfinished, true))
        return;
    normnet__lock(&pool->mutex);
    atomic_fetch_add(&pool->sleeping_callers, 1);
    while (atomic_load(&job->unfinished) > 0)
        normnet__wait(&pool->finished, &pool->mutex);
    atomic_fetch_sub(&pool->sleeping_callers, 1);
    normnet__unlock(&pool->mutex);
}

void normnet__pool_run(struct thread_pool *pool, int32_t count, void (*task)(void *context, int32_t index),
                       void *context)
{
    struct job job = {.task = task, .context = context, .count = count, .claimed = 1};

    restart_after_fork(pool);
    atomic_init(&job.unfinished, count);
    post(pool, &job);
    run_task(pool, &job, 0);
    run_unclaimed(pool, &job);
    wait_for(pool, &job);
}
