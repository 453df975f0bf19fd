/* SPDX-License-Identifier: MIT */
/*
 * The architecture string: what the header calls a network is one, and whatever else is rejected with the token, its
 * column and the shape that reached it. Networks here begin with 2x12x12 and end in 10 values.
 */
#include "creation.h"

struct rejected_architecture {
    const char *text;
    normnet_status status;
    const char *words[6];
};

/* What the words of the message must be: the column, the token, the shape before it, the value if it has one. */
static const struct rejected_architecture wrong_tokens[] = {
    {"conv3-4 nrom gap conv1-10", NORMNET_EARCH, {"column 9", "nrom", "4x10x10"}},
    {"Conv3-4 gap conv1-10", NORMNET_EARCH, {"column 1", "Conv3-4", "2x12x12"}},
    {"conv3-4, gap conv1-10", NORMNET_EARCH, {"column 1", "conv3-4,", "2x12x12"}},
    {"gap;conv1-10", NORMNET_EARCH, {"column 1", "gap;conv1-10", "2x12x12"}},
    {"gap c\xc3\xb6nv1-10", NORMNET_EARCH, {"column 5", "2x1x1"}},
    {"gap\x01 conv1-10", NORMNET_EARCH, {"column 1", "2x12x12"}},
    {"  conv3-4   x conv1-10", NORMNET_EARCH, {"column 13", "x", "4x10x10"}},
    {"gap conv1-10 %s%n%s", NORMNET_EARCH, {"column 14", "%s%n%s", "10x1x1"}},
    {"3", NORMNET_EARCH, {"column 1", "3", "2x12x12"}},
    {"softmax", NORMNET_EARCH, {"column 1", "softmax", "2x12x12"}},
    {"conv", NORMNET_EARCH, {"column 1", "conv", "2x12x12"}},
    {"conv3", NORMNET_EARCH, {"column 1", "conv3", "2x12x12"}},
    {"conv3-", NORMNET_EARCH, {"column 1", "conv3-", "2x12x12"}},
    {"conv-3-4", NORMNET_EARCH, {"column 1", "conv-3-4", "2x12x12"}},
    {"conv3--4", NORMNET_EARCH, {"column 1", "conv3--4", "2x12x12"}},
    {"conv3x3-4", NORMNET_EARCH, {"column 1", "conv3x3-4", "2x12x12"}},
    {"conv3-4q", NORMNET_EARCH, {"column 1", "conv3-4q", "2x12x12"}},
    {"conv3-4s", NORMNET_EARCH, {"column 1", "conv3-4s", "2x12x12"}},
    {"conv3-4p", NORMNET_EARCH, {"column 1", "conv3-4p", "2x12x12"}},
    {"conv3-4s2s2", NORMNET_EARCH, {"column 1", "conv3-4s2s2", "2x12x12"}},
    {"conv3-4bb", NORMNET_EARCH, {"column 1", "conv3-4bb", "2x12x12"}},
    {"gap conv1-10 relu6", NORMNET_EARCH, {"column 14", "relu6", "10x1x1"}},
    {"gap2 conv1-10", NORMNET_EARCH, {"column 1", "gap2", "2x12x12"}},
    {"gap flatten2 fc-10", NORMNET_EARCH, {"column 5", "flatten2", "2x1x1"}},
    {"norm2 gap conv1-10", NORMNET_EARCH, {"column 1", "norm2", "2x12x12"}},
    {"layernorm3 gap conv1-10", NORMNET_EARCH, {"column 1", "layernorm3", "2x12x12"}},
    {"batchnorm2d gap conv1-10", NORMNET_EARCH, {"column 1", "batchnorm2d", "2x12x12"}},
    {"instancenorm1 gap conv1-10", NORMNET_EARCH, {"column 1", "instancenorm1", "2x12x12"}},
    {"maxpool gap conv1-10", NORMNET_EARCH, {"column 1", "maxpool", "2x12x12"}},
    {"avgpool2x2 gap conv1-10", NORMNET_EARCH, {"column 1", "avgpool2x2", "2x12x12"}},
    {"gap flatten fc10", NORMNET_EARCH, {"column 13", "fc10", "2"}},
    {"gap flatten fc-10x", NORMNET_EARCH, {"column 13", "fc-10x", "2"}},
    {"gap flatten fc--10", NORMNET_EARCH, {"column 13", "fc--10", "2"}},
    {"dropout. gap conv1-10", NORMNET_EARCH, {"column 1", "dropout.", "2x12x12"}},
    {"dropout0,1 gap conv1-10", NORMNET_EARCH, {"column 1", "dropout0,1", "2x12x12"}},
    {"dropout1e-1 gap conv1-10", NORMNET_EARCH, {"column 1", "dropout1e-1", "2x12x12"}},
    {"dropoutnan gap conv1-10", NORMNET_EARCH, {"column 1", "dropoutnan", "2x12x12"}},
    {"dropout 0.1 gap conv1-10", NORMNET_EARCH, {"column 9", "0.1", "2x12x12"}},
};

static const struct rejected_architecture wrong_sizes[] = {
    {"conv0-4 gap conv1-10", NORMNET_EARCH, {"column 1", "conv0-4", "2x12x12"}},
    {"conv3-0 gap conv1-10", NORMNET_EARCH, {"column 1", "conv3-0", "2x12x12"}},
    {"conv3-4s0 gap conv1-10", NORMNET_EARCH, {"column 1", "conv3-4s0", "2x12x12"}},
    {"conv13-4 gap conv1-10", NORMNET_EARCH, {"column 1", "conv13-4", "2x12x12"}},
    {"conv3-4 conv11-4 gap conv1-10", NORMNET_EARCH, {"column 9", "conv11-4", "4x10x10"}},
    {"maxpool13 gap conv1-10", NORMNET_EARCH, {"column 1", "maxpool13", "2x12x12"}},
    {"avgpool13 gap conv1-10", NORMNET_EARCH, {"column 1", "avgpool13", "2x12x12"}},
    {"gap maxpool2 conv1-10", NORMNET_EARCH, {"column 5", "maxpool2", "2x1x1"}},
    {"gap conv3-10", NORMNET_EARCH, {"column 5", "conv3-10", "2x1x1"}},
    {"maxpool0 gap conv1-10", NORMNET_EARCH, {"column 1", "maxpool0", "2x12x12"}},
    {"avgpool0 gap conv1-10", NORMNET_EARCH, {"column 1", "avgpool0", "2x12x12"}},
    {"maxpool-2 gap conv1-10", NORMNET_EARCH, {"column 1", "maxpool-2", "2x12x12"}},
    {"gap flatten fc-0", NORMNET_EARCH, {"column 13", "fc-0", "2"}},
    {"dropout1.0001 gap conv1-10", NORMNET_EARCH, {"column 1", "dropout1.0001", "2x12x12"}},
    {"dropout2 gap conv1-10", NORMNET_EARCH, {"column 1", "dropout2", "2x12x12"}},
    {"dropout-0.1 gap conv1-10", NORMNET_EARCH, {"column 1", "dropout-0.1", "2x12x12"}},
    /* Numbers that wrap to small ones in 32 or 64 bits. */
    {"conv2147483647-4 gap conv1-10", NORMNET_EARCH, {"column 1", "conv2147483647-4", "2x12x12"}},
    {"conv2147483648-4 gap conv1-10", NORMNET_EARCH, {"column 1", "conv2147483648-4", "2x12x12"}},
    {"conv4294967299-4 gap conv1-10", NORMNET_EARCH, {"column 1", "conv4294967299-4", "2x12x12"}},
    {"conv3-2147483647 gap conv1-10", NORMNET_EARCH, {"column 1", "conv3-2147483647", "2x12x12"}},
    {"conv3-4294967300 gap conv1-10", NORMNET_EARCH, {"column 1", "conv3-4294967300", "2x12x12"}},
    {"conv3-18446744073709551620 gap conv1-10", NORMNET_EARCH, {"column 1", "18446744073709551620", "2x12x12"}},
    {"conv3-4s2147483648 gap conv1-10", NORMNET_EARCH, {"column 1", "conv3-4s2147483648", "2x12x12"}},
    {"conv3-4s4294967297 gap conv1-10", NORMNET_EARCH, {"column 1", "conv3-4s4294967297", "2x12x12"}},
    {"conv3-4p4294967297 gap conv1-10", NORMNET_EARCH, {"column 1", "conv3-4p4294967297", "2x12x12"}},
    {"maxpool4294967298 gap conv1-10", NORMNET_EARCH, {"column 1", "maxpool4294967298", "2x12x12"}},
    {"avgpool2147483648 gap conv1-10", NORMNET_EARCH, {"column 1", "avgpool2147483648", "2x12x12"}},
    {"gap flatten fc-4294967306", NORMNET_EARCH, {"column 13", "fc-4294967306", "2"}},
    {"gap flatten fc-2147483648", NORMNET_EARCH, {"column 13", "fc-2147483648", "2"}},
    {"dropout99999999999999999999 gap conv1-10", NORMNET_EARCH, {"column 1", "dropout9999", "2x12x12"}},
    {"dropout0.1234567890 gap conv1-10", NORMNET_EARCH, {"column 1", "dropout0.1234567890", "2x12x12"}},
};

static const struct rejected_architecture wrong_groups[] = {
    {"conv3-8 groupnorm0 gap conv1-10", NORMNET_EARCH, {"column 9", "groupnorm0", "8x10x10"}},
    {"conv3-8 groupnorm-1 gap conv1-10", NORMNET_EARCH, {"column 9", "groupnorm-1", "8x10x10"}},
    {"conv3-8 groupnorm-2147483648 gap conv1-10", NORMNET_EARCH, {"column 9", "groupnorm-2147483648", "8x10x10"}},
    {"conv3-8 groupnorm3 gap conv1-10", NORMNET_EARCH, {"column 9", "groupnorm3", "8x10x10"}},
    {"conv3-8 groupnorm9 gap conv1-10", NORMNET_EARCH, {"column 9", "groupnorm9", "8x10x10"}},
    {"conv3-8 groupnorm16 gap conv1-10", NORMNET_EARCH, {"column 9", "groupnorm16", "8x10x10"}},
    {"conv3-8 groupnorm4294967297 gap conv1-10", NORMNET_EARCH, {"column 9", "groupnorm4294967297", "8x10x10"}},
    {"conv3-8 groupnorm2b gap conv1-10", NORMNET_EARCH, {"column 9", "groupnorm2b", "8x10x10"}},
    /* One group per four channels, of six. */
    {"conv3-6 norm gap conv1-10", NORMNET_EARCH, {"column 9", "norm", "6x10x10"}},
};

/* Layers after flatten have no rows and columns; fc needs flatten; the end must fit the classes. */
static const struct rejected_architecture wrong_orders[] = {
    {"flatten conv3-4 gap conv1-10", NORMNET_EARCH, {"column 9", "conv3-4", "288"}},
    {"flatten maxpool2 fc-10", NORMNET_EARCH, {"column 9", "maxpool2", "288"}},
    {"flatten avgpool2 fc-10", NORMNET_EARCH, {"column 9", "avgpool2", "288"}},
    {"flatten gap fc-10", NORMNET_EARCH, {"column 9", "gap", "288"}},
    {"flatten instancenorm fc-10", NORMNET_EUNSUPPORTED, {"column 9", "instancenorm", "288"}},
    {"gap flatten fc-8 instancenorm fc-10", NORMNET_EUNSUPPORTED, {"column 18", "instancenorm", "8"}},
    {"fc-10", NORMNET_EARCH, {"column 1", "fc-10", "2x12x12"}},
    {"gap fc-10", NORMNET_EARCH, {"column 5", "fc-10", "2x1x1"}},
    {"gap conv1-9", NORMNET_EARCH, {"column 5", "conv1-9", "9", "10"}},
    {"gap conv1-11", NORMNET_EARCH, {"column 5", "conv1-11", "11", "10"}},
    {"conv3-10", NORMNET_EARCH, {"column 1", "conv3-10", "10x10x10", "10 "}},
    {"gap", NORMNET_EARCH, {"column 1", "gap", "2", "10"}},
    {"gap flatten fc-1000 relu", NORMNET_EARCH, {"column 21", "relu", "1000", "10"}},
};

static void reject_table(const struct rejected_architecture *table, int count)
{
    normnet_config config = twins_config(NORMNET_NORM_GROUP);

    for (int i = 0; i < count; ++i) {
        config.architecture = table[i].text;
        check_not_created(__FILE__, __LINE__, table[i].text, &config, table[i].status, table[i].words);
    }
}

static void tokens_rejected(const void *argument)
{
    (void)argument;
    reject_table(wrong_tokens, CHECK_COUNT(wrong_tokens));
}

static void sizes_rejected(const void *argument)
{
    (void)argument;
    reject_table(wrong_sizes, CHECK_COUNT(wrong_sizes));
}

static void groups_rejected(const void *argument)
{
    const int32_t groups[] = {3, 5, 16, 65537, INT32_MAX, -1, INT32_MIN};
    normnet_config config = twins_config(NORMNET_NORM_GROUP);
    char value[16];

    (void)argument;
    reject_table(wrong_groups, CHECK_COUNT(wrong_groups));
    config.architecture = "conv3-8 norm gap conv1-10";
    for (int i = 0; i < CHECK_COUNT(groups); ++i) {
        config.groups = groups[i];
        snprintf(value, sizeof value, "%d", groups[i]);
        CHECK_NOT_CREATED("groups that do not divide 8 channels", &config, NORMNET_EARCH, value, "groups");
    }
}

static void orders_rejected(const void *argument)
{
    (void)argument;
    reject_table(wrong_orders, CHECK_COUNT(wrong_orders));
}

static void no_layers(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_NONE);

    (void)argument;
    config.architecture = "";
    CHECK_NOT_CREATED("an empty architecture", &config, NORMNET_EARCH, "architecture");
    config.architecture = "   \t  ";
    CHECK_NOT_CREATED("blanks", &config, NORMNET_EARCH, "architecture");
}

/* `length` bytes that would be a network if they were fewer: spaces between its two layers. */
static char *padded_architecture(size_t length)
{
    char *text = check_allocate(length + 1, 1);

    memset(text, ' ', length);
    memcpy(text, "gap", 3);
    memcpy(text + length - 8, "conv1-10", 8);
    return text;
}

static void length_limit(const void *argument)
{
    const size_t too_long[] = {4097, 5000, 1u << 20};
    normnet_config config = twins_config(NORMNET_NORM_NONE);
    char *text = padded_architecture(4096), *token;

    (void)argument;
    config.architecture = text;
    CHECK_CREATED("4096 bytes", &config);
    free(text);
    for (int i = 0; i < CHECK_COUNT(too_long); ++i) {
        text = padded_architecture(too_long[i]);
        config.architecture = text;
        CHECK_NOT_CREATED("over 4096 bytes", &config, NORMNET_ELIMIT, "4096");
        free(text);
    }
    /* A single token of nearly that length: rejected for what it is, in a message of reasonable length. */
    token = check_allocate(4001, 1);
    memset(token, 'z', 4000);
    config.architecture = token;
    CHECK_NOT_CREATED("a token of 4000 bytes", &config, NORMNET_EARCH, "column 1", "zzzz", "2x12x12");
    free(token);
}

static void many_layers(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_LAYER);
    char text[4097];

    (void)argument;
    strcpy(text, "gap flatten fc-10 ");
    for (size_t length = strlen(text); length + 5 <= 4096; length += 5)
        memcpy(text + length, "relu ", 6);
    config.architecture = text;
    config.max_batch = 3;
    CHECK_CREATED("over 800 layers", &config);
}

static void too_many_weights(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_NONE);

    (void)argument;
    config.memory_limit = 0;
    config.architecture = "conv3-65536 conv3-65536 gap conv1-10";
    CHECK_NOT_CREATED("2^32 * 9 weights", &config, NORMNET_ELIMIT, "column 13", "conv3-65536", "65536x10x10");
    config.architecture = "gap conv1-40000 conv1-40000 conv1-40000 conv1-10";
    CHECK_NOT_CREATED("3.2 * 10^9 parameters", &config, NORMNET_ELIMIT, "parameters");
    config.architecture = "conv1-65536 conv65536-65536p65535 gap conv1-10";
    CHECK_NOT_CREATED("2^64 weights", &config, NORMNET_ELIMIT, "column 13", "conv65536-65536p65535", "weights");
}

static void too_large_maps(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_LAYER);

    (void)argument;
    config.architecture = "conv1-4p32762 gap conv1-10";
    CHECK_NOT_CREATED("65536 rows", &config, NORMNET_ELIMIT, "config.memory_limit");
    config.architecture = "conv1-4p32763 gap conv1-10";
    CHECK_NOT_CREATED("65538 rows", &config, NORMNET_ELIMIT, "column 1", "conv1-4p32763", "rows or columns");
    config.architecture = "conv1-65536p2 flatten fc-10";
    CHECK_NOT_CREATED("2^24 features", &config, NORMNET_ELIMIT, "config.memory_limit");
    config.architecture = "conv1-65536p3 flatten fc-10";
    CHECK_NOT_CREATED("more features", &config, NORMNET_ELIMIT, "column 15", "flatten", "more than 2^24 features");
    config.layer_dims = 1;
    config.architecture = "conv1-65536p16382 norm gap conv1-10";
    CHECK_NOT_CREATED("2^31 rows of a norm", &config, NORMNET_ELIMIT, "column 19", "norm", "2^31 - 1 rows");
}

/* Each of the batch norms has a map of 2^54 bytes, with the 16 lanes that portable kernels have on every machine. */
static void too_many_activations(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    char text[4097];

    (void)argument;
    strcpy(text, "conv1-65536p32762 ");
    for (size_t length = strlen(text); length + 5 + 12 <= 4096; length += 5)
        memcpy(text + length, "norm ", 6);
    strcat(text, "gap conv1-10");
    config.memory_limit = 0;
    config.cpu = NORMNET_CPU_PORTABLE;
    config.architecture = text;
    CHECK_NOT_CREATED("800 maps of 2^54 bytes", &config, NORMNET_ELIMIT, "activations", "2^63 - 1 bytes");
}

/* ---- What is a network ------------------------------------------------------------------------- */

static const char *const networks[] = {
    "conv3-4 gap conv1-10",
    "conv12-10",
    "conv2-3s2 conv1-4s3b gap conv1-10b",
    "conv3-4s2p1b norm conv3-4bp1s2 norm conv3-8p2s1 norm gap conv1-10",
    "  conv3-4   relu\tnorm\nmaxpool2 gap conv1-10  ",
    "conv3-4 maxpool3 avgpool2 gap conv1-10",
    "maxpool12 conv1-10",
    "maxpool1 avgpool1 gap conv1-10",
    "avgpool12 conv1-10",
    "avgpool5 conv2-10",
    "flatten fc-10",
    "flatten flatten fc-16b relu dropout fc-10b",
    "flatten fc-8 norm relu fc-10",
    "flatten fc-8 layernorm groupnorm2 batchnorm fc-10",
    "conv3-10 gap flatten",
    "dropout0 dropout0.5 dropout.1 dropout1 dropout0.123456789 leakyrelu.1234567890 gap conv1-10",
    "conv3-4 batchnorm groupnorm1 groupnorm2 groupnorm4 layernorm instancenorm gap conv1-10",
    "gap conv1-10 relu",
    "conv1-10p0 gap",
    /* What PyTorch's modules can do as well. */
    "conv3-4p3 gap conv1-10",
    "conv1-4p1 gap conv1-10",
};

static void networks_accepted(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_GROUP);

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(networks); ++i) {
        config.architecture = networks[i];
        CHECK_CREATED(networks[i], &config);
    }
    config.height = config.width = 33;
    config.architecture = "maxpool16 gap conv1-10";
    CHECK_CREATED(config.architecture, &config);
    config.architecture = "maxpool17 gap conv1-10";
    CHECK_NOT_CREATED(config.architecture, &config, NORMNET_EARCH, "column 1", "maxpool17", "2x33x33");
    config.architecture = "avgpool17 gap conv1-10";
    CHECK_CREATED(config.architecture, &config);
    config.architecture = "avgpool33 conv1-10";
    CHECK_CREATED(config.architecture, &config);
    config.channels = 1;
    config.height = 300;
    config.width = 300;
    config.max_batch = 3;
    config.architecture = "flatten fc-10";
    CHECK_CREATED("90000 features", &config);
}

/* The network of an architecture of NULL fits the images, from 8x8 pixels, and the classes. */
static void the_default_network(const void *argument)
{
    static const int32_t wrong[][2] = {{7, 7}, {7, 18}, {28, 7}, {1, 1}};
    static const int32_t sizes[][2] = {{8, 8}, {8, 28}, {16, 9}, {17, 17}, {17, 18}, {18, 18}, {28, 28}, {32, 32}};
    static const int32_t classes[] = {2, 10, 26, 47, 1000};
    normnet_config config = twins_config(NORMNET_NORM_GROUP);

    (void)argument;
    config.architecture = NULL;
    for (int i = 0; i < CHECK_COUNT(wrong); ++i) {
        config.height = wrong[i][0];
        config.width = wrong[i][1];
        CHECK_NOT_CREATED("the default network, too small", &config, NORMNET_EARCH, "8x8", "architecture");
    }
    for (int i = 0; i < CHECK_COUNT(sizes); ++i)
        for (int k = 0; k < CHECK_COUNT(classes); ++k)
            for (config.channels = 1; config.channels <= 3; config.channels += 2) {
                normnet_model *model;

                config.height = sizes[i][0];
                config.width = sizes[i][1];
                config.classes = classes[k];
                model = CHECK_CREATE(&config);
                CHECK_EQUAL(normnet_parameter_count(model), 7704 + 72 * (config.channels - 1) + 16 * (classes[k] - 10));
                normnet_model_destroy(model);
            }
}

/* Every word is the norm that it names, in any place and whatever config.norm is. */
static void norms_spelled_out(const void *argument)
{
    const char *const modules[] = {"Identity", "BatchNorm2d", "GroupNorm", "GroupNorm", "GroupNorm", "RMSNorm"};

    (void)argument;
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        normnet_config config = twins_config(norm);
        normnet_model *model;

        config.architecture = "conv3-4 norm batchnorm groupnorm2 layernorm instancenorm rmsnorm gap conv1-10";
        model = CHECK_CREATE(&config);
        if (model == NULL)
            return;
        CHECK_TEXT(layer_info(model, 1).module, modules[norm]);
        CHECK_TEXT(layer_info(model, 2).module, "BatchNorm2d");
        CHECK_TEXT(layer_info(model, 3).module, "GroupNorm");
        CHECK_TEXT(layer_info(model, 4).module, "GroupNorm");
        CHECK_TEXT(layer_info(model, 5).module, "GroupNorm");
        CHECK_TEXT(layer_info(model, 6).module, "RMSNorm");
        CHECK_EQUAL(layer_info(model, 1).parameters, norm == NORMNET_NORM_NONE ? 0 : norm == NORMNET_NORM_RMS ? 4 : 8);
        normnet_model_destroy(model);
    }
}

/* conv: rounded down; pools: an incomplete window at the edge is left out; gap: 1x1. */
static void shapes(const void *argument)
{
    static const struct {
        const char *text;
        int32_t layer, channels, height, width;
    } expected[] = {
        {"conv3-4s2 gap conv1-10", 0, 4, 5, 4},
        {"conv3-4s2p1 gap conv1-10", 0, 4, 6, 5},
        {"conv4-4s3p2 gap conv1-10", 0, 4, 5, 4},
        {"maxpool2 gap conv1-10", 0, 2, 6, 5},
        {"maxpool5 gap conv1-10", 0, 2, 2, 2},
        {"avgpool4 gap conv1-10", 0, 2, 3, 2},
        {"gap conv1-10", 0, 2, 1, 1},
        {"flatten fc-10", 0, 2 * 12 * 10, 1, 1},
        {"flatten fc-10", 1, 10, 1, 1},
        {"conv3-4 norm gap conv1-10", 1, 4, 10, 8},
        {"conv3-4 dropout gap conv1-10", 1, 4, 10, 8},
    };
    normnet_config config = twins_config(NORMNET_NORM_GROUP);

    (void)argument;
    config.width = 10;
    for (int i = 0; i < CHECK_COUNT(expected); ++i) {
        normnet_model *model;

        config.architecture = expected[i].text;
        model = CHECK_CREATE(&config);
        if (model != NULL) {
            const normnet_layer_info info = layer_info(model, expected[i].layer);

            if (info.channels != expected[i].channels || info.height != expected[i].height ||
                info.width != expected[i].width)
                CHECK_FAIL("layer %d of '%s' is %dx%dx%d, expected %dx%dx%d", expected[i].layer, expected[i].text,
                           info.channels, info.height, info.width, expected[i].channels, expected[i].height,
                           expected[i].width);
        }
        normnet_model_destroy(model);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("architecture: unknown and malformed tokens are EARCH with column and shape", tokens_rejected, NULL);
    check_case("architecture: sizes that cannot be are EARCH with column and shape", sizes_rejected, NULL);
    check_case("architecture: groups that do not divide the channels are EARCH", groups_rejected, NULL);
    check_case("architecture: wrong orders and wrong ends are EARCH", orders_rejected, NULL);
    check_case("architecture: without a layer it is EARCH", no_layers, NULL);
    check_case("architecture: over 4,096 bytes it is ELIMIT", length_limit, NULL);
    check_case("architecture: as many layers as fit", many_layers, NULL);
    check_case("architecture: more weights than 31 bits count are ELIMIT", too_many_weights, NULL);
    check_case("architecture: maps that are too large are ELIMIT", too_large_maps, NULL);
    check_case("architecture: more activations than 63 bits count are ELIMIT", too_many_activations, NULL);
    check_case("architecture: everything the header describes is a network", networks_accepted, NULL);
    check_case("architecture: the default fits images from 8x8 and all classes", the_default_network, NULL);
    check_case("architecture: a norm spelled out is that norm", norms_spelled_out, NULL);
    check_case("architecture: shapes round down", shapes, NULL);
    return check_end();
}
