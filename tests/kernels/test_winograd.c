/* SPDX-License-Identifier: MIT */
/*
 * Winograd's algorithm computes a convolution up to roundings, with transformed weights of the library: with maps that
 * are no multiple of a patch, paddings, sums of several pieces, and kernels of several parts.
 */
#include "kernel_memory.h"

#include "harness/check.h"

#include "kernels/algorithm.h"
#include "kernels/kernels.h"
#include "kernels/packed_weights.h"

#include <normnet.h>

struct shape_case {
    int inputs, outputs, height, width, padding, kernel;
};

static const struct shape_case shapes[] = {
    {1, 1, 1, 1, 0, 3},   {1, 2, 2, 3, 1, 3},     {3, 5, 4, 4, 2, 3},   {2, 9, 5, 6, 0, 3},   {9, 4, 7, 8, 1, 3},
    {8, 8, 12, 3, 2, 3},  {17, 3, 9, 1, 0, 3},    {24, 17, 8, 8, 1, 3}, {25, 8, 6, 13, 2, 3}, {100, 3, 5, 17, 1, 3},
    {270, 2, 3, 9, 1, 3}, {16, 16, 10, 26, 0, 3}, {3, 2, 4, 5, 0, 4},   {2, 5, 5, 7, 2, 5},   {17, 9, 6, 4, 4, 5},
    {5, 3, 9, 2, 1, 6},   {4, 4, 3, 8, 3, 7},     {2, 3, 1, 6, 5, 11},  {3, 7, 6, 26, 1, 3},  {4, 7, 9, 8, 1, 3},
};

/* Memory with values from -1 to 1. */
static float *draw_floats(struct workspace *w, int64_t count)
{
    float *values = take_groups(w, (count + w->lanes - 1) / w->lanes);

    for (int64_t i = 0; i < count; ++i)
        values[i] = (float)random_uniform(&w->random, -1, 1);
    return values;
}

/* The convolution in double of one lane; w is [outputs][inputs][kernel][kernel]. */
static double expected_output(const struct convolution *convolution, const float *x, const float *w, int k, int i,
                              int j, int lane)
{
    const struct map *map = &convolution->x;
    const int kernel = convolution->kernel, taps = kernel * kernel;
    double sum = 0;

    for (int c = 0; c < map->channels; ++c)
        for (int t = 0; t < taps; ++t) {
            const int row = i + t / kernel - convolution->padding, column = j + t % kernel - convolution->padding;

            if (row >= 0 && row < map->height && column >= 0 && column < map->width)
                sum += (double)w[(k * map->channels + c) * taps + t] *
                       (double)x[(c * map->channel_stride + row * map->row_stride + column) * map->lanes + lane];
        }
    return sum;
}

/* The sum of n products of numbers up to 1 grows as the root of n; the errors of a plain chain are 1e-7 of that. */
static void check_outputs(const struct convolution *convolution, const float *x, const float *w, const float *y)
{
    const struct map *map = &convolution->y;
    const double most = 3e-6 * convolution->kernel * sqrt(convolution->x.channels);

    for (int k = 0; k < map->channels; ++k)
        for (int i = 0; i < map->height; ++i)
            for (int j = 0; j < map->width; ++j) {
                const int lane = (k + i + j) % map->lanes;
                const double expected = expected_output(convolution, x, w, k, i, j, lane);
                const double actual = y[(k * map->channel_stride + i * map->row_stride + j) * map->lanes + lane];

                if (!(fabs(actual - expected) <= most))
                    CHECK_FAIL("output %d, %d, %d is %.9g, the reference %.9g", k, i, j, actual, expected);
            }
}

static void compute(const struct kernels *kernels, const struct shape_case *shape, enum algorithm algorithm,
                    struct workspace *w)
{
    const int32_t lanes = (int32_t)kernels->group_lanes, around = shape->kernel - 1 - 2 * shape->padding;
    const int64_t taps = (int64_t)shape->kernel * shape->kernel;
    const struct convolution convolution = {
        .x = normnet__spaced_map(shape->inputs, shape->height + around, shape->width + around, lanes),
        .y = normnet__spaced_map(shape->outputs, shape->height, shape->width, lanes),
        .kernel = shape->kernel,
        .stride = 1,
        .padding = shape->padding,
        .dilation = 1,
        .algorithm = algorithm};
    const struct epilogue epilogue = {0};
    float *x = draw_floats(w, normnet__map_floats(convolution.x)), *y = take_map(w, convolution.y);
    float *weights = draw_floats(w, shape->inputs * shape->outputs * taps);
    float *packed = take_groups(w, normnet__packed_weight_count(&convolution) / lanes);
    float *scratch = take_scratch(w, normnet__convolution_scratch(&convolution));

    normnet__pack_weights(&convolution, weights, shape->inputs * taps, taps, false, packed);
    kernels->convolve(&convolution, x, packed, &epilogue, (struct units){0, normnet__count_units(&convolution)}, y,
                      scratch);
    check_outputs(&convolution, x, weights, y);
}

static void every_shape(const void *argument)
{
    const enum algorithm algorithm = *(const enum algorithm *)argument;
    struct workspace w;

    open_workspace(&w);
    for (int32_t cpu = NORMNET_CPU_PORTABLE; cpu <= NORMNET_CPU_NEON; ++cpu) {
        const struct kernels *kernels = normnet__select_kernels(cpu);

        for (int i = 0; i < CHECK_COUNT(shapes) && kernels != NULL; ++i) {
            begin_case(&w, i, (int32_t)kernels->group_lanes);
            compute(kernels, &shapes[i], algorithm, &w);
        }
    }
    close_workspace(&w);
}

int main(int argc, char **argv)
{
    static const enum algorithm algorithms[] = {NORMNET__WINOGRAD_2, NORMNET__WINOGRAD_4};

    if (!check_begin(argc, argv))
        return check_end();
    check_case("Winograd's algorithm with patches of 2x2 outputs", every_shape, &algorithms[0]);
    check_case("Winograd's algorithm with patches of 4x4 outputs", every_shape, &algorithms[1]);
    return check_end();
}
