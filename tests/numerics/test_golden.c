/* SPDX-License-Identifier: MIT */
/*
 * Golden values through the public API, and the table of variances on which naive sums fail.
 *
 * A tensor inside a network is reached by small networks around the layer in question: an input of
 * one-hot channels makes the weights of conv1 the input of the next layer, and their gradient that
 * layer's dx; a last layer with tiny weights, under which all classes are equally likely, hands down
 * any dy.
 */
#include "harness/check_normnet.h"
#include "harness/test_random.h"
#include "reference/golden.h"
#include "reference/reference.h"

static const double float_error = 2e-7; /* relative: a few roundings to float */

static void compare_values(const char *what, const float *values, const double *golden, int count, double tolerance)
{
    double largest = 0;
    int i;
    for (i = 0; i < count; ++i)
        largest = fmax(largest, fabs(golden[i]));
    for (i = 0; i < count; ++i) {
        if (!(fabs(values[i] - golden[i]) <= tolerance * largest))
            CHECK_FAIL("%s[%d] is %.9g, expected %.9g", what, i, values[i], golden[i]);
    }
}

static normnet_config small_config(int norm, const char *architecture, int channels, int height, int width, int classes)
{
    normnet_config config;
    CHECK_OK(normnet_config_init(&config, norm));
    config.architecture = architecture;
    config.channels = channels;
    config.height = height;
    config.width = width;
    config.classes = classes;
    return config;
}

/* The output of a layer that is not after flatten. */
static void layer_output(normnet_model *model, const normnet_tensor *images, int layer, int statistics, float *values)
{
    const normnet_layer_info info = layer_info(model, layer);
    const int64_t shape[] = {images->shape[0], info.channels, info.height, info.width};
    const normnet_predict_options options = options_init(0, statistics);
    normnet_tensor output;
    normnet_tensor_init(&output, NORMNET_F32, values, 4, shape);
    CHECK_OK(normnet_layer_output(model, images, layer, &output, &options));
}

/* ---- Configuration and schedules ------------------------------------------------------------- */

static void defaults(const void *argument)
{
    normnet_config config, expected;
    int norm;
    (void)argument;
    for (norm = NORMNET_NORM_NONE; norm <= NORMNET_NORM_INSTANCE; ++norm) {
        memset(&config, 0xa5, sizeof config);
        reference_config_init(&expected, norm);
        CHECK_OK(normnet_config_init(&config, norm));
        CHECK(memcmp(&config, &expected, sizeof config) == 0);
    }
}

static void golden_schedules(const void *argument)
{
    normnet_config config;
    double lr, momentum;
    int i;
    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    for (i = 0; i < CHECK_COUNT(golden_one_cycles); ++i) {
        const golden_one_cycle *golden = &golden_one_cycles[i];
        config.total_steps = golden->total_steps;
        config.max_lr = golden->max_lr;
        config.anneal = golden->anneal;
        config.three_phase = golden->three_phase;
        CHECK_OK(normnet_one_cycle_lr(&config, golden->step, &lr, &momentum));
        CHECK_CLOSE(lr, golden->lr, golden_schedule_tolerance * golden->max_lr);
        if (golden->momentum > 0)
            CHECK_CLOSE(momentum, golden->momentum, golden_schedule_tolerance);
    }
    config.step_size = 6;
    for (i = 0; i < CHECK_COUNT(golden_step); ++i) {
        CHECK_OK(normnet_step_lr(&config, golden_step[i], &lr, &momentum));
        CHECK_CLOSE(lr, golden_step_lr[i], 1e-17);
        CHECK_CLOSE(momentum, 0.9, 0);
    }
}

static void schedule_limits(const void *argument)
{
    normnet_config config;
    double lr = -1, momentum = -1;
    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.total_steps = 10;
    CHECK_STATUS(normnet_one_cycle_lr(&config, 10, &lr, &momentum), NORMNET_ESTATE);
    CHECK_STATUS(normnet_one_cycle_lr(&config, INT64_MAX, &lr, &momentum), NORMNET_ESTATE);
    CHECK_STATUS(normnet_one_cycle_lr(&config, -1, &lr, &momentum), NORMNET_EINVAL);
    CHECK_STATUS(normnet_step_lr(&config, -1, &lr, &momentum), NORMNET_EINVAL);
    CHECK_CLOSE(lr, -1, 0);
    CHECK_CLOSE(momentum, -1, 0);
    CHECK_OK(normnet_one_cycle_lr(&config, 9, &lr, NULL));
    CHECK_OK(normnet_one_cycle_lr(&config, 9, NULL, &momentum));
    CHECK_CLOSE(lr, 6e-8, 1e-22);
    CHECK_CLOSE(momentum, 0.95, 0);
    config.cycle_momentum = 0;
    CHECK_OK(normnet_one_cycle_lr(&config, 2, &lr, &momentum));
    CHECK_CLOSE(momentum, 0.9, 0);
}

/* Any one-cycle against the reference, among them rises of less than a step and peaks between steps. */
static void many_schedules(const void *argument)
{
    random_stream random = {3};
    int i;
    (void)argument;
    for (i = 0; i < 3000; ++i) {
        normnet_config config;
        double lr, momentum, expected_lr, expected_momentum, rise;
        int64_t step;
        CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
        config.total_steps = 1 + random_below(&random, i % 2 ? 12 : 100000);
        config.pct_start = random_below(&random, 8) == 0 ? 0 : random_uniform(&random, 0, 0.5);
        config.max_lr = random_uniform(&random, 1e-4, 2);
        config.div_factor = random_uniform(&random, 1, 100);
        config.final_div_factor = random_uniform(&random, 1, 1e5);
        config.anneal = random_below(&random, 2);
        config.three_phase = random_below(&random, 2);
        rise = config.pct_start * (double)config.total_steps;
        if (fabs(rise - 1) < 1e-6 || (config.three_phase && rise < 1))
            continue; /* a phase of no length */
        step = random_below(&random, (int)config.total_steps);
        reference_one_cycle(&config, step, &expected_lr, &expected_momentum);
        CHECK_OK(normnet_one_cycle_lr(&config, step, &lr, &momentum));
        CHECK_CLOSE(lr, expected_lr, 1e-13 * config.max_lr);
        CHECK_CLOSE(momentum, expected_momentum, 1e-13);
    }
}

/* pct_start * total_steps = 1 divides by zero in the formula, pct_start = 1 has no descent. */
static void schedules_without_a_phase(const void *argument)
{
    static const struct {
        int steps;
        double pct_start;
        int three_phase;
    } cases[] = {{10, 0.1, 0}, {10, 0.1, 1}, {1, 1, 0}, {1, 0, 0}, {1, 0.5, 1},
                 {2, 0.5, 0},  {4, 1, 0},    {4, 0, 1}, {4, 1, 1}, {3, 0.9, 1}};
    int i, step, anneal;
    (void)argument;
    for (i = 0; i < CHECK_COUNT(cases); ++i)
        for (anneal = 0; anneal < 2; ++anneal)
            for (step = 0; step < cases[i].steps; ++step) {
                normnet_config config;
                double lr = -1, momentum = -1;
                CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
                config.total_steps = cases[i].steps;
                config.pct_start = cases[i].pct_start;
                config.three_phase = cases[i].three_phase;
                config.anneal = anneal;
                CHECK_OK(normnet_one_cycle_lr(&config, step, &lr, &momentum));
                if (!(lr >= 0 && lr <= config.max_lr * (1 + 1e-15) && momentum >= config.base_momentum - 1e-15 &&
                      momentum <= config.max_momentum + 1e-15))
                    CHECK_FAIL("step %d of %d, pct_start %g, %d phases: lr %g, momentum %g", step, cases[i].steps,
                               cases[i].pct_start, 2 + cases[i].three_phase, lr, momentum);
            }
}

/* ---- Input, loss ----------------------------------------------------------------------------- */

static void golden_input(const void *argument)
{
    const double mean = 0.1307, std = 0.3081;
    normnet_config config = small_config(NORMNET_NORM_NONE, "norm conv1-2 gap", 1, 1, 256, 2);
    float x[256], golden[5];
    uint8_t pixels[256];
    normnet_tensor images;
    normnet_model *model;
    int i;
    (void)argument;
    config.input_mean = &mean;
    config.input_std = &std;
    for (i = 0; i < 256; ++i)
        pixels[i] = (uint8_t)i;
    model = CHECK_CREATE(&config);
    images = tensor_images(NORMNET_U8, pixels, 1, &config);
    layer_output(model, &images, 0, NORMNET_STATISTICS_RUNNING, x);
    for (i = 0; i < 5; ++i)
        golden[i] = x[golden_pixel[i]];
    compare_values("x", golden, golden_pixel_scaled, 5, float_error / 2);
    for (i = 0; i < 256; ++i)
        CHECK_CLOSE(x[i], (i / 255.0 - mean) / std, float_error * 2.8214867); /* of the largest */
    normnet_model_destroy(model);
}

/* Logits that are biases: the gradient of the biases is that of the logits. */
static void golden_log_softmax(const void *argument)
{
    int smooth, label;
    (void)argument;
    for (smooth = 0; smooth < 2; ++smooth) {
        normnet_config config = small_config(NORMNET_NORM_NONE, "flatten fc-3b", 1, 1, 1, 3);
        const float parameters[] = {0, 0, 0, 1, 2, 3}, pixel = 1;
        const normnet_predict_options options = options_init(NORMNET_SCORES_LOG_PROBABILITIES, 0);
        float scores[3];
        normnet_tensor images, output = tensor_2d(NORMNET_F32, scores, 1, 3);
        normnet_model *model;
        config.label_smoothing = smooth ? 0.1 : 0;
        images = tensor_images(NORMNET_F32, &pixel, 1, &config);
        model = CHECK_CREATE(&config);
        CHECK_OK(normnet_set_parameters(model, parameters, 6));
        CHECK_OK(normnet_predict(model, &images, &output, NULL, &options));
        compare_values("log probabilities", scores, golden_log_probabilities, 3, float_error);
        for (label = 1; label < 3; ++label) {
            normnet_tensor labels = tensor_1d(NORMNET_I32, &label, 1);
            normnet_metrics metrics = metrics_init();
            double *gradient = NULL;
            int i;
            CHECK_OK(normnet_compute_gradients(model, &images, &labels, NULL, &metrics));
            CHECK_OK(normnet_gradients(model, &gradient, NULL));
            for (i = 0; i < 3 && label == 1 && gradient != NULL; ++i) {
                CHECK_CLOSE(gradient[3 + i], smooth ? golden_smooth_dlogits[i] : golden_dlogits[i], float_error);
                CHECK_CLOSE(gradient[i], gradient[3 + i], float_error); /* of the weights, under an input of 1 */
            }
            if (label == 2)
                CHECK_CLOSE(metrics.loss, smooth ? golden_smooth_loss : golden_loss, float_error);
            CHECK_OK(normnet_discard_gradients(model));
        }
        normnet_model_destroy(model);
    }
}

/* Ties of a max pool: a second channel without weight says which place the gradient went to. */
static void first_of_equals_wins(const void *argument)
{
    normnet_config config = small_config(NORMNET_NORM_NONE, "conv1-1 maxpool2 flatten fc-2", 2, 2, 4, 2);
    const float pixels[] = {0, 0, 5, 7, 0, 0, 7, 5, 1, 2, 4, 8, 16, 32, 64, 128};
    const float parameters[] = {1, 0, 0, 0, 1, 3};
    const normnet_tensor images = tensor_images(NORMNET_F32, pixels, 1, &config);
    const uint8_t label = 0;
    const normnet_tensor labels = tensor_1d(NORMNET_U8, &label, 1);
    normnet_model *model = CHECK_CREATE(&config);
    double *gradient = NULL, p;
    (void)argument;
    CHECK_OK(normnet_set_parameters(model, parameters, 6));
    CHECK_OK(normnet_compute_gradients(model, &images, &labels, NULL, NULL));
    CHECK_OK(normnet_gradients(model, &gradient, NULL));
    p = 1 / (1 + exp(-21)); /* of class 1, whose logit is 0 * 1 + 7 * 3 */
    if (CHECK(gradient != NULL))
        CHECK_CLOSE(gradient[1], p * (1 * 1 + 3 * 8), 25 * float_error);
    normnet_model_destroy(model);
}

/* argmax: the first of equal scores. */
static void first_class_wins(const void *argument)
{
    normnet_config config = small_config(NORMNET_NORM_NONE, "flatten fc-4", 1, 1, 1, 4);
    const float parameters[] = {-1, 2, 2, 1}, pixels[] = {0, 1, -1};
    const int64_t expected[] = {0, 1, 0};
    const normnet_tensor images = tensor_images(NORMNET_F32, pixels, 3, &config);
    int64_t classes[3] = {-1, -1, -1};
    normnet_tensor output = tensor_1d(NORMNET_I64, classes, 3);
    normnet_model *model = CHECK_CREATE(&config);
    int i;
    (void)argument;
    CHECK_OK(normnet_set_parameters(model, parameters, 4));
    CHECK_OK(normnet_predict(model, &images, NULL, &output, NULL));
    for (i = 0; i < 3; ++i)
        CHECK_EQUAL(classes[i], expected[i]);
    normnet_model_destroy(model);
}

/* ---- Normalization --------------------------------------------------------------------------- */

/* Weights of the last layer so small that the classes stay equally likely to 1e-6. */
static const double hand_down = 1e-6;
static const double hand_down_error = 1e-5;

/* Forgets what the images taught, but keeps the running statistics that follow them. */
static void apply_nothing(normnet_model *model, int images)
{
    double *gradient = NULL;
    int64_t count = 0;
    CHECK_OK(normnet_gradients(model, &gradient, &count));
    if (gradient != NULL)
        memset(gradient, 0, (size_t)count * sizeof *gradient);
    CHECK_OK(normnet_apply_gradients(model, images));
}

static void compare_scaled(const char *what, const double *values, double scale, const double *golden, int count)
{
    float scaled[GOLDEN_GROUP_VALUES];
    int i;
    for (i = 0; i < count; ++i)
        scaled[i] = (float)(values[i] / scale);
    compare_values(what, scaled, golden, count, hand_down_error);
}

/*
 * Four images whose channels are one-hot, so that x[n] = weight[n]. dy[n] = hand_down * dy of the golden case:
 * with five equally likely classes, label n and last weights w that sum to zero it is -w[n].
 */
static void golden_batch_norm(const void *argument)
{
    normnet_config config = small_config(NORMNET_NORM_BATCH, "conv1-1 norm flatten fc-5", 4, 1, 1, 5);
    const float one_hot[] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
    const uint8_t label[] = {0, 1, 2, 3};
    const normnet_tensor images = tensor_images(NORMNET_F32, one_hot, 4, &config);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, label, 4);
    normnet_model *model = CHECK_CREATE(&config);
    float parameters[11], y[4], sum = 0;
    double *gradient = NULL;
    int i, batch;
    (void)argument;
    for (i = 0; i < 4; ++i) {
        parameters[i] = (float)golden_batch_x[i];
        parameters[6 + i] = (float)(-hand_down * golden_batch_dy[i]);
        sum += parameters[6 + i];
    }
    parameters[4] = (float)golden_batch_gamma;
    parameters[5] = (float)golden_batch_beta;
    parameters[10] = -sum;
    CHECK_OK(normnet_set_parameters(model, parameters, 11));
    layer_output(model, &images, 1, NORMNET_STATISTICS_BATCH, y);
    compare_values("y", y, golden_batch_y, 4, float_error);
    for (batch = 0; batch < 2; ++batch) {
        normnet_state_info running_mean, running_var, tracked;
        CHECK_OK(normnet_compute_gradients(model, &images, &labels, NULL, NULL));
        CHECK_OK(normnet_gradients(model, &gradient, NULL));
        if (CHECK(gradient != NULL)) {
            compare_scaled("dx", gradient, hand_down, golden_batch_dx, 4);
            compare_scaled("dgamma", gradient + 4, hand_down, &golden_batch_dgamma, 1);
            compare_scaled("dbeta", gradient + 5, hand_down, &golden_batch_dbeta, 1);
        }
        apply_nothing(model, 4);
        running_mean = state_info(model, 3);
        running_var = state_info(model, 4);
        tracked = state_info(model, 5);
        CHECK_TEXT(running_mean.name, "1.running_mean");
        CHECK_TEXT(running_var.name, "1.running_var");
        CHECK_TEXT(tracked.name, "1.num_batches_tracked");
        CHECK_CLOSE(*(const float *)running_mean.data, golden_batch_running[batch][0], 1e-7);
        CHECK_CLOSE(*(const float *)running_var.data, golden_batch_running[batch][1], 2e-7);
        CHECK_EQUAL(*(const int64_t *)tracked.data, batch + 1);
        if (batch == 0) {
            layer_output(model, &images, 1, NORMNET_STATISTICS_RUNNING, y);
            compare_values("y in evaluation", y, golden_batch_evaluation_y, 4, float_error);
        }
    }
    normnet_model_destroy(model);
}

/*
 * One image of two pixels whose two channels are one-hot, so that x[c][j] = weight[c][j]. With two equally likely
 * classes and label 0, dy is half of the second class's last weights.
 */
static void golden_group_norm(const void *argument)
{
    const golden_group *golden = argument;
    int as_layer, i;
    for (as_layer = 0; as_layer <= (golden->groups == 1); ++as_layer) {
        normnet_config config =
            small_config(as_layer ? NORMNET_NORM_LAYER : NORMNET_NORM_GROUP, "conv1-4 norm flatten fc-2", 2, 1, 2, 2);
        const float one_hot[] = {1, 0, 0, 1};
        const uint8_t label = 0;
        const normnet_tensor images = tensor_images(NORMNET_F32, one_hot, 1, &config);
        const normnet_tensor labels = tensor_1d(NORMNET_U8, &label, 1);
        float parameters[32] = {0}, y[GOLDEN_GROUP_VALUES];
        normnet_model *model;
        double *gradient = NULL;
        config.groups = golden->groups;
        model = CHECK_CREATE(&config);
        for (i = 0; i < GOLDEN_GROUP_VALUES; ++i) {
            parameters[i] = (float)golden_group_x[i];
            parameters[24 + i] = (float)(2 * hand_down * golden_group_dy[i]);
        }
        for (i = 0; i < GOLDEN_GROUP_CHANNELS; ++i) {
            parameters[8 + i] = (float)golden_group_gamma[i];
            parameters[12 + i] = (float)golden_group_beta[i];
        }
        CHECK_OK(normnet_set_parameters(model, parameters, 32));
        layer_output(model, &images, 1, NORMNET_STATISTICS_RUNNING, y);
        compare_values("y", y, golden->y, GOLDEN_GROUP_VALUES, float_error);
        CHECK_OK(normnet_compute_gradients(model, &images, &labels, NULL, NULL));
        CHECK_OK(normnet_gradients(model, &gradient, NULL));
        if (CHECK(gradient != NULL)) {
            compare_scaled("dx", gradient, hand_down, golden->dx, GOLDEN_GROUP_VALUES);
            compare_scaled("dgamma", gradient + 8, hand_down, golden->dgamma, GOLDEN_GROUP_CHANNELS);
            compare_scaled("dbeta", gradient + 12, hand_down, golden_group_dbeta, GOLDEN_GROUP_CHANNELS);
        }
        normnet_model_destroy(model);
    }
}

static void golden_row(const void *argument)
{
    normnet_config config = small_config(NORMNET_NORM_LAYER, "norm conv1-2 gap", 1, 1, 4, 2);
    const float x[] = {1, 2, 3, 6};
    const normnet_tensor images = tensor_images(NORMNET_F32, x, 1, &config);
    float y[4];
    normnet_model *model;
    (void)argument;
    config.layer_dims = 1;
    model = CHECK_CREATE(&config);
    layer_output(model, &images, 0, NORMNET_STATISTICS_RUNNING, y);
    compare_values("y", y, golden_row_y, 4, float_error);
    normnet_model_destroy(model);
}

/* ---- Optimization ---------------------------------------------------------------------------- */

/* A model of `count` weights that start at the given values; an image of one pixel. */
static normnet_model *weights_only(normnet_config *config, const float *values, int count)
{
    normnet_model *model;
    config->architecture = count == 2 ? "flatten fc-2" : "flatten fc-3";
    config->height = config->width = 1;
    config->classes = count;
    model = CHECK_CREATE(config);
    CHECK_OK(normnet_set_parameters(model, values, count));
    return model;
}

/* One step with gradients of the caller's choice, for a batch of four images. */
static void step_with(normnet_model *model, const double *chosen, int count)
{
    const float pixels[4] = {1, 1, 1, 1};
    const uint8_t label[4] = {0};
    const int64_t shape[] = {4, 1, 1, 1};
    normnet_tensor images, labels = tensor_1d(NORMNET_U8, label, 4);
    double *gradient = NULL;
    int i;
    normnet_tensor_init(&images, NORMNET_F32, pixels, 4, shape);
    CHECK_OK(normnet_compute_gradients(model, &images, &labels, NULL, NULL));
    CHECK_OK(normnet_gradients(model, &gradient, NULL));
    for (i = 0; i < count && gradient != NULL; ++i)
        gradient[i] = 4 * chosen[i];
    CHECK_OK(normnet_apply_gradients(model, 4));
}

static void golden_descent(const void *argument)
{
    const golden_sgd *golden = argument;
    const float start[] = {1, 1};
    normnet_config config;
    normnet_model *model;
    int i;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.lr = golden_sgd_lr;
    config.momentum = golden->momentum;
    config.l2 = golden->l2;
    config.dampening = golden->dampening;
    config.nesterov = golden->nesterov;
    model = weights_only(&config, start, 2);
    for (i = 0; i < GOLDEN_SGD_STEPS; ++i) {
        const double gradient[] = {golden_sgd_gradient[i], golden_sgd_gradient[i]};
        step_with(model, gradient, 2);
        CHECK_CLOSE(((const float *)state_info(model, 0).data)[0], golden->parameter[i], (i + 1) * 6e-8);
        CHECK_CLOSE(((const float *)state_info(model, 0).data)[1], golden->parameter[i], (i + 1) * 6e-8);
    }
    normnet_model_destroy(model);
}

static void golden_l1(const void *argument)
{
    const float start[] = {0.5f, -0.25f, 0}, pixel = 1;
    const double nothing[3] = {0}, expected[] = {0.49, -0.24, 0};
    const uint8_t label = 0;
    normnet_config config;
    normnet_tensor images, labels = tensor_1d(NORMNET_U8, &label, 1);
    normnet_metrics metrics = metrics_init();
    normnet_model *model;
    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.lr = 1;
    config.momentum = 0;
    config.l1 = golden_l1_factor;
    model = weights_only(&config, start, 3);
    images = tensor_images(NORMNET_F32, &pixel, 1, &config);
    step_with(model, nothing, 3);
    compare_values("parameters", state_info(model, 0).data, expected, 3, float_error);
    CHECK_OK(normnet_set_parameters(model, start, 3));
    CHECK_OK(normnet_train_step(model, &images, &labels, &metrics));
    CHECK_CLOSE(metrics.penalty, golden_l1_penalty, 1e-15);
    CHECK_EQUAL(metrics.step, 2);
    normnet_model_destroy(model);
}

/* Gradients of (3, -4) and the penalty of nothing have length 5. */
static void clipping(const void *argument)
{
    const float start[] = {1, 1};
    const double gradient[] = {3, -4}, clipped[] = {1 - 0.3, 1 + 0.4}, whole[] = {1 - 3, 1 + 4};
    normnet_config config;
    normnet_model *model;
    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.lr = 1;
    config.momentum = 0;
    config.clip_norm = 0.5;
    model = weights_only(&config, start, 2);
    step_with(model, gradient, 2);
    compare_values("clipped", state_info(model, 0).data, clipped, 2, 1e-6);
    normnet_model_destroy(model);
    config.clip_norm = 5.5;
    model = weights_only(&config, start, 2);
    step_with(model, gradient, 2);
    compare_values("not clipped", state_info(model, 0).data, whole, 2, float_error);
    normnet_model_destroy(model);
}

static void learning_rate(const void *argument)
{
    const float start[] = {1, 1};
    const double gradient[] = {1, 1};
    normnet_config config, now;
    normnet_model *model;
    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.lr = 0.5;
    config.momentum = 0.5;
    model = weights_only(&config, start, 2);
    step_with(model, gradient, 2); /* buffer 1 */
    CHECK_OK(normnet_set_learning_rate(model, 0.25, 0.75));
    step_with(model, gradient, 2); /* buffer 1.75 */
    CHECK_CLOSE(((const float *)state_info(model, 0).data)[0], 1 - 0.5 - 0.25 * 1.75, 0);
    memset(&now, 0, sizeof now);
    now.struct_size = (int32_t)sizeof now;
    CHECK_OK(normnet_model_config(model, &now));
    CHECK_CLOSE(now.lr, 0.25, 0);
    CHECK_CLOSE(now.momentum, 0.75, 0);
    normnet_model_destroy(model);
}

/* ---- The variance table ---------------------------------------------------------------------- */

typedef struct variance_case {
    const char *name;
    int count;
    double (*value)(int i, random_stream *random);
    int too_large_to_store; /* the running variance is no float */
} variance_case;

static double forty_thousand(int i, random_stream *random)
{
    (void)random;
    return 40000 + i;
}

static double thousandths(int i, random_stream *random)
{
    (void)random;
    return 1e4 + i * 1e-3;
}

static double noise_of_one_percent(int i, random_stream *random)
{
    (void)i;
    return 100 + random_uniform(random, -0.01, 0.01) * 1.7320508075688772;
}

static double million(int i, random_stream *random)
{
    (void)random;
    return 1e6 + (i % 2 ? 1 : -1);
}

static double huge(int i, random_stream *random)
{
    (void)random;
    return i % 2 ? 1e30 : -1e30;
}

static double constant(int i, random_stream *random)
{
    (void)i;
    (void)random;
    return 12345.678;
}

/* Not in the published table: values whose first one, a natural pivot, lies far off. */
static double outlier_first(int i, random_stream *random)
{
    return i == 0 ? -3e6 : 100 + random_uniform(random, -0.01, 0.01);
}

static const variance_case variances[] = {
    {"40000, 40001, ...", 4, forty_thousand, 0},
    {"1e4 + i / 1000", 16, thousandths, 0},
    {"100 and noise of .01", 32768, noise_of_one_percent, 0},
    {"1e6 +- 1", 1024, million, 0},
    {"+-1e30", 8, huge, 1},
    {"constant", 256, constant, 0},
    {"an outlier in front", 1024, outlier_first, 0},
    {"one value", 1, constant, 0},
};

/* Every form sees the same values as one set of its statistics. */
typedef struct variance_form {
    const char *name, *architecture;
    int norm, groups, layer_dims;
    int channels_share; /* channels of an image belong to one set */
    int images_share;   /* images belong to one set */
    int row_only;       /* a row is a set */
    int most;           /* values that such a set can have */
} variance_form;

static const variance_form variance_forms[] = {
    {"batch", "norm gap flatten fc-2", NORMNET_NORM_BATCH, 0, 3, 0, 1, 0, 1 << 20},
    {"group", "norm gap flatten fc-2", NORMNET_NORM_GROUP, 1, 3, 1, 0, 0, 1 << 20},
    {"instance", "norm gap flatten fc-2", NORMNET_NORM_INSTANCE, 0, 3, 0, 0, 0, 1 << 20},
    {"layer", "norm gap flatten fc-2", NORMNET_NORM_LAYER, 0, 3, 1, 0, 0, 1 << 20},
    {"layer 2", "norm gap flatten fc-2", NORMNET_NORM_LAYER, 0, 2, 0, 0, 0, 1 << 20},
    {"layer 1", "norm gap flatten fc-2", NORMNET_NORM_LAYER, 0, 1, 0, 0, 1, 4096},
    {"features", "flatten norm fc-2", NORMNET_NORM_LAYER, 0, 3, 0, 0, 0, 1 << 20},
    {"batch of features", "flatten norm fc-2", NORMNET_NORM_BATCH, 0, 3, 0, 1, 0, 128},
};

typedef struct variance_pair {
    const variance_case *values;
    const variance_form *form;
} variance_pair;

/* The largest divisor of count that is at most `most`. */
static int divisor(int count, int most)
{
    int d = most < count ? most : count;
    while (count % d != 0)
        --d;
    return d;
}

static double *draw_variance_values(const variance_case *want, int count, float *x, double *mean, double *variance)
{
    random_stream random = {5};
    double *exact = check_allocate((size_t)count, sizeof *exact);
    int i;
    *mean = *variance = 0;
    for (i = 0; i < count; ++i) {
        x[i] = (float)want->value(i, &random);
        exact[i] = x[i];
    }
    for (i = 0; i < count; ++i)
        *mean += (exact[i] - exact[count - 1]) / count;
    *mean += exact[count - 1];
    for (i = 0; i < count; ++i)
        *variance += (exact[i] - *mean) * (exact[i] - *mean) / count;
    return exact;
}

static void check_running_variance(normnet_model *model, const normnet_tensor *images, int count, double mean,
                                   double variance)
{
    uint8_t *label = check_allocate((size_t)images->shape[0], 1);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, label, images->shape[0]);
    const double unbiased = variance * count / (count - 1);
    CHECK_OK(normnet_train_step(model, images, &labels, NULL));
    CHECK_CLOSE(*(const float *)state_info(model, 2).data, 0.1 * mean, 1e-7 * fabs(mean));
    CHECK_CLOSE(*(const float *)state_info(model, 3).data, 0.9 + 0.1 * unbiased, 1e-7 * (1 + unbiased));
    free(label);
}

static void variance(const void *argument)
{
    const variance_pair *pair = argument;
    const variance_form *form = pair->form;
    const int count = pair->values->count < form->most ? pair->values->count : form->most;
    const int images = form->images_share ? divisor(count, 128) : 1, left = count / images;
    const int channels = form->channels_share ? divisor(left, 4) : 1, plane = left / channels;
    const int width = form->row_only ? plane : divisor(plane, plane < 64 ? 8 : 256);
    normnet_config config = small_config(form->norm, form->architecture, channels, plane / width, width, 2);
    const int layer = strncmp(form->architecture, "flatten", 7) == 0;
    const normnet_predict_options options = options_init(0, NORMNET_STATISTICS_BATCH);
    float *x = check_allocate((size_t)count, sizeof *x), *y = check_allocate((size_t)count, sizeof *y);
    double mean, expected_variance, *exact, largest = 0;
    normnet_tensor tensor, output;
    normnet_model *model;
    int i;
    config.groups = form->groups;
    config.layer_dims = form->layer_dims;
    exact = draw_variance_values(pair->values, count, x, &mean, &expected_variance);
    tensor = tensor_images(NORMNET_F32, x, images, &config);
    model = CHECK_CREATE(&config);
    output = layer == 1 ? tensor_2d(NORMNET_F32, y, images, left) : tensor_images(NORMNET_F32, y, images, &config);
    if (form->norm == NORMNET_NORM_BATCH && count == 1) {
        CHECK_STATUS(normnet_layer_output(model, &tensor, layer, &output, &options), NORMNET_EINVAL);
    } else if (CHECK_OK(normnet_layer_output(model, &tensor, layer, &output, &options))) {
        for (i = 0; i < count; ++i) {
            exact[i] = (exact[i] - mean) / sqrt(expected_variance + 1e-5);
            largest = fmax(largest, fabs(exact[i]));
        }
        for (i = 0; i < count; ++i) {
            if (!(fabs(y[i] - exact[i]) <= 1e-6 * largest + 1e-9)) {
                CHECK_FAIL("value %d of %d becomes %.9g, expected %.9g", i, count, y[i], exact[i]);
                break;
            }
        }
        if (form->norm == NORMNET_NORM_BATCH && !pair->values->too_large_to_store)
            check_running_variance(model, &tensor, count, mean, expected_variance);
    }
    normnet_model_destroy(model);
    free(exact);
    free(x);
    free(y);
}

/* A variance of nothing and no eps: the deviation's inverse is 0, as PyTorch has it, and no NaN arises. */
static void no_variance_and_no_eps(const void *argument)
{
    const float x[] = {7, 7, 7, 7, 1, 1, 1, 1};
    int norm, i;
    (void)argument;
    for (norm = NORMNET_NORM_BATCH; norm <= NORMNET_NORM_INSTANCE; ++norm) {
        const int images = norm == NORMNET_NORM_LAYER || norm == NORMNET_NORM_GROUP ? 2 : 1;
        normnet_config config = small_config(norm, "norm gap flatten fc-2", images == 1 ? 2 : 1, 2, 2, 2);
        const normnet_tensor tensor = tensor_images(NORMNET_F32, x, images, &config);
        float y[8] = {1, 1, 1, 1, 1, 1, 1, 1};
        normnet_model *model;
        config.eps = 0;
        config.groups = 1;
        model = CHECK_CREATE(&config);
        if (model != NULL) {
            layer_output(model, &tensor, 0, NORMNET_STATISTICS_BATCH, y);
            for (i = 0; i < 8; ++i)
                CHECK_CLOSE(y[i], 0, 0);
        }
        normnet_model_destroy(model);
    }
}

/* ---- Recomputed running statistics ----------------------------------------------------------- */

/* One batch through both; the statistics that the library then has are those of the reference. */
static void update_with_batch(normnet_model *model, const reference_network *network, int images, int reset,
                              double level, double *statistics)
{
    const normnet_config *config = &network->config;
    const int count = images * config->height * config->width;
    float *pixels = check_allocate((size_t)count, sizeof *pixels);
    double *exact = check_allocate((size_t)count, sizeof *exact), parameters[64];
    const normnet_tensor tensor = tensor_images(NORMNET_F32, pixels, images, config);
    reference_pass *pass = reference_pass_create(network, images);
    random_stream random = {(uint64_t)images};
    int i;
    for (i = 0; i < network->parameter_count; ++i)
        parameters[i] = ((const float *)state_info(model, 0).data)[i];
    for (i = 0; i < count; ++i)
        exact[i] = pixels[i] = (float)random_uniform(&random, -1, level);
    if (reset)
        reference_initial_statistics(network, statistics);
    reference_set_images(pass, exact);
    reference_forward(pass, parameters, NULL, REFERENCE_TRAINING);
    reference_update_statistics(pass, statistics);
    CHECK_OK(normnet_update_statistics(model, &tensor, reset));
    for (i = 0; i < 2; ++i) { /* entries 3 to 5 and 8 to 10 */
        const double *expected = statistics + i * 5;
        compare_values("running mean", state_info(model, 3 + 5 * i).data, expected, 2, 2e-6);
        compare_values("running variance", state_info(model, 4 + 5 * i).data, expected + 2, 2, 2e-6);
        CHECK_EQUAL(*(const int64_t *)state_info(model, 5 + 5 * i).data, (int64_t)expected[4]);
    }
    for (i = 0; i < network->parameter_count; ++i)
        CHECK_CLOSE(((const float *)state_info(model, 0).data)[i], parameters[i], 0);
    reference_pass_destroy(pass);
    free(pixels);
    free(exact);
}

/* Averages over three batches, then, from the start, over one: as torch.optim.swa_utils.update_bn. */
static void update_statistics(const void *argument)
{
    static const int images[] = {16, 7, 33, 5}, reset[] = {1, 0, 0, 1};
    normnet_config config = small_config(NORMNET_NORM_BATCH, "conv3-2 norm relu norm gap conv1-2", 1, 7, 8, 2);
    reference_network *network;
    normnet_model *model = CHECK_CREATE(&config);
    double *statistics;
    int batch;
    (void)argument;
    config.cumulative_statistics = 1; /* of the reference alone */
    network = reference_network_create(&config);
    if (model != NULL && CHECK(network != NULL) && CHECK(network->parameter_count <= 64)) {
        statistics = check_allocate((size_t)network->statistics_count, sizeof *statistics);
        for (batch = 0; batch < CHECK_COUNT(images); ++batch)
            update_with_batch(model, network, images[batch], reset[batch], 1 + batch, statistics);
        free(statistics);
    }
    normnet_model_destroy(model);
    free(network);
}

int main(int argc, char **argv)
{
    char name[128];
    int i, k;
    if (!check_begin(argc, argv))
        return check_end();
    check_case("defaults", defaults, NULL);
    check_case("schedules", golden_schedules, NULL);
    check_case("limits of schedules", schedule_limits, NULL);
    check_case("many schedules", many_schedules, NULL);
    check_case("schedules without a phase", schedules_without_a_phase, NULL);
    check_case("input", golden_input, NULL);
    check_case("log softmax and loss", golden_log_softmax, NULL);
    check_case("first of equal values wins", first_of_equals_wins, NULL);
    check_case("first of equal classes wins", first_class_wins, NULL);
    check_case("batch norm", golden_batch_norm, NULL);
    for (i = 0; i < CHECK_COUNT(golden_groups); ++i) {
        snprintf(name, sizeof name, "group norm, %d groups", golden_groups[i].groups);
        check_case(name, golden_group_norm, &golden_groups[i]);
    }
    check_case("layer norm of a row", golden_row, NULL);
    for (i = 0; i < CHECK_COUNT(golden_sgds); ++i) {
        snprintf(name, sizeof name, "descent %d", i);
        check_case(name, golden_descent, &golden_sgds[i]);
    }
    check_case("l1", golden_l1, NULL);
    check_case("clipping", clipping, NULL);
    check_case("learning rate", learning_rate, NULL);
    for (i = 0; i < CHECK_COUNT(variances); ++i)
        for (k = 0; k < CHECK_COUNT(variance_forms); ++k) {
            const variance_pair pair = {&variances[i], &variance_forms[k]};
            snprintf(name, sizeof name, "variance of %s, %s norm", variances[i].name, variance_forms[k].name);
            check_case(name, variance, &pair);
        }
    check_case("no variance and no eps", no_variance_and_no_eps, NULL);
    check_case("update_statistics", update_statistics, NULL);
    return check_end();
}
