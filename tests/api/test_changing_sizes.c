/* SPDX-License-Identifier: MIT */
/*
 * The struct_size of a caller's struct that somebody changes during the call. What was checked is what is used: nothing
 * is written beyond it, and a call that has done its work does not fail.
 */
#include "harness/twins.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { MAX_SIZE = 4096, FILLER = 0xA5 };

/* Metrics, and as many bytes after them as the largest size that is accepted. */
union guarded_metrics {
    normnet_metrics metrics;
    unsigned char bytes[2 * MAX_SIZE];
};

static void check_not_written(const unsigned char *bytes, int from, int size)
{
    for (int i = from; i < size; ++i)
        if (bytes[i] != FILLER) {
            CHECK_FAIL("byte %d was written, of a struct of %d", i, from);
            return;
        }
}

/* ---- Metrics, whose size changes after the check ---------------------------------------------------- */

struct size_writer {
    normnet_metrics *metrics;
    int32_t size;
    int calls;
};

static void write_size_and_run(void *user, int32_t count, normnet_task *task, void *context)
{
    struct size_writer *self = user;

    ++self->calls;
    if (self->metrics != NULL)
        self->metrics->struct_size = self->size;
    for (int32_t i = 0; i < count; ++i)
        task(context, i);
}

enum call { TRAIN, COMPUTE, EVALUATE, CALL_COUNT };

static normnet_status make_call(struct twins *pair, normnet_model *model, int call, normnet_metrics *metrics)
{
    switch (call) {
    case TRAIN:
        return normnet_train_step(model, &pair->images, &pair->labels, metrics);
    case COMPUTE:
        return normnet_compute_gradients(model, &pair->images, &pair->labels, NULL, metrics);
    default:
        return normnet_evaluate(model, &pair->images, &pair->labels, metrics, NULL, NULL);
    }
}

static void size_of_metrics(const void *argument)
{
    static const int32_t sizes[] = {MAX_SIZE, (int32_t)sizeof(normnet_metrics) + 8, 0, 8, 1, -8, INT32_MAX, INT32_MIN};
    static union guarded_metrics guarded;

    (void)argument;
    for (int call = 0; call < CALL_COUNT; ++call)
        for (int i = 0; i < CHECK_COUNT(sizes); ++i) {
            struct size_writer writer = {NULL, sizes[i], 0};
            normnet_config config = twins_config(NORMNET_NORM_BATCH);
            normnet_metrics expected;
            struct twins *pair;
            int calls;

            config.threads = 2;
            config.parallel_for = write_size_and_run;
            config.parallel_user = &writer;
            pair = twins_open_config(&config);
            normnet_metrics_init(&expected);
            CHECK_OK(make_call(pair, pair->twin, call, &expected));
            memset(&guarded, FILLER, sizeof guarded);
            normnet_metrics_init(&guarded.metrics);
            writer.metrics = &guarded.metrics;
            calls = writer.calls;
            CHECK_OK(make_call(pair, pair->model, call, &guarded.metrics));
            CHECK(writer.calls > calls);
            check_not_written(guarded.bytes, (int)sizeof guarded.metrics, (int)sizeof guarded);
            CHECK_EQUAL(guarded.metrics.struct_size, sizes[i]);
            guarded.metrics.struct_size = expected.struct_size;
            CHECK(memcmp(&guarded.metrics, &expected, sizeof expected) == 0);
            CHECK(hash_state(pair->model) == hash_state(pair->twin));
            writer.metrics = NULL;
            twins_close(pair);
        }
}

/* Gradients are cleared after the update, and with them the size. */
static void metrics_among_gradients(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    normnet_metrics *metrics, expected;
    double *gradients = NULL;

    (void)argument;
    normnet_metrics_init(&expected);
    CHECK_OK(normnet_train_step(pair->twin, &pair->images, &pair->labels, &expected));
    CHECK_OK(normnet_gradients(pair->model, &gradients, NULL));
    metrics = (normnet_metrics *)(void *)gradients;
    normnet_metrics_init(metrics);
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, metrics));
    CHECK_EQUAL(metrics->step, expected.step);
    CHECK(metrics->loss == expected.loss);
    CHECK_OK(normnet_discard_gradients(pair->model)); /* and with them the metrics */
    CHECK(hash_state(pair->model) == hash_state(pair->twin));
    twins_close(pair);
}

/* ---- A second thread -------------------------------------------------------------------------------- */

/* Any struct, which is written up to the size in its beginning. */
union guarded_struct {
    _Atomic int32_t size;
    normnet_config config;
    normnet_layer_info layer;
    normnet_state_info state;
    unsigned char bytes[2 * MAX_SIZE];
};

struct flipper {
    union guarded_struct *target;
    int32_t sizes[2];
    atomic_bool stop;
};

static void *flip(void *context)
{
    struct flipper *self = context;

    for (unsigned i = 0; !self->stop; ++i)
        self->target->size = self->sizes[i % 2];
    return NULL;
}

enum description { INIT, CONFIG, LAYER, STATE, DESCRIPTION_COUNT };

static normnet_status describe(const normnet_model *model, int description, union guarded_struct *target)
{
    switch (description) {
    case INIT:
        return normnet_config_init_size(&target->config, (int32_t)sizeof target->config, NORMNET_NORM_BATCH);
    case CONFIG:
        return normnet_model_config(model, &target->config);
    case LAYER:
        return normnet_layer(model, 0, &target->layer);
    default:
        return normnet_state(model, 0, &target->state);
    }
}

static void second_thread(const void *argument)
{
    enum { ROUNDS = 100000 };
    static const int32_t own_sizes[] = {sizeof(normnet_config), sizeof(normnet_config), sizeof(normnet_layer_info),
                                        sizeof(normnet_state_info)};
    static union guarded_struct guarded;
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);

    (void)argument;
    for (int description = 0; description < DESCRIPTION_COUNT; ++description) {
        const int32_t own = own_sizes[description];
        /* One is right and one is wrong; that of a config which is filled for the first time may be anything. */
        struct flipper flipper = {&guarded, {own, description == INIT ? MAX_SIZE : 2 * MAX_SIZE}, false};
        pthread_t thread;

        memset(&guarded, FILLER, sizeof guarded);
        CHECK_EQUAL(pthread_create(&thread, NULL, flip, &flipper), 0);
        for (int i = 0; i < ROUNDS; ++i) {
            const normnet_status status = describe(pair->model, description, &guarded);

            if (status != NORMNET_OK && (description == INIT || status != NORMNET_EINVAL))
                CHECK_FAIL("description %d returned %s", description, normnet_status_string((int32_t)status));
        }
        flipper.stop = true;
        CHECK_EQUAL(pthread_join(thread, NULL), 0);
        check_not_written(guarded.bytes, own, (int)sizeof guarded);
    }
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("the size of metrics that changes during a call is the one that was checked", size_of_metrics, NULL);
    check_case("metrics among the gradients, which a step clears", metrics_among_gradients, NULL);
    check_case("a second thread that changes the size of what is described", second_thread, NULL);
    return check_end();
}
