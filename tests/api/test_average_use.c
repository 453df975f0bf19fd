/* SPDX-License-Identifier: MIT */
/* What computes with the average of the weights, and its statistics. */
#include "averages.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- Evaluation and prediction ----------------------------------------------------------------- */

struct outcome {
    normnet_metrics metrics;
    int64_t confusion[TWINS_CLASSES * TWINS_CLASSES];
    float scores[TWINS_IMAGES * TWINS_CLASSES], map[TWINS_IMAGES * TWINS_MAP];
};

static struct outcome *compute(normnet_model *model, const struct twins *pair, const normnet_predict_options *options)
{
    struct outcome *outcome = check_allocate(1, sizeof *outcome);
    const int64_t map_shape[] = {TWINS_IMAGES, 4, 10, 10};
    normnet_tensor scores = tensor_2d(NORMNET_F32, outcome->scores, TWINS_IMAGES, TWINS_CLASSES), map;

    normnet_tensor_init(&map, NORMNET_F32, outcome->map, 4, map_shape);
    outcome->metrics = metrics_init();
    CHECK_OK(normnet_evaluate(model, &pair->images, &pair->labels, &outcome->metrics, outcome->confusion, options));
    CHECK_OK(normnet_predict(model, &pair->images, &scores, NULL, options));
    CHECK_OK(normnet_layer_output(model, &pair->images, 1, &map, options));
    outcome->metrics.step = 0; /* of the model made by the state */
    return outcome;
}

static void computing_with_the_average(const void *argument)
{
    const struct average_case *want = argument;
    struct twins *pair = open_averaging(want);

    for (int round = 0; round < 3; ++round) {
        normnet_model *made;

        train_times(pair, 3);
        made = model_of_average(pair->model);
        for (int32_t statistics = 0; statistics < 2; ++statistics) {
            const normnet_predict_options average = with_average(statistics),
                                          current = options_init(NORMNET_SCORES_LOGITS, statistics);
            struct outcome *before = compute(pair->model, pair, &current), *ours = compute(pair->model, pair, &average),
                           *theirs = compute(made, pair, &current), *after = compute(pair->model, pair, &current);

            CHECK(memcmp(ours, theirs, sizeof *ours) == 0);
            CHECK(memcmp(before, after, sizeof *before) == 0);
            CHECK(normnet_steps_taken(pair->model) <= want->from + 1 || want->decay < 1e-6 ||
                  before->metrics.loss != ours->metrics.loss);
            free(before);
            free(ours);
            free(theirs);
            free(after);
        }
        normnet_model_destroy(made);
    }
    twins_close(pair);
}

/* Several readers at once, right after a step: they pack the average for the kernels together. */
struct average_reader {
    const struct twins *pair;
    atomic_int *go;
    float scores[TWINS_IMAGES * TWINS_CLASSES];
    normnet_status status;
    pthread_t thread;
};

static void *read_average(void *argument)
{
    struct average_reader *self = argument;
    const normnet_predict_options options = with_average(NORMNET_STATISTICS_RUNNING);
    normnet_tensor scores = tensor_2d(NORMNET_F32, self->scores, TWINS_IMAGES, TWINS_CLASSES);

    while (!atomic_load(self->go)) {
    }
    self->status = normnet_predict(self->pair->model, &self->pair->images, &scores, NULL, &options);
    return NULL;
}

static void readers_of_the_average(const void *argument)
{
    enum { READERS = 4, ROUNDS = 25 };
    static const struct average_case want = {"", NORMNET_NORM_BATCH, 0.75, 0};
    normnet_config config = averaging_config(&want);
    struct average_reader *readers = check_allocate(READERS, sizeof *readers);
    struct twins *pair;

    (void)argument;
    config.readers = READERS;
    pair = twins_open_config(&config);
    for (int round = 0; round < ROUNDS; ++round) {
        atomic_int go = 0;
        normnet_model *made;
        struct outcome *expected;

        train_times(pair, 1);
        for (int i = 0; i < READERS; ++i) {
            readers[i].pair = pair;
            readers[i].go = &go;
            CHECK_EQUAL(pthread_create(&readers[i].thread, NULL, read_average, &readers[i]), 0);
        }
        atomic_store(&go, 1);
        made = model_of_average(pair->twin);
        expected = compute(made, pair,
                           &(normnet_predict_options){.struct_size = sizeof(normnet_predict_options),
                                                      .scores = NORMNET_SCORES_LOGITS});
        for (int i = 0; i < READERS; ++i) {
            pthread_join(readers[i].thread, NULL);
            CHECK_OK(readers[i].status);
            CHECK(memcmp(readers[i].scores, expected->scores, sizeof expected->scores) == 0);
        }
        free(expected);
        normnet_model_destroy(made);
    }
    free(readers);
    twins_close(pair);
}

/* ---- Statistics -------------------------------------------------------------------------------- */

static void statistics_of_the_average(const void *argument)
{
    static const struct average_case want = {"", NORMNET_NORM_BATCH, 0.75, 1};
    struct twins *pair = open_averaging(&want);
    const normnet_predict_options average = with_average(NORMNET_STATISTICS_RUNNING);
    normnet_tensor few = pair->images;

    (void)argument;
    few.shape[0] = 7;
    for (int round = 0; round < 3; ++round) {
        normnet_model *made;
        struct outcome *ours, *theirs;

        made = model_of_average(pair->model);
        /* The model stays as it is. */
        CHECK_OK(normnet_update_average_statistics(pair->model, &pair->images, 1));
        CHECK_OK(normnet_update_average_statistics(pair->model, &few, 0));
        for (int32_t i = 0; i < normnet_state_count(made); ++i) {
            const normnet_state_info info = state_info(pair->model, i), twins = state_info(pair->twin, i);

            CHECK(memcmp(info.data, twins.data, state_size(&info)) == 0);
        }
        CHECK_OK(normnet_update_statistics(made, &pair->images, 1));
        CHECK_OK(normnet_update_statistics(made, &few, 0));
        CHECK(average_is(pair->model, made, 1));
        ours = compute(pair->model, pair, &average);
        theirs = compute(made, pair, NULL);
        CHECK(ours->metrics.loss == theirs->metrics.loss);
        CHECK(memcmp(ours->map, theirs->map, sizeof ours->map) == 0);
        free(ours);
        free(theirs);
        /* The next steps lead where they lead without them. */
        train_times(pair, 2);
        CHECK(memcmp(state_info(pair->model, 2).name, "1.bias", 6) == 0);
        CHECK(memcmp(state_info(pair->model, 3).average, state_info(pair->model, 3).data, 16) == 0);
        normnet_model_destroy(made);
    }
    twins_close(pair);
}

static void statistics_are_rejected(const void *argument)
{
    struct twins *pair = open_averaging(&average_cases[0]);
    normnet_tensor one = pair->images;

    (void)argument;
    train_times(pair, 3);
    CHECK_REJECTED(pair, normnet_update_average_statistics(NULL, &pair->images, 1), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_update_average_statistics(pair->model, NULL, 1), NORMNET_EINVAL, "images", "NULL");
    pair->in.floats[70] = pair->in_before.floats[70] = NAN;
    CHECK_REJECTED(pair, normnet_update_average_statistics(pair->model, &pair->float_images, 1), NORMNET_EVALUE, "nan");
    one.shape[0] = TWINS_MOST + 1;
    CHECK_REJECTED(pair, normnet_update_average_statistics(pair->model, &one, 0), NORMNET_EINVAL, "41");
    twins_make_pending(pair);
    CHECK_REJECTED(pair, normnet_update_average_statistics(pair->model, &pair->images, 1), NORMNET_ESTATE, "gradients");
    twins_close(pair);
}

static void nothing_to_update(const void *argument)
{
    struct twins *pair = open_averaging(&average_cases[3]);
    uint64_t hash;

    (void)argument;
    train_times(pair, 3);
    hash = hash_state(pair->model);
    CHECK_OK(normnet_update_average_statistics(pair->model, &pair->images, 1));
    CHECK(hash_state(pair->model) == hash);
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(average_cases); ++i)
        check_case_named(computing_with_the_average, &average_cases[i],
                         "averages: evaluate, predict and layer_output: %s", average_cases[i].name);
    check_case("averages: readers share them right after a step", readers_of_the_average, NULL);
    check_case("averages: update_average_statistics", statistics_of_the_average, NULL);
    check_case("averages: update_average_statistics is rejected", statistics_are_rejected, NULL);
    check_case("averages: update_average_statistics without batch norm", nothing_to_update, NULL);
    return check_end();
}
