/* SPDX-License-Identifier: MIT */
/* A model of the library and one of the reference, with equal weights and a batch, side by side. */
#ifndef PARITY_BENCH_H
#define PARITY_BENCH_H

#include "harness/check_normnet.h"
#include "harness/test_random.h"
#include "reference/reference.h"

static const double most_error = 1e-5;
static const double most_error_of_layer = 2e-6;
static const double most_error_of_zero = 1e-6;
static const double counts_as_zero = 1e-3;       /* of the typical value */
static const double least_error = 1e-30;         /* of double, where a constant has no variance */
static double slack = 1;                         /* on all bounds */
static const double ill_conditioned_from = 0.25; /* of what is allowed */
static const double most_decided_otherwise = 0.02, most_ill_conditioned = 0.1;

/* ---- What is compared ------------------------------------------------------------------------ */

struct network_case {
    const char *name, *architecture;
    int channels, height, width, classes;
};

struct norm_case {
    const char *name;
    int norm, groups, layer_dims, affine, virtual_batch, cumulative_statistics;
    double eps, batchnorm_momentum; /* 0 = as by default */
};

struct recipe_case {
    const char *name;
    double l1, l2, label_smoothing, clip_norm;
    int penalty_on, nesterov;
    double dampening;
    int schedule, anneal, three_phase, no_cycle_momentum;
};

typedef enum input_layout { CONTIGUOUS, NHWC, FLIPPED, WINDOW, REPEATED } input_layout;

struct input_case {
    const char *name;
    int dtype;
    input_layout layout;
    int standardized;
};

struct parity_case {
    const struct network_case *network;
    const struct norm_case *norm;
    const struct recipe_case *recipe;
    const struct input_case *input;
    int images, steps;
    uint64_t seed; /* of weights and batches; 0: one of the batch size and the norm */
    /* NULL, or what changes the configuration further. */
    void (*amend)(normnet_config *config, const void *argument);
    const void *argument;
};

/* Batches drawn and batches replaced, over the whole program. */
static int drawn, ill_conditioned, decided_otherwise;

/* ---- A library model and a reference side by side -------------------------------------------- */

struct parity_bench {
    normnet_config config;
    double mean[32], std[32];
    normnet_model *model;
    struct reference_network *network;
    struct reference_pass *pass;
    struct reference_pass *own;   /* layers of the reference on outputs of the library */
    struct reference_pass *moved; /* the pass with weights and pixels moved a little */
    struct reference_trainer *trainer;
    double *typical; /* of the gradient of the pass */
    struct random_stream random;
    int images;
    int has_dropout;          /* with a probability above 0: parity_dropout.h */
    int moves, moves_outputs; /* to see whether a batch is well conditioned: how often, and whether of outputs too */
    int batches;              /* that draw_batch draws at most */

    /* The batch, as the caller's memory and as the reference's input. */
    input_layout layout;
    int dtype;
    void *memory;
    double *pixels;
    int *labels;
    void *label_memory;
    normnet_tensor image_tensor, label_tensor;
};

/*
 * What a tensor may be off by in a batch of good condition, for networks that were chosen; `typical` is what it would
 * hold if nothing cancelled.
 */
static inline double usual_error(const double *expected, int count, double typical, double most)
{
    double largest = reference_largest(expected, count);

    return largest < counts_as_zero * typical ? most_error_of_zero * typical : most * largest;
}

/*
 * The same, for networks that were not chosen (`slack` is above 1) without the step between a value that nearly
 * vanishes and one that vanishes.
 */
static inline double allowed_error(const double *expected, int count, double typical, double most)
{
    double usual = usual_error(expected, count, typical, most);

    return slack > 1 ? slack * fmax(usual, most_error_of_zero * typical) + least_error : usual;
}

static inline int compare(const char *what, const double *actual, const double *expected, int count, double typical,
                          double most)
{
    double error = 0, allowed = allowed_error(expected, count, typical, most);
    int worst = 0;

    for (int i = 0; i < count; ++i) {
        double difference = fabs(actual[i] - expected[i]);

        if (!(difference <= error)) { /* keeps a NaN */
            error = difference;
            worst = i;
        }
    }
    if (error <= allowed)
        return 1;
    return CHECK_FAIL("%s[%d] is %.9g, the reference %.9g; error %.3g, allowed %.3g, largest %.3g, typical %.3g", what,
                      worst, actual[worst], expected[worst], error, allowed, reference_largest(expected, count),
                      typical);
}

static inline int compare_floats(const char *what, const float *actual, const double *expected, int count,
                                 double typical)
{
    double *values = check_allocate((size_t)count, sizeof *values);
    int equal;

    for (int i = 0; i < count; ++i)
        values[i] = actual[i];
    equal = compare(what, values, expected, count, typical, most_error);
    free(values);
    return equal;
}

static inline void compare_number(const char *what, double actual, double expected, double relative)
{
    if (!(fabs(actual - expected) <= slack * relative * fabs(expected)))
        CHECK_FAIL("%s is %.12g, the reference %.12g", what, actual, expected);
}

/* ---- The batch ------------------------------------------------------------------------------- */

/* Sets the strides of the image tensor; returns how many elements its memory has, *first is that of pixel 0. */
static inline size_t lay_out(normnet_tensor *tensor, input_layout layout, size_t *first)
{
    const int64_t n = tensor->shape[0], c = tensor->shape[1], h = tensor->shape[2], w = tensor->shape[3];
    const int64_t nhwc[] = {h * w * c, 1, w * c, c}, flipped[] = {c * h * w, h * w, -w, -1};
    const int64_t window[] = {c * (h + 3) * (w + 5), (h + 3) * (w + 5), w + 5, 1}, repeated[] = {0, h * w, w, 1};

    *first = 0;
    switch (layout) {
    case NHWC:
        memcpy(tensor->strides, nhwc, sizeof nhwc);
        break;
    case FLIPPED:
        memcpy(tensor->strides, flipped, sizeof flipped);
        *first = (size_t)(h * w - 1);
        break;
    case WINDOW:
        memcpy(tensor->strides, window, sizeof window);
        *first = (size_t)(2 * (w + 5) + 3);
        return (size_t)(n * window[0]);
    case REPEATED:
        memcpy(tensor->strides, repeated, sizeof repeated);
        break;
    default: /* strides of 0 mean contiguous */
        break;
    }
    return (size_t)(n * c * h * w);
}

static inline void make_batch_memory(struct parity_bench *bench, const struct parity_case *want, int label_dtype)
{
    const normnet_config *config = &bench->config;
    const size_t element = want->input->dtype == NORMNET_U8 ? 1 : sizeof(float);
    size_t first, elements;

    bench->layout = want->input->layout;
    bench->dtype = want->input->dtype;
    bench->image_tensor = tensor_images(bench->dtype, NULL, want->images, config);
    elements = lay_out(&bench->image_tensor, bench->layout, &first);
    bench->memory = check_allocate(elements, element);
    bench->image_tensor.data = (char *)bench->memory + first * element;
    bench->pixels = check_allocate((size_t)(want->images * config->channels * config->height * config->width),
                                   sizeof *bench->pixels);
    bench->labels = check_allocate((size_t)want->images, sizeof *bench->labels);
    bench->label_memory = check_allocate((size_t)want->images, sizeof(int64_t));
    bench->label_tensor = tensor_1d(label_dtype, bench->label_memory, want->images);
}

/* Stores a value of [-1.3, 1.3] as the data type can hold it; returns the value that is stored. */
static inline double store_pixel(struct parity_bench *bench, int64_t place, double value)
{
    if (bench->dtype == NORMNET_U8) {
        uint8_t byte = (uint8_t)(127.5 + 97 * value);

        ((uint8_t *)bench->image_tensor.data)[place] = byte;
        return byte / 255.0;
    } else {
        float stored = (float)value;

        ((float *)bench->image_tensor.data)[place] = stored;
        return stored;
    }
}

/*
 * Images that differ as a whole, as pictures do, and have noise: of noise alone the means over a channel would
 * hardly differ between images, and what batch norm then magnifies would be rounding.
 */
static inline void draw_channel(struct parity_bench *bench, int image, int channel)
{
    const normnet_config *config = &bench->config;
    const int64_t *strides = bench->image_tensor.strides;
    const int height = config->height, width = config->width;
    const double level = random_uniform(&bench->random, -0.4, 0.4);
    const double down = random_uniform(&bench->random, -0.3, 0.3), right = random_uniform(&bench->random, -0.3, 0.3);
    int i = (image * config->channels + channel) * height * width;

    for (int h = 0; h < height; ++h)
        for (int w = 0; w < width; ++w, ++i) {
            const double noise = random_uniform(&bench->random, -0.3, 0.3);
            const int64_t place = bench->layout == CONTIGUOUS
                                      ? i
                                      : image * strides[0] + channel * strides[1] + h * strides[2] + w * strides[3];

            bench->pixels[i] = store_pixel(bench, place, level + down * h / height + right * w / width + noise);
        }
}

static inline void draw_images(struct parity_bench *bench)
{
    const int size = bench->config.channels * bench->config.height * bench->config.width;

    for (int n = 0; n < bench->images; ++n) {
        if (bench->layout == REPEATED && n > 0)
            memcpy(bench->pixels + n * size, bench->pixels, (size_t)size * sizeof *bench->pixels);
        for (int c = 0; c < bench->config.channels && (bench->layout != REPEATED || n == 0); ++c)
            draw_channel(bench, n, c);
    }
    reference_set_images(bench->pass, bench->pixels);
}

static inline void draw_labels(struct parity_bench *bench)
{
    for (int i = 0; i < bench->images; ++i) {
        int label = bench->labels[i] = random_below(&bench->random, bench->config.classes);

        if (bench->label_tensor.dtype == NORMNET_U8)
            ((uint8_t *)bench->label_memory)[i] = (uint8_t)label;
        else if (bench->label_tensor.dtype == NORMNET_I32)
            ((int32_t *)bench->label_memory)[i] = label;
        else
            ((int64_t *)bench->label_memory)[i] = label;
    }
}

/* ---- Creation and destruction ---------------------------------------------------------------- */

static inline void configure(struct parity_bench *bench, const struct parity_case *want)
{
    normnet_config *config = &bench->config;
    const struct recipe_case *recipe = want->recipe;

    CHECK_OK(normnet_config_init(config, want->norm->norm));
    config->architecture = want->network->architecture;
    config->channels = want->network->channels;
    config->height = want->network->height;
    config->width = want->network->width;
    config->classes = want->network->classes;
    config->dropout = 0;
    config->groups = want->norm->groups;
    config->layer_dims = want->norm->layer_dims > 0 ? want->norm->layer_dims : 3;
    config->affine = want->norm->affine;
    config->virtual_batch = want->norm->virtual_batch;
    config->cumulative_statistics = want->norm->cumulative_statistics;
    if (want->norm->eps > 0)
        config->eps = want->norm->eps;
    if (want->norm->batchnorm_momentum > 0)
        config->batchnorm_momentum = want->norm->batchnorm_momentum;
    config->lr = 0.05;
    config->max_lr = 0.1;
    config->total_steps = 5;
    config->step_size = 1;
    config->l1 = recipe->l1;
    config->l2 = recipe->l2;
    config->label_smoothing = recipe->label_smoothing;
    config->clip_norm = recipe->clip_norm;
    config->penalty_on = recipe->penalty_on;
    config->nesterov = recipe->nesterov;
    config->dampening = recipe->dampening;
    config->schedule = recipe->schedule;
    config->anneal = recipe->anneal;
    config->three_phase = recipe->three_phase;
    config->cycle_momentum = !recipe->no_cycle_momentum;
    for (int c = 0; c < config->channels && c < CHECK_COUNT(bench->mean); ++c) {
        bench->mean[c] = 0.1307 + 0.2 * c;
        bench->std[c] = 0.3081 + 0.1 * c;
    }
    if (want->input->standardized) {
        config->input_mean = bench->mean;
        config->input_std = bench->std;
    }
    if (want->amend != NULL)
        want->amend(config, want->argument);
}

/* Uniform as in a fresh network, but gamma, beta and biases unlike their neutral values. */
static inline void set_parameters(struct parity_bench *bench, double *parameters)
{
    const struct reference_network *network = bench->network;
    float *values = check_allocate((size_t)network->parameter_count, sizeof *values);

    for (int i = 0; i < network->layer_count; ++i) {
        const struct reference_layer *layer = &network->layers[i];
        int fan_in = layer->in.channels * (layer->kind == REFERENCE_CONV ? layer->conv.kernel * layer->conv.kernel : 1);
        double bound = 1.5 / sqrt(fan_in);

        for (int k = layer->weight; k < layer->bias + layer->bias_count; ++k) {
            double low = layer->kind != REFERENCE_NORM ? -bound : k < layer->bias ? 0.5 : -0.5;
            double high = layer->kind != REFERENCE_NORM ? bound : k < layer->bias ? 1.5 : 0.5;

            values[k] = (float)random_uniform(&bench->random, low, high);
            parameters[k] = values[k];
        }
    }
    CHECK_OK(normnet_set_parameters(bench->model, values, network->parameter_count));
    free(values);
}

/* 1 if all of it was created. */
static inline int bench_create(struct parity_bench *bench, const struct parity_case *want)
{
    static const int label_dtypes[] = {NORMNET_U8, NORMNET_I32, NORMNET_I64};
    double *parameters;

    memset(bench, 0, sizeof *bench);
    bench->random.state = want->seed > 0 ? want->seed : (uint64_t)want->images * 1000 + (uint64_t)want->norm->norm;
    bench->images = want->images;
    bench->batches = 60;
    bench->moves = 1;
    configure(bench, want);
    bench->model = CHECK_CREATE(&bench->config);
    bench->network = reference_network_create(&bench->config);
    if (bench->model == NULL || !CHECK(bench->network != NULL))
        return 0;
    if (!CHECK_EQUAL(normnet_parameter_count(bench->model), bench->network->parameter_count))
        return 0;
    parameters = check_allocate((size_t)bench->network->parameter_count, sizeof *parameters);
    set_parameters(bench, parameters);
    bench->trainer = reference_trainer_create(bench->network, parameters);
    bench->pass = reference_pass_create(bench->network, want->images);
    bench->own = reference_pass_create(bench->network, want->images);
    bench->moved = reference_pass_create(bench->network, want->images);
    bench->typical = check_allocate((size_t)bench->network->parameter_count, sizeof *bench->typical);
    make_batch_memory(bench, want, label_dtypes[want->images % 3]);
    for (int i = 0; i < bench->network->layer_count; ++i) {
        const struct reference_layer *layer = &bench->network->layers[i];

        bench->has_dropout |= layer->kind == REFERENCE_DROPOUT && reference_dropout_share(layer->probability) > 0;
    }
    free(parameters);
    return 1;
}

static inline void bench_destroy(struct parity_bench *bench)
{
    normnet_model_destroy(bench->model);
    reference_trainer_destroy(bench->trainer);
    reference_pass_destroy(bench->pass);
    reference_pass_destroy(bench->own);
    reference_pass_destroy(bench->moved);
    free(bench->network);
    free(bench->typical);
    free(bench->memory);
    free(bench->pixels);
    free(bench->labels);
    free(bench->label_memory);
}

#endif
