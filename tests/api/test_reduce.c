/* SPDX-License-Identifier: MIT */
/* config.reduce as a host sees it: when it is called, by whom, and what follows from what it returns. */
#include "harness/twins.h"

#include <pthread.h>
#include <stdbool.h>

/* ---- How reduce is called ---------------------------------------------------------------------- */

struct observer {
    pthread_t caller;
    int calls, elsewhere, fail_at, mistakes;
};

static int32_t observe(void *user, double *values, int64_t count)
{
    struct observer *self = user;

    ++self->calls;
    self->elsewhere += !pthread_equal(pthread_self(), self->caller);
    if (values == NULL || count < 1)
        ++self->mistakes;
    return self->calls == self->fail_at ? 77 : 0;
}

static struct twins *open_observed(struct observer *watcher, int32_t threads)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);

    memset(watcher, 0, sizeof *watcher);
    watcher->caller = pthread_self();
    config.reduce = observe;
    config.reduce_user = watcher;
    config.threads = threads;
    return twins_open_config(&config);
}

/* By the calling thread, forward and backward, and never by a reader. */
static void by_the_calling_thread(const void *argument)
{
    struct observer watcher;
    struct twins *pair = open_observed(&watcher, 3);
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    int forward;

    (void)argument;
    CHECK_OK(normnet_update_statistics(pair->model, &pair->images, 1));
    forward = watcher.calls;
    CHECK(forward >= 3); /* there are three batch norms */
    watcher.calls = 0;
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, NULL));
    CHECK(watcher.calls >= forward + 3);
    CHECK_EQUAL(watcher.elsewhere, 0);
    CHECK_EQUAL(watcher.mistakes, 0);
    watcher.calls = 0;
    CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, NULL, NULL, NULL));
    CHECK_OK(normnet_predict(pair->model, &pair->images, &pair->scores, NULL, NULL));
    CHECK_EQUAL(watcher.calls, 0);
    /* The statistics of the images given, not of other ranks' images. */
    CHECK_OK(normnet_predict(pair->model, &pair->images, &pair->scores, NULL, &batch));
    CHECK_EQUAL(watcher.calls, 0);
    twins_close(pair);
}

/* A lonely rank whose reduce does nothing is a process alone. */
static void alone(const void *argument)
{
    struct observer watcher;
    struct twins *pair = open_observed(&watcher, 1);
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    normnet_model *plain = CHECK_CREATE(&config);

    (void)argument;
    for (int i = 0; i < 3; ++i) {
        CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, NULL));
        CHECK_OK(normnet_train_step(plain, &pair->images, &pair->labels, NULL));
    }
    CHECK(hash_state(pair->model) == hash_state(plain));
    normnet_model_destroy(plain);
    twins_close(pair);
}

typedef normnet_status failing_call(struct twins *pair);

static normnet_status train(struct twins *pair)
{
    return normnet_train_step(pair->model, &pair->images, &pair->labels, &pair->out.metrics);
}

static normnet_status compute(struct twins *pair)
{
    return normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, &pair->out.metrics);
}

static normnet_status update_with_reset(struct twins *pair)
{
    return normnet_update_statistics(pair->model, &pair->images, 1);
}

/* Wherever reduce fails, the call is EIO and the model as it was. */
static void reduce_fails(const void *argument)
{
    failing_call *const calls[] = {train, compute, update_with_reset, compute};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(calls); ++i) {
        struct observer watcher;
        struct twins *pair = open_observed(&watcher, 1);
        const char *const words[] = {"reduce", NULL};
        int call;

        if (i == 3)
            twins_make_pending(pair); /* the gradients and their statistics stay pending */
        else
            twins_advance(__FILE__, __LINE__, "creation", pair);
        for (call = 1;; ++call) {
            normnet_status status;

            watcher.calls = 0;
            watcher.fail_at = call;
            status = calls[i](pair);
            watcher.fail_at = 0;
            if (watcher.calls < call)
                break;
            check_rejected(__FILE__, __LINE__, "a call whose reduce fails", pair, status, NORMNET_EIO, words);
        }
        CHECK(call > 3);
        twins_close(pair);
    }
}

/* What no rank can do, one with a bad batch cannot do either: the others do not wait for it. */
static void nobody_begins(struct twins *pair, struct observer *watcher, bool pending)
{
    const normnet_tensor *const images[] = {&pair->images, &pair->labels}, *const labels[] = {&pair->labels, NULL};
    const uint64_t before = hash_state(pair->model);

    watcher->calls = 0;
    for (int i = 0; i < 2; ++i) {
        CHECK_STATUS(normnet_train_step(pair->model, images[i], &pair->labels, NULL), NORMNET_ESTATE);
        CHECK_STATUS(normnet_train_step(pair->model, &pair->images, labels[i], NULL), NORMNET_ESTATE);
        if (pending) {
            CHECK_STATUS(normnet_update_statistics(pair->model, images[i], 1), NORMNET_ESTATE);
            CHECK_STATUS(normnet_update_average_statistics(pair->model, images[i], 1), NORMNET_ESTATE);
        } else {
            CHECK_STATUS(normnet_compute_gradients(pair->model, images[i], &pair->labels, NULL, NULL), NORMNET_ESTATE);
        }
    }
    CHECK_EQUAL(watcher->calls, 0);
    CHECK(hash_state(pair->model) == before);
}

static void impossible_for_all(const void *argument)
{
    struct observer watcher = {.caller = pthread_self()};
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct twins *pair;

    (void)argument;
    config.reduce = observe;
    config.reduce_user = &watcher;
    config.average_decay = 0.9;
    pair = twins_open_config(&config);
    twins_make_pending(pair);
    nobody_begins(pair, &watcher, true);
    twins_close(pair);
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.total_steps = 1;
    config.average_decay = 0;
    pair = twins_open_config(&config);
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, NULL));
    CHECK_OK(normnet_train_step(pair->twin, &pair->images, &pair->labels, NULL));
    nobody_begins(pair, &watcher, false);
    watcher.calls = 0;
    CHECK_STATUS(normnet_update_average_statistics(pair->model, &pair->labels, 1), NORMNET_ESTATE);
    CHECK_EQUAL(watcher.calls, 0);
    twins_close(pair);
}

/* ---- What reduce returns -------------------------------------------------------------------- */

/* A sum that loses bits, as compressed communication may, can be less than 0. */
static int32_t subtract(void *user, double *values, int64_t count)
{
    int *calls = user;

    if (++*calls == 2) /* the first norm's sums of squares */
        values[count - 1] = -1e-4;
    return 0;
}

static void negative_squares(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct twins *pair;
    int calls = 0;

    (void)argument;
    config.reduce = subtract;
    config.reduce_user = &calls;
    pair = twins_open_config(&config);
    calls = 0;
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &pair->images, &pair->labels, &pair->out.metrics),
                   NORMNET_EVALUE, "layer 1 (norm)", "-0.0001", "config.reduce");
    calls = 0;
    CHECK_REJECTED(pair, normnet_update_statistics(pair->model, &pair->images, 1), NORMNET_EVALUE, "layer 1 (norm)",
                   "-0.0001");
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("reduce: called by the calling thread, forward and backward, never by readers", by_the_calling_thread,
               NULL);
    check_case("reduce: that does nothing is a process alone", alone, NULL);
    check_case("reduce: non-zero fails the call with EIO and changes nothing", reduce_fails, NULL);
    check_case("reduce: not called for a call that no rank can make", impossible_for_all, NULL);
    check_case("reduce: sums of squares below 0 are rejected", negative_squares, NULL);
    return check_end();
}
