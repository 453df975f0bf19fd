/* SPDX-License-Identifier: MIT */
/*
 * What the header promises about training besides the numbers (test_gradients, test_golden_steps): what the metrics
 * mean, that train_step is compute and apply, what gradients hold between the two, and what set_state leaves alone.
 */
#include "harness/twins.h"

static double sum_of_penalty(const normnet_model *model, double l1, double l2)
{
    double penalty = 0.0;

    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);
        const float *values = info.data;

        for (int64_t j = 0; info.trained && j < state_length(&info); ++j)
            penalty += l1 * fabs((double)values[j]) + l2 / 2.0 * (double)values[j] * (double)values[j];
    }
    return penalty;
}

/* loss, count, correct, penalty, step, lr, momentum, gradient_norm. */
static void metrics_mean_what_they_say(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_GROUP);
    struct twins *pair;
    normnet_metrics before = metrics_init(), step = metrics_init(), computed = metrics_init();
    double penalty, norm = 0.0, *gradients;
    int64_t count;

    (void)argument;
    config.architecture = "conv3-4b norm relu gap conv1-10"; /* no dropout: evaluate sees the same network */
    config.l1 = 1e-3;
    config.l2 = 1e-2;
    config.lr = 0.125;
    config.momentum = 0.75;
    config.label_smoothing = 0.25;
    pair = twins_open_config(&config);
    for (int n = 0; n < 3; ++n) {
        CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, &before, NULL, NULL));
        penalty = sum_of_penalty(pair->model, config.l1, config.l2);
        CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, &step));
        CHECK_CLOSE(step.loss, before.loss, 1e-12 * before.loss);
        CHECK_CLOSE(step.penalty, penalty, 1e-12 * penalty);
        CHECK_EQUAL(step.count, TWINS_IMAGES);
        CHECK_EQUAL(before.count, TWINS_IMAGES);
        CHECK_EQUAL(step.correct, before.correct);
        CHECK_EQUAL(before.step, n);
        CHECK_EQUAL(step.step, n + 1);
        CHECK(step.lr == 0.125 && step.momentum == 0.75);
        CHECK(before.penalty == 0.0 && before.lr == 0.0 && before.momentum == 0.0 && before.gradient_norm == 0.0);
        CHECK(step.gradient_norm > 0.0);
        CHECK_EQUAL(step.struct_size, (int64_t)sizeof step);
    }
    CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, &computed));
    CHECK(computed.penalty == 0.0 && computed.lr == 0.0 && computed.momentum == 0.0 && computed.gradient_norm == 0.0);
    CHECK_EQUAL(computed.step, 3);
    CHECK_EQUAL(computed.count, TWINS_IMAGES);
    CHECK_OK(normnet_discard_gradients(pair->model));
    twins_close(pair);

    /* The Euclidean norm of the mean gradient, including the penalty, before clipping. */
    config.l1 = 0.0;
    config.l2 = 0.0;
    config.clip_norm = 1e-6;
    pair = twins_open_config(&config);
    CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
    CHECK_OK(normnet_gradients(pair->model, &gradients, &count));
    for (int64_t i = 0; i < count; ++i)
        norm += gradients[i] / TWINS_IMAGES * (gradients[i] / TWINS_IMAGES);
    CHECK_OK(normnet_discard_gradients(pair->model));
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, &step));
    CHECK_CLOSE(step.gradient_norm, sqrt(norm), 1e-12);
    twins_close(pair);
}

/* compute and apply are train_step: same weights, statistics and step, to the bit. */
static void step_is_compute_and_apply(const void *argument)
{
    const int32_t *norm = argument;
    normnet_config config = twins_config(*norm);
    struct twins *pair;

    config.l1 = 1e-4;
    config.clip_norm = 0.5;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.total_steps = 6;
    pair = twins_open_config(&config);
    for (int i = 0; i < 5; ++i) {
        normnet_metrics whole = metrics_init(), half = metrics_init();

        CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, &whole));
        CHECK_OK(normnet_compute_gradients(pair->twin, &pair->images, &pair->labels, NULL, &half));
        CHECK_OK(normnet_apply_gradients(pair->twin, TWINS_IMAGES));
        CHECK(whole.loss == half.loss && whole.correct == half.correct);
        CHECK(hash_state(pair->model) == hash_state(pair->twin));
    }
    twins_close(pair);
}

/* Gradients: zero at first, a sum and not a mean, adding up over calls, cleared by apply and discard. */
static void gradients_add_up(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_LAYER);
    struct twins *pair;
    normnet_tensor first, rest, first_labels, rest_labels;
    normnet_batch batch;
    double *values, *sum, *again;
    int64_t count;

    (void)argument;
    normnet_batch_init(&batch);
    pair = twins_open_config(&config);
    CHECK_OK(normnet_gradients(pair->model, &values, &count));
    CHECK_EQUAL(count, normnet_parameter_count(pair->model));
    for (int64_t i = 0; i < count; ++i)
        if (values[i] != 0.0) {
            CHECK_FAIL("gradient %d is %g before the first compute", (int)i, values[i]);
            break;
        }
    first = tensor_images(NORMNET_U8, pair->in.bytes, 16, &config);
    rest = tensor_images(NORMNET_U8, pair->in.bytes + 16 * TWINS_PIXELS, TWINS_IMAGES - 16, &config);
    first_labels = tensor_1d(NORMNET_U8, pair->in.digits8, 16);
    rest_labels = tensor_1d(NORMNET_U8, pair->in.digits8 + 16, TWINS_IMAGES - 16);
    /* The whole at once ... */
    CHECK_OK(normnet_compute_gradients(pair->twin, &pair->images, &pair->labels, NULL, NULL));
    CHECK_OK(normnet_gradients(pair->twin, &sum, NULL));
    /* ... and in two calls, whose dropout counts on. */
    batch.images_in_all = TWINS_IMAGES;
    CHECK_OK(normnet_compute_gradients(pair->model, &first, &first_labels, &batch, NULL));
    batch.first_sample = 16;
    CHECK_OK(normnet_compute_gradients(pair->model, &rest, &rest_labels, &batch, NULL));
    for (int64_t i = 0; i < count; ++i)
        if (!(fabs(values[i] - sum[i]) <= 1e-12 * (fabs(sum[i]) + 1.0))) {
            CHECK_FAIL("gradient %d is %.17g in two calls and %.17g in one", (int)i, values[i], sum[i]);
            break;
        }
    /* Twice the same is twice as much. */
    again = check_allocate((size_t)count, sizeof *again);
    memcpy(again, sum, (size_t)count * sizeof *again);
    batch.first_sample = 0;
    CHECK_OK(normnet_compute_gradients(pair->twin, &pair->images, &pair->labels, &batch, NULL));
    for (int64_t i = 0; i < count; ++i)
        if (sum[i] != 2.0 * again[i]) {
            CHECK_FAIL("gradient %d is %.17g after two equal calls, expected %.17g", (int)i, sum[i], 2.0 * again[i]);
            break;
        }
    CHECK_OK(normnet_discard_gradients(pair->twin));
    CHECK_OK(normnet_apply_gradients(pair->model, TWINS_IMAGES));
    for (int64_t i = 0; i < count; ++i)
        if (values[i] != 0.0 || sum[i] != 0.0) {
            CHECK_FAIL("gradient %d is still pending after apply or discard", (int)i);
            break;
        }
    free(again);
    twins_close(pair);
}

/* Gradients are the caller's between compute and apply: what is written there is what is applied. */
static void gradients_may_be_changed(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_NONE);
    struct twins *pair;
    normnet_state_info info;
    double *values;
    float *before;
    int64_t count;

    (void)argument;
    config.momentum = 0.0;
    config.lr = 0.5;
    pair = twins_open_config(&config);
    CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
    CHECK_OK(normnet_gradients(pair->model, &values, &count));
    info = state_info(pair->model, 0);
    before = check_allocate((size_t)count, sizeof *before);
    memcpy(before, info.data, (size_t)count * sizeof *before);
    for (int64_t i = 0; i < count; ++i)
        values[i] = (double)(i % 5);
    CHECK_OK(normnet_apply_gradients(pair->model, 4));
    for (int64_t i = 0; i < count; ++i) {
        const float expected = (float)((double)before[i] - 0.5 * ((double)(i % 5) / 4.0));

        if (((const float *)info.data)[i] != expected) {
            CHECK_FAIL("parameter %d is %.9g, expected %.9g", (int)i, (double)((const float *)info.data)[i],
                       (double)expected);
            break;
        }
    }
    free(before);
    twins_close(pair);
}

/* discard forgets gradients and the running statistics that came with them. */
static void discard_forgets(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    const uint64_t before = hash_state(pair->model);

    (void)argument;
    for (int i = 0; i < 3; ++i)
        CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
    CHECK_OK(normnet_discard_gradients(pair->model));
    CHECK(hash_state(pair->model) == before);
    twins_advance(__FILE__, __LINE__, "discard", pair);
    twins_close(pair);
}

/* lr and momentum of every step are those of the pure functions, whatever config.schedule is there. */
static void schedules(const void *argument)
{
    const int32_t kinds[] = {NORMNET_SCHEDULE_STEP, NORMNET_SCHEDULE_ONE_CYCLE};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(kinds); ++i) {
        normnet_config config = twins_config(NORMNET_NORM_NONE), other;
        struct twins *pair;

        config.architecture = "gap conv1-10";
        config.schedule = kinds[i];
        config.step_size = 3;
        config.total_steps = 9;
        config.three_phase = 1;
        pair = twins_open_config(&config);
        other = config;
        other.schedule = NORMNET_SCHEDULE_CONSTANT;
        for (int n = 0; n < 9; ++n) {
            normnet_metrics metrics = metrics_init();
            double lr = -1.0, momentum = -1.0;

            CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, &metrics));
            if (kinds[i] == NORMNET_SCHEDULE_STEP)
                CHECK_OK(normnet_step_lr(&other, n, &lr, &momentum));
            else
                CHECK_OK(normnet_one_cycle_lr(&other, n, &lr, &momentum));
            CHECK(metrics.lr == lr && metrics.momentum == momentum);
        }
        twins_close(pair);
    }
}

static void pure_functions_reject(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_NONE);
    normnet_config config = twins_config(NORMNET_NORM_NONE);
    double *lr = &pair->out.lr, *momentum = &pair->out.momentum;

    (void)argument;
    config.total_steps = 10;
    CHECK_REJECTED(pair, normnet_one_cycle_lr(&config, 10, lr, momentum), NORMNET_ESTATE, "10");
    CHECK_REJECTED(pair, normnet_one_cycle_lr(&config, INT64_MAX, lr, momentum), NORMNET_ESTATE, "9223372036854775807");
    CHECK_REJECTED(pair, normnet_one_cycle_lr(&config, -1, lr, momentum), NORMNET_EINVAL, "-1");
    CHECK_REJECTED(pair, normnet_step_lr(&config, -1, lr, momentum), NORMNET_EINVAL, "-1");
    CHECK_REJECTED(pair, normnet_step_lr(&config, INT64_MIN, lr, momentum), NORMNET_EINVAL, "-9223372036854775808");
    config.total_steps = 0;
    CHECK_REJECTED(pair, normnet_one_cycle_lr(&config, 0, lr, momentum), NORMNET_EINVAL, "total_steps", "0");
    config.total_steps = 10;
    config.pct_start = 2.0;
    CHECK_REJECTED(pair, normnet_one_cycle_lr(&config, 0, lr, momentum), NORMNET_EVALUE, "pct_start", "2");
    config.pct_start = 0.3;
    config.step_size = 0;
    CHECK_REJECTED(pair, normnet_step_lr(&config, 0, lr, momentum), NORMNET_EINVAL, "step_size", "0");
    config.step_size = 1;
    CHECK_OK(normnet_step_lr(&config, INT64_MAX, lr, momentum));
    CHECK(*lr == 0.0);
    twins_blank(pair);
    twins_close(pair);
}

/* Shares cover all images, also where products of numbers of images and ranks leave 64 bits. */
static void shards_of_many_images(const void *argument)
{
    const int64_t images[] = {INT64_MAX, INT64_MAX - 5, ((int64_t)1 << 62) + 3, 1, 0};
    const int32_t ranks[] = {3, 5, 1000, INT32_MAX};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(images); ++i)
        for (int j = 0; j < CHECK_COUNT(ranks); ++j) {
            int64_t first = -1, count = -1, next, after;

            CHECK_OK(normnet_shard(images[i], ranks[j], ranks[j] - 1, &first, &count));
            if (first < 0 || count < 0 || first + count != images[i])
                CHECK_FAIL("the last of %d ranks takes %" PRId64 " of %" PRId64 " images from %" PRId64 " on", ranks[j],
                           count, images[i], first);
            CHECK_OK(normnet_shard(images[i], ranks[j], 0, &next, &after));
            /* Rank 0 takes the left half of every split, so at least half of what is fair. */
            if (after < images[i] / ranks[j] / 2)
                CHECK_FAIL("the first of %d ranks takes %" PRId64 " of %" PRId64 " images", ranks[j], after, images[i]);
            for (int32_t rank = 0; rank < ranks[j] && rank < 20; ++rank) {
                CHECK_OK(normnet_shard(images[i], ranks[j], rank, &first, &count));
                if (count < 0 || (rank == 0 ? first != 0 : first != next))
                    CHECK_FAIL("rank %d of %d takes %" PRId64 " of %" PRId64 " images from %" PRId64 " on", rank,
                               ranks[j], count, images[i], first);
                next = first + count;
            }
        }
}

/* set_learning_rate acts from the next step on, and model_config returns its values. */
static void learning_rate(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    normnet_metrics metrics = metrics_init();
    normnet_config config = {0};

    (void)argument;
    config.struct_size = (int32_t)sizeof config;
    CHECK_OK(normnet_set_learning_rate(pair->model, 0.375, 0.625));
    CHECK_OK(normnet_model_config(pair->model, &config));
    CHECK(config.lr == 0.375 && config.momentum == 0.625);
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, &metrics));
    CHECK(metrics.lr == 0.375 && metrics.momentum == 0.625);
    twins_close(pair);
}

struct reference {
    int64_t count;
    double *parameters, *buffer;
};

/* Stochastic gradient descent as PyTorch has it: the first step with momentum takes its gradient undamped. */
static void reference_step(struct reference *self, const double *gradients, double lr, double momentum,
                           double dampening, int first)
{
    for (int64_t i = 0; i < self->count; ++i) {
        double direction = gradients[i] / TWINS_IMAGES;

        if (momentum != 0.0) {
            direction = first ? direction : momentum * self->buffer[i] + (1.0 - dampening) * direction;
            self->buffer[i] = direction;
        }
        self->parameters[i] -= lr * direction;
    }
}

/* Momentum that was off for a step continues with the buffer that it had, as in PyTorch. */
static void momentum_comes_back(const void *argument)
{
    static const double momenta[] = {0.0, 0.9, 0.0, 0.0, 0.9, 0.5};
    normnet_config config = twins_config(NORMNET_NORM_GROUP);
    struct reference expected = {0};
    double *gradients;
    const float *parameters;
    struct twins *pair;

    (void)argument;
    config.dampening = 0.5;
    config.lr = 0.1;
    pair = twins_open_config(&config);
    CHECK_OK(normnet_gradients(pair->model, &gradients, &expected.count));
    parameters = state_info(pair->model, 0).data;
    expected.parameters = check_allocate((size_t)expected.count, sizeof(double));
    expected.buffer = check_allocate((size_t)expected.count, sizeof(double));
    for (int64_t i = 0; i < expected.count; ++i)
        expected.parameters[i] = (double)parameters[i];
    for (int step = 0; step < CHECK_COUNT(momenta); ++step) {
        CHECK_OK(normnet_set_learning_rate(pair->model, config.lr, momenta[step]));
        CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
        reference_step(&expected, gradients, config.lr, momenta[step], config.dampening, step == 1);
        CHECK_OK(normnet_apply_gradients(pair->model, TWINS_IMAGES));
        for (int64_t i = 0; i < expected.count; ++i)
            CHECK_CLOSE((double)parameters[i], expected.parameters[i], 1e-6);
    }
    free(expected.parameters);
    free(expected.buffer);
    twins_close(pair);
}

/* set_state: pending gradients, momentum and the step stay as they are (running statistics: see test_pending). */
static void set_state_leaves_the_rest(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    float keep[4], other[4] = {0.5f, -2.0f, 0.0f, 1e-3f};
    normnet_tensor tensor = tensor_1d(NORMNET_F32, other, 4), back = tensor_1d(NORMNET_F32, keep, 4), strided;
    const float spaced[] = {0.0f, 4.0f, 0.0f, 3.0f, 0.0f, 2.0f, 0.0f, 1.0f};
    const char *const names[] = {"1.weight", "1.bias"};
    double *gradients, *copy;
    int64_t count;

    (void)argument;
    twins_make_pending(pair);
    CHECK_OK(normnet_gradients(pair->model, &gradients, &count));
    copy = check_allocate((size_t)count, sizeof *copy);
    memcpy(copy, gradients, (size_t)count * sizeof *copy);
    for (int i = 0; i < CHECK_COUNT(names); ++i) {
        const normnet_state_info info = state_info(pair->model, i + 1);

        CHECK_TEXT(info.name, names[i]);
        memcpy(keep, info.data, sizeof keep);
        CHECK_OK(normnet_set_state(pair->model, names[i], &tensor));
        CHECK(memcmp(info.data, other, sizeof other) == 0);
        /* Strides work as in any input: every second value, backwards. */
        strided = tensor_1d(NORMNET_F32, &spaced[7], 4);
        strided.strides[0] = -2;
        CHECK_OK(normnet_set_state(pair->model, names[i], &strided));
        CHECK(((const float *)info.data)[0] == 1.0f && ((const float *)info.data)[3] == 4.0f);
        CHECK(memcmp(copy, gradients, (size_t)count * sizeof *copy) == 0);
        CHECK_OK(normnet_set_state(pair->model, names[i], &back));
    }
    CHECK(hash_state(pair->model) == hash_state(pair->twin));
    twins_advance(__FILE__, __LINE__, "set_state and back", pair);
    CHECK_OK(normnet_set_parameters(pair->model, state_info(pair->twin, 0).data, normnet_parameter_count(pair->twin)));
    twins_advance(__FILE__, __LINE__, "set_parameters", pair);
    free(copy);
    twins_close(pair);
}

/* Weights set from outside are those that predict: derived forms follow. */
static void set_state_is_used(const void *argument)
{
    const int32_t *norm = argument;
    struct twins *pair = twins_open(*norm);
    normnet_config config = twins_config(*norm);
    normnet_model *fresh;
    float *scores = check_allocate(TWINS_IMAGES * TWINS_CLASSES, sizeof *scores);
    normnet_tensor output = tensor_2d(NORMNET_F32, scores, TWINS_IMAGES, TWINS_CLASSES);

    config.seed = 99;
    fresh = CHECK_CREATE(&config);
    for (int32_t i = 0; i < normnet_state_count(fresh); ++i) {
        const normnet_state_info info = state_info(pair->model, i);
        normnet_tensor tensor;

        normnet_tensor_init(&tensor, info.dtype, info.data, info.rank, info.shape);
        CHECK_OK(normnet_set_state(fresh, info.name, &tensor));
    }
    CHECK_OK(normnet_predict(pair->model, &pair->images, &pair->scores, NULL, NULL));
    CHECK_OK(normnet_predict(fresh, &pair->images, &output, NULL, NULL));
    CHECK(memcmp(scores, pair->out.scores, TWINS_IMAGES * TWINS_CLASSES * sizeof *scores) == 0);
    normnet_model_destroy(fresh);
    free(scores);
    twins_close(pair);
}

/* After the calls the library never reads the caller's memory again. */
static void keeps_no_pointer(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    uint8_t *bytes = check_allocate(sizeof pair->in.bytes, 1);
    int64_t *digits = check_allocate(TWINS_MOST, sizeof *digits);
    normnet_tensor *images = check_allocate(1, sizeof *images), *labels = check_allocate(1, sizeof *labels);

    (void)argument;
    memcpy(bytes, pair->in.bytes, sizeof pair->in.bytes);
    memcpy(digits, pair->in.digits, sizeof pair->in.digits);
    *images = tensor_images(NORMNET_U8, bytes, TWINS_IMAGES, &pair->config);
    *labels = tensor_1d(NORMNET_I64, digits, TWINS_IMAGES);
    CHECK_OK(normnet_compute_gradients(pair->model, images, labels, NULL, NULL));
    memset(bytes, 0xFF, sizeof pair->in.bytes);
    memset(digits, 0xFF, sizeof pair->in.digits);
    memset(images, 0xFF, sizeof *images);
    memset(labels, 0xFF, sizeof *labels);
    free(bytes);
    free(digits);
    free(images);
    free(labels);
    CHECK_OK(normnet_apply_gradients(pair->model, TWINS_IMAGES));
    CHECK_OK(normnet_train_step(pair->twin, &pair->images, &pair->labels, NULL));
    CHECK(hash_state(pair->model) == hash_state(pair->twin));
    twins_advance(__FILE__, __LINE__, "freeing the images", pair);
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("metrics: each field is as documented", metrics_mean_what_they_say, NULL);
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        check_case_named(step_is_compute_and_apply, &norm, "train_step: is compute and apply, norm %s",
                         norm_name(norm));
        check_case_named(set_state_is_used, &norm,
                         "set_state: a model with another's state predicts as it does, norm %s", norm_name(norm));
    }
    check_case("gradients: zero, then sums that add up over calls", gradients_add_up, NULL);
    check_case("gradients: the caller's to change before apply", gradients_may_be_changed, NULL);
    check_case("discard_gradients: forgets them and their statistics", discard_forgets, NULL);
    check_case("schedules: each step takes the rates of the pure functions", schedules, NULL);
    check_case("schedules: steps and fields out of range are rejected", pure_functions_reject, NULL);
    check_case("shard: covers any number of images", shards_of_many_images, NULL);
    check_case("set_learning_rate: from the next step on", learning_rate, NULL);
    check_case("set_learning_rate: momentum that comes back", momentum_comes_back, NULL);
    check_case("set_state: leaves gradients, momentum and the step alone", set_state_leaves_the_rest, NULL);
    check_case("ownership: no pointer of the caller is kept", keeps_no_pointer, NULL);
    return check_end();
}
