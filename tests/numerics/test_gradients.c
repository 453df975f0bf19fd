/* SPDX-License-Identifier: MIT */
/*
 * The library against the reference: from equal weights and images, logits, loss, every gradient, running
 * statistics and updated parameters of up to three steps. Through the public API.
 *
 * The error of a tensor is max |a - b| / max |b| with b the reference, at most 1e-5, and at most 2e-6 for what one
 * layer makes of its input as the library has it. A tensor whose true
 * value is (nearly) zero, since what normalization adds it takes away again, has no such error; there
 * max |a - b| is at most 1e-6 of what the tensor would hold if nothing cancelled.
 *
 * Two kinds of batches say nothing about the library and are replaced by others. Rounding may turn a ReLU or the
 * winner of a max pool, after which gradients differ for good: these decisions are compared first, and at most 2 %
 * of all batches may differ. And where the variances of a normalization nearly vanish, so does the meaning of the
 * digits after it: where a change of weights and pixels by 2^-23, in the reference alone, moves a gradient by more
 * than a quarter of what is allowed, no float arithmetic could be held to it.
 */
#include "harness/check_normnet.h"
#include "harness/published_networks.h"
#include "harness/test_random.h"
#include "harness/type_networks.h"
#include "reference/reference.h"

static const double most_error = 1e-5;
static const double most_error_of_layer = 2e-6;
static const double most_error_of_zero = 1e-6;
static const double counts_as_zero = 1e-3;       /* of the typical value */
static const double ill_conditioned_from = 0.25; /* of what is allowed */
static const double most_decided_otherwise = 0.02, most_ill_conditioned = 0.1;

/* ---- What is compared ------------------------------------------------------------------------ */

typedef struct network_case {
    const char *name, *architecture;
    int channels, height, width, classes;
} network_case;

typedef struct norm_case {
    const char *name;
    int norm, groups, layer_dims, affine, virtual_batch, cumulative_statistics;
    double eps, batchnorm_momentum; /* 0 = as by default */
} norm_case;

typedef struct recipe_case {
    const char *name;
    double l1, l2, label_smoothing, clip_norm;
    int penalty_on, nesterov;
    double dampening;
    int schedule, anneal, three_phase, no_cycle_momentum;
} recipe_case;

typedef enum input_layout { CONTIGUOUS, NHWC, FLIPPED, WINDOW, REPEATED } input_layout;

typedef struct input_case {
    const char *name;
    int dtype;
    input_layout layout;
    int standardized;
} input_case;

typedef struct parity_case {
    const network_case *network;
    const norm_case *norm;
    const recipe_case *recipe;
    const input_case *input;
    int images, steps;
} parity_case;

/* Batches drawn and batches replaced, over the whole program. */
static int drawn, ill_conditioned, decided_otherwise;

/* ---- A library model and a reference side by side -------------------------------------------- */

typedef struct parity_bench {
    normnet_config config;
    double mean[8], std[8];
    normnet_model *model;
    reference_network *network;
    reference_pass *pass;
    reference_pass *own;   /* layers of the reference on outputs of the library */
    reference_pass *moved; /* the pass with weights and pixels moved a little */
    reference_trainer *trainer;
    double *typical; /* of the gradient of the pass */
    random_stream random;
    int images;

    /* The batch, as the caller's memory and as the reference wants it. */
    input_layout layout;
    int dtype;
    void *memory;
    double *pixels;
    int *labels;
    void *label_memory;
    normnet_tensor image_tensor, label_tensor;
} parity_bench;

/* What a tensor may be off by; `typical` is what it would hold if nothing cancelled. */
static double allowed_error(const double *expected, int count, double typical, double most)
{
    double largest = reference_largest(expected, count);
    return largest < counts_as_zero * typical ? most_error_of_zero * typical : most * largest;
}

static int compare(const char *what, const double *actual, const double *expected, int count, double typical,
                   double most)
{
    double error = 0, allowed = allowed_error(expected, count, typical, most);
    int i, worst = 0;
    for (i = 0; i < count; ++i) {
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

static int compare_floats(const char *what, const float *actual, const double *expected, int count, double typical)
{
    double *values = check_allocate((size_t)count, sizeof *values);
    int i, equal;
    for (i = 0; i < count; ++i)
        values[i] = actual[i];
    equal = compare(what, values, expected, count, typical, most_error);
    free(values);
    return equal;
}

static void compare_number(const char *what, double actual, double expected, double relative)
{
    if (!(fabs(actual - expected) <= relative * fabs(expected)))
        CHECK_FAIL("%s is %.12g, the reference %.12g", what, actual, expected);
}

/* ---- The batch ------------------------------------------------------------------------------- */

/* Sets the strides of the image tensor; returns how many elements its memory has, *first is that of pixel 0. */
static size_t lay_out(normnet_tensor *tensor, input_layout layout, size_t *first)
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

static void make_batch_memory(parity_bench *bench, const parity_case *want, int label_dtype)
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

/* Stores a value of [-1.3, 1.3] as the data type can hold it; returns what it stands for. */
static double store_pixel(parity_bench *bench, int64_t place, double value)
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
static void draw_channel(parity_bench *bench, int image, int channel)
{
    const normnet_config *config = &bench->config;
    const int64_t *strides = bench->image_tensor.strides;
    const int height = config->height, width = config->width;
    const double level = random_uniform(&bench->random, -0.4, 0.4);
    const double down = random_uniform(&bench->random, -0.3, 0.3), right = random_uniform(&bench->random, -0.3, 0.3);
    int h, w, i = (image * config->channels + channel) * height * width;
    for (h = 0; h < height; ++h)
        for (w = 0; w < width; ++w, ++i) {
            const double noise = random_uniform(&bench->random, -0.3, 0.3);
            const int64_t place = bench->layout == CONTIGUOUS
                                      ? i
                                      : image * strides[0] + channel * strides[1] + h * strides[2] + w * strides[3];
            bench->pixels[i] = store_pixel(bench, place, level + down * h / height + right * w / width + noise);
        }
}

static void draw_images(parity_bench *bench)
{
    const int size = bench->config.channels * bench->config.height * bench->config.width;
    int n, c;
    for (n = 0; n < bench->images; ++n) {
        if (bench->layout == REPEATED && n > 0)
            memcpy(bench->pixels + n * size, bench->pixels, (size_t)size * sizeof *bench->pixels);
        for (c = 0; c < bench->config.channels && (bench->layout != REPEATED || n == 0); ++c)
            draw_channel(bench, n, c);
    }
    reference_set_images(bench->pass, bench->pixels);
}

static void draw_labels(parity_bench *bench)
{
    int i;
    for (i = 0; i < bench->images; ++i) {
        int label = bench->labels[i] = random_below(&bench->random, bench->config.classes);
        if (bench->label_tensor.dtype == NORMNET_U8)
            ((uint8_t *)bench->label_memory)[i] = (uint8_t)label;
        else if (bench->label_tensor.dtype == NORMNET_I32)
            ((int32_t *)bench->label_memory)[i] = label;
        else
            ((int64_t *)bench->label_memory)[i] = label;
    }
}

/* ---- Making and clearing away ---------------------------------------------------------------- */

static void configure(parity_bench *bench, const parity_case *want)
{
    normnet_config *config = &bench->config;
    const recipe_case *recipe = want->recipe;
    int c;
    CHECK_OK(normnet_config_init(config, want->norm->norm));
    config->architecture = want->network->architecture;
    config->channels = want->network->channels;
    config->height = want->network->height;
    config->width = want->network->width;
    config->classes = want->network->classes;
    config->dropout = 0; /* masks are looked at in test_dropout.c */
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
    for (c = 0; c < config->channels && c < CHECK_COUNT(bench->mean); ++c) {
        bench->mean[c] = 0.1307 + 0.2 * c;
        bench->std[c] = 0.3081 + 0.1 * c;
    }
    if (want->input->standardized) {
        config->input_mean = bench->mean;
        config->input_std = bench->std;
    }
}

/* Uniform as in a fresh network, but gamma, beta and biases unlike their neutral values. */
static void set_parameters(parity_bench *bench, double *parameters)
{
    const reference_network *network = bench->network;
    float *values = check_allocate((size_t)network->parameter_count, sizeof *values);
    int i, k;
    for (i = 0; i < network->layer_count; ++i) {
        const reference_layer *layer = &network->layers[i];
        int fan_in = layer->in.channels * (layer->kind == REFERENCE_CONV ? layer->conv.kernel * layer->conv.kernel : 1);
        double bound = 1.5 / sqrt(fan_in);
        for (k = layer->weight; k < layer->bias + layer->bias_count; ++k) {
            double low = layer->kind != REFERENCE_NORM ? -bound : k < layer->bias ? 0.5 : -0.5;
            double high = layer->kind != REFERENCE_NORM ? bound : k < layer->bias ? 1.5 : 0.5;
            values[k] = (float)random_uniform(&bench->random, low, high);
            parameters[k] = values[k];
        }
    }
    CHECK_OK(normnet_set_parameters(bench->model, values, network->parameter_count));
    free(values);
}

/* 1 if all of it stands. */
static int bench_create(parity_bench *bench, const parity_case *want)
{
    static const int label_dtypes[] = {NORMNET_U8, NORMNET_I32, NORMNET_I64};
    double *parameters;
    memset(bench, 0, sizeof *bench);
    bench->random.state = (uint64_t)want->images * 1000 + (uint64_t)want->norm->norm;
    bench->images = want->images;
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
    free(parameters);
    return 1;
}

static void bench_destroy(parity_bench *bench)
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

/* ---- Outputs and decisions ------------------------------------------------------------------- */

static int after_flatten(const reference_network *network, int layer)
{
    int i;
    for (i = 0; i <= layer; ++i) {
        if (network->layers[i].kind == REFERENCE_FLATTEN)
            return 1;
    }
    return 0;
}

/* The output of a layer as training sees it: with the statistics of the batch. To be freed. */
static float *library_output(parity_bench *bench, int layer)
{
    const normnet_predict_options options = options_init(0, NORMNET_STATISTICS_BATCH);
    const reference_shape out = bench->network->layers[layer].out;
    const normnet_layer_info info = layer_info(bench->model, layer);
    const int64_t shape[] = {bench->images, info.channels, info.height, info.width};
    float *values = check_allocate((size_t)(bench->images * reference_count(out)), sizeof *values);
    normnet_tensor tensor;
    if (CHECK_EQUAL(info.channels, out.channels) && CHECK_EQUAL(info.height, out.height) &&
        CHECK_EQUAL(info.width, out.width)) {
        normnet_tensor_init(&tensor, NORMNET_F32, values, after_flatten(bench->network, layer) ? 2 : 4, shape);
        CHECK_OK(normnet_layer_output(bench->model, &bench->image_tensor, layer, &tensor, &options));
    }
    return values;
}

static int same_signs(const double *a, const double *b, int count)
{
    int i;
    for (i = 0; i < count; ++i) {
        if ((a[i] > 0) != (b[i] > 0))
            return 0;
    }
    return 1;
}

/* The size of the values of a layer, or if they vanish, of those that they were made of. */
static double typical_output(const reference_pass *pass, int layer)
{
    double typical = 0;
    int i;
    for (i = 0; i <= layer; ++i) {
        int count = pass->images * reference_count(pass->network->layers[i].out);
        double largest = reference_largest(pass->outputs[i + 1], count);
        typical = largest > counts_as_zero * typical ? largest : typical;
    }
    return typical;
}

/* The library's parameters, which begin with the first that is trained. To be freed. */
static double *library_parameters(const parity_bench *bench)
{
    const int count = bench->network->parameter_count;
    double *parameters = check_allocate((size_t)count, sizeof *parameters);
    int i = 0, k;
    while (i < normnet_state_count(bench->model) && !state_info(bench->model, i).trained)
        ++i;
    for (k = 0; k < count; ++k)
        parameters[k] = ((const float *)state_info(bench->model, i).data)[k];
    return parameters;
}

/*
 * Goes through the layers: 0 as soon as a ReLU or a max pool decides otherwise than in the reference. On the way
 * every layer is asked what it makes of the output that the library's layer before it gave.
 */
static int same_decisions(parity_bench *bench)
{
    const reference_network *network = bench->network;
    reference_pass *own = bench->own;
    double *parameters = library_parameters(bench);
    int i, k, same = 1;
    char what[64];
    memcpy(own->outputs[0], bench->pass->outputs[0],
           (size_t)reference_count(reference_input_shape(own)) * sizeof **own->outputs);
    for (i = 0; i < network->layer_count && same; ++i) {
        const reference_layer *layer = &network->layers[i];
        const int count = bench->images * reference_count(layer->out);
        float *floats = library_output(bench, i);
        double *actual = check_allocate((size_t)count, sizeof *actual);
        for (k = 0; k < count; ++k)
            actual[k] = floats[k];
        reference_layer_forward(own, i, parameters, NULL, REFERENCE_TRAINING);
        snprintf(what, sizeof what, "output of layer %d", i);
        compare(what, actual, own->outputs[i + 1], count, typical_output(own, i), most_error_of_layer);
        if (layer->kind == REFERENCE_RELU)
            same = same_signs(actual, bench->pass->outputs[i + 1], count);
        else if (layer->kind == REFERENCE_MAXPOOL)
            same = memcmp(own->winners[i], bench->pass->winners[i], (size_t)count * sizeof **own->winners) == 0;
        memcpy(own->outputs[i + 1], actual, (size_t)count * sizeof *actual);
        free(actual);
        free(floats);
    }
    free(parameters);
    return same;
}

static void move(double *values, int count, random_stream *random)
{
    const double most = 1.0 / (1 << 23);
    int i;
    for (i = 0; i < count; ++i)
        values[i] *= 1 + random_uniform(random, -most, most);
}

/* Do small changes of weights and pixels leave the gradients where they are? The pass is there and back. */
static int well_conditioned(parity_bench *bench)
{
    const reference_network *network = bench->network;
    const reference_pass *pass = bench->pass;
    const int count = network->parameter_count, pixels = reference_count(reference_input_shape(pass));
    double *parameters = check_allocate((size_t)count, sizeof *parameters);
    int i, k, well = 1;
    memcpy(parameters, bench->trainer->parameters, (size_t)count * sizeof *parameters);
    memcpy(bench->moved->outputs[0], pass->outputs[0], (size_t)pixels * sizeof **pass->outputs);
    move(parameters, count, &bench->random);
    move(bench->moved->outputs[0], pixels, &bench->random);
    reference_forward(bench->moved, parameters, NULL, REFERENCE_TRAINING);
    reference_backward(bench->moved, parameters, bench->labels);
    for (i = 0; i < network->layer_count; ++i) {
        const reference_layer *layer = &network->layers[i];
        const int firsts[] = {layer->weight, layer->bias, layer->bias + layer->bias_count};
        int tensor;
        for (tensor = 0; tensor < 2; ++tensor) {
            const int first = firsts[tensor], length = firsts[tensor + 1] - first;
            const double allowed =
                ill_conditioned_from * allowed_error(pass->gradient + first, length,
                                                     reference_largest(bench->typical + first, length), most_error);
            for (k = first; k < first + length; ++k)
                well &= fabs(bench->moved->gradient[k] - pass->gradient[k]) <= allowed;
        }
    }
    free(parameters);
    return well;
}

/* A batch that can be compared. The pass is forward and backward then, the typical gradient known. */
static int draw_batch(parity_bench *bench)
{
    const double *parameters = bench->trainer->parameters;
    int i;
    for (i = 0; i < 60; ++i) {
        draw_images(bench);
        draw_labels(bench);
        reference_forward(bench->pass, parameters, NULL, REFERENCE_TRAINING);
        reference_backward(bench->pass, parameters, bench->labels);
        reference_typical_gradient(bench->pass, parameters, bench->labels, bench->typical);
        ++drawn;
        if (!well_conditioned(bench))
            ++ill_conditioned;
        else if (!same_decisions(bench))
            ++decided_otherwise;
        else
            return 1;
    }
    return CHECK_FAIL("no batch of 60 can be compared");
}

/* ---- A step ---------------------------------------------------------------------------------- */

/* One entry of the state, as the equivalent state_dict has it. */
typedef struct entry {
    char name[32];
    int trained, first, count; /* in the parameters or the statistics of the reference */
} entry;

static int add_entry(entry *entries, int used, int layer, const char *name, int trained, int first, int count)
{
    if (count > 0) {
        snprintf(entries[used].name, sizeof entries[used].name, "%d.%s", layer, name);
        entries[used].trained = trained;
        entries[used].first = first;
        entries[used].count = count;
        ++used;
    }
    return used;
}

static int list_entries(const reference_network *network, entry **list)
{
    entry *entries = *list = check_allocate((size_t)network->layer_count * 5, sizeof *entries);
    int i, used = 0;
    for (i = 0; i < network->layer_count; ++i) {
        const reference_layer *layer = &network->layers[i];
        const int channels = layer->in.channels;
        used = add_entry(entries, used, i, "weight", 1, layer->weight, layer->weight_count);
        used = add_entry(entries, used, i, "bias", 1, layer->bias, layer->bias_count);
        if (layer->statistics >= 0) {
            used = add_entry(entries, used, i, "running_mean", 0, layer->statistics, channels);
            used = add_entry(entries, used, i, "running_var", 0, layer->statistics + channels, channels);
            used = add_entry(entries, used, i, "num_batches_tracked", 0, layer->statistics + 2 * channels, 1);
        }
    }
    return used;
}

/* Gradients, tensor by tensor. */
static void compare_gradients(parity_bench *bench)
{
    double *values = NULL;
    int64_t count = 0;
    entry *entries;
    int i, entry_count = list_entries(bench->network, &entries);
    char what[64];
    CHECK_OK(normnet_gradients(bench->model, &values, &count));
    if (CHECK_EQUAL(count, bench->network->parameter_count) && CHECK(values != NULL)) {
        for (i = 0; i < entry_count; ++i) {
            const entry *e = &entries[i];
            if (!e->trained)
                continue;
            snprintf(what, sizeof what, "gradient of %s", e->name);
            compare(what, values + e->first, bench->pass->gradient + e->first, e->count,
                    reference_largest(bench->typical + e->first, e->count), most_error);
        }
    }
    free(entries);
}

/*
 * An update is compared twice: the new weights, and how far they have moved in this step, where the rounding of
 * the weights (half a unit in their last place) comes on top.
 */
static void compare_parameters(const entry *e, const float *now, const double *before, const double *expected_now,
                               const double *expected_before, double typical_move)
{
    const double rounding = 1.01 / (1 << 24);
    double largest_move = 0, largest = reference_largest(expected_now + e->first, e->count), allowed;
    char what[64];
    int i;
    snprintf(what, sizeof what, "updated %s", e->name);
    compare_floats(what, now + e->first, expected_now + e->first, e->count, 0);
    for (i = e->first; i < e->first + e->count; ++i)
        largest_move = fmax(largest_move, fabs(expected_now[i] - expected_before[i]));
    allowed =
        largest_move < counts_as_zero * typical_move ? most_error_of_zero * typical_move : most_error * largest_move;
    for (i = e->first; i < e->first + e->count; ++i) {
        double move = now[i] - before[i], expected = expected_now[i] - expected_before[i];
        if (!(fabs(move - expected) <= allowed + rounding * largest))
            CHECK_FAIL("%s[%d] moved by %.9g, the reference by %.9g; largest move %.3g", e->name, i - e->first, move,
                       expected, largest_move);
    }
}

/* Names and order of the state, new weights and running statistics. */
static void compare_state(parity_bench *bench, const double *before, const double *expected_before, double lr)
{
    const reference_trainer *trainer = bench->trainer;
    const float *parameters = NULL;
    entry *entries;
    int i, entry_count = list_entries(bench->network, &entries);
    CHECK_EQUAL(normnet_state_count(bench->model), entry_count);
    for (i = 0; i < entry_count && i < normnet_state_count(bench->model); ++i) {
        const entry *e = &entries[i];
        const normnet_state_info info = state_info(bench->model, i);
        CHECK_TEXT(info.name, e->name);
        CHECK_EQUAL(info.trained, e->trained);
        if (!CHECK_EQUAL(state_length(&info), e->count))
            continue;
        if (e->trained && parameters == NULL)
            parameters = info.data;
        if (e->trained) {
            CHECK((const float *)info.data == parameters + e->first);
            compare_parameters(e, parameters, before, trainer->parameters, expected_before,
                               lr * reference_largest(bench->typical + e->first, e->count) / bench->images);
        } else if (info.dtype == NORMNET_I64) {
            CHECK_EQUAL(*(const int64_t *)info.data, (int64_t)trainer->statistics[e->first]);
        } else {
            /* a running mean of zero is measured by the deviation that belongs to it */
            double typical = strstr(e->name, "mean") == NULL
                                 ? 0
                                 : sqrt(reference_largest(trainer->statistics + e->first + e->count, e->count));
            compare_floats(e->name, info.data, trainer->statistics + e->first, e->count, typical);
        }
    }
    free(entries);
}

/* The library's logits of the batch. To be freed. */
static float *library_logits(const parity_bench *bench, int statistics)
{
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, statistics);
    const int classes = bench->config.classes;
    float *scores = check_allocate((size_t)(bench->images * classes), sizeof *scores);
    normnet_tensor tensor = tensor_2d(NORMNET_F32, scores, bench->images, classes);
    CHECK_OK(normnet_predict(bench->model, &bench->image_tensor, &tensor, NULL, &options));
    return scores;
}

/* The pass is forward, in training or in evaluation. */
static void compare_logits(parity_bench *bench, int statistics)
{
    float *scores = library_logits(bench, statistics);
    compare_floats(statistics == NORMNET_STATISTICS_BATCH ? "logits with batch statistics" : "logits", scores,
                   reference_logits(bench->pass), bench->images * bench->config.classes,
                   typical_output(bench->pass, bench->network->layer_count - 1));
    free(scores);
}

/* The loss against that of the library's own logits, which compare_logits holds to the reference. */
static void compare_evaluation(parity_bench *bench)
{
    const int classes = bench->config.classes, count = bench->images * classes;
    double *logits = check_allocate((size_t)count, sizeof *logits);
    double *dlogits = check_allocate((size_t)count, sizeof *dlogits);
    float *scores = library_logits(bench, NORMNET_STATISTICS_RUNNING);
    normnet_metrics metrics = metrics_init();
    int i;
    for (i = 0; i < count; ++i)
        logits[i] = scores[i];
    CHECK_OK(normnet_evaluate(bench->model, &bench->image_tensor, &bench->label_tensor, &metrics, NULL, NULL));
    CHECK_EQUAL(metrics.count, bench->images);
    compare_number(
        "loss in evaluation", metrics.loss,
        reference_loss(bench->images, classes, logits, bench->labels, bench->config.label_smoothing, dlogits) /
            bench->images,
        1e-12);
    free(scores);
    free(dlogits);
    free(logits);
}

/* compute_gradients and apply_gradients in the first step, train_step in the others. */
static void library_step(parity_bench *bench, int step, normnet_metrics *metrics)
{
    if (step > 0) {
        CHECK_OK(normnet_train_step(bench->model, &bench->image_tensor, &bench->label_tensor, metrics));
        return;
    }
    CHECK_OK(normnet_compute_gradients(bench->model, &bench->image_tensor, &bench->label_tensor, NULL, metrics));
    compare_gradients(bench);
    CHECK_OK(normnet_apply_gradients(bench->model, bench->images));
}

/* Images whose two highest logits are as good as equal. */
static int ambiguous_images(const parity_bench *bench)
{
    const int classes = bench->config.classes;
    const double *logits = reference_logits(bench->pass);
    const double near = most_error * typical_output(bench->pass, bench->network->layer_count - 1);
    int n, k, ambiguous = 0;
    for (n = 0; n < bench->images; ++n) {
        double first = -INFINITY, second = -INFINITY;
        for (k = 0; k < classes; ++k) {
            double value = logits[n * classes + k];
            second = fmax(second, fmin(first, value));
            first = fmax(first, value);
        }
        ambiguous += first - second <= near;
    }
    return ambiguous;
}

static void compare_metrics(const parity_bench *bench, int step, const normnet_metrics *metrics,
                            const reference_metrics *expected)
{
    compare_number("loss", metrics->loss, expected->loss, most_error);
    CHECK_EQUAL(metrics->count, bench->images);
    if (labs((long)metrics->correct - bench->pass->correct) > ambiguous_images(bench))
        CHECK_FAIL("correct is %d, the reference %d", (int)metrics->correct, bench->pass->correct);
    if (step == 0) /* from compute_gradients */
        return;
    CHECK_EQUAL(metrics->step, step + 1);
    compare_number("penalty", metrics->penalty, expected->penalty, most_error);
    compare_number("lr", metrics->lr, expected->lr, 1e-14);
    compare_number("momentum", metrics->momentum, expected->momentum, 1e-14);
    compare_number("gradient norm", metrics->gradient_norm, expected->gradient_norm, most_error);
}

static void compare_step(parity_bench *bench, int step)
{
    const int count = bench->network->parameter_count;
    double *expected_before = check_allocate((size_t)count, sizeof *expected_before);
    double *before = library_parameters(bench);
    normnet_metrics metrics = metrics_init();
    reference_metrics expected;
    compare_logits(bench, NORMNET_STATISTICS_BATCH);
    memcpy(expected_before, bench->trainer->parameters, (size_t)count * sizeof *expected_before);
    expected = reference_apply(bench->trainer, bench->pass);
    library_step(bench, step, &metrics);
    compare_metrics(bench, step, &metrics, &expected);
    compare_state(bench, before, expected_before, expected.lr);
    reference_forward(bench->pass, bench->trainer->parameters, bench->trainer->statistics, REFERENCE_EVALUATION);
    compare_logits(bench, NORMNET_STATISTICS_RUNNING);
    compare_evaluation(bench);
    free(before);
    free(expected_before);
}

/* Batch norm needs two values per statistic. */
static int one_value_per_statistic(const parity_bench *bench)
{
    int i, s;
    for (i = 0; i < bench->network->layer_count; ++i) {
        const reference_layer *layer = &bench->network->layers[i];
        for (s = 0; layer->statistics >= 0 && s < layer->in.channels; ++s) {
            if (bench->pass->set_counts[i][s] == 1)
                return 1;
        }
    }
    return 0;
}

static void parity(const void *argument)
{
    const parity_case *want = argument;
    parity_bench bench;
    int step;
    if (bench_create(&bench, want)) {
        draw_images(&bench);
        draw_labels(&bench);
        reference_forward(bench.pass, bench.trainer->parameters, NULL, REFERENCE_TRAINING);
        if (one_value_per_statistic(&bench)) {
            CHECK_STATUS(normnet_compute_gradients(bench.model, &bench.image_tensor, &bench.label_tensor, NULL, NULL),
                         NORMNET_EINVAL);
        } else {
            for (step = 0; step < want->steps && draw_batch(&bench); ++step)
                compare_step(&bench, step);
        }
    }
    bench_destroy(&bench);
}

/* ---- The cases ------------------------------------------------------------------------------- */

/* clang-format off */
static const norm_case norms[] = {
    {"none", NORMNET_NORM_NONE, 0, 0, 0, 0, 0, 0, 0},
    {"batch", NORMNET_NORM_BATCH, 0, 0, 0, 0, 0, 0, 0},
    {"batch without affine", NORMNET_NORM_BATCH, 0, 0, NORMNET_AFFINE_NONE, 0, 0, 0, 0},
    {"batch, cumulative", NORMNET_NORM_BATCH, 0, 0, 0, 0, 1, 0, 0},
    {"batch, ghosts of 16", NORMNET_NORM_BATCH, 0, 0, 0, 16, 0, 0, 0},
    {"batch, ghosts of 32, cumulative", NORMNET_NORM_BATCH, 0, 0, 0, 32, 1, 0, 0},
    {"batch, eps .001, momentum .3", NORMNET_NORM_BATCH, 0, 0, 0, 0, 0, 1e-3, 0.3},
    {"group, eps .01", NORMNET_NORM_GROUP, 0, 0, 0, 0, 0, 0.01, 0},
    {"group", NORMNET_NORM_GROUP, 0, 0, 0, 0, 0, 0, 0},
    {"2 groups", NORMNET_NORM_GROUP, 2, 0, 0, 0, 0, 0, 0},
    {"2 groups without affine", NORMNET_NORM_GROUP, 2, 0, NORMNET_AFFINE_NONE, 0, 0, 0, 0},
    {"instance", NORMNET_NORM_INSTANCE, 0, 0, 0, 0, 0, 0, 0},
    {"instance without affine", NORMNET_NORM_INSTANCE, 0, 0, NORMNET_AFFINE_NONE, 0, 0, 0, 0},
    {"layer per channel", NORMNET_NORM_LAYER, 0, 3, 0, 0, 0, 0, 0},
    {"layer per element", NORMNET_NORM_LAYER, 0, 3, NORMNET_AFFINE_ELEMENT, 0, 0, 0, 0},
    {"layer without affine", NORMNET_NORM_LAYER, 0, 3, NORMNET_AFFINE_NONE, 0, 0, 0, 0},
    {"layer 2", NORMNET_NORM_LAYER, 0, 2, 0, 0, 0, 0, 0},
    {"layer 2 per element", NORMNET_NORM_LAYER, 0, 2, NORMNET_AFFINE_ELEMENT, 0, 0, 0, 0},
    {"layer 1", NORMNET_NORM_LAYER, 0, 1, 0, 0, 0, 0, 0},
    {"layer 1 per element", NORMNET_NORM_LAYER, 0, 1, NORMNET_AFFINE_ELEMENT, 0, 0, 0, 0},
};

/* name, l1, l2, label_smoothing, clip_norm, penalty_on, nesterov, dampening, schedule, anneal, three_phase,
   no_cycle_momentum */
static const recipe_case recipes[] = {
    {"plain", 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"l1", 1e-3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"l2", 0, 1e-2, 0, 0, 0, 0, 0, 0, 0, 0, 0},
    {"l1 and l2 on weights", 1e-3, 1e-2, 0, 0, NORMNET_PENALTY_WEIGHTS, 0, 0, 0, 0, 0, 0},
    {"label smoothing", 0, 0, 0.1, 0, 0, 0, 0, 0, 0, 0, 0},
    {"nesterov", 0, 1e-3, 0, 0, 0, 1, 0, 0, 0, 0, 0},
    {"dampening", 0, 0, 0, 0, 0, 0, 0.4, 0, 0, 0, 0},
    {"clipped", 1e-3, 1e-3, 0, 0.2, 0, 0, 0, 0, 0, 0, 0},
    {"step schedule", 0, 0, 0, 0, 0, 0, 0, NORMNET_SCHEDULE_STEP, 0, 0, 0},
    {"one cycle", 0, 0, 0, 0, 0, 0, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0, 0},
    {"one cycle, linear, three phases", 0, 0, 0, 0, 0, 0, 0, NORMNET_SCHEDULE_ONE_CYCLE, NORMNET_ANNEAL_LINEAR, 1, 0},
    {"one cycle, fixed momentum, nesterov", 0, 0, 0, 0, 0, 1, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0, 1},
    {"everything", 1e-4, 1e-3, 0.05, 0.5, 0, 1, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0, 0},
};

static const input_case inputs[] = {
    {"f32", NORMNET_F32, CONTIGUOUS, 0},
    {"u8", NORMNET_U8, CONTIGUOUS, 0},
    {"f32 standardized", NORMNET_F32, CONTIGUOUS, 1},
    {"u8 standardized", NORMNET_U8, CONTIGUOUS, 1},
    {"f32 nhwc", NORMNET_F32, NHWC, 1},
    {"u8 nhwc", NORMNET_U8, NHWC, 1},
    {"f32 flipped", NORMNET_F32, FLIPPED, 0},
    {"u8 flipped", NORMNET_U8, FLIPPED, 1},
    {"f32 window", NORMNET_F32, WINDOW, 1},
    {"u8 window", NORMNET_U8, WINDOW, 0},
    {"f32 repeated", NORMNET_F32, REPEATED, 0},
};

/* Every token, with sizes that fit nothing. */
static const network_case token_networks[] = {
    {"conv1", "conv1-4 flatten fc-3b", 1, 5, 4, 3},
    {"conv2", "conv2-3 relu conv2-3p1b flatten fc-3", 2, 7, 5, 3},
    {"conv3", "conv3-4 relu conv3-5p1 relu gap conv1-4b", 3, 9, 11, 4},
    {"conv4", "conv4-3s2 relu conv3-5p2b flatten fc-2", 2, 12, 9, 2},
    {"conv5", "conv5-3s2p2b relu conv5-2 gap", 3, 13, 10, 2},
    {"conv6", "conv6-2p3 relu conv6-3s3p2 flatten fc-5", 1, 8, 11, 5},
    {"conv7", "conv7-3p3 relu conv7-4s2p1b flatten fc-3", 5, 11, 10, 3},
    {"conv11", "conv11-3p5b relu conv1-3 gap", 4, 12, 14, 3},
    {"stride 3", "conv3-8s3 relu conv1-7s2 flatten fc-3", 4, 17, 14, 3},
    {"stride beyond kernel", "conv2-3s3 relu conv1-4s4 flatten fc-3", 2, 21, 18, 3},
    {"padding of kernel less one", "conv3-4p2 relu conv4-3p3s2 relu gap conv1-2", 2, 4, 5, 2},
    {"kernel as large as the image", "conv5-6 relu conv1-3", 2, 5, 5, 3},
    {"many channels", "conv3-24 relu conv3-16 relu conv3-9 gap flatten fc-10b", 1, 12, 13, 10},
    {"33 channels", "conv3-33p1 relu conv3-17 relu conv1-5 gap", 5, 6, 7, 5},
    {"maxpool", "conv3-7 relu maxpool2 conv3-5 maxpool3 flatten fc-3", 2, 15, 19, 3},
    {"maxpool first", "maxpool2 conv3-4 relu gap conv1-2", 2, 11, 12, 2},
    {"maxpool1 and avgpool1", "maxpool1 conv2-3 avgpool1 gap", 2, 6, 7, 3},
    {"maxpool4", "conv1-4 maxpool4 flatten fc-3", 1, 9, 7, 3},
    {"maxpool15", "maxpool15 conv2-3 gap", 1, 31, 47, 3},
    {"avgpool", "conv3-7 avgpool2 relu conv2-5 avgpool3 flatten fc-3", 2, 17, 19, 3},
    {"avgpool first", "avgpool3 conv1-4 relu flatten fc-2", 3, 10, 8, 2},
    {"gap first", "gap conv1-6b relu conv1-3", 4, 5, 6, 3},
    {"fc", "flatten fc-9 relu fc-7b relu fc-4", 2, 5, 7, 4},
    {"fc alone", "flatten fc-2", 5, 3, 2, 2},
    {"relu first", "relu conv3-2 gap", 3, 6, 7, 2},
    {"one pixel", "conv1-6 relu conv1-3b", 3, 1, 1, 3},
    {"one row", "conv1-4 relu conv1-5 gap flatten fc-3", 2, 1, 40, 3},
    {"dropout of nothing", "dropout0 conv3-4 dropout0.0 relu flatten dropout fc-3", 2, 6, 5, 3},
    {"two pools in a row", "conv2-4 avgpool2 maxpool2 gap conv1-3", 1, 13, 12, 3},
    {"all norms", "conv3-6 batchnorm relu conv3-6p1 groupnorm3 relu maxpool2 instancenorm conv1-4 layernorm flatten "
        "fc-3", 2, 17, 15, 3},
    {"norms of features", "flatten fc-24 groupnorm3 relu fc-16 layernorm relu fc-3b", 2, 4, 5, 3},
    {"norm first", "batchnorm conv3-4 relu groupnorm2 gap conv1-3", 3, 7, 8, 3},
    {"norm after norm", "conv3-4b batchnorm conv1-4b batchnorm instancenorm relu layernorm gap conv1-3", 2, 9, 7, 3},
};

static const network_case norm_network = {
    "network", "conv3-8b norm relu maxpool2 conv3-8p1 norm relu conv2-4 norm flatten fc-5b", 2, 17, 22, 5};
static const network_case relu_network = {
    "network with relu in front", "conv3-8b relu norm maxpool2 conv3-8 relu norm flatten fc-5b", 2, 17, 22, 5};
static const network_case gap_network = {
    "network ending in gap", "conv3-8 norm relu conv3-8 norm gap conv1-4b", 1, 13, 12, 4};
static const network_case feature_network = {"network of features", "flatten fc-16 norm relu fc-3", 1, 4, 5, 3};
static const network_case input_network = {"images", "conv3-4 relu norm maxpool2 conv1-3 gap", 3, 9, 12, 3};
static const network_case default_network = {"default network", NULL, 1, 28, 28, 10};
static const network_case seeds[] = {
    {"seed 000", SEED_000, 1, 28, 28, 10},
    {"seed 001 batch", SEED_001_BATCH, 1, 28, 28, 10},
    {"seed 001", SEED_001, 1, 28, 28, 10},
    {"seed 003", SEED_003, 1, 28, 28, 10},
    {"seed 004", SEED_004, 1, 28, 28, 10},
    {"sibling", SIBLING, 1, 28, 28, 10},
};
static const norm_case usual_norms[] = {
    {"none", NORMNET_NORM_NONE, 0, 0, 0, 0, 0, 0, 0},
    {"batch", NORMNET_NORM_BATCH, 0, 0, 0, 0, 0, 0, 0},
    {"2 groups", NORMNET_NORM_GROUP, 2, 0, 0, 0, 0, 0, 0},
    {"layer", NORMNET_NORM_LAYER, 0, 3, 0, 0, 0, 0, 0},
    {"instance", NORMNET_NORM_INSTANCE, 0, 0, 0, 0, 0, 0, 0},
};
static const norm_case row_norm = {"layer 1", NORMNET_NORM_LAYER, 0, 1, 0, 0, 0, 0, 0};
/* clang-format on */

static void run(const network_case *network, const norm_case *norm, const recipe_case *recipe, const input_case *input,
                int images, int steps)
{
    const parity_case want = {network, norm, recipe, input, images, steps};
    char name[256];
    snprintf(name, sizeof name, "%s, norm %s, %s, %s, batch %d", network->name, norm->name, recipe->name, input->name,
             images);
    check_case(name, parity, &want);
}

/* A network around every type of layer that the library lists. */
static void run_types(void)
{
    static const norm_case group = {"group", NORMNET_NORM_GROUP, 0, 0, 0, 0, 0, 0, 0};
    static type_network type;
    char name[64];
    int i;
    for (i = 0; normnet__layer_types[i] != NULL; ++i) {
        const char *example = normnet__layer_types[i]->example;
        network_case network = {name, type.architecture, TYPE_CHANNELS, TYPE_HEIGHT, TYPE_WIDTH, TYPE_CLASSES};
        snprintf(name, sizeof name, "type %s", example);
        if (strcmp(normnet__layer_types[i]->name, "dropout") == 0)
            continue; /* its masks are random: test_dropout */
        if (!type_network_read(&type, example))
            continue; /* test_layer_types fails */
        run(&network, &group, &recipes[0], &inputs[0], 7, 2);
        run(&network, &group, &recipes[0], &inputs[0], 33, 1);
    }
}

static void run_all(void)
{
    static const int batches[] = {1, 2, 7, 15, 16, 17, 33, 128};
    int i, k;
    run_types();
    for (i = 0; i < CHECK_COUNT(token_networks); ++i)
        for (k = 0; k < CHECK_COUNT(batches) - 1; ++k)
            run(&token_networks[i], &norms[0], &recipes[0], &inputs[k % 2], batches[k], 1 + k % 2);
    for (i = 0; i < CHECK_COUNT(norms); ++i) {
        for (k = 0; k < CHECK_COUNT(batches); ++k) {
            run(&norm_network, &norms[i], &recipes[0], &inputs[0], batches[k], 2);
            if (norms[i].norm != NORMNET_NORM_INSTANCE && (norms[i].layer_dims == 0 || norms[i].layer_dims == 3))
                run(&relu_network, &norms[i], &recipes[0], &inputs[0], batches[k], 1);
            run(&gap_network, &norms[i], &recipes[0], &inputs[0], batches[k], 1);
            if (norms[i].norm != NORMNET_NORM_INSTANCE && (norms[i].layer_dims == 0 || norms[i].layer_dims == 3))
                run(&feature_network, &norms[i], &recipes[0], &inputs[0], batches[k], 2);
        }
    }
    for (i = 1; i < CHECK_COUNT(recipes); ++i)
        for (k = 0; k < CHECK_COUNT(usual_norms); ++k) {
            run(&norm_network, &usual_norms[k], &recipes[i], &inputs[0], 7, 3);
            run(&norm_network, &usual_norms[k], &recipes[i], &inputs[0], 33, 3);
        }
    for (i = 0; i < CHECK_COUNT(inputs); ++i)
        for (k = 0; k < 2; ++k) {
            run(&input_network, &norms[k], &recipes[0], &inputs[i], 5, 1);
            run(&input_network, &norms[k], &recipes[0], &inputs[i], 35, 1);
        }
    for (i = 0; i < CHECK_COUNT(usual_norms); ++i) {
        run(&default_network, &usual_norms[i], &recipes[0], &inputs[3], 1, 1);
        run(&default_network, &usual_norms[i], &recipes[12], &inputs[3], 7, 3);
        run(&default_network, &usual_norms[i], &recipes[0], &inputs[3], 33, 1);
        for (k = 0; k < CHECK_COUNT(seeds) && usual_norms[i].norm != NORMNET_NORM_INSTANCE; ++k)
            run(&seeds[k], &usual_norms[i], &recipes[0], &inputs[3], k % 2 ? 7 : 17, 1);
    }
    run(&seeds[2], &row_norm, &recipes[0], &inputs[3], 17, 1); /* its gradients are zero */
    run(&default_network, &usual_norms[1], &recipes[0], &inputs[3], 128, 1);
    run(&default_network, &usual_norms[2], &recipes[0], &inputs[3], 128, 1);
}

static void few_decided_otherwise(const void *argument)
{
    (void)argument;
    if (decided_otherwise > most_decided_otherwise * drawn)
        CHECK_FAIL("%d of %d batches decided otherwise than the reference, more than %g %%", decided_otherwise, drawn,
                   100 * most_decided_otherwise);
}

static void few_ill_conditioned(const void *argument)
{
    (void)argument;
    if (ill_conditioned > most_ill_conditioned * drawn)
        CHECK_FAIL("%d of %d batches are ill-conditioned, more than %g %%", ill_conditioned, drawn,
                   100 * most_ill_conditioned);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    run_all();
    if (!check_state()->list)
        printf("    of %d batches %d were ill-conditioned, %d decided otherwise\n", drawn, ill_conditioned,
               decided_otherwise);
    check_case("few batches are ill-conditioned", few_ill_conditioned, NULL);
    check_case("few batches decide otherwise", few_decided_otherwise, NULL);
    return check_end();
}
