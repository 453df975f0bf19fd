/* SPDX-License-Identifier: MIT */
/*
 * Dropout: the share of zeros, the scale, and what the masks depend on.
 *
 * The masks are not in the API, but the gradient of a fully connected layer after dropout shows them: for one
 * image, the column of a dropped feature is zero. With the masks so found the reference gives the whole gradient.
 */
#include "harness/check_normnet.h"
#include "harness/test_random.h"
#include "reference/reference.h"

struct dropout_bench {
    normnet_config config;
    normnet_model *model;
    struct reference_network *network;
    double *parameters;
    int features; /* that enter dropout */
};

enum { DROPOUT_SIDE = 32, DROPOUT_IMAGES = 37 };

static int dropout_create(struct dropout_bench *bench, const char *architecture, int64_t seed)
{
    struct random_stream random = {7};
    float *values;

    memset(bench, 0, sizeof *bench);
    CHECK_OK(normnet_config_init(&bench->config, NORMNET_NORM_NONE));
    bench->config.architecture = architecture;
    bench->config.height = bench->config.width = DROPOUT_SIDE;
    bench->config.classes = 3;
    bench->config.seed = seed;
    bench->model = CHECK_CREATE(&bench->config);
    bench->network = reference_network_create(&bench->config);
    if (bench->model == NULL || !CHECK(bench->network != NULL))
        return 0;
    values = check_allocate((size_t)bench->network->parameter_count, sizeof *values);
    bench->parameters = check_allocate((size_t)bench->network->parameter_count, sizeof *bench->parameters);
    for (int i = 0; i < bench->network->parameter_count; ++i)
        bench->parameters[i] = values[i] = (float)random_uniform(&random, -0.05, 0.05);
    CHECK_OK(normnet_set_parameters(bench->model, values, bench->network->parameter_count));
    free(values);
    for (int i = 0; i < bench->network->layer_count; ++i) {
        if (bench->network->layers[i].kind == REFERENCE_DROPOUT)
            bench->features = reference_count(bench->network->layers[i].in);
    }
    return 1;
}

static void dropout_destroy(struct dropout_bench *bench)
{
    normnet_model_destroy(bench->model);
    free(bench->network);
    free(bench->parameters);
}

/* The gradients of `images` images, of which the first has the index `first_sample` in its batch. To be freed. */
static double *dropout_gradient(struct dropout_bench *bench, const float *pixels, int images, int64_t first_sample)
{
    const int count = bench->network->parameter_count;
    const normnet_tensor image_tensor = tensor_images(NORMNET_F32, pixels, images, &bench->config);
    const uint8_t labels[DROPOUT_IMAGES] = {0};
    const normnet_tensor label_tensor = tensor_1d(NORMNET_U8, labels, images);
    normnet_batch batch;
    double *values = NULL, *copy = check_allocate((size_t)count, sizeof *copy);

    normnet_batch_init(&batch);
    batch.first_sample = first_sample;
    batch.images_in_all = first_sample + images;
    CHECK_OK(normnet_compute_gradients(bench->model, &image_tensor, &label_tensor, &batch, NULL));
    CHECK_OK(normnet_gradients(bench->model, &values, NULL));
    memcpy(copy, values, (size_t)count * sizeof *copy);
    CHECK_OK(normnet_discard_gradients(bench->model));
    return copy;
}

/* Which features the first row of the last layer's weights saw; returns how many it did not. */
static int recover_mask(const struct dropout_bench *bench, const double *gradient, unsigned char *mask)
{
    const double *weight = gradient + bench->network->layers[bench->network->layer_count - 1].weight;
    int zeros = 0;

    for (int i = 0; i < bench->features; ++i) {
        mask[i] = weight[i] != 0;
        zeros += !mask[i];
    }
    return zeros;
}

static float *dropout_pixels(int images)
{
    float *pixels = check_allocate((size_t)(images * DROPOUT_SIDE * DROPOUT_SIDE), sizeof *pixels);
    struct random_stream random = {11};

    for (int i = 0; i < images * DROPOUT_SIDE * DROPOUT_SIDE; ++i)
        pixels[i] = (float)random_uniform(&random, 0.2, 1);
    return pixels;
}

struct dropout_case {
    const char *name, *architecture;
    double probability;
};

/* A share of zeros within five standard deviations; gradients that hold the scale; bench of several images. */
static void dropout(const void *argument)
{
    const struct dropout_case *want = argument;
    float *pixels = dropout_pixels(DROPOUT_IMAGES);
    struct dropout_bench bench;

    if (dropout_create(&bench, want->architecture, 1)) {
        const int count = bench.network->parameter_count, size = DROPOUT_SIDE * DROPOUT_SIDE;
        struct reference_pass *pass = reference_pass_create(bench.network, DROPOUT_IMAGES);
        double *values = check_allocate((size_t)(DROPOUT_IMAGES * size), sizeof *values);
        const int labels[DROPOUT_IMAGES] = {0};
        double *gradient, share, deviation;
        int64_t zeros = 0, draws = (int64_t)DROPOUT_IMAGES * bench.features;
        int layer = 0;

        while (bench.network->layers[layer].kind != REFERENCE_DROPOUT)
            ++layer;
        for (int i = 0; i < DROPOUT_IMAGES * size; ++i)
            values[i] = pixels[i];
        reference_set_images(pass, values);
        for (int i = 0; i < DROPOUT_IMAGES; ++i) {
            gradient = dropout_gradient(&bench, pixels + i * size, 1, i);
            zeros += recover_mask(&bench, gradient, pass->masks[layer] + i * bench.features);
            free(gradient);
        }
        share = reference_dropout_share(want->probability);
        deviation = sqrt(share * (1 - share) / (double)draws);
        CHECK_CLOSE((double)zeros / (double)draws, share, 5 * deviation);
        reference_forward(pass, bench.parameters, NULL, REFERENCE_TRAINING);
        reference_backward(pass, bench.parameters, labels);
        gradient = dropout_gradient(&bench, pixels, DROPOUT_IMAGES, 0);
        /* The scale is that of p rounded to 1/65536, which for .1 and .3 differs by 5e-6: more than is allowed. */
        for (int i = 0; i < bench.network->layer_count; ++i) {
            const struct reference_layer *l = &bench.network->layers[i];
            double largest = reference_largest(pass->gradient + l->weight, l->weight_count);

            for (int k = l->weight; k < l->weight + l->weight_count; ++k) {
                if (!(fabs(gradient[k] - pass->gradient[k]) <= 1e-6 * largest)) {
                    CHECK_FAIL("gradient %d of %d is %.9g, the reference %.9g", k, count, gradient[k],
                               pass->gradient[k]);
                    break;
                }
            }
        }
        free(gradient);
        free(values);
        reference_pass_destroy(pass);
    }
    dropout_destroy(&bench);
    free(pixels);
}

/* p = 1: zeros and no NaN. */
static void dropout_of_all(const void *argument)
{
    float *pixels = dropout_pixels(1);
    struct dropout_bench bench;

    (void)argument;
    if (dropout_create(&bench, "flatten dropout1 fc-3", 1)) {
        double *gradient = dropout_gradient(&bench, pixels, 1, 0);

        for (int i = 0; i < bench.network->parameter_count; ++i)
            CHECK_CLOSE(gradient[i], 0, 0);
        free(gradient);
    }
    dropout_destroy(&bench);
    free(pixels);
}

static int differing(const unsigned char *a, const unsigned char *b, int count)
{
    int different = 0;

    for (int i = 0; i < count; ++i)
        different += a[i] != b[i];
    return different;
}

/* The mask of the image with the index first_sample; `model` is trained for `steps` steps first. */
static unsigned char *mask_of(int64_t seed, int steps, int64_t first_sample, int *features)
{
    float *pixels = dropout_pixels(1);
    unsigned char *mask = NULL;
    struct dropout_bench bench;

    if (dropout_create(&bench, "flatten dropout.5 fc-3", seed)) {
        const uint8_t label = 0;
        const normnet_tensor images = tensor_images(NORMNET_F32, pixels, 1, &bench.config);
        const normnet_tensor labels = tensor_1d(NORMNET_U8, &label, 1);
        double *gradient;

        for (int i = 0; i < steps; ++i)
            CHECK_OK(normnet_train_step(bench.model, &images, &labels, NULL));
        gradient = dropout_gradient(&bench, pixels, 1, first_sample);
        mask = check_allocate((size_t)bench.features, 1);
        recover_mask(&bench, gradient, mask);
        *features = bench.features;
        free(gradient);
    }
    dropout_destroy(&bench);
    free(pixels);
    return mask;
}

/* Equal seed, step and sample give an equal mask; anything else one that is independent: half of it differs. */
static void dropout_counters(const void *argument)
{
    static const struct {
        int64_t seed;
        int steps;
        int64_t sample;
        int same;
    } cases[] = {{1, 0, 0, 1},  {2, 0, 0, 0},   {1, 1, 0, 0},  {1, 2, 0, 0},          {1, 0, 1, 0},
                 {1, 0, 16, 0}, {1, 0, 128, 0}, {-1, 0, 0, 0}, {1, 0, 1000000007, 0}, {(int64_t)1 << 32, 0, 0, 0}};
    int features = 0;
    unsigned char *masks[CHECK_COUNT(cases)];

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        masks[i] = mask_of(cases[i].seed, cases[i].steps, cases[i].sample, &features);
    for (int i = 0; i < CHECK_COUNT(cases); ++i) {
        unsigned char *again = mask_of(cases[i].seed, cases[i].steps, cases[i].sample, &features);

        if (!CHECK(masks[i] != NULL && again != NULL))
            break;
        CHECK_EQUAL(differing(masks[i], again, features), 0);
        free(again);
        for (int k = 0; k < i; ++k) {
            int expected = features / 2, deviation = (int)sqrt(features / 4.0);

            if (abs(differing(masks[i], masks[k], features) - expected) > 5 * deviation)
                CHECK_FAIL("masks %d and %d differ in %d of %d places, expected about half", i, k,
                           differing(masks[i], masks[k], features), features);
        }
    }
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        free(masks[i]);
}

/* Two dropouts of one network draw apart: the second sees the features that the first kept. */
static void dropout_layers(const void *argument)
{
    float *pixels = dropout_pixels(1);
    struct dropout_bench bench;

    (void)argument;
    if (dropout_create(&bench, "flatten dropout.5 dropout.5 fc-3", 1)) {
        double *gradient = dropout_gradient(&bench, pixels, 1, 0);
        unsigned char *mask = check_allocate((size_t)bench.features, 1);
        int zeros = recover_mask(&bench, gradient, mask);
        double deviation = sqrt(bench.features * 0.75 * 0.25);

        CHECK_CLOSE(zeros, 0.75 * bench.features, 5 * deviation);
        free(mask);
        free(gradient);
    }
    dropout_destroy(&bench);
    free(pixels);
}

/* The image's place in its batch decides, not the images around it. */
static void dropout_first_sample(const void *argument)
{
    const int size = DROPOUT_SIDE * DROPOUT_SIDE;
    float *pixels = dropout_pixels(DROPOUT_IMAGES);
    struct dropout_bench bench;

    (void)argument;
    if (dropout_create(&bench, "flatten dropout.5 fc-3", 1)) {
        const int count = bench.network->parameter_count;
        double *whole = dropout_gradient(&bench, pixels, DROPOUT_IMAGES, 5);
        double *front = dropout_gradient(&bench, pixels, 20, 5);
        double *back = dropout_gradient(&bench, pixels + 20 * size, DROPOUT_IMAGES - 20, 25);
        double largest = reference_largest(whole, count);

        for (int i = 0; i < count; ++i)
            CHECK_CLOSE(front[i] + back[i], whole[i], 1e-6 * largest);
        free(whole);
        free(front);
        free(back);
    }
    dropout_destroy(&bench);
    free(pixels);
}

/* clang-format off */
static const struct dropout_case dropouts[] = {
    {"half of the pixels", "flatten dropout.5 fc-3", 0.5},
    {"3 %", "flatten dropout0.03 fc-3", 0.03},
    {"10 %", "flatten dropout.1 fc-3", 0.1},
    {"30 % after a convolution", "conv3-2s2 flatten dropout.3 fc-3", 0.3},
    {"99 % of two channels", "conv2-2s2b dropout.99 flatten fc-3b", 0.99},
    {"the configuration's 3 %", "flatten dropout fc-3", 0.03},
};
/* clang-format on */

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(dropouts); ++i) {
        check_case_named(dropout, &dropouts[i], "dropout of %s", dropouts[i].name);
    }
    check_case("dropout of everything", dropout_of_all, NULL);
    check_case("dropout depends on seed, step and sample", dropout_counters, NULL);
    check_case("dropouts of two layers are independent", dropout_layers, NULL);
    check_case("dropout follows first_sample", dropout_first_sample, NULL);
    return check_end();
}
