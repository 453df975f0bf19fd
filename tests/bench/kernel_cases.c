/* SPDX-License-Identifier: MIT */
#include "kernel_cases.h"

#include "harness/test_random.h"

#include "base/arena.h"
#include "kernels/algorithm.h"
#include "kernels/packed_weights.h"

#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void case_call(const struct kernels *kernels, const struct kernel_case *self);

/* ---- Memory -------------------------------------------------------------------------------------- */

/* The packed weights; of a single image the maps have planes instead of channels. */
static int64_t weight_count(const struct convolution *shape)
{
    struct convolution block = *shape;

    if (shape->inputs > 0) {
        block.x.channels = shape->inputs;
        block.y.channels = shape->outputs;
    }
    return normnet__packed_weight_count(&block);
}

static void lay_out(struct kernel_case *self, struct arena *arena)
{
    const struct convolution *shape = &self->convolution;
    const int64_t x = normnet__map_groups(shape->x), y = normnet__map_groups(shape->y);
    const int64_t scratch = normnet__convolution_scratch(shape) + normnet__weight_gradient_scratch(shape) +
                            normnet__outer_product_scratch();
    const int64_t channels = (int64_t)shape->x.channels * shape->y.channels;
    const int64_t group = self->lanes * (int64_t)sizeof(float);

    self->x = normnet__arena_alloc(arena, x, group);
    self->y = normnet__arena_alloc(arena, y, group);
    self->weights = normnet__arena_alloc(arena, weight_count(shape), sizeof(float));
    self->scratch = normnet__arena_alloc(arena, scratch, group);
    self->zeros = normnet__arena_alloc(arena, x, group);
    self->ones = normnet__arena_alloc(arena, x, group);
    self->sums = normnet__arena_alloc(arena, 2 * (x + channels * shape->kernel * shape->kernel), sizeof(double));
    self->masks = normnet__arena_alloc(arena, x, sizeof *self->masks);
    self->indices = normnet__arena_alloc(arena, y, self->lanes);
}

static void fill(float *values, const void *end)
{
    struct random_stream random = {1};

    for (; (const void *)values < end; ++values)
        *values = (float)random_uniform(&random, -1, 1);
}

static void alloc_memory(struct kernel_case *self)
{
    const int64_t groups = normnet__map_groups(self->convolution.x);
    struct random_stream random = {2};
    struct arena arena = {0};

    self->allocator = normnet__default_allocator();
    lay_out(self, &arena);
    self->memory_bytes = arena.used;
    if (normnet__allocate(&self->allocator, arena.used, &self->memory) != NORMNET_OK) {
        fprintf(stderr, "error: %s\n", normnet_error_message());
        exit(1);
    }
    arena = (struct arena){.memory = self->memory};
    lay_out(self, &arena);
    memset(self->memory, 0, (size_t)self->memory_bytes);
    fill(self->x, self->scratch); /* y and weights as well */
    for (int64_t i = 0; i < groups * self->lanes; ++i)
        self->ones[i] = 1;
    for (int64_t i = 0; i < groups; ++i)
        self->masks[i] = (uint16_t)random_bits(&random);
}

void destroy_kernel_case(struct kernel_case *self)
{
    normnet__deallocate(&self->allocator, self->memory, self->memory_bytes);
}

/* ---- Convolutions -------------------------------------------------------------------------------- */

static void call_convolve(const struct kernels *kernels, const struct kernel_case *self)
{
    const struct epilogue epilogue = {.relu = true};

    kernels->convolve(&self->convolution, self->x, self->weights, &epilogue,
                      (struct units){0, normnet__count_units(&self->convolution)}, self->y, self->scratch);
}

static void call_convolve_channels(const struct kernels *kernels, const struct kernel_case *self)
{
    const struct epilogue epilogue = {.relu = true};

    kernels->convolve_channels(&self->convolution, self->x, self->weights, &epilogue, self->y, self->scratch);
}

static void call_weight_gradient(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->weight_gradient(&self->convolution, self->x, self->y, self->sums, self->scratch);
}

/* A full group, whose blocks are the same one. */
enum { PRODUCT_INPUTS = 400 };
static void call_outer_products(const struct kernels *kernels, const struct kernel_case *self)
{
    const struct convolution *shape = &self->convolution;

    const struct outer_products products = {
        PRODUCT_INPUTS, shape->y.channels, NORMNET__GROUP_SAMPLES / self->lanes, shape->x.channels, 0, self->x,
        self->y};

    kernels->outer_products(&products, self->sums, self->scratch);
}

struct convolution_shape {
    int32_t inputs, outputs, size, kernel; /* `size` is height and width of x */
    int32_t stride, dilation;              /* 0 stands for 1; 2 halves or doubles the size, with a padding of 1 */
};

/*
 * Layers of the networks of bench.py: 003 and 004, lenet, rgb32; layers of stride 2, forward, and input gradients of
 * these, in which x is dilated.
 */
static const struct convolution_shape shapes[] = {
    {1, 8, 28, 3, 0, 0},    {8, 16, 26, 3, 0, 0},   {16, 16, 24, 3, 0, 0}, {16, 16, 10, 3, 0, 0},
    {32, 64, 16, 3, 0, 0},  {16, 10, 8, 1, 0, 0},   {6, 16, 12, 5, 0, 0},  {16, 16, 20, 5, 0, 0},
    {64, 64, 20, 5, 0, 0},  {16, 16, 20, 11, 0, 0}, {16, 32, 16, 3, 2, 0}, {64, 128, 16, 3, 2, 0},
    {128, 128, 8, 3, 2, 0}, {32, 16, 8, 3, 0, 2},   {128, 64, 8, 3, 0, 2}, {128, 128, 4, 3, 0, 2},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

static int32_t planes(int32_t channels, int32_t lanes)
{
    return (channels + lanes - 1) / lanes;
}

/* The algorithms are tried up to this one. */
static int last_algorithm(case_call *call, struct convolution_shape shape)
{
    if (shape.kernel < 3 || shape.stride > 1 || shape.dilation > 1 ||
        (call == call_weight_gradient && shape.kernel > 3))
        return 0;
    return call == call_weight_gradient ? (int)NORMNET__GRADIENT_PATCHES : (int)NORMNET__WINOGRAD_4;
}

static struct kernel_case convolution_case(const char *kernel, case_call *call, struct convolution_shape shape,
                                           int algorithm, int32_t lanes)
{
    const bool channels_are_lanes = call == call_convolve_channels;
    const bool strided = shape.stride > 1, dilated = shape.dilation > 1;
    const int32_t size = strided   ? shape.size / shape.stride
                         : dilated ? shape.size * shape.dilation
                                   : shape.size - shape.kernel + 1;
    const int32_t products = dilated ? shape.size : size; /* in each direction, of each weight */
    const int32_t border = strided || dilated ? 1 : 0;
    struct kernel_case self = {.kernel = kernel, .call = call, .lanes = lanes};
    struct convolution *convolution = &self.convolution;
    const char *algorithm_name = "", *mark = "";

    *convolution = (struct convolution){
        .kernel = shape.kernel,
        .stride = strided ? shape.stride : 1,
        .dilation = dilated ? shape.dilation : 1,
        .padding = call == call_weight_gradient ? 0 : border, /* it reads the border as a part of x */
        .border = border,
        .x = normnet__spaced_map(shape.inputs, shape.size + 2 * border, shape.size + 2 * border, lanes),
        .y = normnet__spaced_map(shape.outputs, size, size, lanes)};
    if (last_algorithm(call, shape) > 0) {
        static const char *const names[] = {", direct", ", Winograd", ", Winograd 4x4"};
        static const char *const gradient_names[] = {", direct", ", Winograd", ", patches"};
        const enum algorithm last = channels_are_lanes ? NORMNET__WINOGRAD_2 : NORMNET__WINOGRAD_4;
        const int chosen = call == call_weight_gradient ? (int)normnet__choose_gradient(convolution)
                                                        : (int)normnet__choose_algorithm(convolution, last);

        algorithm_name = (call == call_weight_gradient ? gradient_names : names)[algorithm];
        mark = algorithm == chosen ? "*" : "";
    }
    if (call == call_weight_gradient)
        convolution->gradient = (enum gradient_algorithm)algorithm;
    else
        convolution->algorithm = (enum algorithm)algorithm;
    self.flops = 2.0 * shape.inputs * shape.outputs * shape.kernel * shape.kernel * products * products;
    if (channels_are_lanes) {
        convolution->inputs = shape.inputs;
        convolution->outputs = shape.outputs;
        convolution->x = normnet__spaced_map(planes(shape.inputs, lanes), shape.size, shape.size, lanes);
        convolution->y = normnet__spaced_map(planes(shape.outputs, lanes), size, size, lanes);
    } else {
        self.flops *= lanes;
    }
    snprintf(self.shape, sizeof self.shape, "%dx%d, %d to %d, %dx%d%s%s%s", shape.size, shape.size, shape.inputs,
             shape.outputs, shape.kernel, shape.kernel,
             strided   ? ", stride 2"
             : dilated ? ", dilated"
                       : "",
             algorithm_name, mark);
    return self;
}

static int add_convolutions(struct kernel_case *cases, const char *kernel, case_call *call, int32_t lanes)
{
    int count = 0;

    for (int i = 0; i < SHAPES; ++i) {
        /* A dilated x is that of an input gradient; of a single image, padding is in the map. */
        if (shapes[i].dilation > 1 && call != call_convolve)
            continue;
        if (shapes[i].stride > 1 && call == call_convolve_channels)
            continue;
        for (int algorithm = 0; algorithm <= last_algorithm(call, shapes[i]); ++algorithm)
            cases[count++] = convolution_case(kernel, call, shapes[i], algorithm, lanes);
    }
    return count;
}

/* The first fully connected layer of lenet. */
/* x is a row for each sample. */
static struct kernel_case outer_product_case(int32_t lanes)
{
    enum { OUTPUTS = 120 };
    struct kernel_case self = {.kernel = "outer_products", .call = call_outer_products, .lanes = lanes};

    self.convolution =
        (struct convolution){.x = normnet__spaced_map((int32_t)normnet__outer_product_row(PRODUCT_INPUTS), 1, 1, lanes),
                             .y = normnet__spaced_map(OUTPUTS, 1, 1, lanes),
                             .kernel = 1,
                             .stride = 1,
                             .dilation = 1};
    self.flops = 2.0 * PRODUCT_INPUTS * OUTPUTS * NORMNET__GROUP_SAMPLES;
    snprintf(self.shape, sizeof self.shape, "%d to %d, %d samples", PRODUCT_INPUTS, OUTPUTS, NORMNET__GROUP_SAMPLES);
    return self;
}

/* ---- Normalization: chains of all groups of x ---------------------------------------------------- */

static int64_t groups(const struct kernel_case *self)
{
    return normnet__map_groups(self->convolution.x);
}

static void call_moments(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->moments(self->x, groups(self), self->lanes, self->sums, self->sums + self->lanes);
}

static void call_normalize(const struct kernels *kernels, const struct kernel_case *self)
{
    const struct standardization standard = {self->zeros, self->ones};

    kernels->normalize(self->x, groups(self), standard, self->ones, self->zeros, (struct mask){NULL, 0}, self->y);
}

static void call_affine_elements(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->affine_elements(self->y, groups(self), self->ones, self->zeros);
}

static void call_gradient_moments(const struct kernels *kernels, const struct kernel_case *self)
{
    const struct standardization standard = {self->zeros, self->ones};

    kernels->gradient_moments(self->x, self->y, groups(self), standard, (struct mask){NULL, 0}, self->sums,
                              self->sums + self->lanes);
}

static void call_normalize_gradient(const struct kernels *kernels, const struct kernel_case *self)
{
    const struct standardization standard = {self->zeros, self->ones};
    const struct gradient_coefficients coefficients = {self->ones, self->zeros, self->zeros};

    kernels->normalize_gradient(self->x, self->y, groups(self), standard, &coefficients, (struct mask){NULL, 0}, 0xFFFF,
                                false);
}

static void call_multiply_elements(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->multiply_elements(self->y, groups(self), self->ones);
}

static void call_affine_gradient(const struct kernels *kernels, const struct kernel_case *self)
{
    const int64_t offsets[1] = {0};

    /* Mean, power, scale and shift are the first four groups of `ones`. */
    kernels->affine_gradient(self->x, self->y, groups(self), 1, offsets, self->ones, self->sums,
                             self->sums + groups(self));
}

static void call_sum_all(const struct kernels *kernels, const struct kernel_case *self)
{
    self->sums[0] = kernels->sum_all(self->y, groups(self));
}

/* ---- Element by element, and pools --------------------------------------------------------------- */

static void call_relu(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->relu(self->convolution.x, self->x, self->y);
}

static void call_leaky_relu(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->leaky_relu(self->convolution.x, self->x, 0.01f, self->y);
}

static void call_leaky_relu_gradient(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->leaky_relu_gradient(self->convolution.x, self->x, self->y, 0.01f);
}

static void call_copy_gradient(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->copy_gradient(self->convolution.x, self->x, self->convolution.y, self->y, true);
}

static void call_dropout_masks(const struct kernels *kernels, const struct kernel_case *self)
{
    uint32_t key[2 * NORMNET__MAX_LANES] = {1, 2, 3};

    kernels->dropout_masks(key, groups(self), 1966, self->masks); /* 3% of 65536 */
}

static void call_dropout(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->dropout(self->convolution.x, self->x, (struct mask){self->masks, 1});
}

static void call_max_pool(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->max_pool(self->convolution.x, self->x, 2, self->convolution.y, self->y, self->indices);
}

static void call_max_pool_gradient(const struct kernels *kernels, const struct kernel_case *self)
{
    kernels->max_pool_gradient(self->convolution.y, self->y, self->indices, 2, self->convolution.x, self->x, false);
}

static void call_average_pool(const struct kernels *kernels, const struct kernel_case *self)
{
    const struct map *x = &self->convolution.x;

    kernels->average_pool(*x, self->x, x->height, x->width, self->convolution.y, self->y);
}

static void call_average_pool_gradient(const struct kernels *kernels, const struct kernel_case *self)
{
    const struct map *x = &self->convolution.x;

    kernels->average_pool_gradient(self->convolution.y, self->y, x->height, x->width, *x, self->x, false);
}

static void call_softmax(const struct kernels *kernels, const struct kernel_case *self)
{
    struct softmax softmax;

    kernels->softmax(self->x, groups(self), &softmax);
    self->sums[0] = softmax.sum[0];
}

/* The logits are 0 after the first call. */
static void call_softmax_gradient(const struct kernels *kernels, const struct kernel_case *self)
{
    const double zeros[NORMNET__MAX_LANES] = {0};

    kernels->softmax_gradient(self->x, groups(self), zeros, zeros, 1.0);
}

/* Gradient, parameters and momentum are in y, of half as many parameters as it has floats. */
static int64_t parameter_count(const struct kernel_case *self)
{
    return groups(self) * self->lanes / 4;
}

static const struct update_rule rule = {.images = 128, .scale = 1, .momentum_of_buffer = 0.9, .lr = 0.01};

static void call_measure_update(const struct kernels *kernels, const struct kernel_case *self)
{
    const int64_t count = parameter_count(self);
    const double *gradient = (const double *)(const void *)self->y;

    self->sums[0] = kernels->measure_update(&rule, count, gradient, self->x, self->x + count).gradient_square;
}

static void call_update(const struct kernels *kernels, const struct kernel_case *self)
{
    const int64_t count = parameter_count(self);
    const double *gradient = (const double *)(const void *)self->y;

    kernels->update(&rule, count, gradient, self->x, self->x + count);
}

static void call_average(const struct kernels *kernels, const struct kernel_case *self)
{
    const int64_t count = parameter_count(self);

    kernels->average(0.001, count, self->x, self->x + count);
}

/* A kernel that moves memory: how many of its operands have the size of x, and how many that of y. */
struct memory_kernel {
    const char *name;
    case_call *call;
    int32_t window;          /* of a pool; y has as many rows and columns as there are windows */
    double x_bytes, y_bytes; /* per lane, without the masks */
    double masks;            /* per group of x */
};

enum { FLOATS = sizeof(float), INDICES = 1 };
enum { CHANNELS = 16, SIZE = 24 };

static const struct memory_kernel memory_kernels[] = {
    {"moments", call_moments, 1, FLOATS, 0, 0},
    {"normalize", call_normalize, 1, FLOATS, FLOATS, 0},
    {"affine_elements", call_affine_elements, 1, 0, 2 * FLOATS, 0},
    {"gradient_moments", call_gradient_moments, 1, FLOATS, FLOATS, 0},
    {"normalize_gradient", call_normalize_gradient, 1, 2 * FLOATS, FLOATS, 0},
    {"multiply_elements", call_multiply_elements, 1, 0, 2 * FLOATS, 0},
    {"affine_gradient", call_affine_gradient, 1, FLOATS, FLOATS, 0},
    {"sum_all", call_sum_all, 1, 0, FLOATS, 0},
    {"relu", call_relu, 1, FLOATS, FLOATS, 0},
    {"leaky_relu", call_leaky_relu, 1, FLOATS, FLOATS, 0},
    {"leaky_relu_gradient", call_leaky_relu_gradient, 1, 2 * FLOATS, FLOATS, 0},
    {"copy_gradient", call_copy_gradient, 1, 2 * FLOATS, FLOATS, 0},
    {"dropout_masks", call_dropout_masks, 1, 0, 0, 1},
    {"dropout", call_dropout, 1, 2 * FLOATS, 0, 1},
    {"max_pool", call_max_pool, 2, FLOATS, FLOATS + INDICES, 0},
    {"max_pool_gradient", call_max_pool_gradient, 2, FLOATS, FLOATS + INDICES, 0},
    {"average_pool", call_average_pool, SIZE, FLOATS, FLOATS, 0},
    {"average_pool_gradient", call_average_pool_gradient, SIZE, FLOATS, FLOATS, 0},
    {"softmax", call_softmax, 1, FLOATS, 0, 0},
    {"softmax_gradient", call_softmax_gradient, 1, 2 * FLOATS, 0, 0},
    {"measure_update", call_measure_update, 1, FLOATS / 2.0, FLOATS / 2.0, 0},
    {"update", call_update, 1, FLOATS, FLOATS / 2.0, 0},
    {"average", call_average, 1, 0.75 * FLOATS, 0, 0},
};
enum { MEMORY_KERNELS = sizeof memory_kernels / sizeof *memory_kernels };

static struct kernel_case memory_case(const struct memory_kernel *kernel, int32_t lanes)
{
    const int32_t size = SIZE / kernel->window;
    struct kernel_case self = {.kernel = kernel->name, .call = kernel->call, .lanes = lanes};

    self.convolution.x = normnet__spaced_map(CHANNELS, SIZE, SIZE, lanes);
    self.convolution.y = normnet__spaced_map(CHANNELS, size, size, lanes);
    self.bytes = CHANNELS * lanes * (kernel->x_bytes * SIZE * SIZE + kernel->y_bytes * size * size) +
                 CHANNELS * kernel->masks * (double)sizeof(uint16_t) * SIZE * SIZE;
    if (kernel->window == 1)
        snprintf(self.shape, sizeof self.shape, "%dx%d, %d", SIZE, SIZE, CHANNELS);
    else
        snprintf(self.shape, sizeof self.shape, "%dx%d, %d, windows of %dx%d", SIZE, SIZE, CHANNELS, kernel->window,
                 kernel->window);
    return self;
}

int create_kernel_cases(struct kernel_case cases[MAX_KERNEL_CASES], int32_t lanes)
{
    int count = 0;

    count += add_convolutions(cases + count, "convolve", call_convolve, lanes);
    count += add_convolutions(cases + count, "convolve_channels", call_convolve_channels, lanes);
    count += add_convolutions(cases + count, "weight_gradient", call_weight_gradient, lanes);
    cases[count++] = outer_product_case(lanes);
    for (int i = 0; i < MEMORY_KERNELS; ++i)
        cases[count++] = memory_case(&memory_kernels[i], lanes);
    for (int i = 0; i < count; ++i)
        alloc_memory(&cases[i]);
    return count;
}
