/* SPDX-License-Identifier: MIT */
/*
 * Convolution (a cross-correlation: the kernel is not flipped) and the fully connected layer, which is the convolution
 * of a 1x1 map with as many channels as there are features.
 *
 *     y[k][i][j] = b[k] + sum over (c, u, v) of w[k][c][u][v] x[c][i s + u - p][j s + v - p]
 *
 * Shapes: x [C][H][W], w [K][C][n][n], b [K], y [K][H'][W'], H' = (H + 2 p - n) / s + 1, rounded down.
 */
#include "layers/convolution.h"

#include "base/checked.h"
#include "kernels/algorithm.h"
#include "kernels/packed_weights.h"
#include "layers/relu.h"
#include "layers/shared_convolution.h"

#include <math.h>
#include <string.h>

/* ---- The three convolutions ------------------------------------------------------------------------ */

/* `shape` inside a border of zeros. */
static struct map bordered_map(struct shape shape, int32_t border, int32_t lanes)
{
    return normnet__spaced_map(shape.channels, shape.height + 2 * border, shape.width + 2 * border, lanes);
}

/* A direct convolution reads a copy of x with a border, if it has padding; Winograd's algorithm pads by itself. */
static struct convolution choose_algorithm(struct convolution convolution, struct shape x, enum algorithm last)
{
    convolution.algorithm = normnet__choose_algorithm(&convolution, last);
    if (convolution.algorithm == NORMNET__DIRECT && convolution.padding > 0) {
        convolution.border = (convolution.padding + convolution.dilation - 1) / convolution.dilation;
        convolution.x = bordered_map(x, convolution.border, convolution.x.lanes);
    }
    return convolution;
}

/*
 * Not by patches of 4x4 outputs: these round differently at each place of a patch. Where an image has one colour, the
 * outputs would differ in their last bits, and a max pool or a ReLU after them would decide by these.
 */
static struct convolution plan_forward(const struct layer *layer)
{
    const struct convolution convolution = {.x = normnet__shape_map(layer->in, layer->lanes),
                                            .y = normnet__shape_map(layer->out, layer->lanes),
                                            .kernel = layer->kernel_size,
                                            .stride = layer->stride,
                                            .padding = layer->padding,
                                            .dilation = 1};

    return choose_algorithm(convolution, layer->in, NORMNET__WINOGRAD_2);
}

/*
 * dx is the convolution of dy, dilated by the stride and padded with n - 1 - p, with the kernel flipped and the roles
 * of c and k exchanged. A negative padding crops.
 */
static struct convolution plan_input_gradient(const struct layer *layer)
{
    const struct convolution convolution = {.x = normnet__shape_map(layer->out, layer->lanes),
                                            .y = normnet__shape_map(layer->in, layer->lanes),
                                            .kernel = layer->kernel_size,
                                            .stride = 1,
                                            .padding = layer->kernel_size - 1 - layer->padding,
                                            .dilation = layer->stride};

    return choose_algorithm(convolution, layer->out, NORMNET__WINOGRAD_4);
}

/* The weight gradient, which reads a copy of x with a border, unless by patches. */
static struct convolution plan_weight_gradient(const struct layer *layer)
{
    struct convolution convolution = {.x = normnet__shape_map(layer->in, layer->lanes),
                                      .y = normnet__shape_map(layer->out, layer->lanes),
                                      .kernel = layer->kernel_size,
                                      .stride = layer->stride,
                                      .padding = layer->padding,
                                      .dilation = 1};

    convolution.gradient = normnet__choose_gradient(&convolution);
    if (convolution.gradient != NORMNET__GRADIENT_PATCHES) {
        convolution.border = convolution.padding;
        convolution.padding = 0;
        convolution.x = bordered_map(layer->in, convolution.border, layer->lanes);
    }
    return convolution;
}

/* The forward convolution of a single image: several channels share a plane. */
static struct convolution single_forward(const struct layer *layer)
{
    struct convolution convolution = layer->convolutions.forward;

    convolution.inputs = layer->in.channels;
    convolution.outputs = layer->out.channels;
    convolution.x.channels = normnet__channel_planes(layer->in.channels, layer->lanes);
    convolution.y.channels = normnet__channel_planes(layer->out.channels, layer->lanes);
    return convolution;
}

/* ---- Resolving a token ----------------------------------------------------------------------------- */

/* The groups of the copy with a border that a convolution reads; 0 if it reads x itself. */
static int64_t count_copy(const struct convolution *convolution)
{
    return convolution->border > 0 ? normnet__map_groups(convolution->x) : 0;
}

/* The kernels' own scratch, plus the copy with a border, plus the padded bias. */
static int64_t count_scratch(const struct layer *layer)
{
    const struct layer_convolutions *all = &layer->convolutions;
    const struct convolution single = single_forward(layer);
    const int64_t forward =
        normnet__max(normnet__convolution_scratch(&all->forward), normnet__convolution_scratch(&single));
    const int64_t weights = layer->fully_connected ? normnet__outer_product_scratch()
                                                   : normnet__weight_gradient_scratch(&all->weight_gradient);
    const int64_t backward = normnet__max(normnet__convolution_scratch(&all->input_gradient), weights);
    const int64_t padded = count_copy(&all->weight_gradient);
    const int64_t copy =
        normnet__max(padded, normnet__max(count_copy(&all->forward), count_copy(&all->input_gradient)));

    return normnet__max(forward, backward) + copy + normnet__channel_planes(layer->out.channels, layer->lanes);
}

/* PyTorch's initial values: uniform in (-b, b), b = 1 / sqrt(fan-in), for weight and bias. */
static void describe_parameters(struct layer *layer, int64_t weights, bool bias)
{
    const double fan_in = (double)layer->in.channels * layer->kernel_size * layer->kernel_size,
                 bound = 1.0 / sqrt(fan_in);
    const int32_t outputs = layer->out.channels;

    layer->weight = (struct parameter){.count = weights,
                                       .rank = layer->in.flat ? 2 : 4,
                                       .shape = {outputs, layer->in.channels, layer->kernel_size, layer->kernel_size},
                                       .initial = NORMNET__INITIAL_UNIFORM,
                                       .bound = bound,
                                       .is_weight = true};
    if (bias)
        layer->bias = (struct parameter){
            .count = outputs, .rank = 1, .shape = {outputs}, .initial = NORMNET__INITIAL_UNIFORM, .bound = bound};
}

/* What conv and fc have in common once kernel, stride, padding and the output shape are known. */
static normnet_status set_requirements(struct layer *layer, const struct token *token, bool bias)
{
    const int64_t taps = (int64_t)layer->kernel_size * layer->kernel_size;
    int64_t weights;

    if (!normnet__multiply((int64_t)layer->in.channels * taps, layer->out.channels, &weights) || weights > INT32_MAX)
        return normnet__reject_token(NORMNET_ELIMIT, token, layer->in, "more than 2^31 - 1 weights");
    if (layer->out.height > NORMNET__MAX_DIMENSION || layer->out.width > NORMNET__MAX_DIMENSION)
        return normnet__reject_token(NORMNET_ELIMIT, token, layer->in, "more than 65536 rows or columns");
    layer->convolutions =
        (struct layer_convolutions){plan_forward(layer), plan_input_gradient(layer), plan_weight_gradient(layer)};
    describe_parameters(layer, weights, bias);
    layer->prepared_count = normnet__packed_weight_count(&layer->convolutions.forward) +
                            normnet__packed_weight_count(&layer->convolutions.input_gradient);
    layer->fully_connected =
        layer->kernel_size == 1 && layer->padding == 0 && layer->in.height == 1 && layer->in.width == 1;
    layer->scratch_groups = count_scratch(layer);
    layer->multiply_adds = weights * layer->out.height * layer->out.width;
    layer->fusible_type = &normnet__relu;
    return NORMNET_OK;
}

/* Reads what follows the number of outputs: s<stride>, p<padding> and b in any order, each at most once. */
static bool read_options(const char *rest, struct layer *layer, bool *bias)
{
    bool stride = false, padding = false;

    *bias = false;
    while (*rest != '\0') {
        const char option = *rest++;

        if (option == 's' && !stride && normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &layer->stride))
            stride = true;
        else if (option == 'p' && !padding && normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &layer->padding))
            padding = true;
        else if (option == 'b' && !*bias)
            *bias = true;
        else
            return false;
    }
    return true;
}

/* conv<k>-<out> */
static normnet_status conv_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
{
    const struct shape in = layer->in;
    const char *rest = token->rest;
    int32_t outputs;
    bool bias;

    (void)config;
    if (in.flat)
        return normnet__reject_token(NORMNET_EARCH, token, in, "a convolution needs rows and columns");
    if (!normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &layer->kernel_size) || *rest++ != '-' ||
        !normnet__read_number(&rest, NORMNET__MAX_DIMENSION, &outputs))
        return normnet__reject_token(NORMNET_EARCH, token, in, "expected conv<kernel>-<outputs>, numbers up to 65536");
    layer->stride = 1;
    layer->padding = 0;
    if (!read_options(rest, layer, &bias))
        return normnet__reject_token(NORMNET_EARCH, token, in,
                                     "expected s<stride>, p<padding> or b after the outputs, each at most once");
    if (layer->kernel_size < 1 || outputs < 1 || layer->stride < 1)
        return normnet__reject_token(NORMNET_EARCH, token, in, "kernel, outputs and stride must be at least 1");
    if (layer->kernel_size > in.height + 2 * layer->padding || layer->kernel_size > in.width + 2 * layer->padding)
        return normnet__reject_token(NORMNET_EARCH, token, in, "the kernel is larger than its input");
    layer->out = (struct shape){outputs, (in.height + 2 * layer->padding - layer->kernel_size) / layer->stride + 1,
                                (in.width + 2 * layer->padding - layer->kernel_size) / layer->stride + 1, false};
    layer->module = "Conv2d";
    return set_requirements(layer, token, bias);
}

/* fc-<out>, optionally b. */
static normnet_status fc_resolve(struct layer *layer, const struct token *token, const normnet_config *config)
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
    layer->kernel_size = layer->stride = 1;
    layer->padding = 0;
    layer->out = (struct shape){outputs, 1, 1, true};
    layer->module = "Linear";
    return set_requirements(layer, token, bias);
}

/* ---- Forward --------------------------------------------------------------------------------------- */

/* Copies a map into the middle of one with a border, which becomes 0. */
static void copy_with_border(struct map from_map, const float *from, int32_t border, struct map to_map, float *to)
{
    const size_t group = (size_t)to_map.lanes * sizeof(float), row_bytes = (size_t)from_map.width * group;

    for (int32_t c = 0; c < to_map.channels; ++c)
        for (int32_t r = 0; r < to_map.height; ++r) {
            const int32_t i = r - border;
            float *row = to + (c * to_map.channel_stride + r * to_map.row_stride) * to_map.lanes;
            float *inside = row + (int64_t)border * to_map.lanes;

            if (i < 0 || i >= from_map.height) {
                memset(row, 0, (size_t)to_map.width * group);
                continue;
            }
            memset(row, 0, (size_t)border * group);
            memcpy(inside, from + (c * from_map.channel_stride + i * from_map.row_stride) * to_map.lanes, row_bytes);
            memset(inside + (int64_t)from_map.width * to_map.lanes, 0, (size_t)border * group);
        }
}

/*
 * What a convolution reads, of `border` and `map`: x, or if there is a border a copy at *scratch, which is advanced
 * past it.
 */
static const float *with_border(struct map x_map, const float *x, int32_t border, struct map map, float **scratch)
{
    float *copy = *scratch;

    if (border == 0)
        return x;
    copy_with_border(x_map, x, border, map, copy);
    *scratch += normnet__map_floats(map);
    return copy;
}

static void conv_forward_samples(const struct layer *layer, const struct block *block)
{
    const struct convolution *convolution = &layer->convolutions.forward;
    float *scratch = block->scratch;
    const float *x = with_border(normnet__input_map(layer, block), normnet__input(layer, block), convolution->border,
                                 convolution->x, &scratch);
    const struct epilogue epilogue = {
        .bias = layer->bias.count > 0 ? block->parameters + layer->bias.offset : NULL,
        .relu = normnet__fused_layer(layer, block) != NULL,
    };

    normnet__convolve(block, convolution, x, block->prepared + layer->prepared, &epilogue,
                      normnet__output(layer, block), scratch);
}

/* The bias, zero-padded to whole lane groups at *scratch, which is advanced past it; NULL without a bias. */
static const float *padded_bias(const struct layer *layer, const struct block *block, float **scratch)
{
    const int64_t size = (int64_t)normnet__channel_planes(layer->out.channels, layer->lanes) * layer->lanes;
    float *padded = *scratch;

    if (layer->bias.count == 0)
        return NULL;
    memset(padded, 0, (size_t)size * sizeof *padded);
    memcpy(padded, block->parameters + layer->bias.offset, (size_t)layer->bias.count * sizeof *padded);
    *scratch += size;
    return padded;
}

static void conv_forward_single(const struct layer *layer, const struct block *block)
{
    const struct convolution convolution = single_forward(layer);
    float *scratch = block->scratch;
    const float *x = with_border(normnet__input_map(layer, block), normnet__input(layer, block), convolution.border,
                                 convolution.x, &scratch);
    const struct epilogue epilogue = {.bias = padded_bias(layer, block, &scratch),
                                      .relu = normnet__fused_layer(layer, block) != NULL};

    block->kernels->convolve_channels(&convolution, x, block->prepared + layer->prepared, &epilogue,
                                      normnet__output(layer, block), scratch);
}

static void conv_forward(const struct layer *layer, const struct block *block)
{
    if (block->layout == NORMNET__LAYOUT_SINGLE)
        conv_forward_single(layer, block);
    else
        conv_forward_samples(layer, block);
}

/* ---- Backward -------------------------------------------------------------------------------------- */

/* dw of a layer with one pixel is computed for the whole batch at once (net/outer_products.c): x is transposed. */
static void keep_factors(const struct layer *layer, const struct block *block, const float *dy)
{
    const int64_t row = normnet__outer_product_row(layer->in.channels);
    const float *x = normnet__input(layer, block);
    float *kept = block->kept + layer->kept;

    for (int32_t lane = 0; lane < layer->lanes; ++lane, kept += row) {
        for (int32_t c = 0; c < layer->in.channels; ++c)
            kept[c] = x[(int64_t)c * layer->lanes + lane];
        for (int64_t c = layer->in.channels; c < row; ++c)
            kept[c] = 0.0f;
    }
    memcpy(kept, dy, (size_t)layer->out.channels * (size_t)layer->lanes * sizeof *kept);
}

/* dw[k][c][u][v] = sum over samples, (i, j) of dy[k][i][j] x[c][i s + u - p][j s + v - p]; db[k] = sum of dy[k]. */
static void conv_backward_weights(const struct layer *layer, const struct block *block, const float *dy)
{
    const struct convolution *convolution = &layer->convolutions.weight_gradient;
    const struct map dy_map = convolution->y;
    float *scratch = block->scratch;
    const float *x = with_border(normnet__input_map(layer, block), normnet__input(layer, block), convolution->border,
                                 convolution->x, &scratch);

    if (layer->fully_connected)
        keep_factors(layer, block, dy);
    else
        normnet__weight_gradient(block, convolution, x, dy, block->gradient + layer->weight.sum, scratch);
    for (int64_t k = 0; k < layer->bias.count; ++k)
        block->gradient[layer->bias.sum + k] = block->kernels->sum_all(dy + k * dy_map.channel_stride * layer->lanes,
                                                                       (int64_t)dy_map.height * dy_map.width);
}

static void conv_backward_input(const struct layer *layer, const struct block *block, const float *dy)
{
    const struct convolution *convolution = &layer->convolutions.input_gradient;
    const struct epilogue epilogue = {.relu_mask = layer->relu_mask};
    const float *weights =
        block->prepared + layer->prepared + normnet__packed_weight_count(&layer->convolutions.forward);
    float *scratch = block->scratch;

    dy = with_border(normnet__shape_map(layer->out, layer->lanes), dy, convolution->border, convolution->x, &scratch);
    normnet__convolve(block, convolution, dy, weights, &epilogue, normnet__input(layer, block), scratch);
}

static void conv_backward(const struct layer *layer, const struct block *block)
{
    const float *dy = normnet__output(layer, block);

    conv_backward_weights(layer, block, dy);
    if (layer->needs_dx)
        conv_backward_input(layer, block, dy);
}

/* ---- The types ------------------------------------------------------------------------------------- */

/* The weights in the kernels' order: for the forward convolution, then flipped for the input gradient. */
static void conv_prepare(const struct layer *layer, const float *parameters, const float *statistics, float *prepared)
{
    const struct convolution *forward = &layer->convolutions.forward;
    const float *w = parameters + layer->weight.offset;
    const int64_t taps = (int64_t)layer->kernel_size * layer->kernel_size, per_output = layer->in.channels * taps;
    float *packed = prepared + layer->prepared;

    (void)statistics;
    normnet__pack_weights(forward, w, per_output, taps, false, packed);
    normnet__pack_weights(&layer->convolutions.input_gradient, w, taps, per_output, true,
                          packed + normnet__packed_weight_count(forward));
}

static bool conv_same(const struct layer *one, const struct layer *other)
{
    return one->kernel_size == other->kernel_size && one->stride == other->stride && one->padding == other->padding;
}

static struct window conv_window(const struct layer *layer)
{
    return (struct window){layer->kernel_size, layer->kernel_size, layer->stride};
}

static void conv_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    normnet__onnx_node(graph, "Conv", "output");
    normnet__onnx_input(graph, "weight");
    if (layer->bias.count > 0)
        normnet__onnx_input(graph, "bias");
    normnet__onnx_repeated(graph, "kernel_shape", 2, layer->kernel_size);
    normnet__onnx_repeated(graph, "strides", 2, layer->stride);
    normnet__onnx_repeated(graph, "pads", 4, layer->padding);
}

static void fc_to_onnx(const struct layer *layer, struct onnx_graph *graph)
{
    normnet__onnx_node(graph, "Gemm", "output");
    normnet__onnx_input(graph, "weight");
    if (layer->bias.count > 0)
        normnet__onnx_input(graph, "bias");
    normnet__onnx_integer(graph, "transB", 1);
}

const struct layer_type normnet__conv = {
    .name = "conv",
    .example = "conv3-8s2p1b",
    .applies_relu_mask = true,
    .resolve = conv_resolve,
    .forward = conv_forward,
    .backward = conv_backward,
    .prepare = conv_prepare,
    .same = conv_same,
    .to_onnx = conv_to_onnx,
    .window = conv_window,
};

const struct layer_type normnet__fc = {
    .name = "fc",
    .other_names = {"linear", "dense", "gemm"},
    .example = "fc-12b",
    .applies_relu_mask = true,
    .resolve = fc_resolve,
    .forward = conv_forward,
    .backward = conv_backward,
    .prepare = conv_prepare,
    .same = conv_same,
    .to_onnx = fc_to_onnx,
};
