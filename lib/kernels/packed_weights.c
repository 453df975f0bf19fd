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

/* ---- Winograd's algorithm: transformed weights ---------------------------------------------------------- */

/* One tap of the weights of some neighbouring outputs, which are transformed together, since processors have vectors.
 */
enum { TOGETHER = 4 };
struct tap_group {
    double of[TOGETHER];
};

/* G g of three taps, as winograd_2_kernels.h has it; the strides are the distances between taps. */
static inline void transform_taps_2(const struct tap_group *g, int stride, struct tap_group *transformed, int to_stride)
{
    for (int k = 0; k < TOGETHER; ++k) {
        const double outer = g[0].of[k] + g[2 * stride].of[k], inner = g[stride].of[k];

        transformed[0].of[k] = g[0].of[k];
        transformed[to_stride].of[k] = 0.5 * (outer + inner);
        transformed[2 * to_stride].of[k] = 0.5 * (outer - inner);
        transformed[3 * to_stride].of[k] = g[2 * stride].of[k];
    }
}

/* The same of winograd_4_kernels.h. */
static inline void transform_taps_4(const struct tap_group *g, int stride, struct tap_group *transformed, int to_stride)
{
    for (int k = 0; k < TOGETHER; ++k) {
        const double g0 = g[0].of[k], g1 = g[stride].of[k], g2 = g[2 * stride].of[k];
        const double outer_a = 32768.0 / 55055.0 * g0 + 128.0 / 455.0 * g2, inner_a = 2048.0 / 5005.0 * g1;
        const double outer_b = 512.0 / 4095.0 * g0 + 128.0 / 455.0 * g2, inner_b = 256.0 / 1365.0 * g1;

        transformed[0].of[k] = 1024.0 / 1089.0 * g0;
        transformed[to_stride].of[k] = -outer_a - inner_a;
        transformed[2 * to_stride].of[k] = inner_a - outer_a;
        transformed[3 * to_stride].of[k] = outer_b + inner_b;
        transformed[4 * to_stride].of[k] = outer_b - inner_b;
        transformed[5 * to_stride].of[k] = g2;
    }
}

/* Element i of `count` transformed kernels goes to packed[i * step], rounded, those of the outputs side by side. */
static void store_elements(const struct tap_group *all, int elements, int64_t count, int64_t step, float *packed)
{
    for (int i = 0; i < elements; ++i, packed += step) {
        if (count == TOGETHER)
            for (int k = 0; k < TOGETHER; ++k)
                packed[k] = (float)all[i].of[k];
        else
            for (int64_t k = 0; k < count; ++k)
                packed[k] = (float)all[i].of[k];
    }
}

static inline void transform_taps(enum algorithm algorithm, const struct tap_group *g, int stride,
                                  struct tap_group *transformed, int to_stride)
{
    if (algorithm == NORMNET__WINOGRAD_4)
        transform_taps_4(g, stride, transformed, to_stride);
    else
        transform_taps_2(g, stride, transformed, to_stride);
}

/* G g G' of 3x3 taps, in double and rounded once: element (u, v) goes to packed[(size * u + v) * step], size = 4 or 6.
 */
static void transform_kernels(enum algorithm algorithm, const struct tap_group g[9], int64_t count, int64_t step,
                              float *packed)
{
    enum { MAX_SIZE = 6 };
    const int size = algorithm == NORMNET__WINOGRAD_4 ? 6 : 4;
    struct tap_group columns[3 * MAX_SIZE], all[MAX_SIZE * MAX_SIZE]; /* [size][3], [size][size] */

    for (int v = 0; v < 3; ++v)
        transform_taps(algorithm, g + v, 3, columns + v, 3);
    for (int u = 0; u < size; ++u)
        transform_taps(algorithm, columns + 3 * u, 1, all + size * u, 1);
    store_elements(all, size * size, count, step, packed);
}

/* Weights of some outputs and one input. */
struct kernels_of_outputs {
    const float *weights;
    int64_t stride; /* from an output to the next */
    int64_t count;  /* at most TOGETHER */
    int32_t kernel;
    bool flipped;
};

/* The taps of the part of the kernels that begins at (u, v); 0 outside the kernels. */
static void copy_part(const struct kernels_of_outputs *from, int32_t u, int32_t v, struct tap_group g[9])
{
    const int32_t kernel = from->kernel;

    memset(g, 0, 9 * sizeof *g);
    for (int32_t i = 0; i < 9; ++i) {
        const int32_t row = u + i / 3, column = v + i % 3, tap = row * kernel + column;
        const float *weights = from->weights + (from->flipped ? kernel * kernel - 1 - tap : tap);

        if (row < kernel && column < kernel)
            for (int64_t k = 0; k < from->count; ++k)
                g[i].of[k] = (double)weights[k * from->stride];
    }
}

/* All parts of the kernels, [position][part][c][lane], of one c. */
static void pack_for_winograd(const struct convolution *convolution, const struct kernels_of_outputs *from,
                              float *packed)
{
    const int32_t parts = normnet__winograd_parts(convolution);
    const int64_t channels = (int64_t)convolution->x.channels * convolution->y.lanes;
    const int64_t step = parts * parts * channels;
    struct tap_group g[9];

    for (int32_t p = 0; p < parts; ++p)
        for (int32_t q = 0; q < parts; ++q, packed += channels) {
            copy_part(from, 3 * p, 3 * q, g);
            transform_kernels(convolution->algorithm, g, from->count, step, packed);
        }
}

/* ---- Direct convolution ------------------------------------------------------------------------------- */

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

/* ---- Panels ------------------------------------------------------------------------------------------- */

/* Outputs of a panel of larger kernels: `packed` is at the lane of the first one. */
static void pack_outputs(const struct convolution *convolution, struct kernels_of_outputs from, int64_t input_stride,
                         float *packed)
{
    const int64_t inputs = convolution->x.channels, lanes = convolution->y.lanes;
    const int64_t window = (int64_t)convolution->kernel * convolution->kernel;

    for (int64_t c = 0; c < inputs; ++c, from.weights += input_stride)
        if (convolution->algorithm != NORMNET__DIRECT)
            pack_for_winograd(convolution, &from, packed + c * lanes);
        else
            for (int64_t k = 0; k < from.count; ++k)
                pack_directly(from.weights + k * from.stride, window, from.flipped, lanes,
                              packed + c * window * lanes + k);
}

void normnet__pack_weights(const struct convolution *convolution, const float *weights, int64_t output_stride,
                           int64_t input_stride, bool flipped, float *packed)
{
    const int64_t inputs = convolution->x.channels, outputs = convolution->y.channels;
    const int64_t lanes = convolution->y.lanes, panel = panel_size(convolution);

    for (int64_t first = 0; first < outputs; first += lanes, packed += panel) {
        const int64_t count = outputs - first < lanes ? outputs - first : lanes;
        struct kernels_of_outputs from = {weights + first * output_stride, output_stride, 0, convolution->kernel,
                                          flipped};

        if (count < lanes)
            memset(packed, 0, (size_t)panel * sizeof *packed);
        if (convolution->kernel == 1) {
            pack_single_taps(from.weights, count, output_stride, inputs, input_stride, lanes, packed);
            continue;
        }
        for (int64_t k = 0; k < count; k += from.count, from.weights += from.count * output_stride) {
            from.count = count - k < TOGETHER ? count - k : TOGETHER;
            pack_outputs(convolution, from, input_stride, packed + k);
        }
    }
}
