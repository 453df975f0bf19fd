/* SPDX-License-Identifier: MIT */
/* Where float ends: logits that are infinite or NaN, gradients that are, and running variances that vanish. */
#include "golden_networks.h"

/* ---- Logits ------------------------------------------------------------------------------------ */

enum { KINDS = 5, CLASSES = 3, MOST_IMAGES = 20 };

/* Pixels of the kinds of images, and what the weights below make of them. */
static const float kinds[KINDS][2] = {
    {0, 1},         /* 0, 0, 1e30: class 2 */
    {1e30f, 0},     /* 0, inf, inf */
    {-1e30f, 0},    /* 0, -inf, -inf */
    {1e30f, 1e30f}, /* 0, inf, inf */
    {1, 0},         /* 0, 1e30, 1e30: class 1 */
};
static const int finite[KINDS] = {1, 0, 0, 0, 1};
static const uint8_t classes[KINDS] = {2, 1, 0, 1, 1}; /* the first of the highest */
static const float weights[CLASSES * 2] = {0, 0, 1e30f, 0, 1e30f, 1e30f};

static normnet_model *overflowing_model(normnet_config *config)
{
    normnet_model *model;

    *config = small_config(NORMNET_NORM_NONE, "flatten fc-3", 1, 1, 2, CLASSES);
    config->max_batch = MOST_IMAGES;
    model = CHECK_CREATE(config);
    CHECK_OK(normnet_set_parameters(model, weights, CLASSES * 2));
    return model;
}

/* In all layouts: up to 8 images one by one, more in blocks, and with the statistics of the batch. */
static void evaluate(const void *argument)
{
    static const int counts[] = {KINDS, MOST_IMAGES};
    normnet_config config;
    normnet_model *model = overflowing_model(&config);
    float pixels[MOST_IMAGES][2];
    uint8_t labels[MOST_IMAGES];

    (void)argument;
    for (int i = 0; i < MOST_IMAGES; ++i) {
        memcpy(pixels[i], kinds[i % KINDS], sizeof pixels[i]);
        labels[i] = classes[i % KINDS];
    }
    for (int i = 0; i < 2; ++i)
        for (int statistics = 0; statistics < 2; ++statistics) {
            const normnet_tensor images = tensor_images(NORMNET_F32, pixels, counts[i], &config);
            const normnet_tensor label_tensor = tensor_1d(NORMNET_U8, labels, counts[i]);
            const normnet_predict_options options = options_init(0, statistics);
            normnet_metrics metrics = metrics_init();
            int64_t confusion[CLASSES * CLASSES], sum = 0;

            CHECK_OK(normnet_evaluate(model, &images, &label_tensor, &metrics, confusion, &options));
            CHECK(isnan(metrics.loss));
            CHECK_EQUAL(metrics.count, counts[i]);
            CHECK_EQUAL(metrics.correct, counts[i] / KINDS * 2);
            for (int k = 0; k < CLASSES * CLASSES; ++k)
                sum += confusion[k];
            CHECK_EQUAL(sum, counts[i] / KINDS * 2);
            CHECK_EQUAL(confusion[1 * CLASSES + 1], counts[i] / KINDS);
            CHECK_EQUAL(confusion[2 * CLASSES + 2], counts[i] / KINDS);
        }
    normnet_model_destroy(model);
}

static void predict(const void *argument)
{
    normnet_config config;
    normnet_model *model = overflowing_model(&config);
    const normnet_tensor images = tensor_images(NORMNET_F32, kinds, KINDS, &config);
    uint8_t predicted[KINDS];
    float logits[KINDS * CLASSES];
    normnet_tensor scores = tensor_2d(NORMNET_F32, logits, KINDS, CLASSES);
    normnet_tensor class_tensor = tensor_1d(NORMNET_U8, predicted, KINDS);
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, 0);

    (void)argument;
    CHECK_OK(normnet_predict(model, &images, &scores, &class_tensor, &options));
    for (int i = 0; i < KINDS; ++i) {
        int all = 1;

        for (int k = 0; k < CLASSES; ++k)
            all &= isfinite(logits[i * CLASSES + k]) != 0;
        CHECK_EQUAL(all, finite[i]);
        CHECK_EQUAL(predicted[i], classes[i]);
    }
    normnet_model_destroy(model);
}

/* NaN is lower than any number, also if it is first. */
static void nan_is_lowest(const void *argument)
{
    /* The hidden feature is inf, and 0 inf is NaN: the logits are NaN, -inf, -inf. */
    static const float first_nan[2 + CLASSES] = {1e30f, 0, 0, -1, -1};
    normnet_config config = small_config(NORMNET_NORM_NONE, "flatten fc-1 fc-3", 1, 1, 2, CLASSES);
    normnet_model *model = CHECK_CREATE(&config);
    const float pixels[2] = {1e30f, 0};
    const normnet_tensor images = tensor_images(NORMNET_F32, pixels, 1, &config);
    uint8_t predicted = 77;
    normnet_tensor class_tensor = tensor_1d(NORMNET_U8, &predicted, 1);

    (void)argument;
    CHECK_OK(normnet_set_parameters(model, first_nan, CHECK_COUNT(first_nan)));
    CHECK_OK(normnet_predict(model, &images, NULL, &class_tensor, NULL));
    CHECK_EQUAL(predicted, 1);
    normnet_model_destroy(model);
}

/* The logits are 0 and the loss is ln 3, but dx of the hidden feature is -4e38, which no float holds. */
static void gradient(const void *argument)
{
    static const float large[2 + CLASSES] = {0, 0, 3e38f, -3e38f, -3e38f};
    normnet_config config = small_config(NORMNET_NORM_NONE, "flatten fc-1 fc-3", 1, 1, 2, CLASSES);
    normnet_model *model = CHECK_CREATE(&config);
    const float pixels[2] = {1, 1};
    const uint8_t first = 0;
    const normnet_tensor images = tensor_images(NORMNET_F32, pixels, 1, &config);
    const normnet_tensor label = tensor_1d(NORMNET_U8, &first, 1);

    (void)argument;
    CHECK_OK(normnet_set_parameters(model, large, CHECK_COUNT(large)));
    CHECK_STATUS(normnet_train_step(model, &images, &label, NULL), NORMNET_EVALUE);
    CHECK(strstr(normnet_error_message(), "the gradient of the batch is not finite; its loss is 1.0986") != NULL);
    CHECK_STATUS(normnet_apply_gradients(model, 1), NORMNET_ESTATE); /* nothing is pending */
    CHECK(memcmp(state_info(model, 1).data, large + 2, CLASSES * sizeof *large) == 0);
    normnet_model_destroy(model);
}

/* ---- Running variances ------------------------------------------------------------------------- */

struct variance_limit {
    const char *name;
    double scale, eps;
    int32_t status;
};

static const struct variance_limit limits[] = {
    {"1e-36, eps 0", 1e-18, 0, NORMNET_OK},         {"1e-40, eps 0", 1e-20, 0, NORMNET_EVALUE},
    {"1e-60, eps 0", 1e-30, 0, NORMNET_EVALUE},     {"1e-60, eps 1e-40", 1e-30, 1e-40, NORMNET_EVALUE},
    {"1e-60, eps 1e-30", 1e-30, 1e-30, NORMNET_OK}, {"0, eps 0", 0, 0, NORMNET_OK},
    {"1e38, eps 0", 1e19, 0, NORMNET_OK},           {"1e40, eps 0", 1e20, 0, NORMNET_EVALUE},
};

static const float *running_variance(const normnet_model *model)
{
    return state_info(model, 3).data;
}

/* Refused, or evaluation normalizes with it; `update` is update_statistics, else a step whose batch has all the weight.
 */
static void run_limit(const struct variance_limit *limit, int update)
{
    normnet_config config = small_config(NORMNET_NORM_BATCH, "norm gap flatten fc-2", 1, 4, 4, 2);
    float pixels[4 * 16], y[4 * 16];
    const uint8_t labels[4] = {0, 1, 1, 0};
    const normnet_tensor label_tensor = tensor_1d(NORMNET_U8, labels, 4);
    normnet_tensor images, output;
    normnet_model *model;
    normnet_status status;

    config.eps = limit->eps;
    config.batchnorm_momentum = 1;
    for (int i = 0; i < 64; ++i)
        pixels[i] = (float)((i % 2 ? 1 : -1) * limit->scale);
    images = tensor_images(NORMNET_F32, pixels, 4, &config);
    output = tensor_images(NORMNET_F32, y, 4, &config);
    model = CHECK_CREATE(&config);
    status =
        update ? normnet_update_statistics(model, &images, 1) : normnet_train_step(model, &images, &label_tensor, NULL);
    CHECK_STATUS(status, (normnet_status)limit->status);
    if (limit->status != NORMNET_OK) {
        CHECK_CLOSE(*running_variance(model), 1, 0);
    } else if (CHECK_OK(normnet_layer_output(model, &images, 0, &output, NULL))) {
        const float *affine = state_info(model, 0).data;
        const double variance = limit->scale * limit->scale * 64 / 63, sum = variance + limit->eps;

        for (int i = 0; i < 64; ++i)
            CHECK_CLOSE(y[i], sum == 0 ? affine[1] : pixels[i] / sqrt(sum) * affine[0] + affine[1], 2e-6);
    }
    normnet_model_destroy(model);
}

static void variance_limit(const void *argument)
{
    run_limit(argument, 0);
    run_limit(argument, 1);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("evaluate with logits that overflow", evaluate, NULL);
    check_case("predict with logits that overflow", predict, NULL);
    check_case("NaN is lower than any number", nan_is_lowest, NULL);
    check_case("a gradient that is not finite changes nothing", gradient, NULL);
    for (int i = 0; i < CHECK_COUNT(limits); ++i)
        check_case_named(variance_limit, &limits[i], "running variance of %s", limits[i].name);
    return check_end();
}
