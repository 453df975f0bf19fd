/* SPDX-License-Identifier: MIT */
#include "kernels/packed_weights.h"

#include <string.h>

enum { PATCH_ELEMENTS = 16 }; /* G g G' is 4 x 4 */

static int64_t panel_size(const struct convolution *convolution)
{
    const int64_t window = (int64_t)convolution->kernel * convolution->kernel;
    const int64_t elements = convolution->algorithm == NORMNET__WINOGRAD_2 ? PATCH_ELEMENTS : window;

    return convolution->x.channels * elements * convolution->y.lanes;
}

int64_t normnet__packed_weight_count(const struct convolution *convolution)
{
    const int32_t lanes = convolution->y.lanes;

    return (convolution->y.channels + lanes - 1) / lanes * panel_size(convolution);
}

/* G g of three values; the strides are the distances between values. */
static void transform_taps(const double *g, int stride, double *transformed, int to_stride)
{
    const double outer = g[0] + g[2 * stride], inner = g[stride];

    transformed[0] = g[0];
    transformed[to_stride] = 0.5 * (outer + inner);
    transformed[2 * to_stride] = 0.5 * (outer - inner);
    transformed[3 * to_stride] = g[2 * stride];
}

/* G g G', in double and rounded once: element (u, v) goes to transformed[(4 * u + v) * step]. */
static void transform_kernel(const double g[9], int64_t step, float *transformed)
{
    double columns[12], all[PATCH_ELEMENTS]; /* [4][3], [4][4] */

    for (int v = 0; v < 3; ++v)
        transform_taps(g + v, 3, columns + v, 3);
    for (int u = 0; u < 4; ++u)
        transform_taps(columns + 3 * u, 1, all + 4 * u, 1);
    for (int i = 0; i < PATCH_ELEMENTS; ++i)
        transformed[i * step] = (float)all[i];
}

static void pack_for_winograd(const float *weights, bool flipped, int64_t step, float *packed)
{
    double g[9];

    for (int t = 0; t < 9; ++t)
        g[t] = (double)weights[flipped ? 8 - t : t];
    transform_kernel(g, step, packed);
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
    const int64_t lanes = convolution->y.lanes, panel = panel_size(convolution);
    const int64_t window = (int64_t)convolution->kernel * convolution->kernel;

    for (int64_t first = 0; first < outputs; first += lanes, packed += panel) {
        const int64_t end = first + lanes < outputs ? first + lanes : outputs;

        if (end < first + lanes)
            memset(packed, 0, (size_t)panel * sizeof *packed);
        for (int64_t c = 0; c < inputs; ++c)
            for (int64_t k = first; k < end; ++k) {
                const float *from = weights + k * output_stride + c * input_stride;
                const int64_t lane = k - first;

                if (convolution->algorithm == NORMNET__WINOGRAD_2)
                    pack_for_winograd(from, flipped, inputs * lanes, packed + c * lanes + lane);
                else if (window == 1) /* of fully connected layers there are many */
                    packed[c * lanes + lane] = *from;
                else
                    pack_directly(from, window, flipped, lanes, packed + c * window * lanes + lane);
            }
    }
}
