/* SPDX-License-Identifier: MIT */
/*
 * The gradients of the reference against central differences, and its numbers of parameters. This program does not use
 * the library.
 */
#include "harness/check.h"
#include "harness/published_networks.h"
#include "harness/test_random.h"
#include "reference.h"

/* ---- Central differences ---------------------------------------------------------------------- */

/*
 * The derivative from four values around a point, whose error falls with the fourth power of the step:
 * (8 (f(+h) - f(-h)) - (f(+2h) - f(-2h))) / 12h.
 */
enum { PROBES = 4 };

static const double probe_offset[PROBES] = {1, -1, 2, -2};

static const double probe_factor[PROBES] = {8, -8, -1, 1};

/* A long step rounds less, a short one crosses fewer of the thousands of kinks of a deep network: tried in this order.
 */
static const double probe_steps[] = {6.4e-5, 1.6e-5, 4e-6};

static const double most_error = 1e-8;

static const double most_skipped = 0.02;

struct gradient_case {
    const char *name;
    const char *architecture;
    int images, channels, height, width, classes;
    int norm, groups, layer_dims, affine, virtual_batch;
    double label_smoothing;
    int probes; /* elements of each tensor that are tried; 0 = all */
};

/* Everything that a probe needs. */
struct probe_bench {
    struct reference_network *network;
    struct reference_pass *pass, *probe;
    double *parameters, *statistics;
    int *labels;
    int tried, skipped;
};

/* Do both passes take the same side of every ReLU and the same value of every max pool? */
static int same_side(const struct reference_pass *a, const struct reference_pass *b)
{
    for (int i = 0; i < a->network->layer_count; ++i) {
        const struct reference_layer *layer = &a->network->layers[i];
        int in = reference_count(layer->in) * a->images, out = reference_count(layer->out) * a->images;

        for (int k = 0; layer->kind == REFERENCE_RELU && k < in; ++k) {
            if ((a->outputs[i][k] > 0) != (b->outputs[i][k] > 0))
                return 0;
        }
        if (layer->kind == REFERENCE_MAXPOOL &&
            memcmp(a->winners[i], b->winners[i], (size_t)out * sizeof **a->winners) != 0)
            return 0;
    }
    return 1;
}

/*
 * The summed loss of the probe less that of the centre. Logits that change by d change the loss of an image
 * by log(sum_k softmax_k exp(d_k)) - sum_k target_k d_k; the difference of two losses would lose its digits.
 */
static double loss_change(const struct probe_bench *bench)
{
    const int classes = bench->network->config.classes;
    const double smoothing = bench->network->config.label_smoothing;
    const double *from = reference_logits(bench->pass), *to = reference_logits(bench->probe);
    double *logp = check_allocate((size_t)classes, sizeof *logp);
    double change = 0;

    for (int n = 0; n < bench->pass->images; ++n) {
        double growth = 0;

        reference_log_softmax(1, classes, from + n * classes, logp);
        for (int k = 0; k < classes; ++k) {
            double d = to[n * classes + k] - from[n * classes + k];

            growth += exp(logp[k]) * expm1(d);
            change -= ((bench->labels[n] == k ? 1 - smoothing : 0) + smoothing / classes) * d;
        }
        change += log1p(growth);
    }
    free(logp);
    return change;
}

/* The derivative of the summed loss by *value, which is a parameter or an input of the probe; 0 at a kink. */
static int difference(struct probe_bench *bench, double *value, double step, double *derivative)
{
    const double centre = *value;
    double sum = 0;
    int smooth = 1;

    for (int i = 0; i < PROBES && smooth; ++i) {
        *value = centre + probe_offset[i] * step;
        reference_forward(bench->probe, bench->parameters, bench->statistics, REFERENCE_TRAINING);
        smooth = same_side(bench->pass, bench->probe);
        sum += probe_factor[i] * loss_change(bench);
    }
    *value = centre;
    *derivative = sum / (12 * step);
    return smooth;
}

/* The error of the gradient by *value, or 0 if every step crosses a kink. */
static double difference_error(struct probe_bench *bench, double *value, double gradient)
{
    double derivative = gradient;
    int smooth = 0;

    for (int i = 0; i < CHECK_COUNT(probe_steps) && !smooth; ++i)
        smooth = difference(bench, value, probe_steps[i], &derivative);
    ++bench->tried;
    bench->skipped += !smooth;
    return smooth ? fabs(derivative - gradient) : 0;
}

/* Compares one tensor; `typical` is the scale if the true gradient is (close to) zero. */
static void compare_tensor(struct probe_bench *bench, const char *what, double *values, const double *gradient,
                           int count, int probes, double typical, struct random_stream *random)
{
    double error = 0, largest = reference_largest(gradient, count);
    int i;

    for (int k = 0; k < (probes > 0 && probes < count ? probes : count); ++k) {
        i = probes > 0 && probes < count ? random_below(random, count) : k;
        error = fmax(error, difference_error(bench, &values[i], gradient[i]));
    }
    if (largest < 1e-3 * typical)
        largest = typical;
    if (!(error <= most_error * largest))
        CHECK_FAIL("%s: gradient differs from central differences by %.3g, largest value %.3g", what, error, largest);
}

static void fill(double *values, int count, double low, double high, struct random_stream *random)
{
    for (int i = 0; i < count; ++i)
        values[i] = random_uniform(random, low, high);
}

/* Weights as a fresh network has them, but gamma, beta and biases unlike their neutral values. */
static void draw_parameters(const struct reference_network *network, double *parameters, struct random_stream *random)
{
    for (int i = 0; i < network->layer_count; ++i) {
        const struct reference_layer *layer = &network->layers[i];
        int fan_in = layer->in.channels * (layer->kind == REFERENCE_CONV ? layer->conv.kernel * layer->conv.kernel : 1);
        double bound = 1.5 / sqrt(fan_in);

        if (layer->kind == REFERENCE_NORM) {
            fill(parameters + layer->weight, layer->weight_count, 0.5, 1.5, random);
            fill(parameters + layer->bias, layer->bias_count, -0.5, 0.5, random);
        } else {
            fill(parameters + layer->weight, layer->weight_count, -bound, bound, random);
            fill(parameters + layer->bias, layer->bias_count, -bound, bound, random);
        }
    }
}

static void draw_masks(struct reference_pass *pass, struct reference_pass *probe, struct random_stream *random)
{
    for (int i = 0; i < pass->network->layer_count; ++i) {
        const struct reference_layer *layer = &pass->network->layers[i];
        int count = reference_count(layer->in) * pass->images;

        for (int k = 0; layer->kind == REFERENCE_DROPOUT && k < count; ++k)
            pass->masks[i][k] = probe->masks[i][k] = random_uniform(random, 0, 1) >= layer->probability;
    }
}

static void compare_all(struct probe_bench *bench, int probes, struct random_stream *random)
{
    const struct reference_network *network = bench->network;
    const struct reference_pass *pass = bench->pass;
    double *typical = check_allocate((size_t)network->parameter_count, sizeof *typical);
    char what[64];

    reference_typical_gradient(pass, bench->parameters, bench->labels, typical);
    compare_tensor(bench, "input", bench->probe->outputs[0], pass->input_gradient,
                   reference_count(reference_input_shape(pass)), probes,
                   reference_largest(typical, network->parameter_count), random);
    for (int i = 0; i < network->layer_count; ++i) {
        const struct reference_layer *layer = &network->layers[i];

        snprintf(what, sizeof what, "layer %d weight", i);
        compare_tensor(bench, what, bench->parameters + layer->weight, pass->gradient + layer->weight,
                       layer->weight_count, probes, reference_largest(typical + layer->weight, layer->weight_count),
                       random);
        snprintf(what, sizeof what, "layer %d bias", i);
        compare_tensor(bench, what, bench->parameters + layer->bias, pass->gradient + layer->bias, layer->bias_count,
                       probes, reference_largest(typical + layer->bias, layer->bias_count), random);
    }
    free(typical);
}

static void gradients(const void *argument)
{
    const struct gradient_case *want = argument;
    normnet_config config;
    struct probe_bench bench = {0};
    struct random_stream random = {3}; /* a draw that comes close to no kink */

    reference_config_init(&config, want->norm);
    config.architecture = want->architecture;
    config.channels = want->channels;
    config.height = want->height;
    config.width = want->width;
    config.classes = want->classes;
    config.groups = want->groups;
    config.layer_dims = want->layer_dims > 0 ? want->layer_dims : 3;
    config.affine = want->affine;
    config.virtual_batch = want->virtual_batch;
    config.label_smoothing = want->label_smoothing;
    bench.network = reference_network_create(&config);
    if (!CHECK(bench.network != NULL))
        return;
    bench.pass = reference_pass_create(bench.network, want->images);
    bench.probe = reference_pass_create(bench.network, want->images);
    bench.parameters = check_allocate((size_t)bench.network->parameter_count, sizeof(double));
    bench.statistics = check_allocate((size_t)bench.network->statistics_count, sizeof(double));
    bench.labels = check_allocate((size_t)want->images, sizeof(int));
    draw_parameters(bench.network, bench.parameters, &random);
    draw_masks(bench.pass, bench.probe, &random);
    for (int i = 0; i < want->images; ++i)
        bench.labels[i] = random_below(&random, want->classes);
    fill(bench.pass->outputs[0], reference_count(reference_input_shape(bench.pass)), -1, 1, &random);
    memcpy(bench.probe->outputs[0], bench.pass->outputs[0],
           (size_t)reference_count(reference_input_shape(bench.pass)) * sizeof(double));
    reference_forward(bench.pass, bench.parameters, bench.statistics, REFERENCE_TRAINING);
    reference_backward(bench.pass, bench.parameters, bench.labels);
    compare_all(&bench, want->probes, &random);
    reference_backward(bench.probe, bench.parameters, bench.labels); /* of the last probe */
    CHECK_CLOSE(loss_change(&bench), bench.probe->loss - bench.pass->loss, 1e-14 * (1 + bench.pass->loss));
    if (bench.skipped > most_skipped * bench.tried)
        CHECK_FAIL("%d of %d differences met a kink, more than %g %%", bench.skipped, bench.tried, 100 * most_skipped);
    reference_pass_destroy(bench.pass);
    reference_pass_destroy(bench.probe);
    free(bench.parameters);
    free(bench.statistics);
    free(bench.labels);
    free(bench.network);
}

/* clang-format off */
#define NONE NORMNET_NORM_NONE
#define BATCH NORMNET_NORM_BATCH
#define GROUP NORMNET_NORM_GROUP
#define LAYER NORMNET_NORM_LAYER
#define INSTANCE NORMNET_NORM_INSTANCE
#define RMS NORMNET_NORM_RMS
#define PER_ELEMENT NORMNET_AFFINE_ELEMENT
#define NO_AFFINE NORMNET_AFFINE_NONE

/* name, architecture, images, channels, height, width, classes, norm, groups, layer_dims, affine, virtual_batch,
   smoothing, probes */
static const struct gradient_case gradient_cases[] = {
    {"conv1", "conv1-3", 2, 2, 3, 4, 36, NONE, 0, 0, 0, 0, 0, 0},
    {"conv3 bias", "conv3-2b", 3, 3, 5, 4, 12, NONE, 0, 0, 0, 0, 0, 0},
    {"conv3 stride 2 padding 1", "conv3-2s2p1b", 2, 2, 6, 5, 18, NONE, 0, 0, 0, 0, 0, 0},
    {"conv5 stride 3 padding 4", "conv5-3s3p4", 2, 1, 7, 5, 36, NONE, 0, 0, 0, 0, 0, 0},
    {"conv2 padding 3", "conv2-1p3", 1, 2, 2, 3, 56, NONE, 0, 0, 0, 0, 0, 0},
    {"fc", "flatten fc-5b", 3, 2, 2, 3, 5, NONE, 0, 0, 0, 0, 0, 0},
    {"relu", "relu", 3, 2, 4, 5, 40, NONE, 0, 0, 0, 0, 0, 0},
    {"leaky relu", "leakyrelu.3", 3, 2, 4, 5, 40, NONE, 0, 0, 0, 0, 0, 0},
    {"identity", "norm", 2, 2, 2, 2, 8, NONE, 0, 0, 0, 0, 0, 0},
    {"dropout", "dropout.4", 3, 2, 4, 5, 40, NONE, 0, 0, 0, 0, 0, 0},
    {"maxpool", "maxpool2", 3, 2, 5, 7, 12, NONE, 0, 0, 0, 0, 0, 0},
    {"maxpool3", "maxpool3", 2, 2, 7, 10, 12, NONE, 0, 0, 0, 0, 0, 0},
    {"avgpool", "avgpool2", 3, 2, 5, 7, 12, NONE, 0, 0, 0, 0, 0, 0},
    {"gap", "gap", 3, 4, 5, 7, 4, NONE, 0, 0, 0, 0, 0, 0},
    {"label smoothing", "flatten fc-5", 3, 2, 2, 3, 5, NONE, 0, 0, 0, 0, 0.1, 0},
    {"batch norm", "norm", 3, 3, 2, 4, 24, BATCH, 0, 0, 0, 0, 0, 0},
    {"batch norm without affine", "norm", 3, 3, 2, 4, 24, BATCH, 0, 0, NO_AFFINE, 0, 0, 0},
    {"ghost batch norm", "norm", 40, 2, 2, 1, 4, BATCH, 0, 0, 0, 16, 0, 0},
    {"batch norm of features", "flatten norm", 7, 1, 2, 3, 6, BATCH, 0, 0, 0, 0, 0, 0},
    {"group norm", "norm", 2, 6, 2, 3, 36, GROUP, 2, 0, 0, 0, 0, 0},
    {"group norm without affine", "norm", 2, 6, 2, 3, 36, GROUP, 3, 0, NO_AFFINE, 0, 0, 0},
    {"group norm, four channels each", "norm", 2, 8, 2, 2, 32, GROUP, 0, 0, 0, 0, 0, 0},
    {"group norm of features", "flatten norm", 3, 2, 2, 3, 12, GROUP, 4, 0, 0, 0, 0, 0},
    {"instance norm", "norm", 2, 3, 3, 4, 36, INSTANCE, 0, 0, 0, 0, 0, 0},
    {"layer norm per channel", "norm", 2, 3, 3, 4, 36, LAYER, 0, 3, 0, 0, 0, 0},
    {"layer norm per element", "norm", 2, 3, 3, 4, 36, LAYER, 0, 3, PER_ELEMENT, 0, 0, 0},
    {"layer norm without affine", "norm", 2, 3, 3, 4, 36, LAYER, 0, 3, NO_AFFINE, 0, 0, 0},
    {"layer norm of two dimensions", "norm", 2, 3, 3, 4, 36, LAYER, 0, 2, 0, 0, 0, 0},
    {"layer norm of two dimensions per element", "norm", 2, 3, 3, 4, 36, LAYER, 0, 2, PER_ELEMENT, 0, 0, 0},
    {"layer norm of one dimension", "norm", 2, 3, 3, 4, 36, LAYER, 0, 1, 0, 0, 0, 0},
    {"layer norm of one dimension per element", "norm", 2, 3, 3, 4, 36, LAYER, 0, 1, PER_ELEMENT, 0, 0, 0},
    {"layer norm of features", "flatten norm", 3, 2, 2, 3, 12, LAYER, 0, 3, 0, 0, 0, 0},
    {"RMS norm per channel", "norm", 2, 3, 3, 4, 36, RMS, 0, 3, 0, 0, 0, 0},
    {"RMS norm per element", "norm", 2, 3, 3, 4, 36, RMS, 0, 3, PER_ELEMENT, 0, 0, 0},
    {"RMS norm without affine", "norm", 2, 3, 3, 4, 36, RMS, 0, 3, NO_AFFINE, 0, 0, 0},
    {"RMS norm of features", "flatten norm", 3, 2, 2, 3, 12, RMS, 0, 3, 0, 0, 0, 0},
    {"one value per instance", "gap norm", 2, 3, 3, 4, 3, INSTANCE, 0, 0, 0, 0, 0, 0},
    {"all layers", "conv3-6p1b relu groupnorm3 conv3-4s2 batchnorm relu maxpool2 dropout.2 instancenorm conv2-4p1 "
        "layernorm avgpool2 flatten fc-7b relu fc-4", 4, 2, 11, 13, 4, NONE, 0, 0, 0, 0, 0.1, 30},
    {"default network, none", NULL, 2, 1, 18, 18, 10, NONE, 0, 0, 0, 0, 0, 4},
    {"default network, batch", NULL, 4, 1, 18, 18, 10, BATCH, 0, 0, 0, 0, 0, 4},
    {"default network, group", NULL, 2, 1, 18, 18, 10, GROUP, 0, 0, 0, 0, 0, 4},
    {"default network, layer", NULL, 2, 1, 18, 18, 10, LAYER, 0, 0, 0, 0, 0, 4},
    {"default network, instance", NULL, 2, 1, 22, 21, 10, INSTANCE, 0, 0, 0, 0, 0, 4},
    {"seed 000, batch", SEED_000, 2, 1, 28, 28, 10, BATCH, 0, 0, 0, 0, 0, 4},
    {"seed 001, batch", SEED_001_BATCH, 2, 1, 28, 28, 10, BATCH, 0, 0, 0, 0, 0, 4},
    {"seed 001, group", SEED_001, 2, 1, 28, 28, 10, GROUP, 2, 0, 0, 0, 0, 4},
    {"seed 001, layer norm over rows", SEED_001, 2, 1, 28, 28, 10, LAYER, 0, 1, 0, 0, 0, 4},
    {"seed 003, layer", SEED_003, 1, 1, 28, 28, 10, LAYER, 0, 0, 0, 0, 0, 4},
    {"seed 004, group", SEED_004, 1, 1, 28, 28, 10, GROUP, 8, 0, 0, 0, 0, 4},
};
/* clang-format on */

/* ---- Numbers of parameters -------------------------------------------------------------------- */

struct count_case {
    const char *name, *architecture;
    int norm, layer_dims, affine, parameters;
};

/* As their authors give them. */
static const struct count_case count_cases[] = {
    {"parameters of seed 000", SEED_000, BATCH, 3, 0, 7432},
    {"parameters of seed 001, batch", SEED_001_BATCH, BATCH, 3, 0, 9300},
    {"parameters of seed 001, layer norm over rows", SEED_001, LAYER, 1, 0, 9160},
    {"parameters of seed 001, per element", SEED_001, LAYER, 3, PER_ELEMENT, 30504},
    {"parameters of the default network", NULL, BATCH, 3, 0, 7704},
    {"parameters of the default network, none", NULL, NONE, 3, 0, 7528},
    {"parameters of seed 003", SEED_003, BATCH, 3, 0, 7704},
    {"parameters of the sibling", SIBLING, GROUP, 3, 0, 5688},
    {"parameters of seed 004", SEED_004, BATCH, 3, 0, 9752},
    {"parameters of seed 004, per element", SEED_004, LAYER, 3, PER_ELEMENT, 54456},
};

static void parameter_count(const void *argument)
{
    const struct count_case *want = argument;
    normnet_config config;
    struct reference_network *network;

    reference_config_init(&config, want->norm);
    config.architecture = want->architecture;
    config.layer_dims = want->layer_dims;
    config.affine = want->affine;
    network = reference_network_create(&config);
    if (CHECK(network != NULL))
        CHECK_EQUAL(network->parameter_count, want->parameters);
    free(network);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(gradient_cases); ++i)
        check_case_named(gradients, &gradient_cases[i], "central differences: %s", gradient_cases[i].name);
    for (int i = 0; i < CHECK_COUNT(count_cases); ++i)
        check_case(count_cases[i].name, parameter_count, &count_cases[i]);
    return check_end();
}
