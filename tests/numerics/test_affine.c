/* SPDX-License-Identifier: MIT */
/* Gamma and beta of each norm: none is the same as 1 and 0, and those of a norm that comes first are trained too. */
#include "harness/twins.h"

enum { IMAGES = TWINS_IMAGES };

static normnet_config affine_config(int32_t norm, int32_t affine, const char *architecture)
{
    normnet_config config = twins_config(norm);

    config.affine = affine;
    config.groups = norm == NORMNET_NORM_GROUP ? 2 : 0;
    config.architecture = architecture;
    return config;
}

/* Scores of both models, which must have the same bits. */
static void expect_same_scores(const struct twins *pair, normnet_model *one, normnet_model *other)
{
    static float scores[2][IMAGES * TWINS_CLASSES];
    normnet_tensor first = tensor_2d(NORMNET_F32, scores[0], IMAGES, TWINS_CLASSES);
    normnet_tensor second = tensor_2d(NORMNET_F32, scores[1], IMAGES, TWINS_CLASSES);

    CHECK_OK(normnet_predict(one, &pair->float_images, &first, NULL, NULL));
    CHECK_OK(normnet_predict(other, &pair->float_images, &second, NULL, NULL));
    CHECK(memcmp(scores[0], scores[1], sizeof scores[0]) == 0);
}

/* The gradients of a batch. */
static double *gradients(const struct twins *pair, normnet_model *model, int64_t *count)
{
    double *values = NULL;

    CHECK_OK(normnet_compute_gradients(model, &pair->float_images, &pair->labels, NULL, NULL));
    CHECK_OK(normnet_gradients(model, &values, count));
    return values;
}

/* Where the gradients of state entry `name` begin, and their number. */
static int64_t place_of(normnet_model *model, const char *name, int64_t *length)
{
    int64_t place = 0;

    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);

        *length = state_length(&info);
        if (strcmp(info.name, name) == 0)
            return place;
        if (info.trained)
            place += *length;
    }
    CHECK_FAIL("there is no entry %s", name);
    *length = 0;
    return 0;
}

static void expect_same_gradients(normnet_model *one, const double *first, const char *name, normnet_model *other,
                                  const double *second, const char *other_name)
{
    int64_t length, other_length;
    const int64_t place = place_of(one, name, &length), other_place = place_of(other, other_name, &other_length);
    double sum = 0.0;

    CHECK_EQUAL(length, other_length);
    CHECK(memcmp(first + place, second + other_place, (size_t)length * sizeof *first) == 0);
    for (int64_t i = 0; i < length; ++i)
        sum += fabs(first[place + i]);
    CHECK(sum > 0.0);
}

static void without_is_one_and_zero(const void *argument)
{
    static const char architecture[] = "conv3-4 norm relu conv3-8 norm gap conv1-10";
    const int32_t norm = *(const int32_t *)argument;
    const normnet_config none = affine_config(norm, NORMNET_AFFINE_NONE, architecture);
    const normnet_config channel = affine_config(norm, NORMNET_AFFINE_CHANNEL, architecture);
    struct twins *pair = twins_open_config(&none);
    normnet_model *with = CHECK_CREATE(&channel);
    int64_t count, with_count;
    double *values, *with_values;

    CHECK(normnet_parameter_count(with) > normnet_parameter_count(pair->model));
    expect_same_scores(pair, pair->model, with);
    values = gradients(pair, pair->model, &count);
    with_values = gradients(pair, with, &with_count);
    CHECK(with_count > count);
    expect_same_gradients(pair->model, values, "0.weight", with, with_values, "0.weight");
    normnet_model_destroy(with);
    twins_close(pair);
}

/* Weights of a convolution of 1x1 that changes nothing. */
static void set_identity(normnet_model *model)
{
    static const int64_t shape[] = {TWINS_CHANNELS, TWINS_CHANNELS, 1, 1};
    float values[TWINS_CHANNELS * TWINS_CHANNELS] = {0.0f};
    normnet_tensor tensor;

    for (int i = 0; i < TWINS_CHANNELS; ++i)
        values[i * (TWINS_CHANNELS + 1)] = 1.0f;
    normnet_tensor_init(&tensor, NORMNET_F32, values, 4, shape);
    CHECK_OK(normnet_set_state(model, "0.weight", &tensor));
}

/* The entry of the same layer, which is one further in the other model. */
static void copy_entry(normnet_model *from, const char *name, normnet_model *to, const char *other_name)
{
    for (int32_t i = 0; i < normnet_state_count(from); ++i) {
        const normnet_state_info info = state_info(from, i);
        normnet_tensor tensor;

        if (strcmp(info.name, name) != 0)
            continue;
        normnet_tensor_init(&tensor, info.dtype, info.data, info.rank, info.shape);
        CHECK_OK(normnet_set_state(to, other_name, &tensor));
        return;
    }
    CHECK_FAIL("there is no entry %s", name);
}

/* A norm before all trained layers needs no gradient of its input, but those of its gamma and beta. */
static void first_layer(const void *argument)
{
    const int32_t norm = *(const int32_t *)argument;
    const normnet_config config = affine_config(norm, NORMNET_AFFINE_CHANNEL, "norm conv3-4 relu gap conv1-10");
    const normnet_config longer = affine_config(norm, NORMNET_AFFINE_CHANNEL, "conv1-2 norm conv3-4 relu gap conv1-10");
    struct twins *pair = twins_open_config(&config);
    normnet_model *second = CHECK_CREATE(&longer);
    int64_t count;
    double *values, *second_values;

    set_identity(second);
    copy_entry(pair->model, "1.weight", second, "2.weight");
    copy_entry(pair->model, "4.weight", second, "5.weight");
    values = gradients(pair, pair->model, &count);
    second_values = gradients(pair, second, &count);
    expect_same_gradients(pair->model, values, "0.weight", second, second_values, "1.weight");
    if (norm != NORMNET_NORM_RMS)
        expect_same_gradients(pair->model, values, "0.bias", second, second_values, "1.bias");
    normnet_model_destroy(second);
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int32_t norm = NORMNET_NORM_BATCH; norm < NORM_COUNT; ++norm) {
        check_case_named(without_is_one_and_zero, &norm, "%s norm without gamma and beta: as with 1 and 0",
                         norm_name(norm));
        check_case_named(first_layer, &norm, "%s norm as the first layer: gamma and beta have gradients",
                         norm_name(norm));
    }
    return check_end();
}
