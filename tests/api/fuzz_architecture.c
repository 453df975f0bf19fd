/* SPDX-License-Identifier: MIT */
/*
 * A harness for libFuzzer: bytes are an architecture, and before it the images, the classes and the norm. What is no
 * network is rejected with a message; what is one has a summary, layers whose words make the same network again, a
 * file, and an export to ONNX, and predicts.
 *
 *     fuzz_architecture -max_len=600 -len_control=0 [FOLDER FOR FINDINGS]
 *
 * Every second mutation inserts, replaces or removes a word, since bytes alone rarely make one.
 */
#include <normnet.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    HEAD = 8,            /* bytes before the text */
    MAX_TEXT = 5000,     /* more than an architecture may have */
    MAX_SIDE = 24,       /* of an image, so that a prediction takes no time */
    MAX_WORK = 20000000, /* multiply-adds of a prediction that is made */
    MEMORY_LIMIT = 4 << 20
};

static const char onnx_path[] = "fuzz_architecture.onnx";

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned random);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_fsync(int descriptor);

/* The disk would take most of the time. */
int __wrap_fsync(int descriptor)
{
    return descriptor < 0;
}

static void require(bool holds, const char *promise)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s; the last message is \"%s\"\n", promise, normnet_error_message());
    abort();
}

/* ---- Mutations --------------------------------------------------------------------------------------- */

static const char *const words[] = {
    "conv3-4",   "conv3-4p1b", "conv1-3",       "conv5-2s2p2",  "conv65536-1", "fc-3",      "fc-8b",   "fc-65536",
    "relu",      "leakyrelu",  "leakyrelu0.25", "norm",         "batchnorm",   "groupnorm", "rmsnorm", "groupnorm2",
    "layernorm", "dropout",    "instancenorm",  "dropout0.125", "dropout1",    "maxpool2",  "gap",     "maxpool16",
    "avgpool2",  "flatten",    "avgpool65536",  "conv3-",       "fc-0",        "maxpool1",  "\t\n",    "norm norm",
};

/* Replaces `cut` bytes at `at` by the word and blanks around it; returns the new size. */
static size_t splice(uint8_t *data, size_t size, size_t most, size_t at, size_t cut, const char *word)
{
    const size_t length = strlen(word) + 2;

    if (size - cut + length > most)
        return size;
    memmove(data + at + length, data + at + cut, size - at - cut);
    data[at] = data[at + length - 1] = ' ';
    memcpy(data + at + 1, word, length - 2);
    return size - cut + length;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned random)
{
    size_t at, after;

    if (size < HEAD || random % 2 == 0)
        return LLVMFuzzerMutate(data, size, most);
    at = HEAD + random / 8 % (size - HEAD + 1);
    while (at < size && data[at] != ' ')
        ++at;
    for (after = at; after < size && data[after] == ' ';)
        ++after;
    if (random / 2 % 4 > 1) /* with the word that follows */
        while (after < size && data[after] != ' ')
            ++after;
    return splice(data, size, most, at, after - at,
                  random / 2 % 4 == 3 ? "" : words[random / 4096 % (sizeof words / sizeof *words)]);
}

/* ---- One architecture ---------------------------------------------------------------------------------- */

static normnet_config read_config(const uint8_t *head)
{
    normnet_config config;

    require(normnet_config_init(&config, head[0] % (NORMNET_NORM_RMS + 1)) == NORMNET_OK, "defaults");
    config.channels = 1 + head[1] % 4;
    config.height = 1 + head[2] % MAX_SIDE;
    config.width = 1 + head[3] % MAX_SIDE;
    config.classes = 2 + head[4] % 8;
    config.groups = head[5] % 4;
    config.affine = head[6] % 4;
    config.layer_dims = 1 + head[6] / 4 % 3;
    config.threads = 1 + (head[7] % 32 == 31);
    config.max_batch = 2;
    config.memory_limit = MEMORY_LIMIT;
    return config;
}

static void check_rejection(normnet_status status, const normnet_model *model, const normnet_model *untouched)
{
    const char *message = normnet_error_message();

    require(status == NORMNET_EARCH || status == NORMNET_ELIMIT || status == NORMNET_EUNSUPPORTED ||
                status == NORMNET_EINVAL,
            "an architecture is rejected for itself");
    require(model == untouched, "a rejection writes no model");
    require(strlen(message) > 8 && strchr(message, '\n') == NULL, "and has a message");
}

static normnet_layer_info describe(const normnet_model *model, int32_t layer)
{
    normnet_layer_info info;

    normnet_layer_info_init(&info);
    require(normnet_layer(model, layer, &info) == NORMNET_OK, "each layer is described");
    require(info.channels > 0 && info.height > 0 && info.width > 0 && info.parameters >= 0, "with sizes");
    return info;
}

static int64_t count_work(const normnet_model *model)
{
    int64_t work = 0;

    for (int32_t i = 0; i < normnet_layer_count(model); ++i)
        work += describe(model, i).multiply_adds;
    return work;
}

/* The words of the layers, one after another. */
static char *join_words(const normnet_model *model)
{
    const int32_t layers = normnet_layer_count(model);
    char *text = calloc((size_t)layers + 1, MAX_TEXT), *to = text;

    require(text != NULL && layers > 0, "a network has layers");
    for (int32_t i = 0; i < layers; ++i)
        to += snprintf(to, MAX_TEXT, "%s%s", i > 0 ? " " : "", describe(model, i).token);
    return text;
}

static void check_summary(const normnet_model *model)
{
    const int64_t length = normnet_model_summary(model, NULL, 0);
    char *text = malloc((size_t)length + 1);

    require(text != NULL && length > 0, "a network has a summary");
    require(normnet_model_summary(model, text, length + 1) == length, "of the length that was said");
    require((int64_t)strlen(text) == length, "without a 0 in it");
    free(text);
}

static void check_words(normnet_model *model, normnet_config config)
{
    char *text = join_words(model);
    normnet_model *again = NULL;

    config.architecture = text;
    require(normnet_model_create(&again, &config) == NORMNET_OK, "the words of the layers make a network");
    require(normnet_layer_count(model) == normnet_layer_count(again), "with as many layers");
    require(normnet_parameter_count(model) == normnet_parameter_count(again), "and parameters");
    for (int32_t i = 0; i < normnet_layer_count(model); ++i) {
        const normnet_layer_info layer = describe(model, i), other = describe(again, i);

        require(layer.channels == other.channels && layer.height == other.height && layer.width == other.width &&
                    layer.receptive_field == other.receptive_field && layer.parameters == other.parameters &&
                    layer.multiply_adds == other.multiply_adds && strcmp(layer.token, other.token) == 0 &&
                    strcmp(layer.module, other.module) == 0,
                "each of them the same");
    }
    normnet_model_destroy(again);
    free(text);
}

static void check_file(normnet_model *model, const normnet_config *config)
{
    int64_t size = 0, size_again = 0;
    normnet_model *again = NULL;
    unsigned char *bytes;

    require(normnet_model_serialize(model, NULL, 0, &size, NULL) == NORMNET_OK, "a model has a size");
    bytes = malloc(2 * (size_t)size);
    require(bytes != NULL, "there is memory");
    require(normnet_model_serialize(model, bytes, size, &size, NULL) == NORMNET_OK, "a model is saved");
    require(normnet_model_deserialize(&again, bytes, size, config) == NORMNET_OK, "and loaded");
    require(normnet_model_serialize(again, bytes + size, size, &size_again, NULL) == NORMNET_OK, "and saved again");
    require(size == size_again && memcmp(bytes, bytes + size, (size_t)size) == 0, "to the same bytes");
    normnet_model_destroy(again);
    free(bytes);
}

static void check_export(normnet_model *model)
{
    struct stat about;

    require(normnet_model_export_onnx(model, onnx_path) == NORMNET_OK, "a model is exported");
    require(stat(onnx_path, &about) == 0, "to a file");
    require(about.st_size > 4 * normnet_parameter_count(model), "with its weights");
}

static void check_prediction(normnet_model *model, const normnet_config *config)
{
    static const uint8_t pixels[2 * 4 * MAX_SIDE * MAX_SIDE] = {1, 2, 3};
    const int64_t shape[] = {2, config->channels, config->height, config->width}, score_shape[] = {2, config->classes};
    float scores[2 * 10];
    normnet_tensor images, output;

    normnet_tensor_init(&images, NORMNET_U8, pixels, 4, shape);
    normnet_tensor_init(&output, NORMNET_F32, scores, 2, score_shape);
    require(normnet_predict(model, &images, &output, NULL, NULL) == NORMNET_OK, "a network predicts");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[MAX_TEXT];
    normnet_config config;
    normnet_model *const untouched = (normnet_model *)(void *)text;
    normnet_model *model = untouched;
    normnet_status status;

    if (size < HEAD || size - HEAD >= MAX_TEXT)
        return 0;
    config = read_config(data);
    memcpy(text, data + HEAD, size - HEAD);
    text[size - HEAD] = '\0';
    config.architecture = text;
    status = normnet_model_create(&model, &config);
    if (status != NORMNET_OK) {
        check_rejection(status, model, untouched);
        return 0;
    }
    check_summary(model);
    check_words(model, config);
    check_file(model, &config);
    check_export(model);
    if (count_work(model) < MAX_WORK)
        check_prediction(model, &config);
    normnet_model_destroy(model);
    return 0;
}
