/* SPDX-License-Identifier: MIT */
/* The statistics of normalization: a table of variances on which naive sums fail, and recomputed running statistics. */
#include "golden_networks.h"

/* ---- The variance table ----------------------------------------------------------------------- */

struct variance_case {
    const char *name;
    int count;
    double (*value)(int i, struct random_stream *random);
    int too_large_to_store; /* the running variance does not fit a float */
};

static double forty_thousand(int i, struct random_stream *random)
{
    (void)random;
    return 40000 + i;
}

static double thousandths(int i, struct random_stream *random)
{
    (void)random;
    return 1e4 + i * 1e-3;
}

static double noise_of_one_percent(int i, struct random_stream *random)
{
    (void)i;
    return 100 + random_uniform(random, -0.01, 0.01) * 1.7320508075688772;
}

static double million(int i, struct random_stream *random)
{
    (void)random;
    return 1e6 + (i % 2 ? 1 : -1);
}

static double huge(int i, struct random_stream *random)
{
    (void)random;
    return i % 2 ? 1e30 : -1e30;
}

static double constant(int i, struct random_stream *random)
{
    (void)i;
    (void)random;
    return 12345.678;
}

/* Not in the published table: values whose first one, a natural pivot, is far from the others. */
static double outlier_first(int i, struct random_stream *random)
{
    return i == 0 ? -3e6 : 100 + random_uniform(random, -0.01, 0.01);
}

static const struct variance_case variances[] = {
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
struct variance_form {
    const char *name, *architecture;
    int norm, groups, layer_dims;
    int channels_share; /* channels of an image belong to one set */
    int images_share;   /* images belong to one set */
    int row_only;       /* a row is a set */
    int most;           /* values that such a set can have */
};

static const struct variance_form variance_forms[] = {
    {"batch", "norm gap flatten fc-2", NORMNET_NORM_BATCH, 0, 3, 0, 1, 0, 1 << 20},
    {"group", "norm gap flatten fc-2", NORMNET_NORM_GROUP, 1, 3, 1, 0, 0, 1 << 20},
    {"instance", "norm gap flatten fc-2", NORMNET_NORM_INSTANCE, 0, 3, 0, 0, 0, 1 << 20},
    {"layer", "norm gap flatten fc-2", NORMNET_NORM_LAYER, 0, 3, 1, 0, 0, 1 << 20},
    {"layer 2", "norm gap flatten fc-2", NORMNET_NORM_LAYER, 0, 2, 0, 0, 0, 1 << 20},
    {"layer 1", "norm gap flatten fc-2", NORMNET_NORM_LAYER, 0, 1, 0, 0, 1, 4096},
    {"features", "flatten norm fc-2", NORMNET_NORM_LAYER, 0, 3, 0, 0, 0, 1 << 20},
    {"batch of features", "flatten norm fc-2", NORMNET_NORM_BATCH, 0, 3, 0, 1, 0, 128},
};

struct variance_pair {
    const struct variance_case *values;
    const struct variance_form *form;
};

/* The largest divisor of count that is at most `most`. */
static int divisor(int count, int most)
{
    int d = most < count ? most : count;

    while (count % d != 0)
        --d;
    return d;
}

static double *draw_variance_values(const struct variance_case *want, int count, float *x, double *mean,
                                    double *variance)
{
    struct random_stream random = {5};
    double *exact = check_allocate((size_t)count, sizeof *exact);

    *mean = *variance = 0;
    for (int i = 0; i < count; ++i) {
        x[i] = (float)want->value(i, &random);
        exact[i] = x[i];
    }
    for (int i = 0; i < count; ++i)
        *mean += (exact[i] - exact[count - 1]) / count;
    *mean += exact[count - 1];
    for (int i = 0; i < count; ++i)
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
    const struct variance_pair *pair = argument;
    const struct variance_form *form = pair->form;
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

    config.groups = form->groups;
    config.layer_dims = form->layer_dims;
    exact = draw_variance_values(pair->values, count, x, &mean, &expected_variance);
    tensor = tensor_images(NORMNET_F32, x, images, &config);
    model = CHECK_CREATE(&config);
    output = layer == 1 ? tensor_2d(NORMNET_F32, y, images, left) : tensor_images(NORMNET_F32, y, images, &config);
    if (form->norm == NORMNET_NORM_BATCH && count == 1) {
        CHECK_STATUS(normnet_layer_output(model, &tensor, layer, &output, &options), NORMNET_EINVAL);
    } else if (CHECK_OK(normnet_layer_output(model, &tensor, layer, &output, &options))) {
        for (int i = 0; i < count; ++i) {
            exact[i] = (exact[i] - mean) / sqrt(expected_variance + 1e-5);
            largest = fmax(largest, fabs(exact[i]));
        }
        for (int i = 0; i < count; ++i) {
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

/* ---- Recomputed running statistics ------------------------------------------------------------ */

/* One batch through both; the statistics that the library then has are those of the reference. */
static void update_with_batch(normnet_model *model, const struct reference_network *network, int images, int reset,
                              double level, double *statistics)
{
    const normnet_config *config = &network->config;
    const int count = images * config->height * config->width;
    float *pixels = check_allocate((size_t)count, sizeof *pixels);
    double *exact = check_allocate((size_t)count, sizeof *exact), parameters[64];
    const normnet_tensor tensor = tensor_images(NORMNET_F32, pixels, images, config);
    struct reference_pass *pass = reference_pass_create(network, images);
    struct random_stream random = {(uint64_t)images};

    for (int i = 0; i < network->parameter_count; ++i)
        parameters[i] = ((const float *)state_info(model, 0).data)[i];
    for (int i = 0; i < count; ++i)
        exact[i] = pixels[i] = (float)random_uniform(&random, -1, level);
    if (reset)
        reference_initial_statistics(network, statistics);
    reference_set_images(pass, exact);
    reference_forward(pass, parameters, NULL, REFERENCE_TRAINING);
    reference_update_statistics(pass, statistics);
    CHECK_OK(normnet_update_statistics(model, &tensor, reset));
    for (int i = 0; i < 2; ++i) { /* entries 3 to 5 and 8 to 10 */
        const double *expected = statistics + i * 5;
        compare_values("running mean", state_info(model, 3 + 5 * i).data, expected, 2, 2e-6);
        compare_values("running variance", state_info(model, 4 + 5 * i).data, expected + 2, 2, 2e-6);
        CHECK_EQUAL(*(const int64_t *)state_info(model, 5 + 5 * i).data, (int64_t)expected[4]);
    }
    for (int i = 0; i < network->parameter_count; ++i)
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
    struct reference_network *network;
    normnet_model *model = CHECK_CREATE(&config);
    double *statistics;

    (void)argument;
    config.cumulative_statistics = 1; /* of the reference alone */
    network = reference_network_create(&config);
    if (model != NULL && CHECK(network != NULL) && CHECK(network->parameter_count <= 64)) {
        statistics = check_allocate((size_t)network->statistics_count, sizeof *statistics);
        for (int batch = 0; batch < CHECK_COUNT(images); ++batch)
            update_with_batch(model, network, images[batch], reset[batch], 1 + batch, statistics);
        free(statistics);
    }
    normnet_model_destroy(model);
    free(network);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(variances); ++i)
        for (int k = 0; k < CHECK_COUNT(variance_forms); ++k) {
            const struct variance_pair pair = {&variances[i], &variance_forms[k]};

            check_case_named(variance, &pair, "variance of %s, %s norm", variances[i].name, variance_forms[k].name);
        }
    check_case("update_statistics", update_statistics, NULL);
    return check_end();
}
