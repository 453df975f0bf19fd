/* SPDX-License-Identifier: MIT */
/*
 * Calls that do not fit the state of the model, values that are not finite or out of range, and batches that batch norm
 * cannot take: each is rejected and training continues as if nothing had happened.
 */
#include "harness/twins.h"

/* ---- ESTATE ------------------------------------------------------------------------------------ */

static void apply_without_compute(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_tensor short_labels = pair->labels;

    (void)argument;
    CHECK_REJECTED(pair, normnet_apply_gradients(pair->model, TWINS_IMAGES), NORMNET_ESTATE, "gradients");
    CHECK_OK(normnet_discard_gradients(pair->model));
    CHECK_REJECTED(pair, normnet_apply_gradients(pair->model, TWINS_IMAGES), NORMNET_ESTATE, "gradients");
    /* A failed compute does not count. */
    short_labels.shape[0] = 1;
    CHECK_STATUS(normnet_compute_gradients(pair->model, &pair->images, &short_labels, NULL, NULL), NORMNET_EINVAL);
    CHECK_REJECTED(pair, normnet_apply_gradients(pair->model, TWINS_IMAGES), NORMNET_ESTATE, "gradients");
    /* Neither does one that was discarded. */
    CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
    CHECK_OK(normnet_discard_gradients(pair->model));
    CHECK_REJECTED(pair, normnet_apply_gradients(pair->model, TWINS_IMAGES), NORMNET_ESTATE, "gradients");
    twins_close(pair);
}

static void step_while_gradients_are_pending(const void *argument)
{
    const int32_t *norm = argument;
    struct twins *pair = twins_open(*norm);

    twins_make_pending(pair);
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &pair->images, &pair->labels, &pair->out.metrics),
                   NORMNET_ESTATE, "gradients");
    CHECK_REJECTED(pair, normnet_update_statistics(pair->model, &pair->images, 0), NORMNET_ESTATE, "gradients");
    CHECK_REJECTED(pair, normnet_update_statistics(pair->model, &pair->images, 1), NORMNET_ESTATE, "gradients");
    /* Wrong arguments while gradients are pending. */
    CHECK_REJECTED(pair, normnet_compute_gradients(pair->model, &pair->labels, &pair->images, NULL, NULL),
                   NORMNET_EUNSUPPORTED, "i64");
    CHECK_REJECTED(pair, normnet_apply_gradients(pair->model, 0), NORMNET_EINVAL, "images_in_all", "0");
    CHECK_REJECTED(pair, normnet_apply_gradients(pair->model, -1), NORMNET_EINVAL, "images_in_all", "-1");
    CHECK_REJECTED(pair, normnet_apply_gradients(pair->model, INT64_MIN), NORMNET_EINVAL, "images_in_all",
                   "-9223372036854775808");
    twins_close(pair);
}

static void schedule_sets_the_rate(const void *argument)
{
    const int32_t schedules[] = {NORMNET_SCHEDULE_STEP, NORMNET_SCHEDULE_ONE_CYCLE};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(schedules); ++i) {
        normnet_config config = twins_config(NORMNET_NORM_GROUP);
        struct twins *pair;

        config.schedule = schedules[i];
        config.total_steps = 100;
        pair = twins_open_config(&config);
        CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, 0.5, 0.5), NORMNET_ESTATE, "config.schedule is ",
                       "only that of a constant schedule (0) can be changed");
        twins_close(pair);
    }
}

static void one_cycle_ends(const void *argument)
{
    const int32_t *norm = argument;
    normnet_config config = twins_config(*norm);
    normnet_metrics before = metrics_init(), after = metrics_init();
    struct twins *pair;

    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.total_steps = 3;
    pair = twins_open_config(&config);
    for (int i = 0; i < 3; ++i)
        twins_advance(__FILE__, __LINE__, "a step", pair);
    CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, &before, NULL, NULL));
    for (int i = 0; i < 2; ++i) {
        const char *const words[] = {"one-cycle", "3", NULL};
        normnet_status status = normnet_train_step(pair->model, &pair->images, &pair->labels, &pair->out.metrics);

        CHECK_STATUS(status, NORMNET_ESTATE);
        check_message(__FILE__, __LINE__, "a fourth step", words);
        check_untouched(__FILE__, __LINE__, "a fourth step", pair);
        status = normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, &pair->out.metrics);
        CHECK_STATUS(status, NORMNET_ESTATE);
        check_message(__FILE__, __LINE__, "a fourth compute", words);
        check_untouched(__FILE__, __LINE__, "a fourth compute", pair);
    }
    /* It still predicts, and no step has been counted. */
    CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, &after, NULL, NULL));
    CHECK(memcmp(&before, &after, sizeof before) == 0);
    CHECK_EQUAL(after.step, 3);
    twins_close(pair);
}

/* ---- Numbers ----------------------------------------------------------------------------------- */

static void rates_out_of_range(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    normnet_config config = twins_config(NORMNET_NORM_GROUP);

    (void)argument;
    CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, -0.25, 0.5), NORMNET_EVALUE, "lr", "-0.25");
    CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, NAN, 0.5), NORMNET_EVALUE, "lr", "nan");
    CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, INFINITY, 0.5), NORMNET_EVALUE, "lr", "inf");
    CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, 1.5e30, 0.5), NORMNET_EVALUE, "lr", "1.5e+30");
    CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, 0.25, -0.5), NORMNET_EVALUE, "momentum", "-0.5");
    CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, 0.25, 1.5e30), NORMNET_EVALUE, "momentum", "1.5e+30");
    CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, 0.25, NAN), NORMNET_EVALUE, "momentum", "nan");
    CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, 0.25, -INFINITY), NORMNET_EVALUE, "momentum", "-inf");
    twins_close(pair);
    config.nesterov = 1;
    pair = twins_open_config(&config);
    CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, 0.25, 0.0), NORMNET_EINVAL, "momentum", "nesterov");
    twins_close(pair);
}

/* A rate that makes a weight overflow: the first step that would overflow is rejected. */
static void explosion(const void *argument)
{
    const int32_t *norm = argument;
    struct twins *pair = twins_open(*norm);
    const double rates[] = {1e30, 1e29, 1e25};

    for (int i = 0; i < CHECK_COUNT(rates); ++i) {
        const char *const words[] = {NULL};
        normnet_status status = NORMNET_OK;

        CHECK_OK(normnet_set_learning_rate(pair->model, rates[i], 0.9));
        CHECK_OK(normnet_set_learning_rate(pair->twin, rates[i], 0.9));
        for (int step = 0; step < 40 && status == NORMNET_OK; ++step) {
            pair->fingerprint = hash_model(pair->model);
            status = normnet_train_step(pair->model, &pair->images, &pair->labels, NULL);
            if (status == NORMNET_OK)
                CHECK_OK(normnet_train_step(pair->twin, &pair->images, &pair->labels, NULL));
        }
        if (!CHECK_STATUS(status, NORMNET_EVALUE))
            break;
        check_message(__FILE__, __LINE__, "an exploding step", words);
        check_untouched(__FILE__, __LINE__, "an exploding step", pair);
        /* The weights are huge by now: set smaller ones so that training can continue. */
        {
            const int64_t count = normnet_parameter_count(pair->model);
            float *values = check_allocate((size_t)count, sizeof *values);
            struct random_stream random = {5};

            for (int64_t j = 0; j < count; ++j)
                values[j] = (float)random_uniform(&random, -0.3, 0.3);
            CHECK_OK(normnet_set_parameters(pair->model, values, count));
            CHECK_OK(normnet_set_parameters(pair->twin, values, count));
            free(values);
        }
        CHECK(hash_state(pair->model) == hash_state(pair->twin));
        CHECK_OK(normnet_set_learning_rate(pair->model, 0.0, 0.0));
        CHECK_OK(normnet_set_learning_rate(pair->twin, 0.0, 0.0));
        twins_advance(__FILE__, __LINE__, "an exploding step", pair);
    }
    twins_close(pair);
}

/* The gradient is finite, but the weights or the momentum after it are not: the update is rejected as a whole. */
static void update_overflows(const void *argument)
{
    const int32_t *norm = argument;
    normnet_config config = twins_config(*norm);
    struct twins *pair;

    config.l2 = 1e30; /* a gradient of 1e30 times the weights */
    for (int i = 0; i < 2; ++i) {
        config.lr = i == 0 ? 1e30 : 0.0;
        pair = twins_open_config(&config);
        if (i == 0) {
            normnet_status status = normnet_train_step(pair->model, &pair->images, &pair->labels, &pair->out.metrics);

            CHECK_STATUS(status, NORMNET_EVALUE);
            check_untouched(__FILE__, __LINE__, "a step whose weights overflow", pair);
            /* With a rate of 0 the twins continue. */
            CHECK_OK(normnet_set_learning_rate(pair->model, 0.0, 0.0));
            CHECK_OK(normnet_set_learning_rate(pair->twin, 0.0, 0.0));
        }
        twins_advance(__FILE__, __LINE__, "a step whose weights overflow", pair);
        twins_make_pending(pair);
        CHECK_OK(normnet_set_learning_rate(pair->model, 1e30, 0.5));
        pair->fingerprint = hash_model(pair->model);
        {
            const normnet_status status = normnet_apply_gradients(pair->model, TWINS_IMAGES);

            CHECK_STATUS(status, NORMNET_EVALUE);
            check_untouched(__FILE__, __LINE__, "an apply whose weights overflow", pair);
        }
        CHECK_OK(normnet_set_learning_rate(pair->model, 0.0, 0.0));
        CHECK_OK(normnet_set_learning_rate(pair->twin, 0.0, 0.0));
        twins_advance(__FILE__, __LINE__, "an apply whose weights overflow", pair);
        twins_close(pair);
    }
}

/* Finite pixels that overflow inside the network: the loss or a gradient is not finite. */
static void overflow_inside(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_NONE);

    (void)argument;
    for (int i = 0; i < TWINS_IMAGES * TWINS_PIXELS; ++i)
        pair->in.floats[i] = i % 2 ? 3e38f : -3e38f;
    memcpy(&pair->in_before, &pair->in, sizeof pair->in);
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &pair->float_images, &pair->labels, &pair->out.metrics),
                   NORMNET_EVALUE, "loss");
    CHECK_REJECTED(pair,
                   normnet_compute_gradients(pair->model, &pair->float_images, &pair->labels, NULL, &pair->out.metrics),
                   NORMNET_EVALUE, "loss");
    twins_make_pending(pair);
    CHECK_REJECTED(pair,
                   normnet_compute_gradients(pair->model, &pair->float_images, &pair->labels, NULL, &pair->out.metrics),
                   NORMNET_EVALUE, "loss");
    twins_close(pair);
}

/* The running variance of pixels near the largest float would not be finite. */
static void statistics_overflow(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct twins *pair;

    (void)argument;
    config.architecture = "norm conv3-4 relu norm gap conv1-10";
    pair = twins_open_config(&config);
    for (int i = 0; i < TWINS_IMAGES * TWINS_PIXELS; ++i)
        pair->in.floats[i] = i % 2 ? 3e38f : -3e38f;
    memcpy(&pair->in_before, &pair->in, sizeof pair->in);
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &pair->float_images, &pair->labels, &pair->out.metrics),
                   NORMNET_EVALUE, "statistic");
    CHECK_REJECTED(pair, normnet_update_statistics(pair->model, &pair->float_images, 0), NORMNET_EVALUE, "statistic");
    CHECK_REJECTED(pair, normnet_update_statistics(pair->model, &pair->float_images, 1), NORMNET_EVALUE, "statistic");
    twins_close(pair);
}

/* The caller may change gradients between compute and apply, even to invalid values. */
static void gradients_corrupted_by_the_caller(const void *argument)
{
    const double wrong[] = {NAN, INFINITY, -INFINITY, 1e308};
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    double *values, before;
    int64_t count;

    (void)argument;
    twins_make_pending(pair);
    for (int i = 0; i < CHECK_COUNT(wrong); ++i) {
        const char *const words[] = {NULL};
        normnet_status status;

        CHECK_OK(normnet_gradients(pair->model, &values, &count));
        before = values[count - 1];
        values[count - 1] = wrong[i];
        pair->fingerprint = hash_model(pair->model);
        status = normnet_apply_gradients(pair->model, 1);
        CHECK_STATUS(status, NORMNET_EVALUE);
        check_message(__FILE__, __LINE__, "apply", words);
        check_untouched(__FILE__, __LINE__, "apply of a gradient that is not finite", pair);
        values[count - 1] = before;
        twins_advance(__FILE__, __LINE__, "apply of a gradient that is not finite", pair);
    }
    twins_close(pair);
}

/* A network without parameters. */
static void no_entries(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_NONE);
    const float value = 1;
    const normnet_tensor tensor = tensor_1d(NORMNET_F32, &value, 1);
    normnet_model *model;

    (void)argument;
    config.channels = config.classes;
    config.architecture = "gap";
    model = CHECK_CREATE(&config);
    CHECK_STATUS(normnet_set_state(model, "0.weight", &tensor), NORMNET_EMISMATCH);
    CHECK_TEXT(normnet_error_message(), "the model has no entry '0.weight', and no others");
    normnet_model_destroy(model);
}

static void set_state_rejections(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    float values[7] = {1, 1, 1, 1, 1, 1, 1};
    int64_t count = -1;
    normnet_tensor tensor = tensor_1d(NORMNET_F32, values, 4);
    const normnet_tensor seven = tensor_1d(NORMNET_F32, values, 7), plane = tensor_2d(NORMNET_F32, values, 2, 2);
    normnet_tensor scalar;
    struct twins *pair = twins_open_config(&config);
    float *parameters;
    int64_t parameter_count;

    (void)argument;
    normnet_tensor_init(&scalar, NORMNET_I64, &count, 0, NULL);
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.unknown", &tensor), NORMNET_EMISMATCH, "1.unknown");
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "", &tensor), NORMNET_EMISMATCH, "''");
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.wieght", &tensor), NORMNET_EMISMATCH, "mean '1.weight'?");
    /* The first of several that are as near. */
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "2.weight", &tensor), NORMNET_EMISMATCH, "mean '0.weight'?");
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.weight", &seven), NORMNET_EMISMATCH, "1.weight", "7");
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.weight", &plane), NORMNET_EMISMATCH, "1.weight", "2x2");
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.weight", &scalar), NORMNET_EMISMATCH, "1.weight", "i64");
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.num_batches_tracked", &tensor), NORMNET_EMISMATCH,
                   "1.num_batches_tracked");
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.num_batches_tracked", &scalar), NORMNET_EVALUE,
                   "1.num_batches_tracked", "-1");
    values[3] = NAN;
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.weight", &tensor), NORMNET_EVALUE, "1.weight", "3", "nan");
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.running_mean", &tensor), NORMNET_EVALUE, "1.running_mean",
                   "nan");
    values[3] = -INFINITY;
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.bias", &tensor), NORMNET_EVALUE, "1.bias", "-inf");
    values[3] = -0.5f;
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.running_var", &tensor), NORMNET_EVALUE, "1.running_var",
                   "-0.5");
    tensor.struct_size = 8;
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.weight", &tensor), NORMNET_EINVAL, "struct_size", "8");
    parameter_count = normnet_parameter_count(pair->model);
    parameters = check_allocate((size_t)parameter_count, sizeof *parameters);
    CHECK_REJECTED(pair, normnet_set_parameters(pair->model, parameters, parameter_count - 1), NORMNET_EMISMATCH,
                   "parameters");
    CHECK_REJECTED(pair, normnet_set_parameters(pair->model, parameters, parameter_count + 1), NORMNET_EMISMATCH,
                   "parameters");
    CHECK_REJECTED(pair, normnet_set_parameters(pair->model, parameters, -1), NORMNET_EMISMATCH, "-1");
    parameters[parameter_count - 1] = INFINITY;
    CHECK_REJECTED(pair, normnet_set_parameters(pair->model, parameters, parameter_count), NORMNET_EVALUE, "inf");
    free(parameters);
    twins_close(pair);
}

/* num_batches_tracked saturates at INT64_MAX. */
static void batches_beyond_counting(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    int64_t count = INT64_MAX;
    normnet_tensor scalar;
    normnet_state_info info;
    struct twins *pair;

    (void)argument;
    config.cumulative_statistics = 1;
    pair = twins_open_config(&config);
    normnet_tensor_init(&scalar, NORMNET_I64, &count, 0, NULL);
    CHECK_OK(normnet_set_state(pair->model, "1.num_batches_tracked", &scalar));
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, NULL));
    CHECK_OK(normnet_update_statistics(pair->model, &pair->images, 0));
    for (int32_t i = 0; i < normnet_state_count(pair->model); ++i) {
        info = state_info(pair->model, i);
        if (strcmp(info.name, "1.num_batches_tracked") == 0) {
            CHECK_EQUAL(*(const int64_t *)info.data, INT64_MAX);
        } else if (strcmp(info.name, "1.running_var") == 0) {
            CHECK(*(const float *)info.data >= 0.0f);
        }
    }
    twins_close(pair);
}

/* ---- Batch norm over a single value ------------------------------------------------------------ */

/*
 * The second batch norm sees one value per channel of one image; the first sees many and must not change its
 * statistics.
 */
static void single_value(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    normnet_tensor one, label, scores, map;
    struct twins *pair;

    (void)argument;
    config.architecture = "conv3-4 norm relu gap norm conv1-10";
    pair = twins_open_config(&config);
    twins_advance(__FILE__, __LINE__, "creation", pair);
    one = tensor_images(NORMNET_U8, pair->in.bytes, 1, &config);
    label = tensor_1d(NORMNET_I64, pair->in.digits, 1);
    scores = tensor_2d(NORMNET_F32, pair->out.scores, 1, TWINS_CLASSES);
    map = pair->map;
    map.shape[0] = map.shape[2] = map.shape[3] = 1;
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &one, &label, &pair->out.metrics), NORMNET_EINVAL, "layer 4",
                   "norm", "1");
    CHECK_REJECTED(pair, normnet_compute_gradients(pair->model, &one, &label, NULL, &pair->out.metrics), NORMNET_EINVAL,
                   "layer 4");
    CHECK_REJECTED(pair, normnet_update_statistics(pair->model, &one, 0), NORMNET_EINVAL, "layer 4");
    CHECK_REJECTED(pair, normnet_update_statistics(pair->model, &one, 1), NORMNET_EINVAL, "layer 4");
    CHECK_REJECTED(pair, normnet_evaluate(pair->model, &one, &label, &pair->out.metrics, pair->out.confusion, &batch),
                   NORMNET_EINVAL, "layer 4");
    CHECK_REJECTED(pair, normnet_predict(pair->model, &one, &scores, NULL, &batch), NORMNET_EINVAL, "layer 4");
    CHECK_REJECTED(pair, normnet_layer_output(pair->model, &one, 4, &map, &batch), NORMNET_EINVAL, "layer 4");
    /* With running statistics one image is enough; with batch statistics, two are. */
    CHECK_OK(normnet_predict(pair->model, &one, &scores, NULL, NULL));
    one.shape[0] = label.shape[0] = 2;
    CHECK_OK(normnet_train_step(pair->model, &one, &label, NULL));
    twins_close(pair);
}

/* ---- Batches ----------------------------------------------------------------------------------- */

static void batch_out_of_range(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    normnet_batch batch;

    (void)argument;
    normnet_batch_init(&batch);
    batch.first_sample = -1;
    CHECK_REJECTED(pair,
                   normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, &pair->out.metrics),
                   NORMNET_EINVAL, "first_sample", "-1");
    batch.first_sample = INT64_MAX;
    CHECK_REJECTED(pair,
                   normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, &pair->out.metrics),
                   NORMNET_EINVAL, "first_sample", "9223372036854775807");
    batch.first_sample = 0;
    batch.images_in_all = -1;
    CHECK_REJECTED(pair,
                   normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, &pair->out.metrics),
                   NORMNET_EINVAL, "images_in_all", "-1");
    batch.images_in_all = TWINS_IMAGES - 1;
    CHECK_REJECTED(pair,
                   normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, &pair->out.metrics),
                   NORMNET_EINVAL, "images_in_all", "32");
    batch.images_in_all = (int64_t)1 << 32;
    CHECK_REJECTED(pair,
                   normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, &pair->out.metrics),
                   NORMNET_EINVAL, "images_in_all", "4294967296");
    batch.images_in_all = 0;
    batch.reserved = 3;
    CHECK_REJECTED(pair,
                   normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, &pair->out.metrics),
                   NORMNET_EINVAL, "reserved", "3");
    batch.reserved = 0;
    batch.first_sample = 1;
    batch.images_in_all = TWINS_IMAGES;
    CHECK_REJECTED(pair,
                   normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, &pair->out.metrics),
                   NORMNET_EINVAL, "images_in_all", "33");
    twins_close(pair);
}

/* Dropout numbers the images of a batch in 32 bits. */
static void images_beyond_counting(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    normnet_batch batch = {.struct_size = sizeof batch};

    (void)argument;
    batch.first_sample = (int64_t)UINT32_MAX - TWINS_IMAGES;
    CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, NULL));
    CHECK_OK(normnet_discard_gradients(pair->model));
    batch.first_sample += 1;
    CHECK_REJECTED(pair, normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, NULL),
                   NORMNET_EINVAL, "first_sample", "4294967263");
    batch.first_sample = (int64_t)1 << 32;
    CHECK_REJECTED(pair, normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, NULL),
                   NORMNET_EINVAL, "first_sample", "4294967296");
    twins_close(pair);
}

static void layers_and_entries_out_of_range(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    const int32_t layers = normnet_layer_count(pair->model), entries = normnet_state_count(pair->model);
    const int32_t wrong_layers[] = {-1, INT32_MIN, INT32_MAX, layers},
                  wrong_entries[] = {-1, INT32_MIN, INT32_MAX, entries};
    char value[32];

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(wrong_layers); ++i) {
        snprintf(value, sizeof value, "%d", wrong_layers[i]);
        CHECK_REJECTED(pair, normnet_layer(pair->model, wrong_layers[i], &pair->out.layer), NORMNET_EINVAL, value);
        CHECK_REJECTED(pair, normnet_layer_output(pair->model, &pair->images, wrong_layers[i], &pair->map, NULL),
                       NORMNET_EINVAL, value);
        snprintf(value, sizeof value, "%d", wrong_entries[i]);
        CHECK_REJECTED(pair, normnet_state(pair->model, wrong_entries[i], &pair->out.state), NORMNET_EINVAL, value);
    }
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("state: apply without compute is ESTATE", apply_without_compute, NULL);
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        check_case_named(step_while_gradients_are_pending, &norm,
                         "state: a step while gradients are pending is ESTATE, norm %s", norm_name(norm));
        check_case_named(one_cycle_ends, &norm, "state: a one-cycle step past the end is ESTATE, norm %s",
                         norm_name(norm));
        check_case_named(explosion, &norm, "value: an exploding step is EVALUE and changes nothing, norm %s",
                         norm_name(norm));
        check_case_named(update_overflows, &norm,
                         "value: an update that overflows is EVALUE and changes nothing, norm %s", norm_name(norm));
    }
    check_case("state: set_learning_rate under a schedule is ESTATE", schedule_sets_the_rate, NULL);
    check_case("value: learning rates out of range are EVALUE", rates_out_of_range, NULL);
    check_case("value: a loss that is not finite is EVALUE", overflow_inside, NULL);
    check_case("value: running statistics that are not finite are EVALUE", statistics_overflow, NULL);
    check_case("value: gradients that the caller made infinite are EVALUE and stay pending",
               gradients_corrupted_by_the_caller, NULL);
    check_case("state entries: other names and shapes are EMISMATCH, other values EVALUE", set_state_rejections, NULL);
    check_case("state entries: set_state of a model without entries is EMISMATCH", no_entries, NULL);
    check_case("state entries: num_batches_tracked saturates", batches_beyond_counting, NULL);
    check_case("batch norm: over a single value it is EINVAL, all statistics unchanged", single_value, NULL);
    check_case("compute_gradients: an invalid normnet_batch is EINVAL", batch_out_of_range, NULL);
    check_case("compute_gradients: images beyond 2^32 - 1 are EINVAL", images_beyond_counting, NULL);
    check_case("layers and state entries out of range are EINVAL", layers_and_entries_out_of_range, NULL);
    return check_end();
}
