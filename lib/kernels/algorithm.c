/* SPDX-License-Identifier: MIT */
#include "kernels/algorithm.h"

#include <math.h>

/* Below this number of outputs Winograd's weight gradient costs more than it saves. Measured: docs/performance.md. */
enum { MIN_PIXELS = 200 };

/*
 * The cost of Winograd's algorithm in multiply-adds, 16 per input, output and patch, and of its transforms: 32
 * additions per input channel and 24 per output channel of a patch. An addition costs as much as one and a half
 * multiply-adds, since it waits for memory. Measured: docs/performance.md.
 */
static double winograd_cost(double inputs, double outputs, double patches)
{
    return patches * (16.0 * inputs * outputs + 1.5 * (32.0 * inputs + 24.0 * outputs));
}

/* Winograd's algorithm transforms a kernel of 3x3 taps that moves by single pixels. */
static bool suits_winograd(const struct convolution *convolution)
{
    return convolution->kernel == 3 && convolution->stride == 1 && convolution->dilation == 1;
}

enum algorithm normnet__choose_algorithm(const struct convolution *convolution)
{
    const double inputs = convolution->x.channels, outputs = convolution->y.channels;
    const double height = convolution->y.height, width = convolution->y.width;
    const double direct_cost = 9.0 * inputs * outputs * height * width;

    if (!suits_winograd(convolution) ||
        winograd_cost(inputs, outputs, ceil(height / 2) * ceil(width / 2)) >= 0.8 * direct_cost)
        return NORMNET__DIRECT;
    return NORMNET__WINOGRAD_2;
}

/* The algorithm takes pairs of neighbouring outputs. */
enum algorithm normnet__choose_gradient_algorithm(const struct convolution *convolution)
{
    return suits_winograd(convolution) && convolution->y.width % 2 == 0 &&
                   (int64_t)convolution->y.width * convolution->y.height >= MIN_PIXELS
               ? NORMNET__WINOGRAD_2
               : NORMNET__DIRECT;
}

static int64_t max_int64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int32_t normnet__winograd_positions(enum algorithm algorithm)
{
    return algorithm == NORMNET__WINOGRAD_4 ? 36 : 16;
}

/*
 * For each patch of a strip: the transformed inputs and the products, a position of each input and of each output of a
 * group; for a single image, of all outputs. Or, row by row, 4 for each input, and 8 sums of products for each output.
 */
static int64_t patch_values(const struct convolution *convolution)
{
    const int64_t inputs = convolution->x.channels, outputs = convolution->y.channels;
    const int64_t positions = normnet__winograd_positions(convolution->algorithm);
    const int64_t group = outputs < NORMNET__PRODUCT_OUTPUTS ? outputs : NORMNET__PRODUCT_OUTPUTS;

    return convolution->outputs > 0 ? positions * (inputs + outputs)
                                    : max_int64(positions * (inputs + group), 4 * inputs + 8 * outputs);
}

/* A row of zeros, and a strip, whose positions are an odd number of groups apart. */
int64_t normnet__convolution_scratch(const struct convolution *convolution)
{
    if (convolution->algorithm == NORMNET__DIRECT)
        return 0;
    return convolution->x.width + NORMNET__MAX_PATCHES * patch_values(convolution) +
           2 * normnet__winograd_positions(convolution->algorithm);
}

/* For each sample of a group, a chunk of outputs and one of inputs, in double. */
int64_t normnet__outer_product_scratch(void)
{
    return 2 * (int64_t)NORMNET__MAX_GROUP_BLOCKS * (NORMNET__CHUNK_OUTPUTS + NORMNET__MAX_CHUNK_INPUTS);
}

/* Above this number of outputs the sums are double. */
enum { MAX_FLOAT_PIXELS = 2048 };

bool normnet__sums_in_double(const struct convolution *convolution)
{
    return (int64_t)convolution->y.width * convolution->y.height > MAX_FLOAT_PIXELS;
}

/*
 * The sums of a tile of outputs: for each input channel 3 x 4 products of Winograd's algorithm, or the taps; in float,
 * and in double if there are many.
 */
int64_t normnet__weight_gradient_scratch(const struct convolution *convolution)
{
    const int64_t sums =
        convolution->algorithm == NORMNET__WINOGRAD_2 ? 12 : (int64_t)convolution->kernel * convolution->kernel;

    return NORMNET__MAX_SUM_OUTPUTS * convolution->x.channels * sums * (normnet__sums_in_double(convolution) ? 3 : 1);
}
