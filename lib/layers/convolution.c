/* SPDX-License-Identifier: MIT */
/*
 * Convolution (a cross-correlation: the kernel is not flipped) and the fully connected layer, which
 * is the convolution of a 1x1 map with as many channels as there are features.
 *
 *     y[k][i][j] = b[k] + sum over (c, u, v) of w[k][c][u][v] x[c][i s + u - p][j s + v - p]
 *
 * Shapes: x [C][H][W], w [K][C][n][n], b [K], y [K][H'][W'], H' = (H + 2 p - n) / s + 1, rounded down.
 */
#include "layers/convolution.h"

#include "base/checked.h"
#include "base/message.h"

#include <stdio.h>
#include <string.h>

/* The input with its zero padding. */
static struct normnet__map padded_map(const struct normnet__layer *layer)
{
    return normnet__spaced_map(layer->in.channels, layer->in.height + 2 * layer->padding,
                               layer->in.width + 2 * layer->padding);
}

/* The map that the input gradient is a convolution of: dy with zeros between and around. */
static struct normnet__map spread_map(const struct normnet__layer *layer)
{
    return normnet__spaced_map(layer->out.channels, layer->in.height + layer->kernel - 1,
                               layer->in.width + layer->kernel - 1);
}

static bool is_spread(const struct normnet__layer *layer)
{
    return layer->kernel > 1 || layer->stride > 1 || layer->padding > 0;
}

/* What conv and fc have in common once kernel, stride, padding, bias and the output shape are known. */
static normnet_status ask(struct normnet__layer *layer, const struct normnet__token *token, bool bias)
{
    const int64_t window = (int64_t)layer->kernel * layer->kernel;
    const int64_t padded = layer->padding > 0 ? normnet__map_groups(padded_map(layer)) : 0;
    const int64_t spread = is_spread(layer) ? normnet__map_groups(spread_map(layer)) : 0;
    int64_t weights;

    if (!normnet__multiply((int64_t)layer->in.channels * window, layer->out.channels, &weights) || weights > INT32_MAX)
        return normnet__refuse_token(NORMNET_ELIMIT, token, layer->in, "more than 2^31 - 1 weights");
    if (layer->out.height > NORMNET__DIMENSION_LIMIT || layer->out.width > NORMNET__DIMENSION_LIMIT)
        return normnet__refuse_token(NORMNET_ELIMIT, token, layer->in, "more than 65536 rows or columns");
    layer->weight_count = weights;
    layer->derived_count = 2 * weights;
    layer->bias_count = bias ? layer->out.channels : 0;
    /* weight_gradient wants 4 groups per input and kernel position, beside the padded input. */
    layer->scratch_groups = 4 * layer->in.channels * window + (padded > spread ? padded : spread);
    return NORMNET_OK;
}

/* conv<k>-<out>, then s<stride>, p<padding> and b in any order, each at most once. */
static normnet_status resolve_conv(struct normnet__layer *layer, const struct normnet__token *token,
                                   const normnet_config *config)
{
    const char *rest = token->rest;
    int32_t outputs;
    bool stride = false, padding = false, bias = false;

    (void)config;
    if (layer->in.flat)
        return normnet__refuse_token(NORMNET_EARCH, token, layer->in, "a convolution needs rows and columns");
    if (!normnet__read_number(&rest, NORMNET__DIMENSION_LIMIT, &layer->kernel) || *rest++ != '-' ||
        !normnet__read_number(&rest, NORMNET__DIMENSION_LIMIT, &outputs))
        return normnet__refuse_token(NORMNET_EARCH, token, layer->in,
                                     "expected conv<kernel>-<outputs>, numbers up to 65536");
    layer->stride = 1;
    layer->padding = 0;
    while (*rest != '\0') {
        const char option = *rest++;

        if (option == 's' && !stride && normnet__read_number(&rest, NORMNET__DIMENSION_LIMIT, &layer->stride))
            stride = true;
        else if (option == 'p' && !padding && normnet__read_number(&rest, NORMNET__DIMENSION_LIMIT, &layer->padding))
            padding = true;
        else if (option == 'b' && !bias)
            bias = true;
        else
            return normnet__refuse_token(NORMNET_EARCH, token, layer->in,
                                         "expected s<stride>, p<padding> or b behind the outputs, each once");
    }
    if (layer->kernel < 1 || outputs < 1 || layer->stride < 1)
        return normnet__refuse_token(NORMNET_EARCH, token, layer->in, "kernel, outputs and stride must be at least 1");
    if (layer->kernel > layer->in.height + 2 * layer->padding || layer->kernel > layer->in.width + 2 * layer->padding)
        return normnet__refuse_token(NORMNET_EARCH, token, layer->in, "the kernel is larger than its input");
    layer->out =
        (struct normnet__shape){outputs, (layer->in.height + 2 * layer->padding - layer->kernel) / layer->stride + 1,
                                (layer->in.width + 2 * layer->padding - layer->kernel) / layer->stride + 1, false};
    layer->module = "Conv2d";
    return ask(layer, token, bias);
}

/* fc-<out>, optionally b. */
static normnet_status resolve_fc(struct normnet__layer *layer, const struct normnet__token *token,
                                 const normnet_config *config)
{
    const char *rest = token->rest;
    int32_t outputs;
    bool bias;

    (void)config;
    if (*rest++ != '-' || !normnet__read_number(&rest, NORMNET__DIMENSION_LIMIT, &outputs) || outputs < 1)
        return normnet__refuse_token(NORMNET_EARCH, token, layer->in, "expected fc-<outputs>, 1 to 65536");
    bias = *rest == 'b';
    if (rest[bias] != '\0')
        return normnet__refuse_token(NORMNET_EARCH, token, layer->in, "expected nothing or b behind the outputs");
    if (!layer->in.flat)
        return normnet__refuse_token(NORMNET_EARCH, token, layer->in, "fc needs flatten in front of it");
    layer->kernel = layer->stride = 1;
    layer->padding = 0;
    layer->out = (struct normnet__shape){outputs, 1, 1, true};
    layer->module = "Linear";
    return ask(layer, token, bias);
}

/* Copies rows of `from` into zeros: row i to row top + i * stride, likewise the columns; what lies outside is left out.
 */
static void spread(struct normnet__map from_map, const float *from, int32_t top, int32_t stride,
                   struct normnet__map to_map, float *to)
{
    const size_t group = NORMNET__LANES * sizeof(float);
    const int32_t first = top < 0 ? (stride - 1 - top) / stride : 0; /* the first that is not in front of the border */

    memset(to, 0, (size_t)normnet__map_groups(to_map) * group);
    for (int32_t c = 0; c < from_map.channels; ++c)
        for (int32_t i = first; i < from_map.height && top + (int64_t)i * stride < to_map.height; ++i) {
            const float *row = from + (c * from_map.channel_stride + i * from_map.row_stride) * NORMNET__LANES;
            float *target =
                to + (c * to_map.channel_stride + (top + (int64_t)i * stride) * to_map.row_stride) * NORMNET__LANES;

            for (int32_t j = first; j < from_map.width && top + (int64_t)j * stride < to_map.width; ++j)
                memcpy(target + (top + (int64_t)j * stride) * NORMNET__LANES, row + (int64_t)j * NORMNET__LANES, group);
        }
}

/* The input with its zero padding, in scratch if it has any. */
static const float *padded_input(const struct normnet__layer *layer, const struct normnet__block *block,
                                 struct normnet__map *map, float *scratch)
{
    const float *x = normnet__input(layer, block);

    *map = padded_map(layer);
    if (layer->padding == 0)
        return x;
    spread(normnet__shape_map(layer->in), x, layer->padding, 1, *map, scratch);
    return scratch;
}

static void forward(const struct normnet__layer *layer, const struct normnet__block *block)
{
    struct normnet__map map;
    const float *x = padded_input(layer, block, &map, block->scratch);

    block->kernels->convolve(map, x, layer->kernel, layer->stride, block->derived + layer->forward_weights,
                             layer->bias_count > 0 ? block->parameters + layer->bias : NULL,
                             normnet__shape_map(layer->out), normnet__output(layer, block));
}

/*
 * dw[k][c][u][v] = sum over samples, (i, j) of dy[k][i][j] x[c][i s + u - p][j s + v - p]; db[k] = sum of dy[k].
 * dx is the convolution of dy, spread by the stride inside a border of n - 1 - p zeros, with the kernel
 * turned by 180 degrees and the roles of c and k exchanged.
 */
static void backward(const struct normnet__layer *layer, const struct normnet__block *block, const float *dy, float *dx)
{
    const struct normnet__map dy_map = normnet__shape_map(layer->out);
    const int64_t inputs = 4 * (int64_t)layer->in.channels * layer->kernel * layer->kernel;
    float *scratch = block->scratch + inputs * NORMNET__LANES;
    struct normnet__map map;
    const float *x = padded_input(layer, block, &map, scratch);

    block->kernels->weight_gradient(map, x, layer->kernel, layer->stride, dy_map, dy, block->gradient + layer->weight,
                                    block->scratch);
    for (int64_t k = 0; k < layer->bias_count; ++k)
        block->gradient[layer->bias + k] = block->kernels->sum_all(dy + k * dy_map.channel_stride * NORMNET__LANES,
                                                                   (int64_t)dy_map.height * dy_map.width);
    if (dx == NULL)
        return;
    map = dy_map;
    if (is_spread(layer)) {
        map = spread_map(layer);
        spread(dy_map, dy, layer->kernel - 1 - layer->padding, layer->stride, map, scratch);
        dy = scratch;
    }
    block->kernels->convolve(map, dy, layer->kernel, 1, block->derived + layer->backward_weights, NULL,
                             normnet__shape_map(layer->in), dx);
}

/* The orders in which convolve reads weights: the output channel innermost, in both directions. */
static void derive(const struct normnet__layer *layer, const float *parameters, const float *statistics, float *derived)
{
    const float *w = parameters + layer->weight;
    const int32_t inputs = layer->in.channels, outputs = layer->out.channels;
    const int32_t window = layer->kernel * layer->kernel;

    (void)statistics;
    for (int32_t k = 0; k < outputs; ++k)
        for (int32_t c = 0; c < inputs; ++c)
            for (int32_t t = 0; t < window; ++t, ++w) {
                derived[layer->forward_weights + ((int64_t)c * window + t) * outputs + k] = *w;
                derived[layer->backward_weights + ((int64_t)k * window + (window - 1 - t)) * inputs + c] = *w;
            }
}

const struct normnet__layer_type normnet__conv = {
    .word = "conv", .resolve = resolve_conv, .forward = forward, .backward = backward, .derive = derive};

const struct normnet__layer_type normnet__fc = {
    .word = "fc", .resolve = resolve_fc, .forward = forward, .backward = backward, .derive = derive};
