/* SPDX-License-Identifier: MIT */
/* The average of the weights: what training makes of it, what sets it, and what it takes. */
#include "averages.h"

/* ---- Training ---------------------------------------------------------------------------------- */

/* What header and weight_average.h promise, with the same rounding. */
static void move(float *average, const float *parameters, int64_t count, const struct average_case *want, int64_t step)
{
    const int64_t averaged = step - want->from;
    const double share = want->decay < 1.0 ? 1.0 - want->decay : 1.0 / (double)(averaged + 1);

    for (int64_t i = 0; i < count; ++i)
        average[i] =
            averaged <= 0 ? parameters[i] : (float)(average[i] + share * ((double)parameters[i] - (double)average[i]));
}

static void averages_of_steps(const void *argument)
{
    const struct average_case *want = argument;
    struct twins *pair = open_averaging(want);
    const int64_t count = normnet_parameter_count(pair->model);
    const float *parameters = state_info(pair->model, 0).data, *average = state_info(pair->model, 0).average;
    float *expected = check_allocate((size_t)count, sizeof *expected);
    int64_t trained = 0;

    CHECK(average_is(pair->model, pair->model, 1));
    for (int64_t step = 0; step < 9; ++step) {
        if (step == 5) { /* in two calls */
            normnet_model *before = NULL;

            CHECK_OK(normnet_model_clone(&before, pair->model, NULL));
            CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
            CHECK_OK(normnet_discard_gradients(pair->model));
            CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
            CHECK(hash_bytes(1, average, (size_t)count * 4) ==
                  hash_bytes(1, state_info(before, 0).average, (size_t)count * 4));
            CHECK_OK(normnet_apply_gradients(pair->model, TWINS_IMAGES));
            normnet_model_destroy(before);
        } else {
            CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, NULL));
        }
        move(expected, parameters, count, want, step);
        CHECK(memcmp(expected, average, (size_t)count * sizeof *expected) == 0);
    }
    /* The parameters are one array, the statistics are the model's, and nothing has moved to another address. */
    for (int32_t i = 0; i < normnet_state_count(pair->model); ++i) {
        const normnet_state_info info = state_info(pair->model, i);

        if (info.trained)
            CHECK(info.average == average + trained);
        else
            CHECK(memcmp(info.average, info.data, state_size(&info)) == 0);
        trained += info.trained ? state_length(&info) : 0;
    }
    CHECK_EQUAL(trained, count);
    free(expected);
    twins_close(pair);
}

/* With and without an average, all weights have the same bits. */
static void training_is_not_affected(const void *argument)
{
    const struct average_case *want = argument;
    normnet_config config = averaging_config(want);
    normnet_model *averaging = CHECK_CREATE(&config), *plain;
    struct twins *pair;

    config.average_decay = 0.0;
    pair = twins_open_config(&config);
    plain = pair->model;
    for (int i = 0; i < 6; ++i) {
        CHECK_OK(normnet_train_step(averaging, &pair->images, &pair->labels, NULL));
        CHECK_OK(normnet_train_step(plain, &pair->images, &pair->labels, NULL));
    }
    for (int32_t i = 0; i < normnet_state_count(plain); ++i) {
        const normnet_state_info ours = state_info(averaging, i), theirs = state_info(plain, i);

        CHECK(memcmp(ours.data, theirs.data, state_size(&ours)) == 0);
        CHECK(theirs.average == NULL);
    }
    normnet_model_destroy(averaging);
    twins_close(pair);
}

/* A network of several spans of parameters: threads share their average. */
static uint64_t hash_of(int32_t threads, int32_t cpu, double decay)
{
    enum { COUNT = 19 };
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct twins *inputs = check_allocate(1, sizeof *inputs);
    normnet_model *model = NULL;
    normnet_tensor images, labels;
    uint64_t hash = 0;

    twins_draw(inputs);
    config.architecture = "conv3-16p1b norm relu flatten fc-13b relu fc-10";
    config.threads = threads;
    config.cpu = cpu;
    config.average_decay = decay;
    config.average_from = 1;
    images = tensor_images(NORMNET_U8, inputs->in.bytes, COUNT, &config);
    labels = tensor_1d(NORMNET_U8, inputs->in.digits8, COUNT);
    if (normnet_model_create(&model, &config) == NORMNET_OK) { /* else the machine lacks the instruction set */
        for (int i = 0; i < 5; ++i)
            CHECK_OK(normnet_train_step(model, &images, &labels, NULL));
        CHECK_OK(normnet_update_average_statistics(model, &images, 1));
        CHECK(!average_is(model, model, 0));
        hash = hash_state(model);
    }
    normnet_model_destroy(model);
    free(inputs);
    return hash;
}

static void same_bits(const void *argument)
{
    static const double decays[] = {0.9, 1.0};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(decays); ++i) {
        const uint64_t hash = hash_of(1, NORMNET_CPU_BEST, decays[i]);

        CHECK(hash != 0);
        for (int32_t threads = 2; threads <= 5; ++threads)
            CHECK(hash_of(threads, NORMNET_CPU_BEST, decays[i]) == hash);
        for (int32_t cpu = NORMNET_CPU_PORTABLE; cpu <= NORMNET_CPU_NEON; ++cpu) {
            const uint64_t other = hash_of(2, cpu, decays[i]);

            CHECK(other == hash || other == 0);
        }
    }
}

/* ---- Weights from outside ---------------------------------------------------------------------- */

enum way { BY_PARAMETERS, BY_STATE, BY_FILE, BY_STATISTICS, WAYS };

static void change(struct twins *pair, normnet_model *other, enum way way)
{
    const normnet_save_options options = {.struct_size = sizeof options, .kind = NORMNET_FILE_WEIGHTS};
    const normnet_state_info weight = state_info(other, 0);
    unsigned char *bytes;
    normnet_tensor tensor;
    int64_t size;

    switch (way) {
    case BY_PARAMETERS:
        CHECK_OK(normnet_set_parameters(pair->model, weight.data, normnet_parameter_count(other)));
        break;
    case BY_STATE:
        normnet_tensor_init(&tensor, weight.dtype, weight.data, weight.rank, weight.shape);
        CHECK_OK(normnet_set_state(pair->model, weight.name, &tensor));
        break;
    case BY_FILE:
        CHECK_OK(normnet_model_serialize(other, NULL, 0, &size, &options));
        bytes = check_allocate((size_t)size, 1);
        CHECK_OK(normnet_model_serialize(other, bytes, size, &size, &options));
        CHECK_OK(normnet_deserialize_weights(pair->model, bytes, size));
        free(bytes);
        break;
    default:
        CHECK_OK(normnet_update_statistics(pair->model, &pair->images, 1));
        break;
    }
}

/* Until it begins, the average is what is set; later it stays. */
static void weights_are_set(const void *argument)
{
    static const struct average_case want = {"", NORMNET_NORM_BATCH, 0.75, 2};
    normnet_config config = averaging_config(&want);
    const normnet_predict_options average = with_average(NORMNET_STATISTICS_RUNNING);
    normnet_model *other;

    (void)argument;
    config.seed = 9;
    other = CHECK_CREATE(&config);
    for (int way = 0; way < WAYS; ++way)
        for (int steps = 0; steps < 5; ++steps) {
            struct twins *pair = open_averaging(&want);
            normnet_model *before = NULL;
            normnet_metrics metrics = metrics_init(), averages = metrics_init();

            train_times(pair, steps);
            CHECK_OK(normnet_model_clone(&before, pair->model, NULL));
            change(pair, other, (enum way)way);
            if (steps <= 2)
                CHECK(average_is(pair->model, pair->model, 1));
            else
                for (int32_t i = 0; i < normnet_state_count(before); ++i) {
                    const normnet_state_info ours = state_info(pair->model, i), theirs = state_info(before, i);

                    CHECK(memcmp(ours.average, theirs.average, state_size(&ours)) == 0);
                }
            CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, &metrics, NULL, NULL));
            CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, &averages, NULL, &average));
            CHECK((metrics.loss == averages.loss) == (steps <= 2));
            normnet_model_destroy(before);
            twins_close(pair);
        }
    normnet_model_destroy(other);
}

/* ---- Without an average ------------------------------------------------------------------------ */

static void without_an_average(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    const normnet_predict_options average = with_average(NORMNET_STATISTICS_RUNNING);
    normnet_model *copy = NULL;

    (void)argument;
    CHECK_REJECTED(
        pair,
        normnet_evaluate(pair->model, &pair->images, &pair->labels, &pair->out.metrics, pair->out.confusion, &average),
        NORMNET_ESTATE, "config.average_decay is 0");
    CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->images, &pair->scores, &pair->classes, &average),
                   NORMNET_ESTATE, "config.average_decay is 0");
    CHECK_REJECTED(pair, normnet_layer_output(pair->model, &pair->images, 0, &pair->map, &average), NORMNET_ESTATE,
                   "config.average_decay is 0");
    CHECK_REJECTED(pair, normnet_update_average_statistics(pair->model, &pair->images, 1), NORMNET_ESTATE,
                   "config.average_decay is 0");
    CHECK_REJECTED(pair, normnet_model_clone_average(&copy, pair->model, NULL), NORMNET_ESTATE,
                   "config.average_decay is 0");
    CHECK(copy == NULL);
    twins_close(pair);
}

static int64_t bytes_of(const normnet_config *config)
{
    normnet_model *model = CHECK_CREATE(config);
    char text[8192], *end;

    CHECK(normnet_model_summary(model, text, sizeof text) < (int64_t)sizeof text);
    normnet_model_destroy(model);
    end = strstr(text, " bytes\n");
    while (end > text && end[-1] >= '0' && end[-1] <= '9')
        --end;
    return strtoll(end, NULL, 10);
}

/* "about 12 to 60 bytes per parameter", with alignment */
static void memory_of_the_average(const void *argument)
{
    static const char *const architectures[] = {
        "flatten fc-500b relu fc-10b", "conv1-64 norm relu conv1-64 gap flatten fc-10",
        "conv3-64p1 norm relu conv3-64p1 relu gap conv1-10", "conv5-16 norm relu conv5-32p2 relu gap conv1-10"};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(architectures); ++i) {
        normnet_config config = twins_config(NORMNET_NORM_BATCH);
        normnet_model *model;
        int64_t without, more, parameters;

        config.architecture = architectures[i];
        model = CHECK_CREATE(&config);
        parameters = normnet_parameter_count(model);
        normnet_model_destroy(model);
        without = bytes_of(&config);
        config.average_from = 1000; /* of no average */
        CHECK_EQUAL(bytes_of(&config), without);
        config.average_decay = 0.5;
        more = bytes_of(&config) - without;
        CHECK(more >= 12 * parameters && more <= 60 * parameters + 4096);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(average_cases); ++i) {
        const struct average_case *want = &average_cases[i];

        check_case_named(averages_of_steps, want, "averages: the formula, step by step: %s", want->name);
        check_case_named(training_is_not_affected, want, "averages: training has the same bits: %s", want->name);
    }
    check_case("averages: the same bits with all threads and instruction sets", same_bits, NULL);
    check_case("averages: follow weights that are set until they begin", weights_are_set, NULL);
    check_case("averages: a model without one", without_an_average, NULL);
    check_case("averages: their memory", memory_of_the_average, NULL);
    return check_end();
}
