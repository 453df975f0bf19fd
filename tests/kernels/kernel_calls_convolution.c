/* SPDX-License-Identifier: MIT */
/* Calls of convolutions and weight gradients with random shapes and values. */
#include "kernel_calls.h"
#include "kernel_shapes.h"

#include "harness/check.h"

#include "kernels/algorithm.h"
#include "kernels/packed_weights.h"

/*
 * Sums so long that they are cut into pieces, and into many of them: of many channels, of large kernels, whose rows are
 * cut from 97 columns on, and, for weight gradients, of large maps. Everything else is small.
 */
static void draw_long_sums(struct workspace *w, struct convolution *convolution)
{
    const int kind = draw(w, 4);

    convolution->y = dense_map(w, convolution->y.channels, 1 + draw(w, 2), 2 + draw(w, 3));
    convolution->stride = 1;
    convolution->x.channels = 1 + draw(w, 2);
    if (kind == 0) {
        convolution->x.channels = 90 + draw(w, 310);
    } else if (kind == 1) {
        convolution->y = gapped_map(w, 1 + draw(w, 3), 20 + draw(w, 40), 90 + draw(w, 30));
    } else {
        convolution->winograd = false;
        convolution->kernel = kind == 2 ? 10 + draw(w, 10) : 95 + draw(w, 10);
    }
}

/* All pairs of a number of outputs and a width, since these determine the tiles. */
static struct convolution draw_convolution(struct workspace *w)
{
    struct convolution convolution = {.kernel = draw_kernel(w), .stride = 1 + draw(w, 3)};
    const int outputs = some_channels[w->number % CHECK_COUNT(some_channels)];
    const int width = some_sizes[w->number / CHECK_COUNT(some_channels) % CHECK_COUNT(some_sizes)];

    convolution.winograd = draw_bool(w);
    if (convolution.winograd)
        convolution.kernel = 3, convolution.stride = 1;
    convolution.x.channels = draw_channels(w);
    convolution.y = gapped_map(w, outputs, draw_size(w), width);
    if (draw(w, 12) == 0)
        draw_long_sums(w, &convolution);
    return convolution;
}

/* The map of x: what y needs without the padding, and sometimes rows and columns that nothing reads. */
static void draw_input(struct workspace *w, struct convolution *convolution)
{
    const int stride = convolution->stride, around = convolution->kernel - stride - 2 * convolution->padding;

    convolution->x = gapped_map(w, convolution->x.channels, convolution->y.height * stride + around + draw(w, stride),
                                convolution->y.width * stride + around + draw(w, stride));
    snprintf(w->shape, sizeof w->shape, "%d to %d channels of %dx%d, kernel %d, stride %d, padding %d%s",
             convolution->x.channels, convolution->y.channels, convolution->y.height, convolution->y.width,
             convolution->kernel, convolution->stride, convolution->padding, convolution->winograd ? ", Winograd" : "");
}

/* The padding, which only Winograd's algorithm has, if some of the input remains. */
static void draw_padding(struct workspace *w, struct convolution *convolution)
{
    if (convolution->winograd && convolution->y.height > 2 && convolution->y.width > 2)
        convolution->padding = draw(w, 3);
}

void call_convolve(const struct kernels *kernels, struct workspace *w)
{
    struct convolution convolution = draw_convolution(w);
    const int kind = draw(w, 5);
    const float *bias = take_floats(w, convolution.y.channels);
    const struct epilogue epilogue = {
        .bias = kind == 1 || kind == 2 ? bias : NULL, .relu = kind == 2 || kind == 3, .relu_mask = kind == 4};
    const float *x, *weights;
    float *y, *scratch;

    draw_padding(w, &convolution);
    draw_input(w, &convolution);
    x = take_map(w, convolution.x);
    weights = take_floats(w, normnet__packed_weight_count(&convolution));
    y = take_map(w, convolution.y);
    mark_map(w, y, convolution.y, FLOATS);
    scratch = take_scratch(w, normnet__convolution_scratch(&convolution));
    kernels->convolve(&convolution, x, weights, &epilogue, y, scratch);
}

/* The offset of channel c of a pixel if the channels are the lanes. */
static int64_t channel_at(const struct map *map, int c, int i, int j)
{
    return normnet__channel_at(*map, c) + (i * map->row_stride + j) * map->lanes;
}

/* Compares the result of convolve_channels with that of `convolve` for as many copies of the image as lanes. */
static bool matches_convolve(const struct kernels *kernels, struct workspace *w, const struct convolution *single,
                             const struct epilogue *epilogue, const float *x, const float *weights, const float *y)
{
    struct convolution many = *single;
    float *copies, *results, *scratch;

    many.x.channels = single->inputs;
    many.y.channels = single->outputs;
    copies = take_scratch(w, normnet__map_groups(many.x));
    results = take_scratch(w, normnet__map_groups(many.y));
    scratch = take_scratch(w, normnet__convolution_scratch(&many));
    for (int c = 0; c < many.x.channels; ++c)
        for (int i = 0; i < many.x.height; ++i)
            for (int j = 0; j < many.x.width; ++j)
                for (int lane = 0; lane < w->lanes; ++lane)
                    copies[(c * many.x.channel_stride + i * many.x.row_stride + j) * w->lanes + lane] =
                        x[channel_at(&single->x, c, i, j)];
    kernels->convolve(&many, copies, weights, epilogue, results, scratch);
    for (int k = 0; k < many.y.channels; ++k)
        for (int i = 0; i < many.y.height; ++i)
            for (int j = 0; j < many.y.width; ++j) {
                const float actual = y[channel_at(&single->y, k, i, j)];
                const float expected = results[(k * many.y.channel_stride + i * many.y.row_stride + j) * w->lanes];

                if (memcmp(&actual, &expected, sizeof actual) != 0 && !(isnan(actual) && isnan(expected)))
                    return false;
            }
    return true;
}

void call_convolve_channels(const struct kernels *kernels, struct workspace *w)
{
    struct convolution convolution = draw_convolution(w);
    const int kind = draw(w, 4);
    struct epilogue epilogue = {.relu = kind >= 2};
    const float *x, *weights;
    float *y, *scratch;

    if (convolution.y.width == 1 && draw_bool(w)) /* many vectors in a tile */
        convolution.y.channels += draw(w, 128);
    draw_padding(w, &convolution);
    draw_input(w, &convolution);
    weights =
        take_floats(w, normnet__packed_weight_count(&convolution) + w->lanes - 1); /* the last are read, but not used */
    convolution.inputs = convolution.x.channels;
    convolution.outputs = convolution.y.channels;
    convolution.x.channels = (convolution.inputs + w->lanes - 1) / w->lanes;
    convolution.y.channels = (convolution.outputs + w->lanes - 1) / w->lanes;
    if (kind % 2 == 1)
        epilogue.bias = take_groups(w, convolution.y.channels);
    x = take_map(w, convolution.x);
    y = take_map(w, convolution.y);
    mark_map(w, y, convolution.y, SCRATCH);
    for (int k = 0; k < convolution.outputs; ++k)
        for (int i = 0; i < convolution.y.height; ++i)
            for (int j = 0; j < convolution.y.width; ++j)
                mark(w, y + channel_at(&convolution.y, k, i, j), sizeof *y, FLOATS);
    scratch = take_scratch(w, normnet__convolution_scratch(&convolution));
    kernels->convolve_channels(&convolution, x, weights, &epilogue, y, scratch);
    if (!matches_convolve(kernels, w, &convolution, &epilogue, x, weights, y))
        CHECK_FAIL("%s, case %d: the sums are not those of convolve (%s)", kernels->name, w->number, w->shape);
}

void call_weight_gradient(const struct kernels *kernels, struct workspace *w)
{
    struct convolution convolution = draw_convolution(w);
    const float *x, *dy;
    double *dw;
    float *scratch;

    if (convolution.y.width % 2 != 0) /* Winograd's algorithm needs pairs */
        convolution.winograd = false;
    draw_input(w, &convolution);
    x = take_map(w, convolution.x);
    dy = take_map(w, convolution.y);
    dw = take_sums(w,
                   (int64_t)convolution.x.channels * convolution.y.channels * convolution.kernel * convolution.kernel);
    scratch = take_scratch(w, normnet__weight_gradient_scratch(&convolution));
    kernels->weight_gradient(&convolution, x, dy, dw, scratch);
}
