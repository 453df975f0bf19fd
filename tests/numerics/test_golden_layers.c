/* SPDX-License-Identifier: MIT */
/* Golden values through the public API: input, loss and normalization. */
#include "golden_networks.h"

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

/* ---- Input, loss ------------------------------------------------------------------------------ */

static void golden_input(const void *argument)
{
    const double mean = 0.1307, std = 0.3081;
    normnet_config config = small_config(NORMNET_NORM_NONE, "norm conv1-2 gap", 1, 1, 256, 2);
    float x[256], golden[5];
    uint8_t pixels[256];
    normnet_tensor images;
    normnet_model *model;

    (void)argument;
    config.input_mean = &mean;
    config.input_std = &std;
    for (int i = 0; i < 256; ++i)
        pixels[i] = (uint8_t)i;
    model = CHECK_CREATE(&config);
    images = tensor_images(NORMNET_U8, pixels, 1, &config);
    layer_output(model, &images, 0, NORMNET_STATISTICS_RUNNING, x);
    for (int i = 0; i < 5; ++i)
        golden[i] = x[golden_pixel[i]];
    compare_values("x", golden, golden_pixel_scaled, 5, float_error / 2);
    for (int i = 0; i < 256; ++i)
        CHECK_CLOSE(x[i], (i / 255.0 - mean) / std, float_error * 2.8214867); /* of the largest */
    normnet_model_destroy(model);
}

/* Logits that are biases: the gradient of the biases is that of the logits. */
static void golden_log_softmax(const void *argument)
{
    (void)argument;
    for (int smooth = 0; smooth < 2; ++smooth) {
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
        for (int label = 1; label < 3; ++label) {
            normnet_tensor labels = tensor_1d(NORMNET_I32, &label, 1);
            normnet_metrics metrics = metrics_init();
            double *gradient = NULL;

            CHECK_OK(normnet_compute_gradients(model, &images, &labels, NULL, &metrics));
            CHECK_OK(normnet_gradients(model, &gradient, NULL));
            for (int i = 0; i < 3 && label == 1 && gradient != NULL; ++i) {
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

/* Ties of a max pool: a second channel without weight shows where the gradient went. */
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

    (void)argument;
    CHECK_OK(normnet_set_parameters(model, parameters, 4));
    CHECK_OK(normnet_predict(model, &images, NULL, &output, NULL));
    for (int i = 0; i < 3; ++i)
        CHECK_EQUAL(classes[i], expected[i]);
    normnet_model_destroy(model);
}

/* ---- Normalization ---------------------------------------------------------------------------- */

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

    for (int i = 0; i < count; ++i)
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

    (void)argument;
    for (int i = 0; i < 4; ++i) {
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
    for (int batch = 0; batch < 2; ++batch) {
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
    const struct golden_group *golden = argument;

    for (int as_layer = 0; as_layer <= (golden->groups == 1); ++as_layer) {
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
        for (int i = 0; i < GOLDEN_GROUP_VALUES; ++i) {
            parameters[i] = (float)golden_group_x[i];
            parameters[24 + i] = (float)(2 * hand_down * golden_group_dy[i]);
        }
        for (int i = 0; i < GOLDEN_GROUP_CHANNELS; ++i) {
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

/* ---- The variance table ----------------------------------------------------------------------- */

/* A variance of nothing and no eps: the deviation's inverse is 0, as PyTorch has it, and no NaN arises. */
static void no_variance_and_no_eps(const void *argument)
{
    const float x[] = {7, 7, 7, 7, 1, 1, 1, 1};

    (void)argument;
    for (int norm = NORMNET_NORM_BATCH; norm <= NORMNET_NORM_INSTANCE; ++norm) { /* RMS norm has no variance */
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
            for (int i = 0; i < 8; ++i)
                CHECK_CLOSE(y[i], 0, 0);
        }
        normnet_model_destroy(model);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("input", golden_input, NULL);
    check_case("log softmax and loss", golden_log_softmax, NULL);
    check_case("first of equal values wins", first_of_equals_wins, NULL);
    check_case("first of equal classes wins", first_class_wins, NULL);
    check_case("batch norm", golden_batch_norm, NULL);
    for (int i = 0; i < CHECK_COUNT(golden_groups); ++i)
        check_case_named(golden_group_norm, &golden_groups[i], "group norm, %d groups", golden_groups[i].groups);
    check_case("layer norm of a row", golden_row, NULL);
    check_case("no variance and no eps", no_variance_and_no_eps, NULL);
    return check_end();
}
