/* SPDX-License-Identifier: MIT */
#include "kernels/packed_weights.h"

#include "kernels/algorithm.h"

#include <string.h>

/* The packed weights of one input and output channel. */
static int64_t kernel_size(const struct convolution *convolution)
{
    const int64_t parts = normnet__winograd_parts(convolution);

    return convolution->algorithm == NORMNET__DIRECT
               ? (int64_t)convolution->kernel * convolution->kernel
               : parts * parts * normnet__winograd_positions(convolution->algorithm);
}

static int64_t panel_size(const struct convolution *convolution)
{
    return convolution->x.channels * kernel_size(convolution) * convolution->y.lanes;
}

int64_t normnet__packed_weight_count(const struct convolution *convolution)
{
    const int32_t lanes = convolution->y.lanes;

    return (convolution->y.channels + lanes - 1) / lanes * panel_size(convolution);
}

/* G g of three values, as winograd_2_kernels.h has it; the strides are the distances between values. */
static void transform_taps_2(const double *g, int stride, double *transformed, int to_stride)
{
    const double outer = g[0] + g[2 * stride], inner = g[stride];

    transformed[0] = g[0];
    transformed[to_stride] = 0.5 * (outer + inner);
    transformed[2 * to_stride] = 0.5 * (outer - inner);
    transformed[3 * to_stride] = g[2 * stride];
}

/* The same of winograd_4_kernels.h. */
static void transform_taps_4(const double *g, int stride, double *transformed, int to_stride)
{
    const double outer_a = 32768.0 / 55055.0 * g[0] + 128.0 / 455.0 * g[2 * stride];
    const double inner_a = 2048.0 / 5005.0 * g[stride];
    const double outer_b = 512.0 / 4095.0 * g[0] + 128.0 / 455.0 * g[2 * stride];
    const double inner_b = 256.0 / 1365.0 * g[stride];

    transformed[0] = 1024.0 / 1089.0 * g[0];
    transformed[to_stride] = -outer_a - inner_a;
    transformed[2 * to_stride] = inner_a - outer_a;
    transformed[3 * to_stride] = outer_b + inner_b;
    transformed[4 * to_stride] = outer_b - inner_b;
    transformed[5 * to_stride] = g[2 * stride];
}

/* G g G' of 3x3 taps, in double and rounded once: element (u, v) goes to packed[(size * u + v) * step], size = 4 or 6.
 */
static void transform_kernel(enum algorithm algorithm, const double g[9], int64_t step, float *packed)
{
    enum { MAX_SIZE = 6 };
    void (*const transform_taps)(const double *, int, double *, int) =
        algorithm == NORMNET__WINOGRAD_4 ? transform_taps_4 : transform_taps_2;
    const int size = algorithm == NORMNET__WINOGRAD_4 ? 6 : 4;
    double columns[3 * MAX_SIZE], all[MAX_SIZE * MAX_SIZE]; /* [size][3], [size][size] */

    for (int v = 0; v < 3; ++v)
        transform_taps(g + v, 3, columns + v, 3);
    for (int u = 0; u < size; ++u)
        transform_taps(columns + 3 * u, 1, all + size * u, 1);
    for (int i = 0; i < size * size; ++i)
        packed[i * step] = (float)all[i];
}

/* The taps of the part of a kernel that begins at (u, v); 0 outside the kernel. */
static void copy_part(const float *weights, int32_t kernel, bool flipped, int32_t u, int32_t v, double g[9])
{
    for (int32_t i = 0; i < 9; ++i) {
        const int32_t row = u + i / 3, column = v + i % 3, tap = row * kernel + column;

        g[i] = row < kernel && column < kernel ? (double)weights[flipped ? kernel * kernel - 1 - tap : tap] : 0.0;
    }
}

/* All parts of a kernel, [position][part][c], of one c. */
static void pack_for_winograd(const struct convolution *convolution, const float *weights, bool flipped, float *packed)
{
    const int32_t parts = normnet__winograd_parts(convolution);
    const int64_t channels = (int64_t)convolution->x.channels * convolution->y.lanes;
    double g[9];

    for (int32_t p = 0; p < parts; ++p)
        for (int32_t q = 0; q < parts; ++q, packed += channels) {
            copy_part(weights, convolution->kernel, flipped, 3 * p, 3 * q, g);
            transform_kernel(convolution->algorithm, g, parts * parts * channels, packed);
        }
}

static void pack_directly(const float *weights, int64_t window, bool flipped, int64_t step, float *packed)
{
    for (int64_t t = 0; t < window; ++t)
        packed[t * step] = weights[flipped ? window - 1 - t : t];
}

/*
 * `outputs` outputs of a panel of 1x1 weights: of fully connected layers there are many. Read along the memory, and
 * written so that the lines being written stay in the L1 cache.
 */
static void pack_single_taps(const float *weights, int64_t outputs, int64_t output_stride, int64_t inputs,
                             int64_t input_stride, int64_t lanes, float *packed)
{
    enum { STRIP = 32 };

    if (output_stride == 1) {
        for (int64_t c = 0; c < inputs; ++c)
            memcpy(packed + c * lanes, weights + c * input_stride, (size_t)outputs * sizeof *packed);
        return;
    }
    for (int64_t begin = 0; begin < inputs; begin += STRIP) {
        const int64_t end = begin + STRIP < inputs ? begin + STRIP : inputs;

        for (int64_t k = 0; k < outputs; ++k)
            for (int64_t c = begin; c < end; ++c)
                packed[c * lanes + k] = weights[k * output_stride + c * input_stride];
    }
}

/* One output of a panel: `packed` is at its lane. */
static void pack_output(const struct convolution *convolution, const float *weights, int64_t input_stride, bool flipped,
                        float *packed)
{
    const int64_t inputs = convolution->x.channels, lanes = convolution->y.lanes;
    const int64_t window = (int64_t)convolution->kernel * convolution->kernel;

    for (int64_t c = 0; c < inputs; ++c, weights += input_stride)
        if (convolution->algorithm != NORMNET__DIRECT)
            pack_for_winograd(convolution, weights, flipped, packed + c * lanes);
        else
            pack_directly(weights, window, flipped, lanes, packed + c * window * lanes);
}

void normnet__pack_weights(const struct convolution *convolution, const float *weights, int64_t output_stride,
                           int64_t input_stride, bool flipped, float *packed)
{
    const int64_t inputs = convolution->x.channels, outputs = convolution->y.channels;
    const int64_t lanes = convolution->y.lanes, panel = panel_size(convolution);

    for (int64_t first = 0; first < outputs; first += lanes, packed += panel) {
        const int64_t count = outputs - first < lanes ? outputs - first : lanes;
        const float *from = weights + first * output_stride;

        if (count < lanes)
            memset(packed, 0, (size_t)panel * sizeof *packed);
        if (convolution->kernel == 1)
            pack_single_taps(from, count, output_stride, inputs, input_stride, lanes, packed);
        else
            for (int64_t k = 0; k < count; ++k)
                pack_output(convolution, from + k * output_stride, input_stride, flipped, packed + k);
    }
}
