/* SPDX-License-Identifier: MIT */
/* Forks while a model is in use by a thread of the parent, of which the child has nothing but what it was doing. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* strsignal */
#endif
#include "harness/child.h"
#include "harness/twins.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Without threads of its own, the library uses nothing of a threads library. */
#if defined(LIBRARY_HAS_NO_THREADS)
enum { WATCHES_FORKS = 0 };
#else
enum { WATCHES_FORKS = 1 };
#endif

enum { FORKS = 20 };

/* What a thread of the parent does until it is told to stop. */
struct parent {
    normnet_model *model;
    const struct twins *pair; /* its images and labels */
    void (*use)(const struct parent *self);
    atomic_bool stop;
    atomic_int calls;
};

static void *keep_busy(void *context)
{
    struct parent *self = context;

    while (!self->stop) {
        self->use(self);
        ++self->calls;
    }
    return NULL;
}

/* `count` such threads, of which each has made a few calls when this returns. */
static void begin_calls(struct parent *self, pthread_t *threads, int count)
{
    for (int i = 0; i < count; ++i)
        CHECK_EQUAL(pthread_create(&threads[i], NULL, keep_busy, self), 0);
    while (self->calls < 10 * count)
        ;
}

static void end_calls(struct parent *self, const pthread_t *threads, int count)
{
    self->stop = true;
    for (int i = 0; i < count; ++i)
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
}

/* ---- Readers ------------------------------------------------------------------------------------------ */

static void predict(const struct parent *self)
{
    (void)normnet_predict(self->model, &self->pair->images, NULL, NULL, NULL);
}

/* As many readers as the model has, then a writer. */
static int use_alone(void *context)
{
    const struct parent *self = context;
    int failed = 0;

    for (int i = 0; i < 3; ++i)
        failed += normnet_predict(self->model, &self->pair->images, NULL, NULL, NULL) != NORMNET_OK;
    failed += normnet_train_step(self->model, &self->pair->images, &self->pair->labels, NULL) != NORMNET_OK;
    normnet_model_destroy(self->model);
    return failed;
}

static void while_others_read(const void *argument)
{
    const int32_t readers = *(const int32_t *)argument;
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct twins *pair;
    struct parent parent = {.use = predict};
    pthread_t threads[2];

    config.readers = readers;
    config.threads = 2;
    pair = twins_open_config(&config);
    parent.model = pair->model;
    parent.pair = pair;
    begin_calls(&parent, threads, readers);
    for (int i = 0; i < FORKS; ++i)
        in_child(use_alone, &parent);
    end_calls(&parent, threads, readers);
    twins_close(pair);
}

/* ---- The average, which the first reader after a change prepares ---------------------------------------- */

enum { PARAMETERS = 9 * 64 * (1 + 7 * 64) + 64 * TWINS_CLASSES };

static float values[PARAMETERS];
static const normnet_predict_options average = {.struct_size = sizeof average, .weights = NORMNET_WEIGHTS_AVERAGE};

static normnet_tensor one_pixel(void)
{
    static uint8_t pixel;
    static const int64_t shape[4] = {1, 1, 1, 1};
    normnet_tensor tensor;

    normnet_tensor_init(&tensor, NORMNET_U8, &pixel, 4, shape);
    return tensor;
}

/* Its preparation takes longer than all else. */
static void change_and_predict(const struct parent *self)
{
    const normnet_tensor image = one_pixel();

    (void)normnet_set_parameters(self->model, values, PARAMETERS);
    (void)normnet_predict(self->model, &image, NULL, NULL, &average);
}

/* 2: the thread of the parent was changing the parameters. */
static int predict_with_average(void *context)
{
    const struct parent *self = context;
    const normnet_tensor image = one_pixel();
    const normnet_status status = normnet_predict(self->model, &image, NULL, NULL, &average);

    return status == NORMNET_OK ? 0 : status == NORMNET_EBUSY ? 2 : 1;
}

static void while_another_prepares_the_average(const void *argument)
{
    struct parent parent = {.use = change_and_predict};
    normnet_config config;
    pthread_t thread;
    int predicted = 0;

    (void)argument;
    normnet_config_init(&config, NORMNET_NORM_NONE);
    config.height = config.width = 1;
    config.architecture = "conv3-64p1 conv3-64p1 conv3-64p1 conv3-64p1 conv3-64p1 conv3-64p1 conv3-64p1 conv3-64p1 "
                          "conv1-10";
    config.average_decay = 0.9;
    config.average_from = 1000; /* until then, it is the parameters */
    config.readers = 2;
    parent.model = CHECK_CREATE(&config);
    CHECK_EQUAL(normnet_parameter_count(parent.model), PARAMETERS);
    begin_calls(&parent, &thread, 1);
    for (int i = 0; i < FORKS || predicted == 0; ++i) {
        const int result = result_of_child(predict_with_average, &parent);

        if (result != 0 && result != 2)
            CHECK_FAIL("the prediction of the child: %d", result);
        predicted += result == 0;
    }
    end_calls(&parent, &thread, 1);
    normnet_model_destroy(parent.model);
}

/* ---- Functions of the host ------------------------------------------------------------------------------ */

/* In the middle of a prediction, which child and parent then end. */
static void fork_and_run(void *user, int32_t count, normnet_task *task, void *context)
{
    pid_t *child = user;

    if (*child < 0) {
        *child = fork();
        if (*child == 0)
            alarm(CHECK_HANG);
    }
    for (int32_t i = 0; i < count; ++i)
        task(context, i);
}

static void in_a_prediction(const void *argument)
{
    pid_t child = 0;
    normnet_config config = twins_config(NORMNET_NORM_GROUP);
    struct twins *pair;
    int state = -1, failed;

    (void)argument;
    config.threads = 2;
    config.parallel_for = fork_and_run;
    config.parallel_user = &child;
    pair = twins_open_config(&config);
    child = -1;
    failed = normnet_predict(pair->model, &pair->images, NULL, NULL, NULL) != NORMNET_OK;
    for (int i = 0; i < 2; ++i) {
        failed += normnet_predict(pair->model, &pair->images, NULL, NULL, NULL) != NORMNET_OK;
        failed += normnet_train_step(pair->model, &pair->images, &pair->labels, NULL) != NORMNET_OK;
    }
    if (child == 0)
        _exit(failed);
    CHECK_EQUAL(failed, 0);
    CHECK_EQUAL(waitpid(child, &state, 0), child);
    CHECK_EQUAL(state, 0);
    twins_close(pair);
}

/* Half a step, which nobody can end. */
static int find_in_use(void *context)
{
    const struct parent *self = context;
    normnet_config config;
    int failed = normnet_discard_gradients(self->model) != NORMNET_EBUSY;

    normnet_config_init(&config, NORMNET_NORM_NONE);
    failed += normnet_predict(self->model, &self->pair->images, NULL, NULL, NULL) != NORMNET_EBUSY;
    failed += normnet_model_config(self->model, &config) != NORMNET_OK;
    normnet_model_destroy(self->model);
    return failed;
}

struct writing_thread {
    struct parent parent;
    atomic_bool in_reduce, forked;
};

static int32_t wait_in_reduce(void *user, double *sums, int64_t count)
{
    struct writing_thread *self = user;

    (void)sums;
    (void)count;
    self->in_reduce = true;
    while (!self->forked)
        ;
    return 0;
}

static void *train(void *context)
{
    const struct writing_thread *self = context;

    CHECK_OK(normnet_train_step(self->parent.model, &self->parent.pair->images, &self->parent.pair->labels, NULL));
    return NULL;
}

static void while_another_writes(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct writing_thread writer = {0};
    struct twins *pair;
    pthread_t thread;

    (void)argument;
    config.reduce = wait_in_reduce;
    config.reduce_user = &writer;
    writer.forked = true;
    pair = twins_open_config(&config);
    writer.forked = false;
    writer.in_reduce = false;
    writer.parent = (struct parent){.model = pair->model, .pair = pair};
    CHECK_EQUAL(pthread_create(&thread, NULL, train, &writer), 0);
    while (!writer.in_reduce)
        ;
    in_child(find_in_use, &writer.parent);
    writer.forked = true;
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, NULL));
    twins_close(pair);
}

int main(int argc, char **argv)
{
    static const int32_t readers[] = {1, 2};

    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; WATCHES_FORKS && i < CHECK_COUNT(readers); ++i)
        check_case_named(while_others_read, &readers[i], "fork: while as many read as can, %d", (int)readers[i]);
    if (WATCHES_FORKS)
        check_case("fork: while another thread prepares the average", while_another_prepares_the_average, NULL);
    check_case("fork: in a function of the host, in the middle of a prediction", in_a_prediction, NULL);
    check_case("fork: a model that another thread was changing stays in use", while_another_writes, NULL);
    return check_end();
}
