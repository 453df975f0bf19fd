/* SPDX-License-Identifier: MIT */
/*
 * Every layer at every size and scale: long rows, long columns and large maps, values from 1e-30 to 1e30, planes that
 * are constant, far from zero, or unlike the rest in a corner. Outputs and gradients are compared with the reference,
 * which computes in double, as tightly as float allows: a sum of a million values may lose no more than one of a dozen.
 *
 * The first layer is a 1x1 convolution with the weights 1 and 0, so that the layer in question gets the pixels exactly,
 * and its gradient by its input shows in the gradient of these weights. The last layer is scaled to logits near 1.
 *
 * Names with "product" are the whole product of layers, sizes, scales and contents: build option long_tests.
 */
#include "harness/check_normnet.h"
#include "harness/test_random.h"
#include "reference/reference.h"

#include <float.h>

enum { IMAGES = 3, CHANNELS = 2, CLASSES = 2 };

/*
 * Of an output, measured by its own size or the typical one, whichever is larger; of a gradient, by the largest of its
 * array or what its terms would be if they did not cancel (noise_of_terms). Both are a few times what rounding the
 * terms and the result costs.
 */
static const double most_error_of_output = 2e-6, most_error_of_gradient = 5e-6;

/* ---- The cases --------------------------------------------------------------------------------- */

enum content { NOISE, CONSTANT, OFFSET, CORNER, STAMP, CONTENTS };
static const char *const content_names[CONTENTS] = {"noise", "constant", "offset", "bright corner", "time stamp"};

struct extreme_layer {
    const char *name, *architecture; /* up to the last layer; layer 1 is the one in question */
    int norm, layer_dims, affine;
    int least; /* height and width that it needs */
};

static const struct extreme_layer layers[] = {
    {"conv 1x1", "conv1-2 conv1-3b", 0, 3, 0, 1},
    {"conv 3x3", "conv1-2 conv3-2p1b", 0, 3, 0, 1},
    {"conv 3x3 to 8", "conv1-2 conv3-8p1", 0, 3, 0, 1},
    {"conv 3x3 stride 2", "conv1-2 conv3-3s2p1", 0, 3, 0, 1},
    {"conv 5x5", "conv1-2 conv5-2p2b", 0, 3, 0, 1},
    {"conv 11x11", "conv1-2 conv11-2p5", 0, 3, 0, 1},
    {"relu", "conv1-2 relu", 0, 3, 0, 1},
    {"leaky relu", "conv1-2 leakyrelu.1", 0, 3, 0, 1},
    {"max pool", "conv1-2 maxpool2", 0, 3, 0, 2},
    {"average pool", "conv1-2 avgpool2", 0, 3, 0, 2},
    {"average pool of 32", "conv1-2 avgpool32", 0, 3, 0, 32},
    {"gap", "conv1-2 gap", 0, 3, 0, 1},
    {"batch norm", "conv1-2 norm", NORMNET_NORM_BATCH, 3, 0, 1},
    {"group norm", "conv1-2 norm", NORMNET_NORM_GROUP, 3, 0, 1},
    {"layer norm", "conv1-2 norm", NORMNET_NORM_LAYER, 3, NORMNET_AFFINE_CHANNEL, 1},
    {"layer norm per element", "conv1-2 norm", NORMNET_NORM_LAYER, 3, NORMNET_AFFINE_ELEMENT, 1},
    {"layer norm of planes", "conv1-2 norm", NORMNET_NORM_LAYER, 2, NORMNET_AFFINE_ELEMENT, 1},
    {"layer norm of rows", "conv1-2 norm", NORMNET_NORM_LAYER, 1, NORMNET_AFFINE_ELEMENT, 1},
    {"instance norm", "conv1-2 norm", NORMNET_NORM_INSTANCE, 3, NORMNET_AFFINE_CHANNEL, 1},
    {"rms norm", "conv1-2 norm", NORMNET_NORM_RMS, 3, NORMNET_AFFINE_CHANNEL, 1},
    {"rms norm per element", "conv1-2 norm", NORMNET_NORM_RMS, 3, NORMNET_AFFINE_ELEMENT, 1},
};

/* Sums over many channels, and over more columns of a kernel than are summed at once. */
static const struct extreme_layer deep_layers[] = {
    {"3300 channels, 1x1", "conv1-2 conv1-3300 conv1-2b", 0, 3, 0, 1},
    {"500 channels, 3x3", "conv1-2 conv1-500 conv3-2p1", 0, 3, 0, 1},
    {"500 channels, 3x3 to 16", "conv1-2 conv1-500 conv3-16p1", 0, 3, 0, 1},
    {"16 to 500 channels, 3x3", "conv1-2 conv1-16 conv3-500p1", 0, 3, 0, 1},
    {"100 channels, 5x5", "conv1-2 conv1-100 conv5-2p2", 0, 3, 0, 1},
    {"kernel 100", "conv1-2 conv100-1p50", 0, 3, 0, 1},
    {"32 to 40 channels, 3x3", "conv1-2 conv1-32 conv3-40p1", 0, 3, 0, 1},
    {"33 to 24 channels, 4x4", "conv1-2 conv1-33 conv4-24p2", 0, 3, 0, 1},
    {"relu before 3300 channels", "conv1-2 relu conv1-3300 conv1-2b", 0, 3, 0, 1},
    {"features", "conv1-2 flatten fc-5b relu fc-4", 0, 3, 0, 1},
};

struct extreme_case {
    const struct extreme_layer *layer;
    int height, width;
    double scale, eps;
    enum content content;
};

/* ---- Data -------------------------------------------------------------------------------------- */

struct extreme_bench {
    const struct extreme_case *want;
    char architecture[160];
    normnet_config config;
    normnet_model *model;
    struct reference_network *network;
    struct reference_pass *pass;
    double *parameters, *typical;
    float *pixels;
    uint8_t labels[IMAGES];
    struct random_stream random;
};

/* A value before scaling. */
static double draw_value(struct extreme_bench *bench, int channel, int i, int plane)
{
    const double noise = random_uniform(&bench->random, -1, 1) + (double)i / plane;

    switch (bench->want->content) {
    case CONSTANT:
        return channel == 0 ? 0.7123456 : 1.3456789;
    case OFFSET:
        return noise + 1000;
    case CORNER:
        return i < 16 ? 1000 : noise;
    case STAMP:
        return i >= plane - 24 ? 1000 : noise;
    default:
        return noise;
    }
}

static void draw_pixels(struct extreme_bench *bench)
{
    const int plane = bench->want->height * bench->want->width, count = IMAGES * CHANNELS * plane;
    double *exact = check_allocate((size_t)count, sizeof *exact);

    for (int i = 0; i < count; ++i)
        exact[i] = bench->pixels[i] =
            (float)(bench->want->scale * draw_value(bench, i / plane % CHANNELS, i % plane, plane));
    reference_set_images(bench->pass, exact);
    free(exact); /* all labels are 0, so that gradients do not cancel between images */
}

static int is_norm(const struct extreme_bench *bench)
{
    return bench->network->layers[1].kind == REFERENCE_NORM;
}

/*
 * Weights of one sign, for the second class of the other, show sums whose rounding errors have one, too, and let no
 * terms cancel; norms need both signs, or the logits were zero.
 */
static double draw_weight(struct extreme_bench *bench, int negative)
{
    const double weight = random_uniform(&bench->random, 0.5, 1.5);

    return is_norm(bench) ? 2 * (weight - 1) : negative ? -weight : weight;
}

static void draw_parameters(struct extreme_bench *bench, const struct reference_layer *layer, double scale)
{
    const int is_last = layer == &bench->network->layers[bench->network->layer_count - 1];
    const int second = is_last ? layer->in.channels : layer->weight_count;
    double *weight = bench->parameters + layer->weight, *bias = bench->parameters + layer->bias;

    for (int i = 0; i < layer->weight_count; ++i)
        weight[i] = (float)(layer->kind == REFERENCE_NORM ? random_uniform(&bench->random, 0.5, 1.5)
                                                          : draw_weight(bench, i >= second) * scale);
    for (int i = 0; i < layer->bias_count; ++i)
        bias[i] = (float)(layer->kind == REFERENCE_NORM ? random_uniform(&bench->random, -0.5, 0.5) : 0);
}

/* sqrt(mean of x^2) of what enters a layer. */
static double typical_input(const struct extreme_bench *bench, int layer)
{
    const struct reference_shape shape = reference_with_images(bench->network->layers[layer].in, IMAGES);
    const int count = reference_count(shape);
    double sum = 0;

    for (int i = 0; i < count; ++i)
        sum += bench->pass->outputs[layer][i] * bench->pass->outputs[layer][i] / count;
    return sqrt(sum);
}

static void set_parameters(struct extreme_bench *bench)
{
    const struct reference_network *network = bench->network;
    const int last = network->layer_count - 1, count = network->parameter_count;
    const double inputs = network->layers[last].in.channels;
    float *values = check_allocate((size_t)count, sizeof *values);
    double typical;

    bench->parameters[0] = bench->parameters[3] = 1;
    for (int i = 1; i < last; ++i)
        draw_parameters(bench, &network->layers[i], i == 1 ? 1 / sqrt(30) : 1.0 / network->layers[i].in.channels);
    reference_forward(bench->pass, bench->parameters, NULL, REFERENCE_TRAINING);
    typical = typical_input(bench, last);
    draw_parameters(bench, &network->layers[last],
                    1 / (typical > 0 ? typical : 1) / (is_norm(bench) ? sqrt(inputs) : inputs));
    for (int i = 0; i < count; ++i)
        values[i] = (float)bench->parameters[i];
    CHECK_OK(normnet_set_parameters(bench->model, values, count));
    free(values);
}

static int create(struct extreme_bench *bench, const struct extreme_case *want)
{
    const int count = IMAGES * CHANNELS * want->height * want->width;

    memset(bench, 0, sizeof *bench);
    bench->want = want;
    bench->random.state = 11;
    snprintf(bench->architecture, sizeof bench->architecture, "%s flatten fc-2", want->layer->architecture);
    CHECK_OK(normnet_config_init(&bench->config, want->layer->norm));
    bench->config.architecture = bench->architecture;
    bench->config.channels = CHANNELS;
    bench->config.height = want->height;
    bench->config.width = want->width;
    bench->config.classes = CLASSES;
    bench->config.groups = want->layer->norm == NORMNET_NORM_GROUP;
    bench->config.layer_dims = want->layer->layer_dims;
    bench->config.affine = want->layer->affine;
    bench->config.max_batch = IMAGES;
    bench->config.eps = want->eps;
    bench->config.memory_limit = 0;
    bench->model = CHECK_CREATE(&bench->config);
    bench->network = reference_network_create(&bench->config);
    if (bench->model == NULL || !CHECK(bench->network != NULL))
        return 0;
    bench->pass = reference_pass_create(bench->network, IMAGES);
    bench->parameters = check_allocate((size_t)bench->network->parameter_count, sizeof *bench->parameters);
    bench->typical = check_allocate((size_t)bench->network->parameter_count, sizeof *bench->typical);
    bench->pixels = check_allocate((size_t)count, sizeof *bench->pixels);
    draw_pixels(bench);
    set_parameters(bench);
    reference_forward(bench->pass, bench->parameters, NULL, REFERENCE_TRAINING);
    return 1;
}

static void destroy(struct extreme_bench *bench)
{
    normnet_model_destroy(bench->model);
    reference_pass_destroy(bench->pass);
    free(bench->network);
    free(bench->parameters);
    free(bench->typical);
    free(bench->pixels);
}

/* ---- Comparison -------------------------------------------------------------------------------- */

static double typical_of(const double *values, int count)
{
    double sum = 0;

    for (int i = 0; i < count; ++i)
        sum += values[i] / count * values[i];
    return sqrt(sum);
}

/* Whether the outputs are features: flatten has come. */
static int is_flat(const struct extreme_bench *bench, int layer)
{
    for (int i = 0; i <= layer; ++i)
        if (bench->network->layers[i].kind == REFERENCE_FLATTEN)
            return 1;
    return 0;
}

static void compare_output(struct extreme_bench *bench, int layer, int statistics)
{
    const struct reference_shape shape = reference_with_images(bench->network->layers[layer].out, IMAGES);
    const int count = reference_count(shape), flat = is_flat(bench, layer);
    const int64_t sizes[] = {IMAGES, shape.channels, shape.height, shape.width};
    const double *expected = bench->pass->outputs[layer + 1];
    /* Logits may be near 0; their terms have been scaled to add up to 1. */
    const double typical = layer == bench->network->layer_count - 1 ? 0.5 : typical_of(expected, count);
    const normnet_predict_options options = options_init(0, statistics);
    const normnet_tensor images = tensor_images(NORMNET_F32, bench->pixels, IMAGES, &bench->config);
    float *values = check_allocate((size_t)count, sizeof *values);
    normnet_tensor output;
    double error, worst_error = 0;
    int worst = 0;

    normnet_tensor_init(&output, NORMNET_F32, values, flat ? 2 : 4, sizes);
    if (CHECK_OK(normnet_layer_output(bench->model, &images, layer, &output, &options))) {
        for (int i = 0; i < count; ++i) {
            error = fabs(values[i] - expected[i]) / fmax(fmax(fabs(expected[i]), typical), 1e-45);
            if (!(error <= worst_error)) {
                worst_error = error;
                worst = i;
            }
        }
        if (!(worst_error <= most_error_of_output))
            CHECK_FAIL("output %d of layer %d, statistics %d, is %.9g, the reference %.9g; error %.3g of %.3g", worst,
                       layer, statistics, values[worst], expected[worst], worst_error, typical);
    }
    free(values);
}

/*
 * For the weights of layer 0, the terms dx x of whose gradients cancel: the sizes of the sums over each image, since a
 * sum can only be as good as its parts, and the root of the sum of squares, which rounding errors add up to.
 */
static double noise_of_terms(const struct extreme_bench *bench)
{
    const int plane = bench->want->height * bench->want->width;
    const double *x = bench->pass->outputs[0], *dx = bench->pass->input_gradient; /* the weights are the identity */
    double noise = 0;

    for (int k = 0; k < CHANNELS; ++k)
        for (int c = 0; c < CHANNELS; ++c) {
            double sums = 0, squares = 0;

            for (int n = 0; n < IMAGES; ++n) {
                double sum = 0;

                for (int i = 0; i < plane; ++i) {
                    const double term = dx[(n * CHANNELS + k) * plane + i] * x[(n * CHANNELS + c) * plane + i];

                    sum += term;
                    squares += term * term;
                }
                sums += fabs(sum);
            }
            noise = fmax(noise, fmax(sums, sqrt(squares)));
        }
    return noise;
}

static void compare_array(const struct extreme_bench *bench, const double *gradient, int layer, const char *what,
                          int first, int count)
{
    const double *expected = bench->pass->gradient + first;
    const double largest = reference_largest(expected, count);
    const double typical = reference_largest(bench->typical + first, count);
    const double scale = fmax(layer == 0 ? noise_of_terms(bench) : largest, fmax(largest, 0.01 * typical));
    double error, worst_error = 0;
    int worst = 0;

    for (int i = 0; i < count; ++i) {
        error = fabs(gradient[first + i] - expected[i]) / fmax(scale, 1e-300);
        if (!(error <= worst_error)) {
            worst_error = error;
            worst = i;
        }
    }
    if (!(worst_error <= most_error_of_gradient))
        CHECK_FAIL("the gradient of %s %d of layer %d is %.9g, the reference %.9g; error %.3g of %.3g", what, worst,
                   layer, gradient[first + worst], expected[worst], worst_error, scale);
}

/* Whether a running variance of batch norm does not fit a float. */
static int running_variance_overflows(const struct extreme_bench *bench)
{
    double largest = 0;

    if (bench->want->layer->norm != NORMNET_NORM_BATCH)
        return 0;
    for (int c = 0; c < CHANNELS; ++c)
        largest = fmax(largest, bench->pass->variances[1][c] * bench->pass->set_counts[1][c] /
                                    (bench->pass->set_counts[1][c] - 1));
    return 0.9 + 0.1 * largest > FLT_MAX;
}

static void compare_gradients(struct extreme_bench *bench)
{
    const normnet_tensor images = tensor_images(NORMNET_F32, bench->pixels, IMAGES, &bench->config);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, bench->labels, IMAGES);
    int numbers[IMAGES];
    double *gradient = NULL;
    normnet_status status;

    for (int i = 0; i < IMAGES; ++i)
        numbers[i] = bench->labels[i];
    reference_backward(bench->pass, bench->parameters, numbers);
    reference_typical_gradient(bench->pass, bench->parameters, numbers, bench->typical);
    status = normnet_compute_gradients(bench->model, &images, &labels, NULL, NULL);
    if (running_variance_overflows(bench)) {
        CHECK_STATUS(status, NORMNET_EVALUE);
        return;
    }
    if (!CHECK_STATUS(status, NORMNET_OK))
        return;
    CHECK_OK(normnet_gradients(bench->model, &gradient, NULL));
    for (int i = 0; i < bench->network->layer_count; ++i) {
        const struct reference_layer *layer = &bench->network->layers[i];

        compare_array(bench, gradient, i, "weight", layer->weight, layer->weight_count);
        compare_array(bench, gradient, i, "bias", layer->bias, layer->bias_count);
    }
}

static void extreme(const void *argument)
{
    const struct extreme_case *want = argument;
    struct extreme_bench bench;

    if (create(&bench, want)) {
        for (int statistics = 0; statistics < 2; ++statistics) {
            if (want->layer->norm == NORMNET_NORM_BATCH && statistics == NORMNET_STATISTICS_RUNNING)
                continue;
            compare_output(&bench, 1, statistics);
            compare_output(&bench, bench.network->layer_count - 1, statistics);
        }
        compare_gradients(&bench);
    }
    destroy(&bench);
}

/* ---- The sweep --------------------------------------------------------------------------------- */

/* One value is its own mean: nothing to compare but zeros. */
static int has_deviations(const struct extreme_case *want)
{
    return want->layer->norm == 0 || want->layer->norm == NORMNET_NORM_RMS ||
           (want->layer->layer_dims == 1 ? want->width > 1 : want->height * want->width > 1);
}

static void run(const struct extreme_layer *layer, const int size[2], double scale, double eps, enum content content,
                const char *suffix)
{
    const struct extreme_case want = {layer, size[0], size[1], scale, eps, content};

    if (size[0] < layer->least || size[1] < layer->least || !has_deviations(&want))
        return;
    check_case_named(extreme, &want, "%s, %d x %d, %s, scale %g, eps %g%s", layer->name, size[0], size[1],
                     content_names[content], scale, eps, suffix);
}

static const double scales[] = {1, 1e-30, 1e-25, 1e-20, 1e-15, 1e-10, 1e-5, 1e5, 1e10, 1e15, 1e19, 1e20, 1e25, 1e30};
static const double some_scales[] = {1, 1e-30, 1e-20, 1e-10, 1e10, 1e20, 1e30};

/* All scales of a small map and all contents of larger ones, for every layer. */
static void run_fast(const struct extreme_layer *layer)
{
    static const int small[2] = {33, 34}, shapes[][2] = {{1, 4096}, {4096, 1}, {64, 64}, {129, 130}, {1, 1}, {1, 17}};
    static const int large[2] = {257, 256};

    for (int i = 0; i < CHECK_COUNT(scales); ++i)
        for (int zero = 0; zero <= (layer->norm != 0); ++zero)
            run(layer, small, scales[i], zero ? 0 : 1e-5, NOISE, "");
    for (int i = 0; i < CHECK_COUNT(shapes); ++i)
        for (int content = 0; content < CONTENTS; ++content)
            run(layer, shapes[i], 1, 1e-5, (enum content)content, "");
    run(layer, large, 1, 1e-5, CONSTANT, "");
    run(layer, large, 1, 1e-5, CORNER, "");
}

static void run_product(const struct extreme_layer *layer)
{
    static const int lengths[] = {1, 3, 17, 97, 1024, 4096};

    for (int i = 0; i < CHECK_COUNT(lengths); ++i)
        for (int k = 0; k < CHECK_COUNT(lengths); ++k) {
            const int size[2] = {lengths[i], lengths[k]};
            const int large = size[0] * size[1] > 10000;

            if (size[0] * size[1] > 1 << 20)
                continue;
            for (int content = 0; content < CONTENTS; ++content)
                for (int s = 0; s < CHECK_COUNT(some_scales) && (!large || s == 0); ++s)
                    for (int zero = 0; zero <= (layer->norm != 0 && content != CONSTANT && !large); ++zero)
                        run(layer, size, some_scales[s], zero ? 0 : 1e-5, (enum content)content, ", product");
        }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(layers); ++i)
        run_fast(&layers[i]);
    for (int i = 0; i < CHECK_COUNT(deep_layers); ++i) {
        static const int small[2] = {7, 9}, wide[2] = {33, 128};

        for (int s = 0; s < CHECK_COUNT(some_scales); ++s)
            run(&deep_layers[i], small, some_scales[s], 1e-5, NOISE, ", deep");
        run(&deep_layers[i], small, 1, 1e-5, CONSTANT, ", deep");
        run(&deep_layers[i], wide, 1, 1e-5, CONSTANT, i < 5 ? ", deep, product" : ", deep");
    }
    for (int i = 0; i < CHECK_COUNT(layers); ++i)
        run_product(&layers[i]);
    return check_end();
}
