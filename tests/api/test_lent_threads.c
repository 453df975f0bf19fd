/* SPDX-License-Identifier: MIT */
/* config.parallel_for: a program lends its threads, in any order and mode. POSIX only. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* usleep */
#endif
#include "harness/process.h"
#include "thread_results.h"

#include <fenv.h>
#include <pthread.h>

/* How the program runs tasks. */
enum order { FORWARD, BACKWARD, AT_ONCE };

struct lender {
    enum order order;
    int32_t calls, max_count;
};

struct lent_task {
    normnet_task *task;
    void *context;
    int32_t index;
};

/* Threads of the program that round upwards: none of the library's business. */
static void *run_lent_task(void *context)
{
    const struct lent_task *self = context;

    fesetround(FE_UPWARD);
    self->task(self->context, self->index);
    return fegetround() == FE_UPWARD ? NULL : context;
}

static void run_at_once(int32_t count, normnet_task *task, void *context)
{
    struct lent_task tasks[64];
    pthread_t threads[64];
    void *changed;

    for (int32_t i = 0; i < count; ++i) {
        tasks[i] = (struct lent_task){task, context, i};
        CHECK_EQUAL(pthread_create(&threads[i], NULL, run_lent_task, &tasks[i]), 0);
    }
    for (int32_t i = 0; i < count; ++i) {
        CHECK_EQUAL(pthread_join(threads[i], &changed), 0);
        CHECK(changed == NULL);
    }
}

static void lend(void *user, int32_t count, normnet_task *task, void *context)
{
    struct lender *self = user;

    ++self->calls;
    if (count > self->max_count)
        self->max_count = count;
    if (self->order == AT_ONCE)
        run_at_once(count, task, context);
    for (int32_t i = 0; i < count && self->order != AT_ONCE; ++i)
        task(context, self->order == FORWARD ? i : count - 1 - i);
}

static void lent_threads(const void *argument)
{
    const int before = count_threads();

    (void)argument;
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm)
        for (int order = FORWARD; order <= AT_ONCE; ++order) {
            struct lender lender = {(enum order)order, 0, 0};
            normnet_config config = config_with(norm, THREADS);
            normnet_model *model;

            config.parallel_for = lend;
            config.parallel_user = &lender;
            model = CHECK_CREATE(&config);
            CHECK_EQUAL(count_threads_after(before), before);
            CHECK(use_model(model, &config) == expected_results(norm));
            CHECK(lender.calls > 0);
            CHECK_EQUAL(lender.max_count, THREADS);
            normnet_model_destroy(model);
        }
}

/* ---- Schedulers with faults -------------------------------------------------------------------------- */

static void run_nothing(void *user, int32_t count, normnet_task *task, void *context)
{
    (void)user;
    (void)count;
    (void)task;
    (void)context;
}

static void run_all_but_the_last(void *user, int32_t count, normnet_task *task, void *context)
{
    (void)user;
    for (int32_t i = 0; i < count - 1; ++i)
        task(context, i);
}

static void run_twice(void *user, int32_t count, normnet_task *task, void *context)
{
    (void)user;
    for (int32_t i = 0; i < 2 * count; ++i)
        task(context, i / 2);
}

static void run_only_the_first(void *user, int32_t count, normnet_task *task, void *context)
{
    (void)user;
    for (int32_t i = 0; i < count; ++i)
        task(context, 0);
}

static void run_beyond_the_ends(void *user, int32_t count, normnet_task *task, void *context)
{
    (void)user;
    for (int32_t i = -2; i < count + 2; ++i)
        task(context, i);
    task(context, INT32_MIN);
    task(context, INT32_MAX);
}

/* Each task runs once, whatever the program does with it. */
static void careless_lenders(const void *argument)
{
    static void (*const lenders[])(void *, int32_t, normnet_task *, void *) = {
        run_nothing, run_all_but_the_last, run_twice, run_only_the_first, run_beyond_the_ends,
    };

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(lenders); ++i)
        for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
            normnet_config config = config_with(norm, THREADS);

            config.parallel_for = lenders[i];
            CHECK(results_of(&config) == expected_results(norm));
        }
}

/* ---- Who is lent ------------------------------------------------------------------------------------- */

/* One thread needs none of the program's. */
static void lends_nothing_for_one(const void *argument)
{
    struct lender lender = {FORWARD, 0, 0};
    normnet_config config = config_with(NORMNET_NORM_BATCH, 1);

    (void)argument;
    config.parallel_for = lend;
    config.parallel_user = &lender;
    CHECK(results_of(&config) == expected_results(NORMNET_NORM_BATCH));
    CHECK_EQUAL(lender.calls, 0);
}

/* The functions belong to the host: a clone gets those of its own configuration. */
static void clone_lends(const void *argument)
{
    struct lender lender = {FORWARD, 0, 0}, other = {BACKWARD, 0, 0};
    normnet_config config = config_with(NORMNET_NORM_BATCH, THREADS), host = config, shown;
    normnet_model *model, *copy = NULL, *same = NULL;

    (void)argument;
    config.parallel_for = lend;
    config.parallel_user = &lender;
    host.parallel_for = lend;
    host.parallel_user = &other;
    model = CHECK_CREATE(&config);
    CHECK_OK(normnet_model_clone(&copy, model, &host));
    CHECK_OK(normnet_model_clone(&same, model, NULL));
    CHECK(use_model(copy, &config) != 0);
    CHECK(lender.calls == 0 && other.calls > 0);
    CHECK(use_model(same, &config) != 0);
    CHECK(lender.calls == other.calls);
    shown.struct_size = (int32_t)sizeof shown;
    CHECK_OK(normnet_model_config(copy, &shown));
    CHECK(shown.parallel_for == lend && shown.parallel_user == &other);
    normnet_model_destroy(model);
    normnet_model_destroy(copy);
    normnet_model_destroy(same);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("parallel_for: the same bits in any order", lent_threads, NULL);
    check_case("parallel_for: a program that loses or repeats tasks", careless_lenders, NULL);
    check_case("parallel_for: not called for one thread", lends_nothing_for_one, NULL);
    check_case("parallel_for: belongs to the host", clone_lends, NULL);
    return check_end();
}
