/* SPDX-License-Identifier: MIT */
/* Mistakes that people make: the message says what they meant to do. test_messages.c is about messages as such. */
#include "harness/twins.h"

/* Every byte of the struct but struct_size is 0, which is the default of every field so far. */
static int only_size_is_set(const void *from, size_t size)
{
    const unsigned char *bytes = from;
    int32_t struct_size;
    int others = 0;

    memcpy(&struct_size, bytes, sizeof struct_size);
    for (size_t i = sizeof struct_size; i < size; ++i)
        others += bytes[i] != 0;
    return struct_size == (int32_t)size && others == 0;
}

static void structs_are_initialized(const void *argument)
{
    normnet_metrics metrics;
    normnet_batch batch;
    normnet_predict_options predict;
    normnet_save_options save;
    normnet_layer_info layer;
    normnet_state_info state;

    (void)argument;
    memset(&metrics, 0xA5, sizeof metrics);
    memset(&batch, 0xA5, sizeof batch);
    memset(&predict, 0xA5, sizeof predict);
    memset(&save, 0xA5, sizeof save);
    memset(&layer, 0xA5, sizeof layer);
    memset(&state, 0xA5, sizeof state);
    normnet_metrics_init(&metrics);
    normnet_batch_init(&batch);
    normnet_predict_options_init(&predict);
    normnet_save_options_init(&save);
    normnet_layer_info_init(&layer);
    normnet_state_info_init(&state);
    CHECK(only_size_is_set(&metrics, sizeof metrics));
    CHECK(only_size_is_set(&batch, sizeof batch));
    CHECK(only_size_is_set(&predict, sizeof predict));
    CHECK(only_size_is_set(&save, sizeof save));
    CHECK(only_size_is_set(&layer, sizeof layer));
    CHECK(only_size_is_set(&state, sizeof state));
}

static void expect_words(const char *mistake, const char *const *words, int count)
{
    for (int i = 0; i < count && words[i] != NULL; ++i)
        if (strstr(normnet_error_message(), words[i]) == NULL)
            CHECK_FAIL("%s: \"%s\" does not say \"%s\"", mistake, normnet_error_message(), words[i]);
}

/* ---- Architectures ---------------------------------------------------------------------------- */

/* The word stands between "conv3-8" and "gap conv1-10". */
static void words_of_architectures(const void *argument)
{
    static const char *const mistakes[][2] = {
        {"rleu", "did you mean 'relu'?"},
        {"Relu", "did you mean 'relu'?"},
        {"RELU", "did you mean 'relu'?"},
        {"leyarnorm", "did you mean 'layernorm'?"},
        {"globalavgpool", "did you mean 'gap'?"},
        {"AdaptiveAvgPool2d", "did you mean 'gap'?"},
        {"linear-10", "did you mean 'fc-10'?"},
        {"Linear", "did you mean 'fc', e.g."},
        {"dense-10b", "did you mean 'fc-10b'?"},
        {"AveragePool2", "did you mean 'avgpool2'?"},
        {"rulu", "did you mean 'relu'?"},
        {"reluu", "did you mean 'relu'?"},
        {"elu", "did you mean 'relu'?"},
        {"Conv3-8", "did you mean 'conv3-8'?"},
        {"CONV3-8s2p1b", "did you mean 'conv3-8s2p1b'?"},
        {"cnov3-8", "did you mean 'conv3-8'?"},
        {"cv3-8", "did you mean 'conv3-8'?"},
        {"convolution3-8", "did you mean 'conv3-8'?"},
        {"Conv2d", "did you mean 'conv', e.g. 'conv3-8s2p1b'?"},
        {"conv2d-8", "did you mean 'conv-8'?"},
        {"batchnorm2d", "did you mean 'batchnorm'?"},
        {"BatchNorm2d", "did you mean 'batchnorm'?"},
        {"batch_norm", "did you mean 'batchnorm'?"},
        {"batchnormalization", "did you mean 'batchnorm'?"},
        {"bn", "did you mean 'batchnorm'?"},
        {"InstanceNorm1d", "did you mean 'instancenorm'?"},
        {"layernrom", "did you mean 'layernorm'?"},
        {"GroupNorm4", "did you mean 'groupnorm4'?"},
        {"gropunorm", "did you mean 'groupnorm', e.g. 'groupnorm2'?"},
        {"LeakyReLU0.1", "did you mean 'leakyrelu0.1'?"},
        {"leaky_relu", "did you mean 'leakyrelu'"},
        {"leaky-relu", "did you mean 'leakyrelu'"},
        {"dropuot.5", "did you mean 'dropout.5'?"},
        {"Dropout2d", "did you mean 'dropout', e.g. 'dropout0.25'?"},
        {"maxpol2", "did you mean 'maxpool2'?"},
        {"MaxPool2d", "did you mean 'maxpool', e.g. 'maxpool2'?"},
        {"pool2", "did you mean 'maxpool2'?"},
        {"avgpoll2", "did you mean 'avgpool2'?"},
        {"Flatten", "did you mean 'flatten'?"},
        {"flat", "did you mean 'flatten'?"},
        {"gpa", "did you mean 'gap'?"},
        {"fx-10", "did you mean 'fc-10'?"},
        {"nrom", "did you mean 'norm'?"},
        {"normalize", "did you mean 'norm'?"},
        {"sigmoid", "expected one of conv fc relu leakyrelu norm flatten dropout maxpool avgpool gap batchnorm"},
        {"softmax", "expected one of conv fc"},
        {"\xc3\xa9", "expected one of conv fc"},
        {"17", "expected one of conv fc"},
        {"averyveryveryveryveryveryverylongword", "expected one of conv fc"},
        {"relu,", "spaces separate layers"},
        {"relu,norm", "spaces separate layers"},
        {"relu;", "spaces separate layers"},
        {"relu|norm", "spaces separate layers"},
        {"relu->norm", "spaces separate layers"},
        {"->", "spaces separate layers"},
        {"+", "spaces separate layers"},
        {"relu/norm", "spaces separate layers"},
        {",norm", "spaces separate layers"},
        {"relu\xc2\xa0norm", "spaces separate layers"},
        {"relu\xe2\x80\x83norm", "spaces separate layers"},
        {"conv3-8\xe3\x80\x80", "spaces separate layers"},
        {"dropout0.12345678901", "0 to 1 of up to ten digits"},
        {"leakyrelu0.12345678901", "of up to ten digits"},
        {"conv(3,8)", "expected conv<kernel>-<outputs>"},
        {"conv3,8", "expected conv<kernel>-<outputs>"},
    };

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(mistakes); ++i) {
        const char *const words[] = {"architecture, column 9", mistakes[i][0], mistakes[i][1]};
        normnet_config config;
        normnet_model *model = NULL;
        char architecture[128];

        snprintf(architecture, sizeof architecture, "conv3-8 %s gap conv1-10", mistakes[i][0]);
        CHECK_OK(normnet_config_init(&config, NORMNET_NORM_GROUP));
        config.architecture = architecture;
        CHECK_STATUS(normnet_model_create(&model, &config), NORMNET_EARCH);
        expect_words(mistakes[i][0], words, CHECK_COUNT(words));
        CHECK(model == NULL);
    }
}

/* ---- Configurations --------------------------------------------------------------------------- */

static void configs(const void *argument)
{
    static const char *const zero[] = {"config.channels, height and width are 0: call normnet_config_init before"};
    static const char *const zero_host[] = {"host.channels, height and width are 0: call normnet_config_init before"};
    static const char *const size[] = {"config.struct_size is 0", "normnet_config_init()"};
    static const char *const steps[] = {"config.total_steps is 0", "epochs times steps per epoch"};
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_config config;
    normnet_model *model = NULL;
    double lr, momentum;

    (void)argument;
    memset(&config, 0, sizeof config);
    CHECK_STATUS(normnet_model_create(&model, &config), NORMNET_EINVAL);
    expect_words("zeros", size, 2);
    config.struct_size = (int32_t)sizeof config;
    config.lr = 0.1;
    config.classes = 10;
    CHECK_STATUS(normnet_model_create(&model, &config), NORMNET_EINVAL);
    expect_words("zeros with a size", zero, 1);
    CHECK_STATUS(normnet_model_clone(&model, pair->model, &config), NORMNET_EINVAL);
    expect_words("a host of zeros", zero_host, 1);
    CHECK_STATUS(normnet_model_load(&model, "nowhere", &config), NORMNET_EINVAL);
    expect_words("a host of zeros", zero_host, 1);

    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_BATCH));
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    CHECK_STATUS(normnet_model_create(&model, &config), NORMNET_EINVAL);
    expect_words("no total_steps", steps, 2);
    CHECK_STATUS(normnet_one_cycle_lr(&config, 0, &lr, &momentum), NORMNET_EINVAL);
    expect_words("no total_steps", steps, 2);
    CHECK(model == NULL);
    twins_close(pair);
}

/* Every struct's message names the function that initializes it. */
static void struct_sizes(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_metrics metrics;
    normnet_batch batch;
    normnet_predict_options predict;
    normnet_save_options save;
    normnet_layer_info layer;
    normnet_state_info state;
    normnet_tensor images = pair->images;
    int64_t needed;

    (void)argument;
    memset(&metrics, 0, sizeof metrics);
    memset(&batch, 0, sizeof batch);
    memset(&predict, 0, sizeof predict);
    memset(&save, 0, sizeof save);
    memset(&layer, 0, sizeof layer);
    memset(&state, 0, sizeof state);
    images.struct_size = 0;
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &pair->images, &pair->labels, &metrics), NORMNET_EINVAL,
                   "metrics.struct_size is 0", "normnet_metrics_init()");
    CHECK_REJECTED(pair, normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, NULL),
                   NORMNET_EINVAL, "batch.struct_size is 0", "normnet_batch_init()");
    CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->images, NULL, NULL, &predict), NORMNET_EINVAL,
                   "options.struct_size is 0", "normnet_predict_options_init()");
    CHECK_REJECTED(pair, normnet_model_serialize(pair->model, NULL, 0, &needed, &save), NORMNET_EINVAL,
                   "options.struct_size is 0", "normnet_save_options_init()");
    CHECK_REJECTED(pair, normnet_layer(pair->model, 0, &layer), NORMNET_EINVAL, "info.struct_size is 0",
                   "normnet_layer_info_init()");
    CHECK_REJECTED(pair, normnet_state(pair->model, 0, &state), NORMNET_EINVAL, "info.struct_size is 0",
                   "normnet_state_info_init()");
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &images, &pair->labels, NULL), NORMNET_EINVAL,
                   "images.struct_size is 0", "normnet_tensor_init()");
    twins_close(pair);
}

/* From 1 on, nothing ever fades. */
static void momentum_of_one(const void *argument)
{
    static const double values[] = {1.0, 1.5, 1e30, -0.5, NAN, INFINITY};
    static const double accepted[] = {0.0, 0.5, 0.99999999999999989};
    static const char *const names[] = {"config.momentum is ", "config.base_momentum is ", "config.max_momentum is "};
    struct twins *pair = twins_open(NORMNET_NORM_NONE);

    (void)argument;
    for (int field = 0; field < 3; ++field)
        for (int i = 0; i < CHECK_COUNT(values) + CHECK_COUNT(accepted); ++i) {
            const char *const words[] = {names[field], "expected 0 to less than 1"};
            const int accept = i >= CHECK_COUNT(values);
            normnet_config config;
            normnet_model *model = NULL;

            CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
            *(field == 0   ? &config.momentum
              : field == 1 ? &config.base_momentum
                           : &config.max_momentum) = accept ? accepted[i - CHECK_COUNT(values)] : values[i];
            CHECK_STATUS(normnet_model_create(&model, &config), accept ? NORMNET_OK : NORMNET_EVALUE);
            if (!accept)
                expect_words("momentum", words, 2);
            normnet_model_destroy(model);
        }
    for (int i = 0; i < CHECK_COUNT(values); ++i)
        CHECK_REJECTED(pair, normnet_set_learning_rate(pair->model, 0.1, values[i]), NORMNET_EVALUE, "momentum is ",
                       "expected 0 to less than 1");
    for (int i = 0; i < CHECK_COUNT(accepted); ++i)
        CHECK_OK(normnet_set_learning_rate(pair->model, 0.1, accepted[i]));
    twins_close(pair);
}

/* ---- Tensors and training --------------------------------------------------------------------- */

static void channels_last(const void *argument)
{
    static const char *const words[] = {"2x5x7x3; expected Nx3x5x7", "keep the order N, C, H, W and set strides",
                                        "{105, 1, 21, 3}"};
    static const char *const output_words[] = {"output has the shape 2x5x7x4; expected 2x4x5x7",
                                               "keep the order N, C, H, W and set strides", "{140, 1, 28, 4}"};
    const int64_t last[] = {2, 5, 7, 3}, first[] = {2, 3, 5, 7}, other[] = {2, 7, 5, 3}, output_last[] = {2, 5, 7, 4};
    uint8_t pixels[210] = {0};
    float values[280];
    normnet_tensor images, output;
    normnet_config config;
    normnet_model *model;

    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.channels = 3;
    config.height = 5;
    config.width = 7;
    config.architecture = "conv1-4 gap conv1-10";
    model = CHECK_CREATE(&config);
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, last);
    normnet_tensor_init(&output, NORMNET_F32, values, 4, output_last);
    CHECK_STATUS(normnet_predict(model, &images, NULL, NULL, NULL), NORMNET_EINVAL);
    expect_words("images", words, 3);
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, other);
    CHECK_STATUS(normnet_predict(model, &images, NULL, NULL, NULL), NORMNET_EINVAL);
    CHECK(strstr(normnet_error_message(), "strides") == NULL);
    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, first);
    CHECK_STATUS(normnet_layer_output(model, &images, 0, &output, NULL), NORMNET_EINVAL);
    expect_words("a layer's output", output_words, 3);
    normnet_model_destroy(model);
}

/* Weights, pixels and learning rates that make the loss, the gradient, a statistic or a weight infinite. */
static void diverging(const void *argument)
{
    static const struct {
        float weight, pixel;
        double lr;
        const char *word;
    } cases[] = {
        {3e38f, 100.0f, 0.125, "the loss of the batch is "},
        {1.0f, 1e30f, 0.125, ""},
        {1e15f, 1e15f, 0.125, ""},
        {1e-3f, 1e10f, 1e30, ""},
    };

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(cases); ++i) {
        struct twins *pair = twins_open(NORMNET_NORM_BATCH);
        const int64_t count = normnet_parameter_count(pair->model);
        float *weights = check_allocate((size_t)count, sizeof *weights);
        const char *const words[] = {cases[i].word, "; try a lower learning rate (this step has "};
        const normnet_state_info info = state_info(pair->model, 0);
        float *pixels = check_allocate(TWINS_IMAGES * TWINS_CHANNELS * TWINS_SIDE * TWINS_SIDE, sizeof *pixels);
        normnet_tensor images = pair->images;
        normnet_status status = NORMNET_OK;

        memcpy(weights, info.data, (size_t)count * sizeof *weights);
        for (int64_t j = 0; j < count; ++j)
            weights[j] = weights[j] < 0.0f ? -cases[i].weight : cases[i].weight;
        for (int j = 0; j < TWINS_IMAGES * TWINS_CHANNELS * TWINS_SIDE * TWINS_SIDE; ++j)
            pixels[j] = cases[i].pixel * (float)(j % 7 - 3);
        images.dtype = NORMNET_F32;
        images.data = pixels;
        CHECK_OK(normnet_set_parameters(pair->model, weights, count));
        CHECK_OK(normnet_set_learning_rate(pair->model, cases[i].lr, 0.5));
        for (int step = 0; step < 5 && status == NORMNET_OK; ++step)
            status = normnet_train_step(pair->model, &images, &pair->labels, NULL);
        CHECK_STATUS(status, NORMNET_EVALUE);
        expect_words("a diverging step", words, 2);
        free(weights);
        free(pixels);
        twins_close(pair);
    }
}

/* ---- Files ------------------------------------------------------------------------------------ */

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");

    CHECK(stream != NULL && fwrite(bytes, 1, size, stream) == size);
    if (stream != NULL)
        fclose(stream);
}

/* Whatever is wrong in a file, and with whatever function it is read or written. */
static void files_are_named(const void *argument)
{
    static const char path[] = "test_mistakes.model", named[] = "'test_mistakes.model'";
    static const char damaged[] = "the file is damaged: its checksum normnet.crc32c is ";
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    static unsigned char bytes[65536];
    int64_t size;
    normnet_model *other = NULL;
    normnet_config config;

    (void)argument;
    CHECK_OK(normnet_model_serialize(pair->model, bytes, sizeof bytes, &size, NULL));
    bytes[size - 1] ^= 1;
    write_bytes(path, bytes, (size_t)size);
    CHECK_REJECTED(pair, normnet_load_weights(pair->model, path), NORMNET_ECHECKSUM, named, damaged);
    CHECK_STATUS(normnet_model_load(&other, path, NULL), NORMNET_ECHECKSUM);
    expect_words("model_load", (const char *const[]){named, damaged}, 2);
    bytes[size - 1] ^= 1;
    write_bytes(path, bytes, (size_t)size - 1);
    CHECK_REJECTED(pair, normnet_load_weights(pair->model, path), NORMNET_ETRUNCATED, named, "its tensors need");
    CHECK_STATUS(normnet_model_load(&other, path, NULL), NORMNET_ETRUNCATED);
    expect_words("model_load", (const char *const[]){named, "its tensors need"}, 2);
    write_bytes(path, bytes, 3);
    CHECK_REJECTED(pair, normnet_load_weights(pair->model, path), NORMNET_ETRUNCATED, named, "3 bytes");
    write_bytes(path, bytes, 0);
    CHECK_REJECTED(pair, normnet_load_weights(pair->model, path), NORMNET_ETRUNCATED, named, "0 bytes");
    write_bytes(path, "\2\0\0\0\0\0\0\0{}", 10);
    CHECK_STATUS(normnet_model_load(&other, path, NULL), NORMNET_EARCH);
    expect_words("model_load", (const char *const[]){named, "normnet.architecture"}, 2);
    CHECK_REJECTED(pair, normnet_load_weights(pair->model, path), NORMNET_EMISMATCH, named, "no tensor");

    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.memory_limit = 4;
    CHECK_STATUS(normnet_model_load(&other, path, &config), NORMNET_ELIMIT);
    expect_words("model_load", (const char *const[]){named, "memory_limit"}, 2);
    twins_make_pending(pair);
    CHECK_REJECTED(pair, normnet_model_save(pair->model, path, NULL), NORMNET_ESTATE, named, "pending");
    CHECK(other == NULL);
    remove(path);
    twins_close(pair);
}

/* The weights are of another network: both are shown. */
static void both_networks_are_shown(const void *argument)
{
    static const char ours[] = "conv3-4 norm relu gap conv1-10", theirs[] = "conv3-4p1 norm relu gap conv1-10";
    static const char *const words[] = {"'test_mistakes.weights'", "layer 0 is conv3-4p1 in the file and conv3-4",
                                        "'conv3-4p1 norm relu gap conv1-10' with norm 1",
                                        "'conv3-4 norm relu gap conv1-10' with norm 2"};
    static const char *const same_words[] = {"layer 1 is norm as BatchNorm2d in the file and norm as GroupNorm in the"};
    static const char *const class_words[] = {"layer 4 is conv1-10 in the file and conv1-5 in the model"};
    static const char *const small[] = {"'conv3-4p1 norm relu gap conv1-10'", "'conv1-10 gap'"};
    normnet_config config;
    normnet_model *one, *other;

    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_GROUP));
    config.architecture = ours;
    one = CHECK_CREATE(&config);
    config.norm = NORMNET_NORM_BATCH;
    config.architecture = theirs;
    other = CHECK_CREATE(&config);
    CHECK_OK(normnet_model_save(other, "test_mistakes.weights", NULL));
    CHECK_STATUS(normnet_load_weights(one, "test_mistakes.weights"), NORMNET_EMISMATCH);
    expect_words("load_weights", words, 4);
    normnet_model_destroy(one);
    config.norm = NORMNET_NORM_GROUP;
    one = CHECK_CREATE(&config);
    CHECK_STATUS(normnet_load_weights(one, "test_mistakes.weights"), NORMNET_EMISMATCH);
    expect_words("load_weights", same_words, 1);
    normnet_model_destroy(one);
    config.norm = NORMNET_NORM_BATCH;
    config.architecture = "conv3-4p1 norm relu gap conv1-5";
    config.classes = 5;
    one = CHECK_CREATE(&config);
    CHECK_STATUS(normnet_load_weights(one, "test_mistakes.weights"), NORMNET_EMISMATCH);
    expect_words("load_weights", class_words, 1);
    normnet_model_destroy(one);
    config.classes = 10;
    config.height = config.width = 1;
    config.architecture = "conv1-10 gap";
    config.norm = NORMNET_NORM_NONE;
    one = CHECK_CREATE(&config);
    CHECK_STATUS(normnet_load_weights(one, "test_mistakes.weights"), NORMNET_EMISMATCH);
    expect_words("load_weights", small, 2);
    remove("test_mistakes.weights");
    normnet_model_destroy(one);
    normnet_model_destroy(other);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("structs: each has an initializer", structs_are_initialized, NULL);
    check_case("structs: without one, the message names it", struct_sizes, NULL);
    check_case("architectures: unknown words name the nearest, or all", words_of_architectures, NULL);
    check_case("configurations: not initialized, no total_steps", configs, NULL);
    check_case("configurations: momentum of 1 and more", momentum_of_one, NULL);
    check_case("tensors: N, H, W, C", channels_last, NULL);
    check_case("training: a loss that is not finite", diverging, NULL);
    check_case("files: messages name the file", files_are_named, NULL);
    check_case("files: another network is shown beside the model's", both_networks_are_shown, NULL);
    return check_end();
}
