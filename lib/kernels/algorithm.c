/* SPDX-License-Identifier: MIT */
#include "kernels/algorithm.h"

#include <math.h>

/* Winograd's algorithm transforms kernels of 3x3 taps, or parts of larger ones, that move by single pixels. */
static bool suits_winograd(const struct convolution *convolution)
{
    return convolution->kernel >= 3 && convolution->stride == 1 && convolution->dilation == 1;
}

/* Outputs of a patch of Winograd's algorithm: in a row, and in a column. */
static int32_t patch_size(enum algorithm algorithm)
{
    return algorithm == NORMNET__WINOGRAD_4 ? 4 : 2;
}

int32_t normnet__count_units(const struct convolution *convolution)
{
    const int32_t size = patch_size(convolution->algorithm);
    const struct map *y = &convolution->y;

    if (convolution->algorithm == NORMNET__DIRECT)
        return y->height;
    return ((y->height + size - 1) / size) * ((y->width + size - 1) / size);
}

int32_t normnet__winograd_positions(enum algorithm algorithm)
{
    const int32_t size = patch_size(algorithm) + 2;

    return size * size;
}

/*
 * What a convolution costs, in multiply-adds. Directly, the taps for each input channel, output channel and output. A
 * patch of Winograd's algorithm, of m x m outputs, which may in part be outside the map: (m + 2)^2 for each input and
 * output channel, and its transforms. These have 6 to 8 operations for each output and channel, on either side and for
 * m = 2 as for m = 4, and each operation takes the time of two multiply-adds or a little more, since for each two of
 * them something is stored. Measured: docs/performance.md.
 */
static double cost(const struct convolution *convolution, enum algorithm algorithm)
{
    const double inputs = convolution->x.channels, outputs = convolution->y.channels;
    const double height = convolution->y.height, width = convolution->y.width;
    const double size = patch_size(algorithm), patches = ceil(height / size) * ceil(width / size);
    const double parts = normnet__winograd_parts(convolution), terms = parts * parts * inputs;
    const double transforms = 16 * size * size * (terms + outputs);
    const double taps = (double)convolution->kernel * convolution->kernel;

    return algorithm == NORMNET__DIRECT
               ? taps * inputs * outputs * height * width
               : patches * (normnet__winograd_positions(algorithm) * terms * outputs + transforms);
}

/* With fewer channels, patches of 4x4 outputs have more than twice the error of a direct sum. docs/performance.md. */
enum { MIN_CHANNELS_4 = 16 };

enum algorithm normnet__choose_algorithm(const struct convolution *convolution, enum algorithm last)
{
    enum algorithm best = NORMNET__DIRECT;

    if (convolution->x.channels < MIN_CHANNELS_4 && last > NORMNET__WINOGRAD_2)
        last = NORMNET__WINOGRAD_2;
    for (enum algorithm each = NORMNET__WINOGRAD_2; suits_winograd(convolution) && each <= last; ++each)
        if (cost(convolution, each) < cost(convolution, best))
            best = each;
    return best;
}

/*
 * Winograd's weight gradient needs 6 multiply-adds for an output along the rows, and 4 in two dimensions, instead of 9.
 * But there each input and output channel of a patch is transformed to 16 values, which are stored and loaded again:
 * (C + K) / (C K) of them for a multiply-add. From the harmonic mean of 32 channels on, that costs less than what it
 * saves on all machines. On small maps the sums over lanes, which all algorithms need, and the transforms of sums cost
 * as much as the products. Measured: docs/performance.md.
 */
enum { MIN_GRADIENT_PIXELS = 64, MIN_PATCH_CHANNELS = 32 };

enum gradient_algorithm normnet__choose_gradient(const struct convolution *convolution)
{
    const int64_t inputs = convolution->x.channels, outputs = convolution->y.channels;
    const int64_t pixels = (int64_t)convolution->y.width * convolution->y.height;

    if (convolution->kernel != 3 || convolution->stride != 1 || pixels < MIN_GRADIENT_PIXELS)
        return NORMNET__GRADIENT_DIRECT;
    if (2 * inputs * outputs >= MIN_PATCH_CHANNELS * (inputs + outputs))
        return NORMNET__GRADIENT_PATCHES;
    /* Along the rows, the algorithm takes pairs of neighbouring outputs. */
    return convolution->y.width % 2 == 0 ? NORMNET__GRADIENT_ROWS : NORMNET__GRADIENT_DIRECT;
}

static int64_t max_int64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/*
 * For each patch of a strip: the transformed inputs and the products, a position of each input and of each output of a
 * group; for a single image, of all outputs. Or, row by row, 4 for each input, and 8 sums of products for each output.
 */
static int64_t strip_values(const struct convolution *convolution)
{
    const int64_t parts = normnet__winograd_parts(convolution);
    const int64_t inputs = parts * parts * convolution->x.channels, outputs = convolution->y.channels;
    const int64_t positions = normnet__winograd_positions(convolution->algorithm);
    const int64_t group = outputs < NORMNET__PRODUCT_OUTPUTS ? outputs : NORMNET__PRODUCT_OUTPUTS;

    return convolution->outputs > 0 ? positions * (inputs + outputs)
                                    : max_int64(positions * (inputs + group), 4 * inputs + 8 * outputs);
}

/* A row of zeros, and the strips that are computed at once, whose positions are an odd number of groups apart. */
int64_t normnet__convolution_scratch(const struct convolution *convolution)
{
    if (convolution->algorithm == NORMNET__DIRECT)
        return 0;
    const int64_t strip =
        NORMNET__MAX_PATCHES * strip_values(convolution) + 2 * normnet__winograd_positions(convolution->algorithm);

    return convolution->x.width + (convolution->outputs > 0 ? NORMNET__CHANNEL_STRIPS : 1) * strip;
}

/* For each leaf the sums of a tile. */
int64_t normnet__outer_product_scratch(void)
{
    enum { LEAVES = NORMNET__GROUP_SAMPLES / NORMNET__LEAF_SAMPLES };

    return (int64_t)NORMNET__MAX_CHUNK_INPUTS * LEAVES * NORMNET__MAX_SUM_OUTPUTS / NORMNET__LEAF_SAMPLES;
}

/* Whole chunks, and an odd number of cache lines of 16 floats, as in normnet__spaced_map. */
int64_t normnet__outer_product_row(int32_t inputs)
{
    const int64_t chunks = ((int64_t)inputs + NORMNET__MAX_CHUNK_INPUTS - 1) / NORMNET__MAX_CHUNK_INPUTS;

    return chunks * NORMNET__MAX_CHUNK_INPUTS + 16;
}

/* Above this number of outputs the sums are double. */
enum { MAX_FLOAT_PIXELS = 2048 };

bool normnet__sums_in_double(const struct convolution *convolution)
{
    return (int64_t)convolution->y.width * convolution->y.height > MAX_FLOAT_PIXELS;
}

static int64_t min_int64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* The sums of a block, of whole tiles of outputs and two groups more for each position. */
static int64_t patch_sums(const struct convolution *convolution)
{
    const int64_t inputs = min_int64(convolution->x.channels, NORMNET__BLOCK_INPUTS);
    const int64_t outputs = min_int64(convolution->y.channels, NORMNET__BLOCK_OUTPUTS);

    return 16 * (inputs * (outputs + NORMNET__MAX_SUM_OUTPUTS - 1) + 2);
}

/* A row of zeros, and a row of positions of a piece in some inputs and the outputs of a block. */
static int64_t patch_values(const struct convolution *convolution)
{
    const int64_t outputs = min_int64(convolution->y.channels, NORMNET__BLOCK_OUTPUTS);

    return max_int64(convolution->x.width, convolution->y.width) +
           4 * (NORMNET__MAX_PATCH_INPUTS + outputs) * (NORMNET__PIECE_PATCHES | 1);
}

/*
 * The sums of a block; or those of a tile of outputs: for each input channel 3 x 4 products of Winograd's algorithm, or
 * the taps. In float, and in double if there are many.
 */
int64_t normnet__weight_gradient_scratch(const struct convolution *convolution)
{
    const bool patches = convolution->gradient == NORMNET__GRADIENT_PATCHES;
    const int64_t taps = (int64_t)convolution->kernel * convolution->kernel;
    const int64_t products = convolution->gradient == NORMNET__GRADIENT_ROWS ? 12 : taps;
    const int64_t sums =
        patches ? patch_sums(convolution) : NORMNET__MAX_SUM_OUTPUTS * convolution->x.channels * products;

    return (patches ? patch_values(convolution) : 0) + sums * (normnet__sums_in_double(convolution) ? 3 : 1);
}
