/* SPDX-License-Identifier: MIT */
/*
 * A program with threads of its own lends them to the library, which then starts none: lent_threads [THREADS]. The
 * weights do not depend on how many there are.
 */
#include "bars.h"

#include <pthread.h>
#include <stdbool.h>

enum { MAX_THREADS = 64 };

/* A pool that runs one job at a time: the tasks 0, ..., count - 1. */
struct pool {
    pthread_mutex_t mutex;
    pthread_cond_t begun, done;
    normnet_task *task;
    void *context;
    int32_t count, next, finished; /* tasks of the job, begun tasks, finished tasks */
    bool closing;
    int32_t workers;
    pthread_t threads[MAX_THREADS];
    int64_t by_workers, by_caller; /* how many tasks each has run */
};

static struct bars bars;

/* Runs tasks while the job has any. With the mutex locked, as when it returns. */
static void run_tasks(struct pool *pool, int64_t *tasks_run)
{
    while (pool->next < pool->count) {
        const int32_t index = pool->next++;

        ++*tasks_run;
        pthread_mutex_unlock(&pool->mutex);
        pool->task(pool->context, index);
        pthread_mutex_lock(&pool->mutex);
        if (++pool->finished == pool->count)
            pthread_cond_signal(&pool->done);
    }
}

static void *work(void *user)
{
    struct pool *pool = user;

    pthread_mutex_lock(&pool->mutex);
    while (!pool->closing) {
        run_tasks(pool, &pool->by_workers);
        pthread_cond_wait(&pool->begun, &pool->mutex);
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

/* config.parallel_for: the library calls it in the thread that trains, which helps. */
static void parallel_for(void *user, int32_t count, normnet_task *task, void *context)
{
    struct pool *pool = user;

    pthread_mutex_lock(&pool->mutex);
    pool->task = task;
    pool->context = context;
    pool->count = count;
    pool->next = pool->finished = 0;
    pthread_cond_broadcast(&pool->begun);
    run_tasks(pool, &pool->by_caller);
    while (pool->finished < count)
        pthread_cond_wait(&pool->done, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
}

/* Starts the threads; the pool works with fewer if the system has no more to give. */
static void open_pool(struct pool *pool, int32_t workers)
{
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->begun, NULL);
    pthread_cond_init(&pool->done, NULL);
    while (pool->workers < workers && pthread_create(&pool->threads[pool->workers], NULL, work, pool) == 0)
        ++pool->workers;
}

static void close_pool(struct pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->closing = true;
    pthread_cond_broadcast(&pool->begun);
    pthread_mutex_unlock(&pool->mutex);
    for (int32_t i = 0; i < pool->workers; ++i)
        pthread_join(pool->threads[i], NULL);
}

static normnet_status train(normnet_model **model, struct pool *pool, int32_t threads)
{
    normnet_tensor images, labels;
    normnet_config config;

    normnet_status status = bars_config(&config);
    config.threads = threads; /* into how many tasks a call divides its work */
    config.parallel_for = parallel_for;
    config.parallel_user = pool;
    if (status == NORMNET_OK)
        status = normnet_model_create(model, &config);
    bars_tensors(&bars, &images, &labels);
    for (int step = 0; step < BARS_STEPS && status == NORMNET_OK; ++step) {
        bars_draw(&bars);
        status = normnet_train_step(*model, &images, &labels, NULL);
    }
    return status;
}

int main(int argc, char **argv)
{
    static struct pool pool;
    normnet_model *model = NULL;
    char *end = NULL;

    const bool help = argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);
    const long threads = argc == 2 && !help ? strtol(argv[1], &end, 10) : 4;
    if (!help && argc > 1 && (argc > 2 || end == argv[1] || *end || threads < 1 || threads > MAX_THREADS)) {
        fprintf(stderr, "error: THREADS is '%s'; expected one number, from 1 to %d\n", argv[argc - 1], MAX_THREADS);
        return 2;
    }
    if (help) {
        printf("usage: lent_threads [THREADS] | -h | --help\n\n"
               "Trains a small network with 1 to %d threads of this program, 4 without THREADS.\n\n"
               "example: lent_threads 2\n",
               MAX_THREADS);
        return EXIT_SUCCESS;
    }
    open_pool(&pool, (int32_t)threads - 1);
    const normnet_status status = train(&model, &pool, (int32_t)threads);
    close_pool(&pool);
    if (status == NORMNET_OK)
        printf("%lld tasks in the thread that trains, %lld in %d other threads\nweights %08x\n",
               (long long)pool.by_caller, (long long)pool.by_workers, (int)pool.workers, (unsigned)bars_hash(model));
    else
        fprintf(stderr, "error: %s\n", normnet_error_message());
    normnet_model_destroy(model);
    return status == NORMNET_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
