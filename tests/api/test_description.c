/* SPDX-License-Identifier: MIT */
/* The description of a model: its layers, its state entries and its first weights. */
#include "harness/twins.h"

/* ---- Layers ------------------------------------------------------------------------------------ */

struct expected_layer {
    const char *token, *module;
    int32_t channels, side, receptive_field;
    int64_t parameters, multiply_adds;
};

/* The default network on 1x28x28 with batch norm, by hand. */
static const struct expected_layer default_layers[] = {
    {"conv3-8", "Conv2d", 8, 26, 3, 72, 26 * 26 * 72},
    {"relu", "ReLU", 8, 26, 3, 0, 0},
    {"norm", "BatchNorm2d", 8, 26, 3, 16, 0},
    {"dropout", "Dropout", 8, 26, 3, 0, 0},
    {"conv3-16", "Conv2d", 16, 24, 5, 1152, 24 * 24 * 1152},
    {"relu", "ReLU", 16, 24, 5, 0, 0},
    {"norm", "BatchNorm2d", 16, 24, 5, 32, 0},
    {"dropout", "Dropout", 16, 24, 5, 0, 0},
    {"maxpool2", "MaxPool2d", 16, 12, 6, 0, 0},
    {"conv1-8", "Conv2d", 8, 12, 6, 128, 12 * 12 * 128},
    {"conv3-16", "Conv2d", 16, 10, 10, 1152, 10 * 10 * 1152},
    {"relu", "ReLU", 16, 10, 10, 0, 0},
    {"norm", "BatchNorm2d", 16, 10, 10, 32, 0},
    {"dropout", "Dropout", 16, 10, 10, 0, 0},
    {"conv3-16", "Conv2d", 16, 8, 14, 2304, 8 * 8 * 2304},
    {"relu", "ReLU", 16, 8, 14, 0, 0},
    {"norm", "BatchNorm2d", 16, 8, 14, 32, 0},
    {"dropout", "Dropout", 16, 8, 14, 0, 0},
    {"conv3-16", "Conv2d", 16, 6, 18, 2304, 6 * 6 * 2304},
    {"relu", "ReLU", 16, 6, 18, 0, 0},
    {"norm", "BatchNorm2d", 16, 6, 18, 32, 0},
    {"dropout", "Dropout", 16, 6, 18, 0, 0},
    {"gap", "AdaptiveAvgPool2d", 16, 1, 28, 0, 0},
    {"conv1-16", "Conv2d", 16, 1, 28, 256, 256},
    {"relu", "ReLU", 16, 1, 28, 0, 0},
    {"norm", "BatchNorm2d", 16, 1, 28, 32, 0},
    {"dropout", "Dropout", 16, 1, 28, 0, 0},
    {"conv1-10", "Conv2d", 10, 1, 28, 160, 160},
};

static void default_network(const void *argument)
{
    static const int64_t parameters[] = {7704 - 176, 7704, 7704, 7704, 7704, 7704 - 88};
    int64_t total, work;

    (void)argument;
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        normnet_config config;
        normnet_model *model;

        CHECK_OK(normnet_config_init(&config, norm));
        model = CHECK_CREATE(&config);
        CHECK_EQUAL(normnet_parameter_count(model), parameters[norm]);
        CHECK_EQUAL(normnet_layer_count(model), CHECK_COUNT(default_layers));
        total = work = 0;
        for (int32_t i = 0; i < CHECK_COUNT(default_layers); ++i) {
            const struct expected_layer *expected = &default_layers[i];
            const normnet_layer_info info = layer_info(model, i);
            const int is_norm = strcmp(expected->token, "norm") == 0;
            static const char *const modules[] = {"Identity",  "BatchNorm2d", "GroupNorm",
                                                  "GroupNorm", "GroupNorm",   "RMSNorm"};

            CHECK_TEXT(info.token, expected->token);
            CHECK_TEXT(info.module, is_norm ? modules[norm] : expected->module);
            CHECK_EQUAL(info.channels, expected->channels);
            CHECK_EQUAL(info.height, expected->side);
            CHECK_EQUAL(info.width, expected->side);
            CHECK_EQUAL(info.receptive_field, expected->receptive_field);
            CHECK_EQUAL(info.parameters, !is_norm                    ? expected->parameters
                                         : norm == NORMNET_NORM_NONE ? 0
                                         : norm == NORMNET_NORM_RMS  ? expected->parameters / 2
                                                                     : expected->parameters);
            CHECK_EQUAL(info.multiply_adds, expected->multiply_adds);
            total += info.parameters;
            work += info.multiply_adds;
        }
        CHECK_EQUAL(total, parameters[norm]);
        CHECK_EQUAL(work, 1076672);
        normnet_model_destroy(model);
    }
}

/* Strides and pools widen what an output sees, also where windows are not square to the input. */
static void receptive_fields(const void *argument)
{
    static const struct {
        const char *text;
        int32_t fields[6];
    } expected[] = {
        {"conv3-4 conv3-4 conv3-4 gap conv1-10", {3, 5, 7, 12, 12}},
        {"conv3-4s2 conv3-4s2p1 conv3-4p1 gap conv1-10", {3, 7, 15, 23, 23}},
        {"maxpool2 conv3-4 avgpool2 gap conv1-10", {2, 6, 8, 12, 12}},
        {"conv1-4 relu norm dropout gap conv1-10", {1, 1, 1, 1, 12, 12}},
        {"conv5-4b flatten fc-10", {5, 5, 5}},
        /* From one output to the next 2^32 pixels, of which each sees one; and more of them than a number holds. */
        {"conv1-4s65536 conv1-4s65536 conv1-10", {1, 1, 1}},
        {"conv3-4s65536p1 conv3-4s65536p1 conv3-10p1", {3, 131075, INT32_MAX}},
    };
    normnet_config config = twins_config(NORMNET_NORM_GROUP);

    (void)argument;
    for (int32_t i = 0; i < CHECK_COUNT(expected); ++i) {
        normnet_model *model;

        config.architecture = expected[i].text;
        model = CHECK_CREATE(&config);
        for (int32_t layer = 0; layer < normnet_layer_count(model); ++layer)
            if (layer_info(model, layer).receptive_field != expected[i].fields[layer])
                CHECK_FAIL("layer %d of '%s' sees %d pixels, expected %d", layer, expected[i].text,
                           layer_info(model, layer).receptive_field, expected[i].fields[layer]);
        normnet_model_destroy(model);
    }
}

static void modules_of_features(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    normnet_model *model;

    (void)argument;
    config.architecture = "avgpool2 flatten fc-8b batchnorm relu layernorm groupnorm2 fc-10";
    model = CHECK_CREATE(&config);
    CHECK_TEXT(layer_info(model, 0).module, "AvgPool2d");
    CHECK_TEXT(layer_info(model, 1).module, "Flatten");
    CHECK_EQUAL(layer_info(model, 1).channels, 2 * 6 * 6);
    CHECK_EQUAL(layer_info(model, 1).height, 1);
    CHECK_EQUAL(layer_info(model, 1).width, 1);
    CHECK_TEXT(layer_info(model, 2).module, "Linear");
    CHECK_EQUAL(layer_info(model, 2).parameters, 72 * 8 + 8);
    CHECK_EQUAL(layer_info(model, 2).multiply_adds, 72 * 8);
    CHECK_TEXT(layer_info(model, 3).module, "BatchNorm1d");
    CHECK_TEXT(layer_info(model, 5).module, "LayerNorm");
    CHECK_TEXT(layer_info(model, 6).module, "GroupNorm");
    normnet_model_destroy(model);
}

/* ---- State entries: the state_dict of the equivalent torch.nn.Sequential ------------------------ */

struct expected_entry {
    const char *name;
    int32_t rank;
    int64_t shape[4];
};

struct state_case {
    const char *name;
    int32_t norm, dims, affine;
    const char *text;
    struct expected_entry entries[12];
};

static const char convolutional[] = "conv3-4b norm gap conv1-10";
static const char connected[] = "flatten fc-8 norm fc-10b";

#define CONV0                                                                                                          \
    {"0.weight", 4, {4, 2, 3, 3}},                                                                                     \
    {                                                                                                                  \
        "0.bias", 1,                                                                                                   \
        {                                                                                                              \
            4                                                                                                          \
        }                                                                                                              \
    }
#define CONV3                                                                                                          \
    {                                                                                                                  \
        "3.weight", 4,                                                                                                 \
        {                                                                                                              \
            10, 4, 1, 1                                                                                                \
        }                                                                                                              \
    }
#define FC1                                                                                                            \
    {                                                                                                                  \
        "1.weight", 2,                                                                                                 \
        {                                                                                                              \
            8, 240                                                                                                     \
        }                                                                                                              \
    }
#define FC3                                                                                                            \
    {"3.weight", 2, {10, 8}},                                                                                          \
    {                                                                                                                  \
        "3.bias", 1,                                                                                                   \
        {                                                                                                              \
            10                                                                                                         \
        }                                                                                                              \
    }
#define RUNNING(layer, channels)                                                                                       \
    {layer ".running_mean", 1, {channels}}, {layer ".running_var", 1, {channels}},                                     \
    {                                                                                                                  \
        layer ".num_batches_tracked", 0,                                                                               \
        {                                                                                                              \
            0                                                                                                          \
        }                                                                                                              \
    }

static const struct state_case state_cases[] = {
    {"none", NORMNET_NORM_NONE, 3, NORMNET_AFFINE_DEFAULT, convolutional, {CONV0, CONV3}},
    {"batch",
     NORMNET_NORM_BATCH,
     3,
     NORMNET_AFFINE_DEFAULT,
     convolutional,
     {CONV0, {"1.weight", 1, {4}}, {"1.bias", 1, {4}}, RUNNING("1", 4), CONV3}},
    {"batch without affine",
     NORMNET_NORM_BATCH,
     3,
     NORMNET_AFFINE_NONE,
     convolutional,
     {CONV0, RUNNING("1", 4), CONV3}},
    {"group",
     NORMNET_NORM_GROUP,
     3,
     NORMNET_AFFINE_CHANNEL,
     convolutional,
     {CONV0, {"1.weight", 1, {4}}, {"1.bias", 1, {4}}, CONV3}},
    {"group without affine", NORMNET_NORM_GROUP, 3, NORMNET_AFFINE_NONE, convolutional, {CONV0, CONV3}},
    {"instance",
     NORMNET_NORM_INSTANCE,
     3,
     NORMNET_AFFINE_DEFAULT,
     convolutional,
     {CONV0, {"1.weight", 1, {4}}, {"1.bias", 1, {4}}, CONV3}},
    {"RMS per channel",
     NORMNET_NORM_RMS,
     3,
     NORMNET_AFFINE_DEFAULT,
     convolutional,
     {CONV0, {"1.weight", 1, {4}}, CONV3}},
    {"layer",
     NORMNET_NORM_LAYER,
     3,
     NORMNET_AFFINE_DEFAULT,
     convolutional,
     {CONV0, {"1.weight", 1, {4}}, {"1.bias", 1, {4}}, CONV3}},
    {"layer per element",
     NORMNET_NORM_LAYER,
     3,
     NORMNET_AFFINE_ELEMENT,
     convolutional,
     {CONV0, {"1.weight", 3, {4, 10, 8}}, {"1.bias", 3, {4, 10, 8}}, CONV3}},
    {"layer without affine", NORMNET_NORM_LAYER, 3, NORMNET_AFFINE_NONE, convolutional, {CONV0, CONV3}},
    {"layer over two dimensions", NORMNET_NORM_LAYER, 2, NORMNET_AFFINE_DEFAULT, convolutional, {CONV0, CONV3}},
    {"layer over two dimensions per element",
     NORMNET_NORM_LAYER,
     2,
     NORMNET_AFFINE_ELEMENT,
     convolutional,
     {CONV0, {"1.weight", 2, {10, 8}}, {"1.bias", 2, {10, 8}}, CONV3}},
    {"layer over the width", NORMNET_NORM_LAYER, 1, NORMNET_AFFINE_DEFAULT, convolutional, {CONV0, CONV3}},
    {"layer over the width per element",
     NORMNET_NORM_LAYER,
     1,
     NORMNET_AFFINE_ELEMENT,
     convolutional,
     {CONV0, {"1.weight", 1, {8}}, {"1.bias", 1, {8}}, CONV3}},
    {"batch of features",
     NORMNET_NORM_BATCH,
     3,
     NORMNET_AFFINE_DEFAULT,
     connected,
     {FC1, {"2.weight", 1, {8}}, {"2.bias", 1, {8}}, RUNNING("2", 8), FC3}},
    {"group of features",
     NORMNET_NORM_GROUP,
     3,
     NORMNET_AFFINE_DEFAULT,
     connected,
     {FC1, {"2.weight", 1, {8}}, {"2.bias", 1, {8}}, FC3}},
    {"layer of features",
     NORMNET_NORM_LAYER,
     3,
     NORMNET_AFFINE_DEFAULT,
     connected,
     {FC1, {"2.weight", 1, {8}}, {"2.bias", 1, {8}}, FC3}},
    {"layer of features per element",
     NORMNET_NORM_LAYER,
     3,
     NORMNET_AFFINE_ELEMENT,
     connected,
     {FC1, {"2.weight", 1, {8}}, {"2.bias", 1, {8}}, FC3}},
};

static void compare_entry(const struct expected_entry *expected, const normnet_state_info *info)
{
    const int counts = strstr(expected->name, "num_batches_tracked") != NULL;
    const int running = counts || strstr(expected->name, "running_") != NULL;

    CHECK_TEXT(info->name, expected->name);
    CHECK_EQUAL(info->rank, expected->rank);
    CHECK_EQUAL(info->dtype, counts ? NORMNET_I64 : NORMNET_F32);
    CHECK_EQUAL(info->trained, !running);
    for (int32_t i = 0; i < 8; ++i)
        CHECK_EQUAL(info->shape[i], i < expected->rank ? expected->shape[i] : 0);
}

static void state_entries(const void *argument)
{
    const struct state_case *want = argument;
    normnet_config config = twins_config(want->norm);
    normnet_model *model;
    const float *next = NULL;
    int64_t total = 0;
    int32_t i;

    config.width = 10;
    config.architecture = want->text;
    config.layer_dims = want->dims;
    config.affine = want->affine;
    model = CHECK_CREATE(&config);
    for (i = 0; i < normnet_state_count(model) && i < CHECK_COUNT(want->entries) && want->entries[i].name != NULL;
         ++i) {
        const normnet_state_info info = state_info(model, i);

        compare_entry(&want->entries[i], &info);
        if (!info.trained)
            continue;
        /* The parameters are contiguous, from the first one's data on. */
        CHECK(next == NULL || info.data == (const void *)next);
        next = (const float *)info.data + state_length(&info);
        total += state_length(&info);
    }
    CHECK_EQUAL(i, normnet_state_count(model));
    CHECK(i == CHECK_COUNT(want->entries) || want->entries[i].name == NULL);
    CHECK_EQUAL(total, normnet_parameter_count(model));
    normnet_model_destroy(model);
}

/* Returned pointers stay valid and unchanged after any call. */
static void state_unmoved(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    const void *data[32], *names[32], *tokens[32], *architecture;
    double *gradients, *later;
    normnet_config config = {0};
    const int32_t entries = normnet_state_count(pair->model), layers = normnet_layer_count(pair->model);

    (void)argument;
    config.struct_size = (int32_t)sizeof config;
    CHECK(entries <= 32 && layers <= 32);
    for (int32_t i = 0; i < entries; ++i) {
        data[i] = state_info(pair->model, i).data;
        names[i] = state_info(pair->model, i).name;
    }
    for (int32_t i = 0; i < layers; ++i)
        tokens[i] = layer_info(pair->model, i).token;
    CHECK_OK(normnet_model_config(pair->model, &config));
    architecture = config.architecture;
    CHECK_OK(normnet_gradients(pair->model, &gradients, NULL));
    twins_advance(__FILE__, __LINE__, "a look", pair);
    CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, NULL, NULL, NULL));
    CHECK_OK(normnet_update_statistics(pair->model, &pair->images, 1));
    CHECK_OK(normnet_set_parameters(pair->model, data[0], normnet_parameter_count(pair->model)));
    CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
    for (int32_t i = 0; i < entries; ++i) {
        CHECK(state_info(pair->model, i).data == data[i]);
        CHECK(state_info(pair->model, i).name == names[i]);
    }
    for (int32_t i = 0; i < layers; ++i)
        CHECK(layer_info(pair->model, i).token == tokens[i]);
    CHECK_OK(normnet_model_config(pair->model, &config));
    CHECK(config.architecture == architecture);
    CHECK_OK(normnet_gradients(pair->model, &later, NULL));
    CHECK(later == gradients);
    twins_close(pair);
}

/* ---- The first weights: uniform within 1 / sqrt(fan-in), gamma 1, beta 0 ------------------------ */

static void check_uniform(const normnet_state_info *info, double bound)
{
    const float *values = info->data;
    const int64_t count = state_length(info);
    double mean = 0.0, square = 0.0, largest = 0.0, deviations;

    for (int64_t i = 0; i < count; ++i) {
        mean += (double)values[i] / (double)count;
        square += (double)values[i] * (double)values[i] / (double)count;
        largest = fabs((double)values[i]) > largest ? fabs((double)values[i]) : largest;
    }
    /* Of a uniform variable: variance bound^2 / 3, fourth moment bound^4 / 5. Five standard errors. */
    deviations = 5.0 / sqrt((double)count);
    if (largest > bound)
        CHECK_FAIL("%s reaches %g, beyond %g", info->name, largest, bound);
    if (count >= 50 && largest < bound * (1.0 - 20.0 / (double)count))
        CHECK_FAIL("%s reaches %g only, of %g", info->name, largest, bound);
    if (fabs(mean) > deviations * bound / sqrt(3.0))
        CHECK_FAIL("%s has the mean %g", info->name, mean);
    if (count >= 50 && fabs(square - bound * bound / 3.0) > deviations * bound * bound * sqrt(1.0 / 5.0 - 1.0 / 9.0))
        CHECK_FAIL("%s has the mean square %g, expected about %g", info->name, square, bound * bound / 3.0);
}

static void check_constant(const normnet_state_info *info, float value)
{
    const float *values = info->data;

    for (int64_t i = 0; i < state_length(info); ++i)
        if (values[i] != value) {
            CHECK_FAIL("%s begins with %g, expected %g", info->name, (double)values[i], (double)value);
            return;
        }
}

static void first_weights(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    normnet_model *model;

    (void)argument;
    config.architecture = "conv5-60b norm relu conv3-40 norm relu gap flatten fc-200b fc-10b";
    model = CHECK_CREATE(&config);
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);
        static const struct {
            const char *prefix;
            double fan_in;
        } layers[] = {{"0.", 2 * 25}, {"3.", 60 * 9}, {"8.", 40}, {"9.", 200}};
        int drawn = 0;
        for (int j = 0; j < CHECK_COUNT(layers); ++j)
            if (strncmp(info.name, layers[j].prefix, strlen(layers[j].prefix)) == 0) {
                check_uniform(&info, 1.0 / sqrt(layers[j].fan_in));
                drawn = 1;
            }
        if (drawn)
            continue;
        if (info.dtype == NORMNET_I64)
            CHECK_EQUAL(*(const int64_t *)info.data, 0);
        else
            check_constant(&info,
                           strstr(info.name, "weight") != NULL || strstr(info.name, "var") != NULL ? 1.0f : 0.0f);
    }
    normnet_model_destroy(model);
}

static void seeds(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_GROUP);
    const int64_t numbers[] = {1, 2, -1, ((int64_t)1 << 32) + 1, INT64_MIN};
    uint64_t hashes[CHECK_COUNT(numbers)];
    normnet_model *model, *again;

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(numbers); ++i) {
        config.seed = numbers[i];
        model = CHECK_CREATE(&config);
        again = CHECK_CREATE(&config);
        hashes[i] = hash_state(model);
        CHECK(hash_state(again) == hashes[i]);
        for (int j = 0; j < i; ++j)
            if (hashes[i] == hashes[j])
                CHECK_FAIL("seeds %" PRId64 " and %" PRId64 " draw the same weights", numbers[i], numbers[j]);
        normnet_model_destroy(model);
        normnet_model_destroy(again);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("layers: the default network, 7,704 parameters and 1,076,672 multiply-adds", default_network, NULL);
    check_case("layers: receptive fields", receptive_fields, NULL);
    check_case("layers: modules of features", modules_of_features, NULL);
    for (int i = 0; i < CHECK_COUNT(state_cases); ++i) {
        check_case_named(state_entries, &state_cases[i], "state entries: names and shapes of the state_dict, norm %s",
                         state_cases[i].name);
    }
    check_case("state entries: what is handed out stays where it is", state_unmoved, NULL);
    check_case("create: draws the weights as PyTorch does", first_weights, NULL);
    check_case("create: equal seeds draw equal weights, others do not", seeds, NULL);
    return check_end();
}
