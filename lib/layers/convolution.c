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
#include "kernels/algorithm.h"
#include "layers/dropout.h"

#include <stdio.h>
#include <string.h>

/* The input with its zero padding. */
static struct map padded_map(const struct layer *layer)
{
    return normnet__spaced_map(layer->in.channels, layer->in.height + 2 * layer->padding,
                               layer->in.width + 2 * layer->padding);
}

/* The map that the input gradient is a direct convolution of: dy with zeros between and around. */
static struct map spread_map(const struct layer *layer)
{
    return normnet__spaced_map(layer->out.channels, layer->in.height + layer->kernel - 1,
                               layer->in.width + layer->kernel - 1);
}

/* The forward convolution: of the padded input, or of the input itself where the algorithm pads. */
static struct convolution forward_convolution(const struct layer *layer)
{
    struct convolution convolution = {.x = normnet__shape_map(layer->in),
                                      .y = normnet__shape_map(layer->out),
                                      .kernel = layer->kernel,
                                      .stride = layer->stride,
                                      .padding = layer->padding};

    convolution.winograd = normnet__prefers_winograd(&convolution);
    if (!convolution.winograd) {
        convolution.x = padded_map(layer);
        convolution.padding = 0;
    }
    return convolution;
}

/*
 * The input gradient: dx is the convolution of dy, spread by the stride inside a border of n - 1 - p zeros, with the
 * kernel turned by 180 degrees and the roles of c and k exchanged.
 */
static struct convolution backward_convolution(const struct layer *layer)
{
    struct convolution convolution = {.x = normnet__shape_map(layer->out),
                                      .y = normnet__shape_map(layer->in),
                                      .kernel = layer->kernel,
                                      .stride = layer->stride,
                                      .padding = layer->kernel - 1 - layer->padding};

    convolution.winograd = normnet__prefers_winograd(&convolution);
    if (!convolution.winograd) {
        convolution.x = spread_map(layer);
        convolution.stride = 1;
        convolution.padding = 0;
    }
    return convolution;
}

/* The weight gradient, always of the padded input. */
static struct convolution gradient_convolution(const struct layer *layer)
{
    struct convolution convolution = {
        .x = padded_map(layer), .y = normnet__shape_map(layer->out), .kernel = layer->kernel, .stride = layer->stride};

    convolution.winograd = normnet__prefers_winograd_gradient(&convolution);
    return convolution;
}

static bool is_spread(const struct layer *layer)
{
    return layer->kernel > 1 || layer->stride > 1 || layer->padding > 0;
}

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* What conv and fc have in common once kernel, stride, padding, bias and the output shape are known. */
static normnet_status ask(struct layer *layer, const struct token *token, bool bias)
{
    const int64_t window = (int64_t)layer->kernel * layer->kernel;
    const struct convolution forward = forward_convolution(layer), backward = backward_convolution(layer);
    const struct convolution gradient = gradient_convolution(layer);
    const int64_t padded = layer->padding > 0 ? normnet__map_groups(padded_map(layer)) : 0;
    const int64_t spread = is_spread(layer) && !backward.winograd ? normnet__map_groups(spread_map(layer)) : 0;
    int64_t weights;

    if (!normnet__multiply((int64_t)layer->in.channels * window, layer->out.channels, &weights) || weights > INT32_MAX)
        return normnet__reject_token(NORMNET_ELIMIT, token, layer->in, "more than 2^31 - 1 weights");
    if (layer->out.height > NORMNET__MAX_DIMENSION || layer->out.width > NORMNET__MAX_DIMENSION)
        return normnet__reject_token(NORMNET_ELIMIT, token, layer->in, "more than 65536 rows or columns");
    layer->weight_count = weights;
    layer->prepared_count = normnet__packed_weight_count(&forward) + normnet__packed_weight_count(&backward);
    layer->bias_count = bias ? layer->out.channels : 0;
    layer->fusible = &normnet__relu;
    /* The kernels' own, beside a padded copy and the padded bias. */
    layer->scratch_groups = max(max(normnet__convolution_scratch(&forward), normnet__convolution_scratch(&backward)),
                                normnet__weight_gradient_scratch(&gradient)) +
                            max(padded, spread) + normnet__channel_planes(layer->out.channels);
    return NORMNET_OK;
}

/* conv<k>-<out>, then s<stride>, p<padding> and b in any order, each at most once. */
static normnet_status resolve_conv(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const char *rest = token->rest;
    int32_t outputs;
    bool stride = false, padding = false, bias = false;

    (void)config;
    if (layer->in.flat)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "a convolution needs rows and columns");
    if (!normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &layer->kernel) || *rest++ != '-' ||
        !normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &outputs))
        return normnet__reject_token(NORMNET_EARCH, token, layer->in,
                                     "expected conv<kernel>-<outputs>, numbers up to 65536");
    layer->stride = 1;
    layer->padding = 0;
    while (*rest != '\0') {
        const char option = *rest++;

        if (option == 's' && !stride && normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &layer->stride))
            stride = true;
        else if (option == 'p' && !padding && normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &layer->padding))
            padding = true;
        else if (option == 'b' && !bias)
            bias = true;
        else
            return normnet__reject_token(NORMNET_EARCH, token, layer->in,
                                         "expected s<stride>, p<padding> or b after the outputs, each at most once");
    }
    if (layer->kernel < 1 || outputs < 1 || layer->stride < 1)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "kernel, outputs and stride must be at least 1");
    if (layer->kernel > layer->in.height + 2 * layer->padding || layer->kernel > layer->in.width + 2 * layer->padding)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "the kernel is larger than its input");
    layer->out = (struct shape){outputs, (layer->in.height + 2 * layer->padding - layer->kernel) / layer->stride + 1,
                                (layer->in.width + 2 * layer->padding - layer->kernel) / layer->stride + 1, false};
    layer->module = "Conv2d";
    return ask(layer, token, bias);
}

/* fc-<out>, optionally b. */
static normnet_status resolve_fc(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const char *rest = token->rest;
    int32_t outputs;
    bool bias;

    (void)config;
    if (*rest++ != '-' || !normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &outputs) || outputs < 1)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "expected fc-<outputs>, 1 to 65536");
    bias = *rest == 'b';
    if (rest[bias] != '\0')
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "expected nothing or b after the outputs");
    if (!layer->in.flat)
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "fc needs flatten before it");
    layer->kernel = layer->stride = 1;
    layer->padding = 0;
    layer->out = (struct shape){outputs, 1, 1, true};
    layer->module = "Linear";
    return ask(layer, token, bias);
}

/* Row i of `from` becomes row top + i * stride, likewise the columns, between zeros; what lies outside is left out. */
static void spread(struct map from_map, const float *from, int32_t top, int32_t stride, struct map to_map, float *to)
{
    const size_t group = NORMNET__LANES * sizeof(float);
    const int32_t first = top < 0 ? (stride - 1 - top) / stride : 0; /* the first that is not before the border */

    for (int32_t c = 0; c < to_map.channels; ++c)
        for (int32_t r = 0; r < to_map.height; ++r) {
            const int32_t i = (r - top) / stride;
            const float *row = from + (c * from_map.channel_stride + i * from_map.row_stride) * NORMNET__LANES;
            float *target = to + (c * to_map.channel_stride + r * to_map.row_stride) * NORMNET__LANES;

            memset(target, 0, (size_t)to_map.width * group);
            if (r < top || (r - top) % stride != 0 || i >= from_map.height)
                continue;
            for (int32_t j = first; j < from_map.width && top + (int64_t)j * stride < to_map.width; ++j)
                memcpy(target + (top + (int64_t)j * stride) * NORMNET__LANES, row + (int64_t)j * NORMNET__LANES, group);
        }
}

/* The input with its zero padding; if it has any, in a copy at the beginning of *scratch, which moves after it. */
static const float *padded_input(const struct layer *layer, const struct block *block, float **scratch)
{
    const struct map map = normnet__input_map(layer, block);
    struct map to_map = padded_map(layer);
    const float *x = normnet__input(layer, block);
    float *copy = *scratch;

    if (layer->padding == 0)
        return x;
    to_map.channels = map.channels;
    spread(map, x, layer->padding, 1, to_map, copy);
    *scratch += normnet__map_groups(to_map) * NORMNET__LANES;
    return copy;
}

/* The same for a convolution that may pad on its own. */
static const float *input_of(const struct convolution *convolution, const struct layer *layer,
                             const struct block *block, float **scratch)
{
    return convolution->winograd ? normnet__input(layer, block) : padded_input(layer, block, scratch);
}

static void forward_samples(const struct layer *layer, const struct block *block)
{
    const struct convolution convolution = forward_convolution(layer);
    float *scratch = block->scratch;
    const float *x = input_of(&convolution, layer, block, &scratch);
    const struct epilogue epilogue = {
        .bias = layer->bias_count > 0 ? block->parameters + layer->bias : NULL,
        .relu = normnet__fused_layer(layer, block) != NULL,
    };

    block->kernels->convolve(&convolution, x, block->prepared + layer->prepared, &epilogue,
                             normnet__output(layer, block), scratch);
}

/* The bias in whole lane groups at the beginning of *scratch, which moves after it. */
static const float *padded_bias(const struct layer *layer, const struct block *block, float **scratch)
{
    const int64_t size = (int64_t)normnet__channel_planes(layer->out.channels) * NORMNET__LANES;
    float *padded = *scratch;

    if (layer->bias_count == 0)
        return NULL;
    memset(padded, 0, (size_t)size * sizeof *padded);
    memcpy(padded, block->parameters + layer->bias, (size_t)layer->bias_count * sizeof *padded);
    *scratch += size;
    return padded;
}

/* The maps of a single image have a plane for 16 channels. */
static void forward_single(const struct layer *layer, const struct block *block)
{
    struct convolution convolution = forward_convolution(layer);
    float *scratch = block->scratch;
    const float *x = input_of(&convolution, layer, block, &scratch);
    const struct epilogue epilogue = {.bias = padded_bias(layer, block, &scratch),
                                      .relu = normnet__fused_layer(layer, block) != NULL};

    convolution.inputs = layer->in.channels;
    convolution.outputs = layer->out.channels;
    convolution.x.channels = normnet__channel_planes(layer->in.channels);
    convolution.y.channels = normnet__channel_planes(layer->out.channels);
    block->kernels->convolve_channels(&convolution, x, block->prepared + layer->prepared, &epilogue,
                                      normnet__output(layer, block), scratch);
}

static void forward(const struct layer *layer, const struct block *block)
{
    (block->layout == NORMNET__LAYOUT_SINGLE ? forward_single : forward_samples)(layer, block);
}

/* dw[k][c][u][v] = sum over samples, (i, j) of dy[k][i][j] x[c][i s + u - p][j s + v - p]; db[k] = sum of dy[k]. */
static void backward_weights(const struct layer *layer, const struct block *block, const float *dy)
{
    const struct convolution convolution = gradient_convolution(layer);
    const struct map dy_map = convolution.y;
    float *scratch = block->scratch;
    const float *x = padded_input(layer, block, &scratch);

    block->kernels->weight_gradient(&convolution, x, dy, block->gradient + layer->weight, scratch);
    for (int64_t k = 0; k < layer->bias_count; ++k)
        block->gradient[layer->bias + k] = block->kernels->sum_all(dy + k * dy_map.channel_stride * NORMNET__LANES,
                                                                   (int64_t)dy_map.height * dy_map.width);
}

static void backward(const struct layer *layer, const struct block *block)
{
    const struct convolution forward = forward_convolution(layer), backward = backward_convolution(layer);
    const struct epilogue epilogue = {.relu_mask = layer->relu_mask};
    const float *dy = normnet__output(layer, block);
    float *scratch = block->scratch;

    backward_weights(layer, block, dy);
    if (!layer->needs_dx)
        return;
    if (is_spread(layer) && !backward.winograd) {
        spread(normnet__shape_map(layer->out), dy, layer->kernel - 1 - layer->padding, layer->stride, backward.x,
               scratch);
        dy = scratch;
        scratch += normnet__map_groups(backward.x) * NORMNET__LANES;
    }
    block->kernels->convolve(&backward, dy, block->prepared + layer->prepared + normnet__packed_weight_count(&forward),
                             &epilogue, normnet__input(layer, block), scratch);
}

static void prepare(const struct layer *layer, const float *parameters, const float *statistics, float *prepared)
{
    const struct convolution forward = forward_convolution(layer), backward = backward_convolution(layer);
    const float *w = parameters + layer->weight;
    const int64_t window = (int64_t)layer->kernel * layer->kernel, per_output = layer->in.channels * window;

    (void)statistics;
    normnet__pack_weights(&forward, w, per_output, window, false, prepared + layer->prepared);
    normnet__pack_weights(&backward, w, window, per_output, true,
                          prepared + layer->prepared + normnet__packed_weight_count(&forward));
}

const struct layer_type normnet__conv = {
    .word = "conv", .resolve = resolve_conv, .forward = forward, .backward = backward, .prepare = prepare};

const struct layer_type normnet__fc = {
    .word = "fc", .resolve = resolve_fc, .forward = forward, .backward = backward, .prepare = prepare};
