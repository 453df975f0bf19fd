/* SPDX-License-Identifier: MIT */
/*
 * Threads: different models are independent; on one model config.readers readers work at the same time, and one more,
 * or a reader or writer during a writer's call, is NORMNET_EBUSY; calls that describe are always allowed.
 */
#include "harness/allocator.h"
#include "harness/twins.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

/* ---- Any call during a writer's ---------------------------------------------------------------- */

/*
 * config.reduce is called in the middle of a training call, which makes the overlap of two calls a matter of program
 * text instead of luck: any call of the callback is made during a writer's call.
 */
struct second_caller {
    struct twins *pair;
    int calls;
};

static void check_busy(const char *what, normnet_status status)
{
    const char *const words[] = {"in use", NULL};

    if (check_status(__FILE__, __LINE__, what, status, NORMNET_EBUSY))
        check_message(__FILE__, __LINE__, what, words);
}

#define CHECK_BUSY(call) check_busy(#call, (call))

static int32_t call_meanwhile(void *user, double *values, int64_t count)
{
    struct second_caller *self = user;
    struct twins *pair = self->pair;
    normnet_model *model = pair == NULL ? NULL : pair->model;
    struct twins_outputs *out = pair == NULL ? NULL : &pair->out;
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    const float weights[4] = {0};
    const normnet_tensor tensor = tensor_1d(NORMNET_F32, weights, 4);

    (void)values;
    (void)count;
    if (++self->calls % 5 != 1 || pair == NULL)
        return 0;
    CHECK_BUSY(normnet_train_step(model, &pair->images, &pair->labels, &out->metrics));
    CHECK_BUSY(normnet_compute_gradients(model, &pair->images, &pair->labels, NULL, &out->metrics));
    CHECK_BUSY(normnet_apply_gradients(model, TWINS_IMAGES));
    CHECK_BUSY(normnet_discard_gradients(model));
    CHECK_BUSY(normnet_set_learning_rate(model, 0.5, 0.5));
    CHECK_BUSY(normnet_update_statistics(model, &pair->images, 1));
    CHECK_BUSY(normnet_update_average_statistics(model, &pair->images, 1));
    CHECK_BUSY(normnet_set_state(model, "1.weight", &tensor));
    CHECK_BUSY(normnet_set_parameters(model, pair->in.floats, normnet_parameter_count(model)));
    CHECK_BUSY(normnet_evaluate(model, &pair->images, &pair->labels, &out->metrics, out->confusion, NULL));
    CHECK_BUSY(normnet_evaluate(model, &pair->images, &pair->labels, &out->metrics, out->confusion, &batch));
    CHECK_BUSY(normnet_predict(model, &pair->images, &pair->scores, &pair->classes, NULL));
    CHECK_BUSY(normnet_predict(model, &pair->images, &pair->scores, &pair->classes, &batch));
    CHECK_BUSY(normnet_layer_output(model, &pair->images, 0, &pair->map, NULL));
    if (memcmp(out, &pair->blank, sizeof *out) != 0)
        CHECK_FAIL("a call that found the model busy wrote to an output");
    /* Calls that describe are always allowed. */
    CHECK_OK(normnet_gradients(model, &out->gradients, &out->count));
    CHECK_OK(normnet_model_config(model, &out->config));
    CHECK_OK(normnet_layer(model, 0, &out->layer));
    CHECK_OK(normnet_state(model, 0, &out->state));
    CHECK(normnet_model_summary(model, NULL, 0) > 0);
    twins_blank(pair);
    return 0;
}

static void beside_a_writer(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct second_caller second_callers[2] = {{NULL, 0}, {NULL, 0}};
    normnet_metrics metrics[2];
    struct twins *pair;

    (void)argument;
    config.reduce = call_meanwhile;
    config.reduce_user = &second_callers[0];
    pair = twins_open_config(&config);
    normnet_model_destroy(pair->twin);
    config.reduce_user = &second_callers[1]; /* the twin's calls nothing */
    pair->twin = CHECK_CREATE(&config);
    second_callers[0].pair = pair;
    for (int i = 0; i < 3; ++i) {
        metrics[0] = metrics[1] = metrics_init();
        CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, &metrics[0]));
        CHECK_OK(normnet_train_step(pair->twin, &pair->images, &pair->labels, &metrics[1]));
        CHECK(memcmp(&metrics[0], &metrics[1], sizeof metrics[0]) == 0);
        CHECK(hash_state(pair->model) == hash_state(pair->twin));
        CHECK_OK(normnet_update_statistics(pair->model, &pair->images, 0));
        CHECK_OK(normnet_update_statistics(pair->twin, &pair->images, 0));
        CHECK(hash_state(pair->model) == hash_state(pair->twin));
    }
    CHECK(second_callers[0].calls >= 3 * 9);
    twins_close(pair);
}

/* ---- Readers ----------------------------------------------------------------------------------- */

struct reading {
    const struct twins *pair;
    normnet_model *model;
    int rounds, kind;
    int64_t images; /* of the long call */
    atomic_int *running, *stop;
    int busy, wrong;
    normnet_status status;
    pthread_t thread;
};

/* Reads all the time and compares with what one reader alone saw, which the pair's outputs hold. */
static void *read_often(void *argument)
{
    struct reading *self = argument;
    const struct twins *pair = self->pair;
    float *scores = check_allocate(TWINS_IMAGES * TWINS_CLASSES, sizeof *scores);
    float *map = check_allocate(TWINS_IMAGES * TWINS_MAP, sizeof *map);
    int64_t confusion[TWINS_CLASSES * TWINS_CLASSES];
    normnet_tensor output = pair->scores, map_output = pair->map;

    output.data = scores;
    map_output.data = map;
    for (int i = 0; i < self->rounds; ++i) {
        normnet_metrics metrics = metrics_init();
        normnet_status status;

        switch ((i + self->kind) % 3) {
        case 0:
            status = normnet_predict(self->model, &pair->images, &output, NULL, NULL);
            self->wrong += memcmp(scores, pair->out.scores, TWINS_IMAGES * TWINS_CLASSES * sizeof *scores) != 0;
            break;
        case 1:
            status = normnet_layer_output(self->model, &pair->images, 0, &map_output, NULL);
            self->wrong += memcmp(map, pair->out.map, TWINS_IMAGES * TWINS_MAP * sizeof *map) != 0;
            break;
        default:
            status = normnet_evaluate(self->model, &pair->images, &pair->labels, &metrics, confusion, NULL);
            self->wrong += memcmp(&metrics, &pair->out.metrics, sizeof metrics) != 0;
            self->wrong += memcmp(confusion, pair->out.confusion, sizeof confusion) != 0;
        }
        self->busy += status == NORMNET_EBUSY;
        self->wrong += status != NORMNET_OK;
    }
    free(scores);
    free(map);
    return NULL;
}

static void readers_together(const void *argument)
{
    enum { READERS = 8, STEPS = 30 };
    const int32_t *norm = argument;
    normnet_config config = twins_config(*norm);
    struct reading readers[READERS];
    normnet_model *copy = NULL;
    struct twins *pair;
    uint64_t before;

    config.readers = READERS;
    config.threads = 2;
    pair = twins_open_config(&config);
    twins_advance(__FILE__, __LINE__, "creation", pair);
    CHECK_OK(normnet_predict(pair->model, &pair->images, &pair->scores, NULL, NULL));
    CHECK_OK(normnet_layer_output(pair->model, &pair->images, 0, &pair->map, NULL));
    CHECK_OK(
        normnet_evaluate(pair->model, &pair->images, &pair->labels, &pair->out.metrics, pair->out.confusion, NULL));
    before = hash_model(pair->model);
    CHECK_OK(normnet_model_clone(&copy, pair->model, NULL));
    for (int i = 0; i < READERS; ++i) {
        memset(&readers[i], 0, sizeof readers[i]);
        readers[i].pair = pair;
        readers[i].model = pair->model;
        readers[i].rounds = 60;
        readers[i].kind = i;
        CHECK_EQUAL(pthread_create(&readers[i].thread, NULL, read_often, &readers[i]), 0);
    }
    for (int i = 0; i < STEPS; ++i) /* a copy has nothing in common with the original */
        CHECK_OK(normnet_train_step(copy, &pair->images, &pair->labels, NULL));
    for (int i = 0; i < READERS; ++i) {
        pthread_join(readers[i].thread, NULL);
        CHECK_EQUAL(readers[i].busy, 0);
        CHECK_EQUAL(readers[i].wrong, 0);
    }
    CHECK(hash_model(pair->model) == before);
    twins_blank(pair);
    twins_advance(__FILE__, __LINE__, "readers together", pair);
    normnet_model_destroy(copy);
    twins_close(pair);
}

/* One long call after the other, until the test has seen what it wanted: one image repeated very often. */
static void *read_long(void *argument)
{
    struct reading *self = argument;
    normnet_tensor images = self->pair->images;

    images.shape[0] = self->images;
    images.strides[1] = TWINS_SIDE * TWINS_SIDE;
    images.strides[2] = TWINS_SIDE;
    images.strides[3] = 1;
    while (!atomic_load(self->stop) && self->status == NORMNET_OK) {
        atomic_fetch_add(self->running, 1);
        self->status = normnet_predict(self->model, &images, NULL, NULL, NULL);
    }
    return NULL;
}

/* Calls until one is rejected as busy, for 20 seconds; between two long calls one may get through. */
static int see_busy(struct twins *pair, normnet_status (*call)(struct twins *))
{
    const time_t end = time(NULL) + 20;

    while (time(NULL) < end) {
        const normnet_status status = call(pair);

        if (status == NORMNET_EBUSY)
            return 1;
        if (status != NORMNET_OK)
            return 0;
    }
    return 0;
}

static normnet_status one_more_reader(struct twins *pair)
{
    normnet_tensor one = pair->images;

    one.shape[0] = 1;
    return normnet_predict(pair->model, &one, NULL, NULL, NULL);
}

static normnet_status a_writer(struct twins *pair)
{
    return normnet_set_learning_rate(pair->model, 0.01, 0.9);
}

static normnet_status batch_statistics(struct twins *pair)
{
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    normnet_tensor few = pair->images;

    few.shape[0] = 2;
    return normnet_predict(pair->model, &few, NULL, NULL, &batch);
}

static void beside_readers(const void *argument)
{
    enum { READERS = 2 };
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct reading readers[READERS];
    atomic_int running = 0, stop = 0;
    struct twins *pair;
    int attempts;

    (void)argument;
    config.readers = READERS;
    pair = twins_open_config(&config);
    for (int i = 0; i < READERS; ++i) {
        memset(&readers[i], 0, sizeof readers[i]);
        readers[i].pair = pair;
        readers[i].model = pair->model;
        readers[i].images = 20000;
        readers[i].running = &running;
        readers[i].stop = &stop;
        CHECK_EQUAL(pthread_create(&readers[i].thread, NULL, read_long, &readers[i]), 0);
    }
    while (atomic_load(&running) < READERS) {
    }
    CHECK(see_busy(pair, a_writer));
    CHECK(see_busy(pair, batch_statistics));
    atomic_store(&stop, 1);
    for (int i = 0; i < READERS; ++i)
        pthread_join(readers[i].thread, NULL);
    /* The allowed number of readers and one more: one of them or this thread is rejected. */
    for (attempts = 0; attempts < 3; ++attempts) {
        int seen;

        atomic_store(&stop, 0);
        atomic_store(&running, 0);
        for (int i = 0; i < READERS; ++i) {
            readers[i].status = NORMNET_OK;
            CHECK_EQUAL(pthread_create(&readers[i].thread, NULL, read_long, &readers[i]), 0);
        }
        while (atomic_load(&running) < READERS) {
        }
        seen = see_busy(pair, one_more_reader);
        atomic_store(&stop, 1);
        for (int i = 0; i < READERS; ++i) {
            pthread_join(readers[i].thread, NULL);
            CHECK(readers[i].status == NORMNET_OK || readers[i].status == NORMNET_EBUSY);
            seen |= readers[i].status == NORMNET_EBUSY;
        }
        if (seen)
            break;
    }
    CHECK(attempts < 3);
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, NULL));
    CHECK_OK(normnet_train_step(pair->twin, &pair->images, &pair->labels, NULL));
    CHECK(hash_state(pair->model) == hash_state(pair->twin));
    twins_close(pair);
}

/* ---- Readers that write files and copies -------------------------------------------------------- */

/*
 * The allocator of the configuration is called in the middle of save, export and clone: whatever it calls, it calls
 * while a reader is at work.
 */
struct reader_inside {
    struct allocator memory;
    normnet_model *model; /* NULL: calls nothing */
    const struct twins *pair;
    normnet_status expected; /* of one more reader */
    int calls;
};

static const char file_path[] = "test_threads.file";

static void read_beside_a_reader(const struct reader_inside *self, normnet_model *model)
{
    normnet_model *copy = NULL;
    int64_t needed = 0;

    CHECK_STATUS(normnet_predict(model, &self->pair->images, NULL, NULL, NULL), self->expected);
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, NULL), self->expected);
    CHECK_STATUS(normnet_model_save(model, file_path, NULL), self->expected);
    CHECK_STATUS(normnet_model_export_onnx(model, file_path), self->expected);
    CHECK_STATUS(normnet_model_clone(&copy, model, NULL), self->expected);
    normnet_model_destroy(copy);
    copy = NULL;
    CHECK_STATUS(normnet_model_clone_average(&copy, model, NULL), self->expected);
    normnet_model_destroy(copy);
    CHECK_BUSY(normnet_set_learning_rate(model, 0.5, 0.5));
    CHECK_BUSY(normnet_deserialize_weights(model, "", 0));
}

static void *allocate_and_read(void *user, int64_t size, int64_t alignment)
{
    struct reader_inside *self = user;
    normnet_model *model = self->model;

    self->model = NULL; /* what it calls may allocate */
    if (model != NULL) {
        read_beside_a_reader(self, model);
        ++self->calls;
    }
    self->model = model;
    return allocator_allocate(&self->memory, size, alignment);
}

static void deallocate_quietly(void *user, void *block, int64_t size)
{
    struct reader_inside *self = user;

    allocator_deallocate(&self->memory, block, size);
}

static void beside_a_reader_that_writes(const void *argument)
{
    const int32_t *readers = argument;
    struct reader_inside visitor = {.memory = {.fill = 0xA5}, .expected = *readers > 1 ? NORMNET_OK : NORMNET_EBUSY};
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    normnet_model *copy = NULL;
    struct twins *pair;

    config.readers = *readers;
    config.average_decay = 0.9;
    config.allocate = allocate_and_read;
    config.deallocate = deallocate_quietly;
    config.allocator_user = &visitor;
    pair = twins_open_config(&config);
    twins_advance(__FILE__, __LINE__, "creation", pair);
    visitor.pair = pair;
    visitor.model = pair->model;
    CHECK_OK(normnet_model_save(pair->model, file_path, NULL));
    CHECK(visitor.calls >= 1);
    CHECK_OK(normnet_model_export_onnx(pair->model, file_path));
    CHECK(visitor.calls >= 2);
    CHECK_OK(normnet_model_clone(&copy, pair->model, NULL));
    CHECK(visitor.calls >= 3);
    visitor.model = NULL;
    normnet_model_destroy(copy);
    remove(file_path);
    twins_advance(__FILE__, __LINE__, "readers that write", pair);
    twins_close(pair);
    CHECK_ALL_FREED(&visitor.memory);
}

/* ---- Different models -------------------------------------------------------------------------- */

struct trained_model {
    int32_t norm, threads;
    const struct twins *data;
    uint64_t hash;
    normnet_status status;
    pthread_t thread;
};

/* From creation to the last step, in any thread. */
static void *train_alone(void *argument)
{
    struct trained_model *self = argument;
    normnet_config config = twins_config(self->norm);
    normnet_model *model = NULL;

    config.threads = self->threads;
    self->status = normnet_model_create(&model, &config);
    for (int i = 0; i < 8 && self->status == NORMNET_OK; ++i)
        self->status = normnet_train_step(model, &self->data->images, &self->data->labels, NULL);
    if (self->status == NORMNET_OK)
        self->hash = hash_state(model);
    normnet_model_destroy(model);
    return NULL;
}

static void models_apart(const void *argument)
{
    enum { MODELS = 6 };
    struct trained_model together[MODELS], alone[MODELS];
    struct twins *data = twins_open(NORMNET_NORM_NONE);

    (void)argument;
    memset(together, 0, sizeof together);
    for (int i = 0; i < MODELS; ++i) {
        together[i].norm = i % 5;
        together[i].threads = 1 + i % 2;
        together[i].data = data;
        alone[i] = together[i];
        (void)train_alone(&alone[i]);
    }
    for (int i = 0; i < MODELS; ++i)
        CHECK_EQUAL(pthread_create(&together[i].thread, NULL, train_alone, &together[i]), 0);
    for (int i = 0; i < MODELS; ++i) {
        pthread_join(together[i].thread, NULL);
        CHECK_EQUAL(together[i].status, NORMNET_OK);
        CHECK_EQUAL(alone[i].status, NORMNET_OK);
        CHECK(together[i].hash == alone[i].hash);
    }
    twins_close(data);
}

/* A model belongs to no thread: created here, trained there, destroyed here. */
struct stage {
    struct twins *pair;
    normnet_status status;
};

static void *train_elsewhere(void *argument)
{
    struct stage *self = argument;

    self->status = normnet_train_step(self->pair->model, &self->pair->images, &self->pair->labels, NULL);
    return NULL;
}

static void handed_over(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);

    (void)argument;
    for (int i = 0; i < 3; ++i) {
        struct stage there = {pair, NORMNET_EINVAL};
        pthread_t thread;

        CHECK_EQUAL(pthread_create(&thread, NULL, train_elsewhere, &there), 0);
        pthread_join(thread, NULL);
        CHECK_EQUAL(there.status, NORMNET_OK);
        CHECK_OK(normnet_train_step(pair->twin, &pair->images, &pair->labels, NULL));
        CHECK(hash_state(pair->model) == hash_state(pair->twin));
    }
    twins_close(pair);
}

/* ---- Calls that describe ------------------------------------------------------------------------ */

struct describer {
    normnet_model *model;
    atomic_bool stop;
    int64_t rounds;
};

/* Sees only rates that have been set, and steps in their order. */
static void *describe(void *argument)
{
    struct describer *self = argument;
    int64_t steps = 0;

    for (; !self->stop; ++self->rounds) {
        const normnet_config config = model_config(self->model);
        const int64_t taken = normnet_steps_taken(self->model);

        if (config.lr != 0.01 && config.lr != 0.02)
            CHECK_FAIL("lr is %g", config.lr);
        if (config.momentum != 0.5 && config.momentum != 0.9)
            CHECK_FAIL("momentum is %g", config.momentum);
        if (taken < steps || strcmp(config.architecture, twins_architecture) != 0)
            CHECK_FAIL("%" PRId64 " steps after %" PRId64 ", of %s", taken, steps, config.architecture);
        CHECK(normnet_layer_count(self->model) > 0 && normnet_state_count(self->model) > 0);
        CHECK(normnet_model_summary(self->model, NULL, 0) > 0);
        (void)state_info(self->model, 0);
        steps = taken;
    }
    return NULL;
}

/* That nothing races is for the thread sanitizer to say. */
static void described_beside_a_writer(const void *argument)
{
    enum { STEPS = 200 };
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    struct describer describer = {pair->model, false, 0};
    const int64_t before = normnet_steps_taken(pair->model);
    pthread_t thread;

    (void)argument;
    CHECK_OK(normnet_set_learning_rate(pair->model, 0.01, 0.5));
    CHECK_EQUAL(pthread_create(&thread, NULL, describe, &describer), 0);
    for (int i = 0; i < STEPS; ++i) {
        CHECK_OK(normnet_set_learning_rate(pair->model, i % 2 == 0 ? 0.01 : 0.02, i % 3 == 0 ? 0.5 : 0.9));
        CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, NULL));
    }
    describer.stop = true;
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    CHECK_EQUAL(normnet_steps_taken(pair->model), before + STEPS);
    CHECK(describer.rounds > 0);
    twins_close(pair);
}

int main(int argc, char **argv)
{
    static const int32_t batch = NORMNET_NORM_BATCH, group = NORMNET_NORM_GROUP, one = 1, two = 2;

    if (!check_begin(argc, argv))
        return check_end();
    check_case("threads: any call during a writer's is EBUSY", beside_a_writer, NULL);
    check_case("threads: calls that describe beside a writer's", described_beside_a_writer, NULL);
    check_case("threads: eight readers while a copy trains, batch norm", readers_together, &batch);
    check_case("threads: eight readers while a copy trains, group norm", readers_together, &group);
    check_case("threads: one reader more, or a writer during a reader's call, is EBUSY", beside_readers, NULL);
    check_case("threads: save, serialize, export and clone next to a reader", beside_a_reader_that_writes, &two);
    check_case("threads: save, serialize, export and clone next to the only reader", beside_a_reader_that_writes, &one);
    check_case("threads: different models are independent", models_apart, NULL);
    check_case("threads: a model belongs to no thread", handed_over, NULL);
    return check_end();
}
