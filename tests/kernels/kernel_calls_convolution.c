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
        convolution->algorithm = NORMNET__DIRECT;
        convolution->kernel = kind == 2 ? 10 + draw(w, 10) : 95 + draw(w, 10);
    }
}

/* All pairs of a number of outputs and a width, since these determine the tiles. */
static struct convolution draw_convolution(struct workspace *w)
{
    struct convolution convolution = {.kernel = draw_kernel(w), .stride = 1 + draw(w, 3), .dilation = 1};
    const int outputs = some_channels[w->number % CHECK_COUNT(some_channels)];
    const int width = some_sizes[w->number / CHECK_COUNT(some_channels) % CHECK_COUNT(some_sizes)];

    convolution.algorithm = (enum algorithm)draw(w, NORMNET__WINOGRAD_4 + 1);
    if (convolution.algorithm != NORMNET__DIRECT) {
        convolution.kernel = draw(w, 3) == 0 ? 4 + draw(w, 6) : 3;
        convolution.stride = 1;
    }
    convolution.x.channels = draw_channels(w);
    convolution.y = gapped_map(w, outputs, draw_size(w), width);
    if (draw(w, 12) == 0)
        draw_long_sums(w, &convolution);
    return convolution;
}

/*
 * The map of x: what y needs inside the border, and sometimes rows and columns that nothing reads. With dilation, the
 * last row that y needs may be one that is not there.
 */
static void draw_input(struct workspace *w, struct convolution *convolution)
{
    static const char *const names[] = {"", ", Winograd", ", Winograd 4x4"};
    const int stride = convolution->stride, dilation = convolution->dilation;
    const int around =
        convolution->kernel - stride -
        2 * (convolution->border > 0 || convolution->algorithm != NORMNET__DIRECT ? convolution->padding : 0);
    const int height = (convolution->y.height * stride + around - 1) / dilation + 1 + draw(w, stride);
    const int width = (convolution->y.width * stride + around - 1) / dilation + 1 + draw(w, stride);

    convolution->x =
        gapped_map(w, convolution->x.channels, height + 2 * convolution->border, width + 2 * convolution->border);
    snprintf(w->shape, sizeof w->shape, "%d to %d channels of %dx%d, kernel %d, stride %d, padding %d, dilation %d%s",
             convolution->x.channels, convolution->y.channels, convolution->y.height, convolution->y.width,
             convolution->kernel, convolution->stride, convolution->padding, convolution->dilation,
             names[convolution->algorithm]);
}

static int min_of(int a, int b, int c)
{
    const int smaller = a < b ? a : b;

    return smaller < c ? smaller : c;
}

/*
 * Padding, and dilation instead of a stride, as far as some of the input remains. The padding of a direct convolution
 * is a border.
 */
static void draw_padding(struct workspace *w, struct convolution *convolution, bool may_dilate)
{
    const bool large = convolution->y.height > 2 && convolution->y.width > 2;

    if (convolution->algorithm != NORMNET__DIRECT) {
        convolution->padding = large ? draw(w, 3) : 0;
        return;
    }
    if (may_dilate && draw_bool(w)) {
        convolution->dilation = convolution->stride;
        convolution->stride = 1;
    }
    if (draw_bool(w)) {
        convolution->padding = draw(w, min_of(convolution->kernel, convolution->y.height, convolution->y.width));
        convolution->border = (convolution->padding + convolution->dilation - 1) / convolution->dilation;
    }
}

/*
 * The border of a map is zeros. In some cases all products are too small for a float, so that sums are -0 if no product
 * with the border follows that is 0.
 */
static void clear_border(struct workspace *w, const struct map *map, int border, float *x)
{
    const int64_t count = normnet__map_floats(*map);

    for (int64_t i = 0; border > 0 && w->number % 5 == 0 && i < count; ++i)
        x[i] = copysignf(0x1p-149f, x[i]);
    remember(w, x, (size_t)count * sizeof *x);
    for (int c = 0; c < map->channels; ++c)
        for (int i = 0; i < map->height; ++i)
            for (int j = 0; j < map->width; ++j)
                if (i < border || i >= map->height - border || j < border || j >= map->width - border) {
                    float *at = x + (c * map->channel_stride + i * map->row_stride + j) * map->lanes;

                    memset(at, 0, group_bytes(w));
                    remember(w, at, group_bytes(w));
                }
}

/* Packed weights: whole panels. If some products with 0 are left out, they are finite, as those of models are. */
static const float *take_weights(struct workspace *w, const struct convolution *convolution)
{
    const int64_t count = normnet__packed_weight_count(convolution);
    float *weights = take_groups(w, count / w->lanes);

    for (int64_t i = 0; convolution->border > 0 && i < count; ++i)
        if (!isfinite(weights[i]) || w->number % 5 == 0)
            weights[i] = copysignf(0x1p-10f, weights[i]);
    remember(w, weights, (size_t)count * sizeof *weights);
    return weights;
}

/* Units that a thread could have, often all. */
static struct units draw_units(struct workspace *w, const struct convolution *convolution)
{
    struct units units = {0, normnet__count_units(convolution)};

    if (draw_bool(w)) {
        units.begin = draw(w, units.end);
        units.end = units.begin + 1 + draw(w, units.end - units.begin);
    }
    return units;
}

/* Whether an output is one of the units. */
static bool is_computed(const struct convolution *convolution, struct units units, int i, int j)
{
    const int size = convolution->algorithm == NORMNET__WINOGRAD_4 ? 4 : 2;
    const int patch = i / size * ((convolution->y.width + size - 1) / size) + j / size;
    const int unit = convolution->algorithm == NORMNET__DIRECT ? i : patch;

    return unit >= units.begin && unit < units.end;
}

/* Marks the outputs that are computed; the others stay. */
static void mark_units(struct workspace *w, const struct convolution *convolution, struct units units, float *y)
{
    const struct map *map = &convolution->y;

    for (int k = 0; k < map->channels; ++k)
        for (int i = 0; i < map->height; ++i)
            for (int j = 0; j < map->width; ++j)
                if (is_computed(convolution, units, i, j))
                    mark_groups(w, y + (k * map->channel_stride + i * map->row_stride + j) * map->lanes, 1, FLOATS);
}

static bool equal_floats(const float *a, const float *b, int count)
{
    for (int i = 0; i < count; ++i)
        if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

/* Whether the units are those of the whole convolution. */
static bool units_match(const struct convolution *convolution, struct units units, const float *y, const float *whole)
{
    const struct map *map = &convolution->y;

    for (int k = 0; k < map->channels; ++k)
        for (int i = 0; i < map->height; ++i)
            for (int j = 0; j < map->width; ++j) {
                const int64_t at = (k * map->channel_stride + i * map->row_stride + j) * map->lanes;

                if (is_computed(convolution, units, i, j) && !equal_floats(y + at, whole + at, map->lanes))
                    return false;
            }
    return true;
}

void call_convolve(const struct kernels *kernels, struct workspace *w)
{
    struct convolution convolution = draw_convolution(w);
    const int kind = draw(w, 5);
    const float *bias = take_floats(w, convolution.y.channels);
    const struct epilogue epilogue = {
        .bias = kind == 1 || kind == 2 ? bias : NULL, .relu = kind == 2 || kind == 3, .relu_mask = kind == 4};
    const float *weights;
    struct units units, all;
    float *x, *y, *whole, *scratch;

    draw_padding(w, &convolution, true);
    draw_input(w, &convolution);
    units = draw_units(w, &convolution);
    all = (struct units){0, normnet__count_units(&convolution)};
    x = take_map(w, convolution.x);
    clear_border(w, &convolution.x, convolution.border, x);
    weights = take_weights(w, &convolution);
    y = take_map(w, convolution.y);
    mark_units(w, &convolution, units, y);
    whole = take_scratch(w, normnet__map_groups(convolution.y));
    memcpy(whole, y, (size_t)normnet__map_floats(convolution.y) * sizeof *y);
    scratch = take_scratch(w, normnet__convolution_scratch(&convolution));
    kernels->convolve(&convolution, x, weights, &epilogue, all, whole, scratch);
    kernels->convolve(&convolution, x, weights, &epilogue, units, y, scratch);
    if (!units_match(&convolution, units, y, whole))
        CHECK_FAIL("%s, case %d: units %d to %d are not those of the whole (%s)", kernels->name, w->number, units.begin,
                   units.end - 1, w->shape);
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
    many.inputs = many.outputs = 0;
    copies = take_scratch(w, normnet__map_groups(many.x));
    results = take_scratch(w, normnet__map_groups(many.y));
    scratch = take_scratch(w, normnet__convolution_scratch(&many));
    for (int c = 0; c < many.x.channels; ++c)
        for (int i = 0; i < many.x.height; ++i)
            for (int j = 0; j < many.x.width; ++j)
                for (int lane = 0; lane < w->lanes; ++lane)
                    copies[(c * many.x.channel_stride + i * many.x.row_stride + j) * w->lanes + lane] =
                        x[channel_at(&single->x, c, i, j)];
    kernels->convolve(&many, copies, weights, epilogue, (struct units){0, normnet__count_units(&many)}, results,
                      scratch);
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
    const float *weights;
    float *x, *y, *scratch;

    if (convolution.y.width == 1 && draw_bool(w)) /* many vectors in a tile */
        convolution.y.channels += draw(w, 128);
    draw_padding(w, &convolution, false);
    draw_input(w, &convolution);
    weights = take_weights(w, &convolution);
    convolution.inputs = convolution.x.channels;
    convolution.outputs = convolution.y.channels;
    convolution.x.channels = (convolution.inputs + w->lanes - 1) / w->lanes;
    convolution.y.channels = (convolution.outputs + w->lanes - 1) / w->lanes;
    if (kind % 2 == 1)
        epilogue.bias = take_groups(w, convolution.y.channels);
    x = take_map(w, convolution.x);
    clear_border(w, &convolution.x, convolution.border, x);
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

/* The algorithm of a weight gradient. Patches may have padding, and so many channels that they go in blocks. */
static void draw_gradient(struct workspace *w, struct convolution *convolution)
{
    const bool winograd = convolution->algorithm != NORMNET__DIRECT && convolution->kernel == 3;
    const bool rows = winograd && convolution->y.width % 2 == 0 && draw_bool(w);

    if (!winograd) {
        convolution->algorithm = NORMNET__DIRECT;
        return;
    }
    convolution->gradient = rows ? NORMNET__GRADIENT_ROWS : NORMNET__GRADIENT_PATCHES;
    if (rows) /* without padding */
        return;
    draw_padding(w, convolution, false);
    if (convolution->y.height * convolution->y.width < 30 && draw(w, 8) == 0) {
        convolution->x.channels += draw(w, 80);
        convolution->y = gapped_map(w, 1 + draw(w, 70), convolution->y.height, convolution->y.width);
    }
}

/* One weight's gradient in double, and the sum of the absolute products. */
static double reference_gradient(const struct convolution *convolution, const float *x, const float *dy, int u, int v,
                                 double *largest)
{
    const struct map *x_map = &convolution->x, *y_map = &convolution->y;
    double sum = 0;

    *largest = 0;
    for (int i = 0; i < y_map->height; ++i)
        for (int j = 0; j < y_map->width; ++j) {
            const int row = i * convolution->stride + u - convolution->padding;
            const int column = j * convolution->stride + v - convolution->padding;

            if (row < 0 || row >= x_map->height || column < 0 || column >= x_map->width)
                continue;
            for (int lane = 0; lane < x_map->lanes; ++lane) {
                const double product = (double)x[(row * x_map->row_stride + column) * x_map->lanes + lane] *
                                       dy[(i * y_map->row_stride + j) * y_map->lanes + lane];

                sum += product;
                *largest += fabs(product);
            }
        }
    return sum;
}

/* Compares some weights' gradients with those in double. */
static void check_gradient(const struct kernels *kernels, const struct workspace *w,
                           const struct convolution *convolution, const float *x, const float *dy, const double *dw)
{
    enum { CHECKED = 40 };
    const int taps = convolution->kernel * convolution->kernel;
    const int64_t count = (int64_t)convolution->x.channels * convolution->y.channels * taps;

    for (int64_t n = 0; n < count; n += 1 + count / CHECKED) {
        const int tap = (int)(n % taps), c = (int)(n / taps % convolution->x.channels);
        const int k = (int)(n / taps / convolution->x.channels);
        double largest;
        const double expected =
            reference_gradient(convolution, x + c * convolution->x.channel_stride * convolution->x.lanes,
                               dy + k * convolution->y.channel_stride * convolution->y.lanes, tap / convolution->kernel,
                               tap % convolution->kernel, &largest);

        if (!(fabs(dw[n] - expected) <= 1e-6 * largest))
            CHECK_FAIL("%s, case %d: gradient %lld is %.9g, expected %.9g (%s)", kernels->name, w->number, (long long)n,
                       dw[n], expected, w->shape);
    }
}

void call_weight_gradient(const struct kernels *kernels, struct workspace *w)
{
    struct convolution convolution = draw_convolution(w);
    const float *x, *dy;
    double *dw;
    float *scratch;

    draw_gradient(w, &convolution);
    draw_input(w, &convolution);
    x = take_map(w, convolution.x);
    dy = take_map(w, convolution.y);
    dw = take_sums(w,
                   (int64_t)convolution.x.channels * convolution.y.channels * convolution.kernel * convolution.kernel);
    scratch = take_scratch(w, normnet__weight_gradient_scratch(&convolution));
    kernels->weight_gradient(&convolution, x, dy, dw, scratch);
    if (w->style == ORDINARY)
        check_gradient(kernels, w, &convolution, x, dy, dw);
}

/* From 1 to 70 inputs and outputs, so that some need several chunks; blocks with other values between them. */
void call_outer_products(const struct kernels *kernels, struct workspace *w)
{
    const int inputs = 1 + draw(w, 70), outputs = 1 + draw(w, 70);
    const int blocks = 1 + draw(w, NORMNET__GROUP_SAMPLES / w->lanes);
    const int64_t row = normnet__outer_product_row(inputs), groups = row + outputs + draw(w, 3);
    const float *kept = take_groups(w, blocks * groups);
    const struct outer_products products = {
        inputs, outputs, blocks, row, groups * w->lanes, kept, kept + row * w->lanes};
    double *dw = take_sums(w, (int64_t)inputs * outputs);
    float *scratch = take_scratch(w, normnet__outer_product_scratch());

    kernels->outer_products(&products, dw, scratch);
}
