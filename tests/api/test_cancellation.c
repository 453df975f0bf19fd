/* SPDX-License-Identifier: MIT */
/*
 * Threads of the program that are cancelled: never within a call, which would leave the model in use for ever, memory
 * allocated, files open and a temporary file. POSIX only.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* usleep */
#endif
#include "harness/allocator.h"
#include "harness/process.h"
#include "thread_results.h"

#include <pthread.h>

static const char *const checkpoint = "test_cancellation.ckpt", *const onnx = "test_cancellation.onnx";

/* ---- In any moment ------------------------------------------------------------------------------------- */

static void *train_until_cancelled(void *context)
{
    normnet_model *model = context;
    struct twins_inputs *in = draw_inputs();
    const normnet_config config = config_with(NORMNET_NORM_BATCH, THREADS);
    const normnet_tensor images = tensor_images(NORMNET_U8, in->bytes, TWINS_IMAGES, &config);
    const normnet_tensor labels = tensor_1d(NORMNET_I32, in->digits32, TWINS_IMAGES);

    pthread_cleanup_push(free, in);
    for (;;) {
        (void)normnet_train_step(model, &images, &labels, NULL);
        pthread_testcancel();
    }
    pthread_cleanup_pop(0);
    return NULL;
}

static void training_threads(const void *argument)
{
    const normnet_config config = config_with(NORMNET_NORM_BATCH, THREADS);
    normnet_model *model = CHECK_CREATE(&config);

    (void)argument;
    for (int i = 0; i < 50; ++i) {
        pthread_t thread;

        CHECK_EQUAL(pthread_create(&thread, NULL, train_until_cancelled, model), 0);
        usleep(500);
        pthread_cancel(thread);
        pthread_join(thread, NULL);
        CHECK(use_model(model, &config) != 0);
    }
    normnet_model_destroy(model);
}

/* ---- Before each call ---------------------------------------------------------------------------------- */

/* Functions of the program that wait for something, which is where a thread is cancelled. */
static void wait_for_others(void)
{
    usleep(1);
}

static void *allocate(void *user, int64_t size, int64_t alignment)
{
    wait_for_others();
    return allocator_allocate(user, size, alignment);
}

static int32_t reduce(void *user, double *values, int64_t count)
{
    (void)user;
    (void)values;
    (void)count;
    wait_for_others();
    return 0;
}

static void lend(void *user, int32_t count, normnet_task *task, void *context)
{
    (void)user;
    for (int32_t i = 0; i < count; ++i) {
        wait_for_others();
        task(context, i);
    }
}

/* The lowest number that is free: higher if a file was left open. */
static int next_descriptor(void)
{
    const int next = dup(0);

    close(next);
    return next;
}

static char bytes[1 << 16]; /* of a model */

struct cancelled_call {
    int (*call)(struct cancelled_call *self); /* 0 if it is done */
    normnet_config config;
    normnet_model *model, *other;
    int64_t size; /* of `bytes` */
    int done;
};

static int train(struct cancelled_call *self)
{
    return use_model(self->model, &self->config) == 0;
}

static int save(struct cancelled_call *self)
{
    return normnet_model_save(self->model, checkpoint, NULL) != NORMNET_OK;
}

static int save_nowhere(struct cancelled_call *self)
{
    return normnet_model_save(self->model, "no-such-folder/model", NULL) != NORMNET_EIO;
}

static int export_onnx(struct cancelled_call *self)
{
    return normnet_model_export_onnx(self->model, onnx) != NORMNET_OK;
}

static int load(struct cancelled_call *self)
{
    return normnet_model_load(&self->other, checkpoint, &self->config) != NORMNET_OK;
}

static int load_weights(struct cancelled_call *self)
{
    return normnet_load_weights(self->model, checkpoint) != NORMNET_OK;
}

static int load_nothing(struct cancelled_call *self)
{
    return normnet_load_weights(self->model, "no such file") != NORMNET_EIO;
}

static int serialize(struct cancelled_call *self)
{
    return normnet_model_serialize(self->model, bytes, sizeof bytes, &self->size, NULL) != NORMNET_OK;
}

static int deserialize(struct cancelled_call *self)
{
    return normnet_model_deserialize(&self->other, bytes, self->size, &self->config) != NORMNET_OK;
}

static int deserialize_weights(struct cancelled_call *self)
{
    return normnet_deserialize_weights(self->model, bytes, self->size) != NORMNET_OK;
}

static int copy(struct cancelled_call *self)
{
    return normnet_model_clone(&self->other, self->model, NULL) != NORMNET_OK;
}

static int create(struct cancelled_call *self)
{
    return normnet_model_create(&self->other, &self->config) != NORMNET_OK;
}

static int destroy(struct cancelled_call *self)
{
    normnet_model_destroy(self->other);
    self->other = NULL;
    return 0;
}

static void *run_cancelled(void *context)
{
    struct cancelled_call *self = context;

    pthread_cancel(pthread_self());
    self->done = self->call(self) == 0;
    pthread_testcancel();
    return NULL;
}

/* A cancellation that waits while a call begins takes effect after it. */
static void each_call(const void *argument)
{
    static int (*const calls[])(struct cancelled_call * self) = {
        train,       save,    save_nowhere,        export_onnx,  load, destroy, load_weights, serialize,
        deserialize, destroy, deserialize_weights, load_nothing, copy, destroy, create,       destroy,
    };
    const int callbacks = argument != NULL, threads = count_threads(), descriptor = next_descriptor();
    struct allocator allocator = {0};
    struct cancelled_call self = {.config = config_with(NORMNET_NORM_BATCH, THREADS)};
    const uint64_t expected = expected_results(NORMNET_NORM_BATCH);

    allocator_use(&allocator, &self.config);
    if (callbacks) {
        self.config.allocate = allocate;
        self.config.reduce = reduce;
        self.config.parallel_for = lend;
    }
    self.model = CHECK_CREATE(&self.config);
    for (int i = 0; i < CHECK_COUNT(calls); ++i) {
        pthread_t thread;
        void *result = NULL;

        self.call = calls[i];
        self.done = 0;
        CHECK_EQUAL(pthread_create(&thread, NULL, run_cancelled, &self), 0);
        CHECK_EQUAL(pthread_join(thread, &result), 0);
        CHECK(result == PTHREAD_CANCELED);
        if (!CHECK(self.done))
            printf("  call %d of %d has not returned\n", i, CHECK_COUNT(calls));
        CHECK(use_model(self.model, &self.config) != 0);
        CHECK_EQUAL(next_descriptor(), descriptor);
    }
    normnet_model_destroy(self.model);
    CHECK_ALL_FREED(&allocator);
    CHECK_EQUAL(count_threads_after(threads), threads);
    CHECK(results_of(&self.config) == expected);
    remove(checkpoint);
    remove(onnx);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("cancellation: a thread that trains", training_threads, NULL);
    check_case("cancellation: each call goes on to its end", each_call, NULL);
    check_case("cancellation: in functions of the program", each_call, "");
    return check_end();
}
