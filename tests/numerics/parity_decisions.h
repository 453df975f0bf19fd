/* SPDX-License-Identifier: MIT */
/* Outputs of layers; whether ReLUs and max pools decide alike, and whether a batch is well conditioned. */
#ifndef PARITY_DECISIONS_H
#define PARITY_DECISIONS_H

#include "parity_dropout.h"

/* ---- Outputs and decisions ------------------------------------------------------------------- */

static inline int after_flatten(const struct reference_network *network, int layer)
{
    for (int i = 0; i <= layer; ++i) {
        if (network->layers[i].kind == REFERENCE_FLATTEN)
            return 1;
    }
    return 0;
}

/* The output of a layer as training sees it: with the statistics of the batch. To be freed. */
static inline float *library_output(struct parity_bench *bench, int layer)
{
    const normnet_predict_options options = options_init(0, NORMNET_STATISTICS_BATCH);
    const struct reference_shape out = bench->network->layers[layer].out;
    const normnet_layer_info info = layer_info(bench->model, layer);
    const int64_t shape[] = {bench->images, info.channels, info.height, info.width};
    float *values = check_allocate((size_t)(bench->images * reference_count(out)), sizeof *values);
    normnet_tensor tensor;

    if (CHECK_EQUAL(info.channels, out.channels) && CHECK_EQUAL(info.height, out.height) &&
        CHECK_EQUAL(info.width, out.width)) {
        normnet_tensor_init(&tensor, NORMNET_F32, values, after_flatten(bench->network, layer) ? 2 : 4, shape);
        CHECK_OK(normnet_layer_output(bench->model, &bench->image_tensor, layer, &tensor, &options));
    }
    return values;
}

static inline int same_signs(const double *a, const double *b, int count)
{
    for (int i = 0; i < count; ++i) {
        if ((a[i] > 0) != (b[i] > 0))
            return 0;
    }
    return 1;
}

/* The size of the values of a layer, or if they vanish, of the values from which they were computed. */
static inline double typical_output(const struct reference_pass *pass, int layer)
{
    double typical = 0;

    for (int i = 0; i <= layer; ++i) {
        int count = pass->images * reference_count(pass->network->layers[i].out);
        double largest = reference_largest(pass->outputs[i + 1], count);

        typical = largest > counts_as_zero * typical ? largest : typical;
    }
    return typical;
}

/* The library's parameters, which begin with the first that is trained. To be freed. */
static inline double *library_parameters(const struct parity_bench *bench)
{
    const int count = bench->network->parameter_count;
    double *parameters = check_allocate((size_t)count, sizeof *parameters);
    int i = 0;

    while (i < normnet_state_count(bench->model) && !state_info(bench->model, i).trained)
        ++i;
    for (int k = 0; k < count; ++k)
        parameters[k] = ((const float *)state_info(bench->model, i).data)[k];
    return parameters;
}

/*
 * Goes through the layers: 0 as soon as a ReLU or a max pool decides otherwise than in the reference. On the way
 * every layer of the reference is applied to the output of the library's layer before it.
 */
static inline int same_decisions(struct parity_bench *bench)
{
    const struct reference_network *network = bench->network;
    struct reference_pass *own = bench->own;
    double *parameters = library_parameters(bench);
    int same = 1;
    char what[64];

    memcpy(own->outputs[0], bench->pass->outputs[0],
           (size_t)reference_count(reference_input_shape(own)) * sizeof **own->outputs);
    for (int i = 0; i < network->layer_count && same; ++i) {
        const struct reference_layer *layer = &network->layers[i];
        const int count = bench->images * reference_count(layer->out);
        float *floats = library_output(bench, i);
        double *actual = check_allocate((size_t)count, sizeof *actual);

        for (int k = 0; k < count; ++k)
            actual[k] = floats[k];
        reference_layer_forward(own, i, parameters, NULL, REFERENCE_TRAINING);
        snprintf(what, sizeof what, "output of layer %d", i);
        compare(what, actual, own->outputs[i + 1], count, typical_output(own, i), most_error_of_layer);
        if (layer->kind == REFERENCE_RELU)
            same = same_signs(actual, bench->pass->outputs[i + 1], count);
        else if (layer->kind == REFERENCE_MAXPOOL)
            same = memcmp(own->winners[i], bench->pass->winners[i], (size_t)count * sizeof **own->winners) == 0;
        memcpy(own->outputs[i + 1], actual, (size_t)count * sizeof *actual);
        free(actual);
        free(floats);
    }
    free(parameters);
    return same;
}

/*
 * The same for a network with dropout, whose layers show their outputs in training nowhere: 0 if a ReLU or a max pool
 * of the reference is so near to deciding otherwise that rounding may do it. Zeros are exact on both sides.
 */
static inline int clear_decisions(const struct parity_bench *bench)
{
    for (int i = 0; i < bench->network->layer_count; ++i) {
        const struct reference_layer *layer = &bench->network->layers[i];
        const struct reference_shape out = layer->out;
        const double near = most_error_of_layer * typical_output(bench->pass, i);
        const double *x = bench->pass->outputs[i];

        if (layer->kind == REFERENCE_RELU) {
            for (int k = 0; k < bench->images * reference_count(layer->in); ++k) {
                if (x[k] != 0 && fabs(x[k]) <= near)
                    return 0;
            }
        } else if (layer->kind == REFERENCE_MAXPOOL) {
            const int planes = bench->images * out.channels, in_plane = layer->in.height * layer->in.width;

            for (int k = 0; k < planes * out.height * out.width; ++k) {
                const int plane = k / (out.height * out.width), place = k % (out.height * out.width);
                const double *top = x + plane * in_plane + place / out.width * layer->pool * layer->in.width +
                                    place % out.width * layer->pool;
                const double highest = bench->pass->outputs[i + 1][k];

                for (int w = 0; w < layer->pool * layer->pool; ++w) {
                    const int at = w / layer->pool * layer->in.width + w % layer->pool;
                    const int wins = (int)(top - (x + plane * in_plane)) + at == bench->pass->winners[i][k];

                    if (!wins && highest - top[at] <= near && !(highest == 0 && top[at] == 0))
                        return 0;
                }
            }
        }
    }
    return 1;
}

static inline void move(double *values, int count, struct random_stream *random)
{
    const double most = 1.0 / (1 << 23);

    for (int i = 0; i < count; ++i)
        values[i] *= 1 + random_uniform(random, -most, most);
}

/*
 * The forward pass of the reference with the weights, pixels and, if the bench wants it, the outputs of all layers
 * moved by a rounding of float.
 */
static inline void move_forward(struct parity_bench *bench, double *parameters)
{
    struct reference_pass *moved = bench->moved;
    const int pixels = reference_count(reference_input_shape(moved));

    memcpy(parameters, bench->trainer->parameters, (size_t)bench->network->parameter_count * sizeof *parameters);
    memcpy(moved->outputs[0], bench->pass->outputs[0], (size_t)pixels * sizeof **moved->outputs);
    move(parameters, bench->network->parameter_count, &bench->random);
    move(moved->outputs[0], pixels, &bench->random);
    if (!bench->moves_outputs) {
        reference_forward(moved, parameters, NULL, REFERENCE_TRAINING);
        return;
    }
    for (int i = 0; i < bench->network->layer_count; ++i) {
        reference_layer_forward(moved, i, parameters, NULL, REFERENCE_TRAINING);
        move(moved->outputs[i + 1], moved->images * reference_count(bench->network->layers[i].out), &bench->random);
    }
}

/* Does one such change leave the gradients where they are? The pass is there and back. */
static inline int keeps_gradients(struct parity_bench *bench)
{
    const struct reference_network *network = bench->network;
    const struct reference_pass *pass = bench->pass;
    const int count = network->parameter_count;
    double *parameters = check_allocate((size_t)count, sizeof *parameters);
    int well = 1;

    move_forward(bench, parameters);
    reference_backward(bench->moved, parameters, bench->labels);
    for (int i = 0; i < network->layer_count; ++i) {
        const struct reference_layer *layer = &network->layers[i];
        const int firsts[] = {layer->weight, layer->bias, layer->bias + layer->bias_count};

        for (int tensor = 0; tensor < 2; ++tensor) {
            const int first = firsts[tensor], length = firsts[tensor + 1] - first;
            const double allowed =
                ill_conditioned_from * usual_error(pass->gradient + first, length,
                                                   reference_largest(bench->typical + first, length), most_error);

            for (int k = first; k < first + length; ++k)
                well &= fabs(bench->moved->gradient[k] - pass->gradient[k]) <= allowed;
        }
    }
    free(parameters);
    return well;
}

static inline int well_conditioned(struct parity_bench *bench)
{
    for (int i = 0; i < bench->moves; ++i)
        if (!keeps_gradients(bench))
            return 0;
    return 1;
}

/* A batch that can be compared, or 0. The pass is forward and backward then, the typical gradient known. */
static inline int draw_batch(struct parity_bench *bench)
{
    const double *parameters = bench->trainer->parameters;

    if (bench->has_dropout)
        draw_masks(bench);
    for (int i = 0; i < bench->batches; ++i) {
        draw_images(bench);
        draw_labels(bench);
        reference_forward(bench->pass, parameters, NULL, REFERENCE_TRAINING);
        reference_backward(bench->pass, parameters, bench->labels);
        reference_typical_gradient(bench->pass, parameters, bench->labels, bench->typical);
        ++drawn;
        if (!well_conditioned(bench))
            ++ill_conditioned;
        else if (bench->has_dropout ? !clear_decisions(bench) : !same_decisions(bench))
            ++decided_otherwise;
        else
            return 1;
    }
    return 0;
}

#endif
