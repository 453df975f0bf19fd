/* SPDX-License-Identifier: MIT */
/* A batch through a network: forward, loss and backward. */
#include "reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct reference_shape reference_with_images(struct reference_shape shape, int images)
{
    shape.images = images;
    return shape;
}

struct reference_shape reference_input_shape(const struct reference_pass *pass)
{
    const normnet_config *config = &pass->network->config;
    struct reference_shape shape = {pass->images, config->channels, config->height, config->width};

    return shape;
}

struct reference_pass *reference_pass_create(const struct reference_network *network, int images)
{
    struct reference_pass *pass = reference_allocate(1, sizeof *pass);
    size_t layers = (size_t)network->layer_count;
    struct reference_shape input;

    pass->network = network;
    pass->images = images;
    input = reference_input_shape(pass);
    pass->outputs = reference_allocate(layers + 1, sizeof *pass->outputs);
    pass->winners = reference_allocate(layers, sizeof *pass->winners);
    pass->means = reference_allocate(layers, sizeof *pass->means);
    pass->variances = reference_allocate(layers, sizeof *pass->variances);
    pass->set_counts = reference_allocate(layers, sizeof *pass->set_counts);
    pass->masks = reference_allocate(layers, sizeof *pass->masks);
    pass->gradient = reference_allocate((size_t)network->parameter_count, sizeof *pass->gradient);
    pass->input_gradient = reference_allocate((size_t)reference_count(input), sizeof *pass->input_gradient);
    pass->outputs[0] = reference_allocate((size_t)reference_count(input), sizeof **pass->outputs);
    for (int i = 0; i < network->layer_count; ++i) {
        const struct reference_layer *layer = &network->layers[i];
        size_t count = (size_t)reference_count(reference_with_images(layer->out, images));

        pass->outputs[i + 1] = reference_allocate(count, sizeof **pass->outputs);
        if (layer->kind == REFERENCE_MAXPOOL) {
            pass->winners[i] = reference_allocate(count, sizeof **pass->winners);
        } else if (layer->kind == REFERENCE_DROPOUT) {
            pass->masks[i] = reference_allocate(count, 1);
            memset(pass->masks[i], 1, count);
        } else if (layer->kind == REFERENCE_NORM) {
            /* running statistics need one set per channel, whatever the batch has */
            int sets = reference_norm_sets(reference_with_images(layer->in, images), &layer->norm);
            size_t room = (size_t)(sets > layer->in.channels ? sets : layer->in.channels);
            pass->means[i] = reference_allocate(room, sizeof **pass->means);
            pass->variances[i] = reference_allocate(room, sizeof **pass->variances);
            pass->set_counts[i] = reference_allocate(room, sizeof **pass->set_counts);
        }
    }
    return pass;
}

void reference_pass_destroy(struct reference_pass *pass)
{
    if (pass == NULL)
        return;
    for (int i = 0; i < pass->network->layer_count; ++i) {
        free(pass->outputs[i + 1]);
        free(pass->winners[i]);
        free(pass->means[i]);
        free(pass->variances[i]);
        free(pass->set_counts[i]);
        free(pass->masks[i]);
    }
    free(pass->outputs[0]);
    free(pass->outputs);
    free(pass->winners);
    free(pass->means);
    free(pass->variances);
    free(pass->set_counts);
    free(pass->masks);
    free(pass->gradient);
    free(pass->input_gradient);
    free(pass);
}

void reference_set_images(struct reference_pass *pass, const double *images)
{
    const normnet_config *config = &pass->network->config;
    struct reference_shape shape = reference_input_shape(pass);
    int plane = shape.height * shape.width;

    for (int i = 0; i < reference_count(shape); ++i) {
        int c = i / plane % shape.channels;
        double mean = config->input_mean == NULL ? 0 : config->input_mean[c];
        double std = config->input_std == NULL ? 1 : config->input_std[c];

        pass->outputs[0][i] = (images[i] - mean) / std;
    }
}

const double *reference_logits(const struct reference_pass *pass)
{
    return pass->outputs[pass->network->layer_count];
}

static const double *at(const double *parameters, int first, int count)
{
    return count > 0 ? parameters + first : NULL;
}

/* Batch norm in evaluation is batch norm whose one set per channel has the running statistics. */
static struct reference_norm norm_in_use(const struct reference_layer *layer, reference_mode mode)
{
    struct reference_norm norm = layer->norm;

    if (mode == REFERENCE_EVALUATION)
        norm.virtual_batch = 0;
    return norm;
}

static void norm_forward(struct reference_pass *pass, int i, const double *parameters, const double *statistics,
                         reference_mode mode)
{
    const struct reference_layer *layer = &pass->network->layers[i];
    struct reference_shape in = reference_with_images(layer->in, pass->images);
    struct reference_norm norm = norm_in_use(layer, mode);

    if (layer->statistics >= 0 && mode == REFERENCE_EVALUATION) {
        size_t bytes = (size_t)in.channels * sizeof(double);

        memcpy(pass->means[i], statistics + layer->statistics, bytes);
        memcpy(pass->variances[i], statistics + layer->statistics + in.channels, bytes);
    } else {
        reference_norm_statistics(in, &norm, pass->outputs[i], pass->means[i], pass->variances[i], pass->set_counts[i]);
    }
    reference_norm_forward(in, &norm, pass->outputs[i], pass->means[i], pass->variances[i],
                           at(parameters, layer->weight, layer->weight_count),
                           at(parameters, layer->bias, layer->bias_count), pass->outputs[i + 1]);
}

void reference_layer_forward(struct reference_pass *pass, int i, const double *parameters, const double *statistics,
                             reference_mode mode)
{
    const struct reference_layer *layer = &pass->network->layers[i];
    struct reference_shape in = reference_with_images(layer->in, pass->images);
    const double *weight = at(parameters, layer->weight, layer->weight_count);
    const double *bias = at(parameters, layer->bias, layer->bias_count);
    const double *x = pass->outputs[i];
    double *y = pass->outputs[i + 1];

    switch (layer->kind) {
    case REFERENCE_CONV:
        reference_conv_forward(in, &layer->conv, x, weight, bias, y);
        break;
    case REFERENCE_FC:
        reference_fc_forward(pass->images, in.channels, layer->conv.out, x, weight, bias, y);
        break;
    case REFERENCE_RELU:
        reference_relu_forward(reference_count(in), layer->slope, x, y);
        break;
    case REFERENCE_NORM:
        norm_forward(pass, i, parameters, statistics, mode);
        break;
    case REFERENCE_DROPOUT:
        if (mode == REFERENCE_TRAINING) {
            reference_dropout(reference_count(in), layer->probability, pass->masks[i], x, y);
            break;
        }
        /* fallthrough */
    case REFERENCE_IDENTITY:
    case REFERENCE_FLATTEN:
        memcpy(y, x, (size_t)reference_count(in) * sizeof *y);
        break;
    case REFERENCE_MAXPOOL:
        reference_maxpool_forward(in, layer->pool, x, y, pass->winners[i]);
        break;
    case REFERENCE_AVGPOOL:
        reference_avgpool_forward(in, layer->pool, layer->pool, x, y);
        break;
    case REFERENCE_GAP:
        reference_avgpool_forward(in, in.height, in.width, x, y);
        break;
    }
}

void reference_forward(struct reference_pass *pass, const double *parameters, const double *statistics,
                       reference_mode mode)
{
    for (int i = 0; i < pass->network->layer_count; ++i)
        reference_layer_forward(pass, i, parameters, statistics, mode);
}

/* The gradient by the input of layer i from that by its output; parameter gradients are added. */
static void layer_backward(const struct reference_pass *pass, int i, const double *parameters, const double *dy,
                           double *dx, double *gradient)
{
    const struct reference_layer *layer = &pass->network->layers[i];
    struct reference_shape in = reference_with_images(layer->in, pass->images);
    const double *weight = at(parameters, layer->weight, layer->weight_count);
    const double *x = pass->outputs[i];
    double *dweight = layer->weight_count > 0 ? gradient + layer->weight : NULL;
    double *dbias = layer->bias_count > 0 ? gradient + layer->bias : NULL;

    switch (layer->kind) {
    case REFERENCE_CONV:
        reference_conv_backward(in, &layer->conv, x, weight, dy, dx, dweight, dbias);
        break;
    case REFERENCE_FC:
        reference_fc_backward(pass->images, in.channels, layer->conv.out, x, weight, dy, dx, dweight, dbias);
        break;
    case REFERENCE_RELU:
        reference_relu_backward(reference_count(in), layer->slope, x, dy, dx);
        break;
    case REFERENCE_NORM:
        reference_norm_backward(in, &layer->norm, x, pass->means[i], pass->variances[i], weight, dy, 0, dx, dweight,
                                dbias);
        break;
    case REFERENCE_DROPOUT:
        reference_dropout(reference_count(in), layer->probability, pass->masks[i], dy, dx);
        break;
    case REFERENCE_IDENTITY:
    case REFERENCE_FLATTEN:
        memcpy(dx, dy, (size_t)reference_count(in) * sizeof *dx);
        break;
    case REFERENCE_MAXPOOL:
        reference_maxpool_backward(in, layer->pool, pass->winners[i], dy, dx);
        break;
    case REFERENCE_AVGPOOL:
        reference_avgpool_backward(in, layer->pool, layer->pool, dy, dx);
        break;
    case REFERENCE_GAP:
        reference_avgpool_backward(in, in.height, in.width, dy, dx);
        break;
    }
}

/* Room for the widest layer of a batch. */
static double *widest(const struct reference_pass *pass)
{
    const struct reference_network *network = pass->network;
    int most = network->config.channels * network->config.height * network->config.width;

    for (int i = 0; i < network->layer_count; ++i) {
        int count = reference_count(network->layers[i].out);

        most = count > most ? count : most;
    }
    return reference_allocate((size_t)most * (size_t)pass->images, sizeof(double));
}

static void swap(double **a, double **b)
{
    double *other = *a;

    *a = *b;
    *b = other;
}

void reference_backward(struct reference_pass *pass, const double *parameters, const int *labels)
{
    const struct reference_network *network = pass->network;
    const int classes = network->config.classes;
    const double *logits = reference_logits(pass);
    double *dy = widest(pass), *dx = widest(pass);

    memset(pass->gradient, 0, (size_t)network->parameter_count * sizeof *pass->gradient);
    pass->loss = reference_loss(pass->images, classes, logits, labels, network->config.label_smoothing, dy);
    pass->correct = 0;
    for (int n = 0; n < pass->images; ++n) {
        int best = 0;

        for (int k = 1; k < classes; ++k)
            best = logits[n * classes + k] > logits[n * classes + best] ? k : best;
        pass->correct += best == labels[n];
    }
    for (int i = network->layer_count - 1; i >= 0; --i) {
        layer_backward(pass, i, parameters, dy, dx, pass->gradient);
        swap(&dy, &dx);
    }
    memcpy(pass->input_gradient, dy, (size_t)reference_count(reference_input_shape(pass)) * sizeof *dy);
    free(dy);
    free(dx);
}

/* ---- What a gradient would be if nothing cancelled ------------------------------------------- */

/* The input of layer i, or after an average the means of the absolute values. NULL: the input itself. */
static double *magnitude_behind_average(const struct reference_pass *pass, int i)
{
    const struct reference_layer *layers = pass->network->layers;
    struct reference_shape in;
    double *absolute, *means;
    int count;

    do
        --i;
    while (i >= 0 && (layers[i].kind == REFERENCE_FLATTEN || layers[i].kind == REFERENCE_IDENTITY ||
                      layers[i].kind == REFERENCE_DROPOUT));
    if (i < 0 || (layers[i].kind != REFERENCE_AVGPOOL && layers[i].kind != REFERENCE_GAP))
        return NULL;
    in = reference_with_images(layers[i].in, pass->images);
    count = reference_count(in);
    absolute = reference_allocate((size_t)count, sizeof *absolute);
    means = reference_allocate((size_t)count, sizeof *means);
    for (int k = 0; k < count; ++k)
        absolute[k] = fabs(pass->outputs[i][k]);
    if (layers[i].kind == REFERENCE_GAP)
        reference_avgpool_forward(in, in.height, in.width, absolute, means);
    else
        reference_avgpool_forward(in, layers[i].pool, layers[i].pool, absolute, means);
    free(absolute);
    return means;
}

/* |x - mean| / sqrt(variance + eps) replaces the normalized value in the gradient of gamma. */
static void typical_norm_backward(const struct reference_pass *pass, int i, const double *gamma, const double *dy,
                                  double *dx, double *dgamma, double *dbeta)
{
    const struct reference_layer *layer = &pass->network->layers[i];
    struct reference_shape in = reference_with_images(layer->in, pass->images);
    int count = reference_count(in), sets = reference_norm_sets(in, &layer->norm), k;
    double *normalized = reference_allocate((size_t)count, sizeof *normalized);
    double *zeros = reference_allocate((size_t)sets, sizeof *zeros);
    double *ones = reference_allocate((size_t)sets, sizeof *ones);
    struct reference_norm plain = layer->norm;

    plain.eps = 0;
    for (k = 0; k < sets; ++k)
        ones[k] = 1;
    reference_norm_forward(in, &layer->norm, pass->outputs[i], pass->means[i], pass->variances[i], NULL, NULL,
                           normalized);
    for (k = 0; k < count; ++k)
        normalized[k] = fabs(normalized[k]);
    reference_norm_backward(in, &plain, normalized, zeros, ones, gamma, dy, 1, NULL, dgamma, dbeta);
    reference_norm_backward(in, &layer->norm, pass->outputs[i], pass->means[i], pass->variances[i], gamma, dy, 1, dx,
                            NULL, NULL);
    free(normalized);
    free(zeros);
    free(ones);
}

void reference_typical_gradient(const struct reference_pass *pass, const double *parameters, const int *labels,
                                double *gradient)
{
    const struct reference_network *network = pass->network;
    double *dy = widest(pass), *dx = widest(pass);

    memset(gradient, 0, (size_t)network->parameter_count * sizeof *gradient);
    reference_loss(pass->images, network->config.classes, reference_logits(pass), labels,
                   network->config.label_smoothing, dy);
    for (int i = network->layer_count - 1; i >= 0; --i) {
        const struct reference_layer *layer = &network->layers[i];
        double *magnitude = magnitude_behind_average(pass, i);

        if (layer->kind == REFERENCE_NORM) {
            typical_norm_backward(pass, i, at(parameters, layer->weight, layer->weight_count), dy, dx,
                                  layer->weight_count > 0 ? gradient + layer->weight : NULL,
                                  layer->bias_count > 0 ? gradient + layer->bias : NULL);
        } else if (magnitude != NULL) {
            double *input = pass->outputs[i];

            pass->outputs[i] = magnitude;
            layer_backward(pass, i, parameters, dy, dx, gradient);
            pass->outputs[i] = input;
        } else {
            layer_backward(pass, i, parameters, dy, dx, gradient);
        }
        free(magnitude);
        swap(&dy, &dx);
    }
    free(dy);
    free(dx);
}
