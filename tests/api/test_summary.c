/* SPDX-License-Identifier: MIT */
/*
 * The summary: its return value, its table, and its warnings, each of which is also shown to be true: a network that is
 * warned of gives every image the same value, and one that is not warned of does not.
 */
#include "harness/twins.h"

static char *summary_of(const normnet_model *model)
{
    const int64_t length = normnet_model_summary(model, NULL, 0);
    char *text = check_allocate((size_t)length + 1, 1);

    CHECK_EQUAL(normnet_model_summary(model, text, length + 1), length);
    return text;
}

/* ---- Return value and text, as with snprintf -----------------------------------------------------------------------
 */

static void variants(const void *argument)
{
    normnet_config config;
    normnet_model *model;
    char *whole, *text;
    int64_t length;

    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_INSTANCE)); /* with warnings after the table */
    model = CHECK_CREATE(&config);
    whole = summary_of(model);
    length = (int64_t)strlen(whole);
    CHECK_EQUAL(normnet_model_summary(model, NULL, 0), length);
    text = check_allocate((size_t)length + 100, 1);
    for (int64_t size = 0; size <= length + 40; size = size < 8 || size > length - 8 ? size + 1 : size + 97) {
        const int64_t written = size == 0 ? 0 : size <= length ? size - 1 : length;

        memset(text, '#', (size_t)length + 100);
        CHECK_EQUAL(normnet_model_summary(model, text, size), length);
        if (memcmp(text, whole, (size_t)written) != 0 || (size > 0 && text[written] != '\0'))
            CHECK_FAIL("%d bytes do not hold the beginning of the summary", (int)size);
        for (int64_t i = size; i < length + 100; ++i)
            if (text[i] != '#') {
                CHECK_FAIL("written at byte %d of %d", (int)i, (int)size);
                break;
            }
    }
    free(text);
    free(whole);
    normnet_model_destroy(model);
}

/* The line that begins with the number of a layer, or NULL. */
static const char *line_of(const char *text, int32_t layer)
{
    const char *line = text;

    while (line != NULL && *line != '\0') {
        char *end;
        const long number = strtol(line, &end, 10);

        if (end != line && number == layer && *end == ' ')
            return line;
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return NULL;
}

static void line_holds(const char *line, const char *word)
{
    const char *end = strchr(line, '\n'), *found = strstr(line, word);

    if (found == NULL || found > end)
        CHECK_FAIL("the line \"%.*s\" does not hold \"%s\"", (int)(end - line), line, word);
}

/* Both are PyTorch's GroupNorm: the numbers of groups and channels tell them apart. */
static void groups_are_told(const void *argument)
{
    const struct {
        int32_t norm;
        const char *module;
    } rows[] = {{NORMNET_NORM_GROUP, " GroupNorm(2, 8) "},
                {NORMNET_NORM_LAYER, " GroupNorm(1, 8) "},
                {NORMNET_NORM_INSTANCE, " GroupNorm(8, 8) "},
                {NORMNET_NORM_BATCH, " BatchNorm2d "}};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(rows); ++i) {
        normnet_config config;
        normnet_model *model;
        char *text;

        CHECK_OK(normnet_config_init(&config, rows[i].norm));
        config.architecture = "conv3-8 norm relu flatten fc-10";
        model = CHECK_CREATE(&config);
        text = summary_of(model);
        line_holds(line_of(text, 1), rows[i].module);
        free(text);
        normnet_model_destroy(model);
    }
}

static void table(const void *argument)
{
    (void)argument;
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        normnet_config config;
        normnet_model *model;
        char *text, number[32];

        CHECK_OK(normnet_config_init(&config, norm));
        model = CHECK_CREATE(&config);
        text = summary_of(model);
        for (int32_t i = 0; i < normnet_layer_count(model); ++i) {
            const normnet_layer_info info = layer_info(model, i);
            const char *line = line_of(text, i);

            if (!CHECK(line != NULL))
                break;
            line_holds(line, info.token);
            line_holds(line, info.module);
            snprintf(number, sizeof number, "%dx%dx%d", info.channels, info.height, info.width);
            line_holds(line, number);
            snprintf(number, sizeof number, " %" PRId64, info.parameters);
            line_holds(line, number);
            snprintf(number, sizeof number, " %d", info.receptive_field);
            line_holds(line, number);
        }
        snprintf(number, sizeof number, "%" PRId64 " parameters", normnet_parameter_count(model));
        CHECK(strstr(text, number) != NULL);
        CHECK(strstr(text, "1076672") != NULL);
        free(text);
        normnet_model_destroy(model);
    }
}

/* ---- Warnings ---------------------------------------------------------------------------------- */

enum { MAX_WARNINGS = 4 };

struct warning_case {
    const char *name;
    int32_t norm, dims, side;
    double dropout;
    const char *text;            /* NULL = the default network */
    int32_t blind[MAX_WARNINGS]; /* layers that are warned of, closed by -1 */
    int32_t pool;                /* the layer whose output does not depend on the image then, or -1 */
};

static const char seed_001[] =
    "conv3-4 relu norm conv3-8 relu norm conv1-16 maxpool2 conv3-16 relu norm dropout conv1-16 conv3-16 norm relu "
    "dropout conv3-16 relu norm conv3-10 relu norm avgpool4 conv1-10";

static const struct warning_case warning_cases[] = {
    {"the default network, none", NORMNET_NORM_NONE, 3, 28, 0.03, NULL, {-1}, -1},
    {"the default network, batch", NORMNET_NORM_BATCH, 3, 28, 0.03, NULL, {-1}, -1},
    {"the default network, group", NORMNET_NORM_GROUP, 3, 28, 0.03, NULL, {-1}, -1},
    {"the default network, layer", NORMNET_NORM_LAYER, 3, 28, 0.03, NULL, {-1}, -1},
    /* Norm 20 comes before gap (dropout 21 does nothing in evaluation), norm 25 normalizes a 1x1 map. */
    {"the default network, instance", NORMNET_NORM_INSTANCE, 3, 28, 0.03, NULL, {20, 25, -1}, 22},
    {"the default network, instance, no dropout", NORMNET_NORM_INSTANCE, 3, 28, 0.0, NULL, {20, 25, -1}, 22},
    {"the default network, layer over two dimensions", NORMNET_NORM_LAYER, 2, 28, 0.03, NULL, {20, 25, -1}, 22},
    {"the default network, layer over the width", NORMNET_NORM_LAYER, 1, 28, 0.03, NULL, {20, 25, -1}, 22},
    /* The network of seed 001, which learned nothing, and with the norms that did learn. */
    {"seed 001, layer over the width", NORMNET_NORM_LAYER, 1, 28, 0.1, seed_001, {22, -1}, 23},
    {"seed 001, layer over all", NORMNET_NORM_LAYER, 3, 28, 0.1, seed_001, {-1}, -1},
    {"seed 001, batch", NORMNET_NORM_BATCH, 3, 28, 0.1, seed_001, {-1}, -1},
    {"a pool of half rows", NORMNET_NORM_LAYER, 1, 12, 0, "conv3-8 norm avgpool5 flatten fc-10", {-1}, -1},
    {"a pool of whole rows", NORMNET_NORM_LAYER, 1, 12, 0, "conv3-8 norm avgpool10 conv1-10", {1, -1}, 2},
    {"a pool of the largest value", NORMNET_NORM_INSTANCE, 3, 12, 0, "conv3-8 norm maxpool10 conv1-10", {-1}, -1},
    {"a pool of a part of the map", NORMNET_NORM_INSTANCE, 3, 12, 0, "conv3-8 norm avgpool9 conv1-10", {-1}, -1},
    {"a pool of all of the map", NORMNET_NORM_INSTANCE, 3, 12, 0, "conv3-8 norm avgpool10 conv1-10", {1, -1}, 2},
    {"relu between norm and gap", NORMNET_NORM_INSTANCE, 3, 12, 0, "conv3-8 norm relu gap conv1-10", {-1}, -1},
    {"dropout between norm and gap",
     NORMNET_NORM_INSTANCE,
     3,
     12,
     0,
     "conv3-8 norm dropout.5 gap conv1-10",
     {1, -1},
     3},
    {"one channel per group", NORMNET_NORM_NONE, 3, 12, 0, "conv3-8 groupnorm8 gap conv1-10", {1, -1}, 2},
    {"two channels per group", NORMNET_NORM_NONE, 3, 12, 0, "conv3-8 groupnorm4 gap conv1-10", {-1}, -1},
    {"layer norm of one channel", NORMNET_NORM_LAYER, 3, 12, 0, "conv3-1 norm gap conv1-10", {1, -1}, 2},
    {"one value per group", NORMNET_NORM_NONE, 3, 12, 0, "conv3-8 gap groupnorm8 conv1-10", {2, -1}, 2},
    {"two values per group", NORMNET_NORM_NONE, 3, 12, 0, "conv3-8 gap groupnorm4 conv1-10", {-1}, -1},
    {"one feature per group", NORMNET_NORM_NONE, 3, 12, 0, "conv3-8 gap flatten groupnorm8 fc-10", {3, -1}, 3},
    {"rows of one value", NORMNET_NORM_LAYER, 1, 12, 0, "conv3-8 gap norm conv1-10", {2, -1}, 2},
    {"layer norm at the end", NORMNET_NORM_NONE, 3, 12, 0, "conv3-8 gap flatten fc-10 layernorm", {-1}, -1},
    {"batch norm of one pixel", NORMNET_NORM_BATCH, 3, 12, 0, "conv3-8 gap norm conv1-10", {-1}, -1},
};

/* With a gamma per element: gammas that have been trained apart leave something of the image in the mean. */
static const struct warning_case element_cases[] = {
    {"a pool of all of the map, gamma per element",
     NORMNET_NORM_LAYER,
     2,
     12,
     0,
     "conv3-8 norm avgpool10 conv1-10",
     {-1},
     -1},
    {"a pool of whole rows, gamma per element",
     NORMNET_NORM_LAYER,
     1,
     12,
     0,
     "conv3-8 norm avgpool10 conv1-10",
     {-1},
     -1},
};

/* The largest difference between a layer's outputs for different images. The layer comes after flatten if there is one.
 */
static double spread_of(normnet_model *model, int32_t layer, const normnet_config *config)
{
    enum { IMAGES = 5 };
    const normnet_layer_info info = layer_info(model, layer);
    const int64_t size = (int64_t)info.channels * info.height * info.width;
    const size_t pixels = (size_t)(config->channels * config->height * config->width);
    uint8_t *bytes = check_allocate(IMAGES * pixels, 1);
    float *values = check_allocate((size_t)(IMAGES * size), sizeof *values);
    const normnet_tensor images = tensor_images(NORMNET_U8, bytes, IMAGES, config);
    const int flat = config->architecture != NULL && strstr(config->architecture, "flatten") != NULL;
    const int64_t shape[] = {IMAGES, info.channels, info.height, info.width};
    /* The statistics of these images: the initial running ones have nothing to do with them. */
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    normnet_tensor output;
    struct random_stream random = {17};
    double spread = 0.0;
    for (int64_t i = 0; i < (int64_t)(IMAGES * pixels); ++i)
        bytes[i] = (uint8_t)random_below(&random, 256);
    normnet_tensor_init(&output, NORMNET_F32, values, flat ? 2 : 4, shape);
    CHECK_OK(normnet_layer_output(model, &images, layer, &output, &options));
    for (int64_t i = 1; i < IMAGES; ++i)
        for (int64_t j = 0; j < size; ++j) {
            const double apart = fabs((double)values[i * size + j] - (double)values[j]);

            spread = apart > spread ? apart : spread;
        }
    free(bytes);
    free(values);
    return spread;
}

/* Gammas and weights as training might leave them: none like another. */
static void draw_parameters(normnet_model *model)
{
    const int64_t count = normnet_parameter_count(model);
    float *values = check_allocate((size_t)count, sizeof *values);
    struct random_stream random = {29};

    for (int64_t i = 0; i < count; ++i)
        values[i] = (float)random_uniform(&random, -1, 1);
    CHECK_OK(normnet_set_parameters(model, values, count));
    free(values);
}

static int count_warnings(const char *text)
{
    int count = 0;

    for (text = strstr(text, "warning"); text != NULL; text = strstr(text + 1, "warning"))
        ++count;
    return count;
}

static void check_warnings(const struct warning_case *want, int32_t affine)
{
    normnet_config config;
    normnet_model *model;
    char *text, layer[32];
    int expected = 0;

    CHECK_OK(normnet_config_init(&config, want->norm));
    config.architecture = want->text;
    config.layer_dims = want->dims;
    config.height = config.width = want->side;
    config.dropout = want->dropout;
    config.affine = affine;
    model = CHECK_CREATE(&config);
    if (model == NULL)
        return;
    draw_parameters(model);
    text = summary_of(model);
    for (; want->blind[expected] >= 0; ++expected) {
        const char *found = text;

        snprintf(layer, sizeof layer, "layer %d ", want->blind[expected]);
        for (found = strstr(text, "warning"); found != NULL && strstr(found, layer) == NULL;)
            found = strstr(found + 1, "warning");
        if (found == NULL)
            CHECK_FAIL("no warning of layer %d (%s)", want->blind[expected],
                       layer_info(model, want->blind[expected]).token);
    }
    if (count_warnings(text) != expected)
        CHECK_FAIL("%d warnings, expected %d: %s", count_warnings(text), expected,
                   strstr(text, "warning") == NULL ? "" : strstr(text, "warning"));
    /* A warning is given exactly when it is true. */
    if (want->pool >= 0 && spread_of(model, want->pool, &config) > 1e-5)
        CHECK_FAIL("layer %d depends on the image after all", want->pool);
    if (expected == 0 && spread_of(model, normnet_layer_count(model) - 1, &config) < 1e-4)
        CHECK_FAIL("the scores do not depend on the image, and there is no warning");
    free(text);
    normnet_model_destroy(model);
}

static void warnings(const void *argument)
{
    check_warnings(argument, NORMNET_AFFINE_DEFAULT);
}

static void warnings_per_element(const void *argument)
{
    check_warnings(argument, NORMNET_AFFINE_ELEMENT);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("summary: it returns and writes as snprintf does", variants, NULL);
    check_case("summary: a table of layers, outputs, parameters and receptive fields", table, NULL);
    check_case("groups of a norm", groups_are_told, NULL);
    for (int i = 0; i < CHECK_COUNT(warning_cases); ++i) {
        check_case_named(warnings, &warning_cases[i], "summary: warnings, %s", warning_cases[i].name);
    }
    for (int i = 0; i < CHECK_COUNT(element_cases); ++i) {
        check_case_named(warnings_per_element, &element_cases[i], "summary: warnings, %s", element_cases[i].name);
    }
    return check_end();
}
