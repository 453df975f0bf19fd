/* SPDX-License-Identifier: MIT */
/*
 * An image has the same bits at every layer, alone, with a few others or in a full block: the library works on a few
 * images one by one with channels as lanes, and on more with the images as lanes.
 */
#include "harness/check_normnet.h"
#include "harness/published_networks.h"
#include "harness/test_random.h"
#include "harness/type_networks.h"

enum { IMAGES = 20, SIDE = 28, CLASSES = 10 };

struct norm_case {
    const char *name;
    int32_t norm, layer_dims, affine;
};

static const struct norm_case norms[] = {
    {"none", NORMNET_NORM_NONE, 3, NORMNET_AFFINE_DEFAULT},
    {"batch", NORMNET_NORM_BATCH, 3, NORMNET_AFFINE_DEFAULT},
    {"batch without affine", NORMNET_NORM_BATCH, 3, NORMNET_AFFINE_NONE},
    {"group", NORMNET_NORM_GROUP, 3, NORMNET_AFFINE_DEFAULT},
    {"instance", NORMNET_NORM_INSTANCE, 3, NORMNET_AFFINE_DEFAULT},
    {"layer", NORMNET_NORM_LAYER, 3, NORMNET_AFFINE_DEFAULT},
    {"layer per element", NORMNET_NORM_LAYER, 3, NORMNET_AFFINE_ELEMENT},
    {"RMS", NORMNET_NORM_RMS, 3, NORMNET_AFFINE_DEFAULT},
    {"RMS per element", NORMNET_NORM_RMS, 3, NORMNET_AFFINE_ELEMENT},
    {"layer over two dimensions", NORMNET_NORM_LAYER, 2, NORMNET_AFFINE_DEFAULT},
    {"layer over two dimensions per element", NORMNET_NORM_LAYER, 2, NORMNET_AFFINE_ELEMENT},
    {"layer over rows", NORMNET_NORM_LAYER, 1, NORMNET_AFFINE_DEFAULT},
    {"layer over rows per element", NORMNET_NORM_LAYER, 1, NORMNET_AFFINE_ELEMENT},
};

/* Channels around multiples of 16, every kind of layer, both algorithms, padding, strides, bias, rims of pools. */
static const struct {
    const char *name, *architecture;
} networks[] = {
    {"seed 003", SEED_003},
    {"seed 004", SEED_004},
    {"sibling", SIBLING},
    {"features", "conv5-6p2b relu norm maxpool2 conv3-17p1b norm relu avgpool2 conv3-20s2 relu norm dropout "
                 "flatten fc-37b relu fc-10b"},
    {"wide", "conv3-18p1 relu norm conv1-33b norm relu conv3-9p2b relu maxpool3 norm conv3-16p1b flatten fc-10 relu"},
};

static normnet_config config_of(const char *architecture, const struct norm_case *norm, int32_t cpu)
{
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, norm->norm));
    config.architecture = architecture;
    config.channels = 1;
    config.height = config.width = SIDE;
    config.classes = CLASSES;
    config.groups = 1;
    config.layer_dims = norm->layer_dims;
    config.affine = norm->affine;
    config.max_batch = IMAGES;
    config.cpu = cpu;
    return config;
}

static int image_size(const normnet_config *config)
{
    return config->channels * config->height * config->width;
}

static int after_flatten(const normnet_model *model, int32_t layer)
{
    while (layer >= 0 && strcmp(layer_info(model, layer).token, "flatten") != 0)
        --layer;
    return layer >= 0;
}

/* The output of a layer for images first, ..., first + count - 1, of `size` values each. */
static float *output_of(normnet_model *model, const normnet_config *config, const float *pixels, int first, int count,
                        int32_t layer, size_t *size)
{
    const normnet_layer_info info = layer_info(model, layer);
    const normnet_tensor images = tensor_images(NORMNET_F32, pixels + first * image_size(config), count, config);
    normnet_tensor output = {.struct_size = (int32_t)sizeof output, .dtype = NORMNET_F32, .rank = 4};
    float *values;

    *size = (size_t)info.channels * (size_t)info.height * (size_t)info.width;
    values = check_allocate((size_t)count * *size, sizeof *values);
    output.rank = after_flatten(model, layer) ? 2 : 4;
    output.shape[0] = count;
    output.shape[1] = info.channels;
    output.shape[2] = info.height;
    output.shape[3] = info.width;
    if (output.rank == 2)
        output.shape[2] = output.shape[3] = 0;
    output.data = values;
    CHECK_OK(normnet_layer_output(model, &images, layer, &output, NULL));
    return values;
}

/* Every second one: products with 0 have either sign. */
static void negate_parameters(normnet_model *model)
{
    const int64_t count = normnet_parameter_count(model);
    float *values = check_allocate((size_t)count, sizeof *values);
    normnet_state_info first = {.struct_size = (int32_t)sizeof first};

    CHECK_OK(normnet_state(model, 0, &first));
    memcpy(values, first.data, (size_t)count * sizeof *values);
    for (int64_t i = 0; i < count; i += 2)
        values[i] = -values[i];
    CHECK_OK(normnet_set_parameters(model, values, count));
    free(values);
}

static void same_bits(const void *argument)
{
    static const int sizes[] = {1, 8, 9}; /* one by one up to 8 */
    const normnet_config config = *(const normnet_config *)argument;
    const int count = IMAGES * image_size(&config);
    normnet_model *model = CHECK_CREATE(&config);
    float *pixels = check_allocate((size_t)count, sizeof *pixels);
    uint8_t labels[IMAGES];
    normnet_tensor images, label;
    struct random_stream random = {7};

    for (int i = 0; i < count; ++i)
        pixels[i] = (float)random_uniform(&random, -1, 1);
    for (int i = 0; i < IMAGES; ++i)
        labels[i] = (uint8_t)random_below(&random, CLASSES);
    images = tensor_images(NORMNET_F32, pixels, IMAGES, &config);
    label = tensor_1d(NORMNET_U8, labels, IMAGES);
    /* A step, so that running statistics and affine parameters are not their first values. */
    CHECK_OK(normnet_train_step(model, &images, &label, NULL));
    negate_parameters(model);
    for (int i = 0; i < count; i += 3)
        pixels[i] = 0;
    for (int32_t layer = 0; layer < normnet_layer_count(model); ++layer) {
        size_t size;
        float *all = output_of(model, &config, pixels, 0, IMAGES, layer, &size);

        for (int i = 0; i < CHECK_COUNT(sizes); ++i) {
            const int first = IMAGES - sizes[i];
            float *some = output_of(model, &config, pixels, first, sizes[i], layer, &size);

            if (memcmp(some, all + (size_t)first * size, (size_t)sizes[i] * size * sizeof *some) != 0)
                CHECK_FAIL("layer %d: %d images of %d give other bits", (int)layer, sizes[i], (int)IMAGES);
            free(some);
        }
        free(all);
    }
    free(pixels);
    normnet_model_destroy(model);
}

static int available(int32_t cpu)
{
    normnet_config config;
    normnet_model *model = NULL;

    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.cpu = cpu;
    if (normnet_model_create(&model, &config) != NORMNET_OK)
        return 0;
    normnet_model_destroy(model);
    return 1;
}

static const int32_t cpus[] = {NORMNET_CPU_BEST, NORMNET_CPU_PORTABLE, NORMNET_CPU_AVX2};
static const char *const cpu_names[] = {"best", "portable", "avx2"};

/* Around every type of layer that the library lists. */
static void run_types(int cpu)
{
    static struct type_network network;

    for (const struct layer_type *const *type = normnet__layer_types; *type != NULL; ++type)
        for (int i = 0; i < TYPE_NETWORKS; ++i) {
            normnet_config config;

            if (!type_network_at(&network, *type, i))
                continue;
            type_config(&config, network.architecture);
            config.max_batch = IMAGES;
            config.cpu = cpus[cpu];
            check_case_named(same_bits, &config, "type %s, network %d, cpu %s", (*type)->name, i, cpu_names[cpu]);
        }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cpus); ++i) {
        if (!available(cpus[i]))
            continue;
        run_types(i);
        for (int k = 0; k < CHECK_COUNT(norms); ++k)
            for (int n = cpus[i] == NORMNET_CPU_PORTABLE ? 3 : 0; n < CHECK_COUNT(networks); ++n) { /* it is slow */
                const normnet_config config = config_of(networks[n].architecture, &norms[k], cpus[i]);

                check_case_named(same_bits, &config, "%s, norm %s, cpu %s", networks[n].name, norms[k].name,
                                 cpu_names[i]);
            }
    }
    return check_end();
}
