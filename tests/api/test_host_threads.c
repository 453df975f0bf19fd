/* SPDX-License-Identifier: MIT */
/*
 * Threads in a program that has threads, signals, floating-point modes and forks of its own. Whatever runs the parts of
 * a call, the bits are those of one thread. POSIX only.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* usleep, strsignal */
#endif
#include "harness/child.h"
#include "harness/process.h"
#include "thread_results.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#if defined(_OPENMP)
#include <omp.h>
#endif

/* The library as it is built with OpenMP has the threads of its runtime: see normnet_config.threads. */
#if defined(LIBRARY_HAS_OPENMP) || defined(LIBRARY_HAS_NO_THREADS)
enum { OWN_THREADS = 0 };
#else
enum { OWN_THREADS = 1 };
#endif

/* ---- The pool -------------------------------------------------------------------------------------- */

static void same_bits(const void *argument)
{
    static const int32_t counts[] = {2, 3, 4, 8, 64};

    (void)argument;
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        const uint64_t expected = expected_results(norm);

        CHECK(expected != 0);
        for (int i = 0; i < CHECK_COUNT(counts); ++i) {
            const normnet_config config = config_with(norm, counts[i]);

            CHECK(results_of(&config) == expected);
        }
    }
}

static void threads_live_with_the_model(const void *argument)
{
    const normnet_config config = config_with(NORMNET_NORM_BATCH, THREADS);
    const int before = count_threads();
    normnet_model *model = CHECK_CREATE(&config);

    (void)argument;
    CHECK_EQUAL(count_threads(), before + THREADS - 1);
    CHECK(use_model(model, &config) != 0);
    CHECK_EQUAL(count_threads(), before + THREADS - 1);
    normnet_model_destroy(model);
    CHECK_EQUAL(count_threads_after(before), before);
}

/* ---- Too few threads --------------------------------------------------------------------------------- */

/* How many threads the system still gives; -1: any number. */
static int threads_left = -1;
static int threads_refused;
static int small_stacks;      /* threads that were created with attributes, which is for the size of their stacks */
static void (*instead)(void); /* of the next thread: what another thread does at this moment */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    if (instead != NULL) {
        void (*const once)(void) = instead;

        instead = NULL;
        once();
    }
    if (threads_left == 0) {
        ++threads_refused;
        errno = ENOMEM; /* of the mmap that failed */
        return EAGAIN;
    }
    if (threads_left > 0)
        --threads_left;
    small_stacks += attributes != NULL;
    return __real_pthread_create(thread, attributes, start, argument);
}

static void small_stacks_of_threads(const void *argument)
{
    const normnet_config config = config_with(NORMNET_NORM_BATCH, THREADS);

    (void)argument;
    small_stacks = 0;
    normnet_model_destroy(CHECK_CREATE(&config));
    CHECK_EQUAL(small_stacks, THREADS - 1);
}

static void no_thread_to_be_had(const void *argument)
{
    (void)argument;
    for (int left = 0; left < 3; ++left) {
        const normnet_config config = config_with(NORMNET_NORM_BATCH, 4);
        const uint64_t expected = expected_results(NORMNET_NORM_BATCH);

        threads_left = left;
        threads_refused = 0;
        errno = 0;
        normnet_model_destroy(CHECK_CREATE(&config));
        CHECK_EQUAL(errno, 0);
        threads_left = left;
        CHECK(results_of(&config) == expected);
        CHECK(threads_refused > 0);
        threads_left = -1;
    }
}

/* ---- Forks --------------------------------------------------------------------------------------------- */

struct inherited {
    normnet_model *model;
    normnet_config config;
    uint64_t expected;
    int threads; /* in the child, after the call */
};

/* In the child, the model that its parent trained, and in a grandchild once more. */
static int use_inherited(void *context)
{
    struct inherited *self = context;
    const uint64_t hash = use_model(self->model, &self->config);

    if (hash != self->expected)
        return 1;
    if (count_threads() != self->threads)
        return 2;
    normnet_model_destroy(self->model);
    return count_threads_after(1) == (self->threads > 0) ? 0 : 3;
}

static int destroy_inherited(void *context)
{
    struct inherited *self = context;

    normnet_model_destroy(self->model);
    return 0;
}

static void child_of_a_training_process(const void *argument)
{
    struct inherited self = {.config = config_with(NORMNET_NORM_BATCH, THREADS)};
    normnet_model *twin;

    (void)argument;
    self.threads = count_threads() > 0 && OWN_THREADS ? THREADS : count_threads() > 0;
    self.model = CHECK_CREATE(&self.config);
    twin = CHECK_CREATE(&self.config);
    CHECK(use_model(self.model, &self.config) != 0);
    CHECK(use_model(twin, &self.config) != 0);
    self.expected = use_model(twin, &self.config);
    in_child(destroy_inherited, &self);
    in_child(use_inherited, &self);
    /* The parent's threads are as they were. */
    CHECK(use_model(self.model, &self.config) == self.expected);
    normnet_model_destroy(self.model);
    normnet_model_destroy(twin);
}

static int create_and_use(void *context)
{
    const uint64_t *expected = context;
    const normnet_config config = config_with(NORMNET_NORM_BATCH, 2);

    return results_of(&config) != *expected;
}

/* A process that uses OpenMP itself, forks, and uses the library in the child only. */
static int fork_after_openmp(void *context)
{
    int sum = 0;

#if defined(_OPENMP)
#pragma omp parallel num_threads(3) reduction(+ : sum)
    sum += omp_get_thread_num();
    CHECK_EQUAL(sum, 3);
#endif
    (void)sum;
    in_child(create_and_use, context);
    return check_state()->failures > 0;
}

static void child_of_an_openmp_process(const void *argument)
{
    uint64_t expected = expected_results(NORMNET_NORM_BATCH);

    (void)argument;
    in_child(fork_after_openmp, &expected); /* its threads are not to be seen by other cases */
}

/* In the child the system gives `threads_left` threads only: to the inherited model, its clone and a new one. */
static int use_with_fewer_threads(void *context)
{
    const struct inherited *self = context;
    normnet_model *copy = NULL;
    int failed;

    failed = normnet_model_clone(&copy, self->model, NULL) != NORMNET_OK;
    failed += use_model(self->model, &self->config) != self->expected;
    failed += use_model(copy, &self->config) != self->expected;
    failed += results_of(&self->config) != expected_results(NORMNET_NORM_BATCH);
    failed += threads_refused == 0;
    normnet_model_destroy(copy);
    normnet_model_destroy(self->model);
    return failed;
}

static void no_thread_in_a_child(const void *argument)
{
    struct inherited self = {.config = config_with(NORMNET_NORM_BATCH, 4)};
    normnet_model *twin = CHECK_CREATE(&self.config);

    (void)argument;
    self.model = CHECK_CREATE(&self.config);
    self.expected = use_model(twin, &self.config);
    for (int left = 0; left < 3; ++left) {
        threads_left = left;
        threads_refused = 0;
        in_child(use_with_fewer_threads, &self);
        threads_left = -1;
    }
    CHECK(use_model(self.model, &self.config) == self.expected);
    normnet_model_destroy(self.model);
    normnet_model_destroy(twin);
}

/* Several threads of the child use the model at the same time, right after the fork. */
struct child_reader {
    struct inherited *inherited;
    normnet_status status;
};

static void *predict_in_child(void *context)
{
    struct child_reader *self = context;
    struct twins_inputs *in = draw_inputs();
    float scores[TWINS_IMAGES * TWINS_CLASSES];
    const normnet_tensor images = tensor_images(NORMNET_U8, in->bytes, TWINS_IMAGES, &self->inherited->config);
    normnet_tensor output = tensor_2d(NORMNET_F32, scores, TWINS_IMAGES, TWINS_CLASSES);

    for (int i = 0; i < 20; ++i) {
        const normnet_status status = normnet_predict(self->inherited->model, &images, &output, NULL, NULL);

        if (status != NORMNET_OK)
            self->status = status;
    }
    free(in);
    return NULL;
}

static int read_together(void *context)
{
    struct child_reader readers[3];
    pthread_t threads[3];
    int failed = 0;

    for (int i = 0; i < 3; ++i) {
        readers[i] = (struct child_reader){context, NORMNET_OK};
        failed += pthread_create(&threads[i], NULL, predict_in_child, &readers[i]) != 0;
    }
    for (int i = 0; i < 3; ++i) {
        pthread_join(threads[i], NULL);
        failed += readers[i].status != NORMNET_OK;
    }
    return failed;
}

static void readers_of_a_child(const void *argument)
{
    struct inherited self = {.config = config_with(NORMNET_NORM_GROUP, THREADS)};

    (void)argument;
    self.config.readers = 3;
    self.model = CHECK_CREATE(&self.config);
    for (int i = 0; i < 5; ++i)
        in_child(read_together, &self);
    normnet_model_destroy(self.model);
}

/* A child of a child in which another thread is starting the model's threads again. */
static struct inherited *shared;

static int predict_once(void *context)
{
    struct inherited *self = context;
    struct child_reader reader = {self, NORMNET_OK};
    sigset_t none;

    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL); /* they are blocked where threads are started */
    alarm(60);
    predict_in_child(&reader);
    return reader.status != NORMNET_OK;
}

static void fork_now(void)
{
    in_child(predict_once, shared);
}

static int predict_in_first_child(void *context)
{
    instead = fork_now;
    return predict_once(context) != 0 || instead != NULL || check_state()->failures > 0;
}

static void fork_in_the_middle_of_a_start(const void *argument)
{
    struct inherited self = {.config = config_with(NORMNET_NORM_GROUP, THREADS)};

    (void)argument;
    self.config.readers = 2;
    self.model = CHECK_CREATE(&self.config);
    shared = &self;
    in_child(predict_in_first_child, &self);
    normnet_model_destroy(self.model);
}

/* ---- Signals --------------------------------------------------------------------------------------------- */

static atomic_int elsewhere, handled;
static pthread_t main_thread;

static void handler(int signal)
{
    (void)signal;
    atomic_fetch_add(&handled, 1);
    if (!pthread_equal(pthread_self(), main_thread))
        atomic_fetch_add(&elsewhere, 1);
}

/* While the main thread blocks a signal of the process, a worker that did not would run its handler. */
static void signals_stay_with_the_program(const void *argument)
{
    static const int signals[] = {SIGUSR1, SIGUSR2, SIGALRM, SIGTERM, SIGINT, SIGCHLD, SIGHUP};
    const normnet_config config = config_with(NORMNET_NORM_BATCH, THREADS);
    struct sigaction action = {0}, before[CHECK_COUNT(signals)];
    normnet_model *model = CHECK_CREATE(&config);
    sigset_t set, old;

    (void)argument;
    main_thread = pthread_self();
    action.sa_handler = handler;
    sigemptyset(&set);
    for (int i = 0; i < CHECK_COUNT(signals); ++i) {
        sigaddset(&set, signals[i]);
        sigaction(signals[i], &action, &before[i]);
    }
    pthread_sigmask(SIG_BLOCK, &set, &old);
    for (int i = 0; i < CHECK_COUNT(signals); ++i)
        kill(getpid(), signals[i]);
    CHECK(use_model(model, &config) != 0);
    usleep(10000);
    CHECK_EQUAL(handled, 0);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    CHECK_EQUAL(handled, CHECK_COUNT(signals));
    CHECK_EQUAL(elsewhere, 0);
    for (int i = 0; i < CHECK_COUNT(signals); ++i)
        sigaction(signals[i], &before[i], NULL);
    normnet_model_destroy(model);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    /* First: a library with OpenMP would start its threads in this process. */
    check_case("fork: after OpenMP in the parent", child_of_an_openmp_process, NULL);
    check_case("threads: the bits do not depend on their number", same_bits, NULL);
    if (OWN_THREADS && count_threads() > 0)
        check_case("threads: from creation to destruction", threads_live_with_the_model, NULL);
    if (OWN_THREADS)
        check_case("threads: fewer than wanted, or none", no_thread_to_be_had, NULL);
    if (OWN_THREADS)
        check_case("threads: small stacks", small_stacks_of_threads, NULL);
    check_case("fork: a child uses its parent's model", child_of_a_training_process, NULL);
    if (OWN_THREADS)
        check_case("fork: a child gets fewer threads than wanted, or none", no_thread_in_a_child, NULL);
    check_case("fork: readers in a child", readers_of_a_child, NULL);
    if (OWN_THREADS)
        check_case("fork: while a child's threads are being started", fork_in_the_middle_of_a_start, NULL);
    if (OWN_THREADS)
        check_case("signals: handlers run in the program's threads", signals_stay_with_the_program, NULL);
    return check_end();
}
