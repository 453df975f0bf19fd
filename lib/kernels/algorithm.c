/* SPDX-License-Identifier: MIT */
#include "kernels/algorithm.h"

#include <math.h>

enum { POSITIONS = 16 };   /* of a patch */
enum { MIN_PIXELS = 200 }; /* for Winograd's weight gradient to pay: docs/performance.md */

/*
 * Multiply-adds against multiply-adds and the additions of the transforms, which cost about one and a half each, since
 * they wait for memory: 32 per input channel and 24 per output channel for four outputs. Measured: docs/performance.md.
 */
bool normnet__prefers_winograd(const struct convolution *convolution)
{
    const double inputs = convolution->x.channels, outputs = convolution->y.channels;
    const double height = convolution->y.height, width = convolution->y.width;
    const double tiles = ceil(height / 2) * ceil(width / 2);
    const double direct = 9.0 * inputs * outputs * height * width;
    const double winograd = tiles * (16.0 * inputs * outputs + 1.5 * (32.0 * inputs + 24.0 * outputs));

    return convolution->kernel == 3 && convolution->stride == 1 && winograd < 0.8 * direct;
}

/* Pairs must not be torn apart, and there must be enough of them for the sums that they are added to. */
bool normnet__prefers_winograd_gradient(const struct convolution *convolution)
{
    return convolution->kernel == 3 && convolution->stride == 1 && convolution->y.width % 2 == 0 &&
           (int64_t)convolution->y.width * convolution->y.height >= MIN_PIXELS;
}

int64_t normnet__packed_weight_count(const struct convolution *convolution)
{
    const int64_t window = (int64_t)convolution->kernel * convolution->kernel;

    return (int64_t)convolution->x.channels * convolution->y.channels * (convolution->winograd ? POSITIONS : window);
}

/* G g of three values at distance `stride`. */
static void transform_taps(const double *g, int stride, double *transformed, int to_stride)
{
    const double outer = g[0] + g[2 * stride], inner = g[stride];

    transformed[0] = g[0];
    transformed[to_stride] = 0.5 * (outer + inner);
    transformed[2 * to_stride] = 0.5 * (outer - inner);
    transformed[3 * to_stride] = g[2 * stride];
}

/* G g G', in double and rounded once: [4][4], with these distances between its rows and columns. */
static void transform_kernel(const double g[9], int64_t row, int64_t column, float *transformed)
{
    double columns[12], all[16]; /* [4][3], [4][4] */

    for (int v = 0; v < 3; ++v)
        transform_taps(g + v, 3, columns + v, 3);
    for (int u = 0; u < 4; ++u)
        transform_taps(columns + 3 * u, 1, all + 4 * u, 1);
    for (int u = 0; u < 4; ++u)
        for (int v = 0; v < 4; ++v)
            transformed[u * row + v * column] = (float)all[4 * u + v];
}

static void pack_for_winograd(const float *weights, bool flipped, int64_t row, int64_t column, float *packed)
{
    double g[9];

    for (int t = 0; t < 9; ++t)
        g[t] = (double)weights[flipped ? 8 - t : t];
    transform_kernel(g, row, column, packed);
}

static void pack_directly(const float *weights, int64_t window, bool flipped, int64_t step, float *packed)
{
    for (int64_t t = 0; t < window; ++t)
        packed[t * step] = weights[flipped ? window - 1 - t : t];
}

void normnet__pack_weights(const struct convolution *convolution, const float *weights, int64_t output_stride,
                           int64_t input_stride, bool flipped, float *packed)
{
    const int64_t inputs = convolution->x.channels, outputs = convolution->y.channels;
    const int64_t window = (int64_t)convolution->kernel * convolution->kernel;

    for (int64_t k = 0; k < outputs; ++k)
        for (int64_t c = 0; c < inputs; ++c) {
            const float *from = weights + k * output_stride + c * input_stride;

            if (convolution->winograd)
                pack_for_winograd(from, flipped, 4 * inputs * outputs, outputs, packed + 4 * c * outputs + k);
            else
                pack_directly(from, window, flipped, outputs, packed + c * window * outputs + k);
        }
}

int64_t normnet__convolution_scratch(const struct convolution *convolution)
{
    /* A row of zeros, a row of positions of the transformed input, and the sums. */
    return convolution->winograd ? convolution->x.width + NORMNET__MAX_PATCHES * (4 * (int64_t)convolution->x.channels +
                                                                                  8 * (int64_t)convolution->y.channels)
                                 : 0;
}

int64_t normnet__weight_gradient_scratch(const struct convolution *convolution)
{
    const int64_t positions = convolution->winograd ? 12 : (int64_t)convolution->kernel * convolution->kernel;

    return NORMNET__MAX_SUM_OUTPUTS * convolution->x.channels * positions;
}
