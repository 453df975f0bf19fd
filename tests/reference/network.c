/* SPDX-License-Identifier: MIT */
/* Reads an architecture sentence and runs the network: forward, loss, backward, training step. */
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The sentence ---------------------------------------------------------------------------- */

/* If *text begins with `word`, steps over it. */
static int take(const char **text, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(*text, word, length) != 0)
        return 0;
    *text += length;
    return 1;
}

/* A whole number at *text, or 0 if there is none. */
static int take_number(const char **text)
{
    int number = 0;
    while (**text >= '0' && **text <= '9')
        number = number * 10 + *(*text)++ - '0';
    return number;
}

static double take_fraction(const char **text)
{
    double value = take_number(text), digit = 0.1;
    if (take(text, ".")) {
        for (; **text >= '0' && **text <= '9'; ++*text, digit /= 10)
            value += digit * (**text - '0');
    }
    return value;
}

static void read_conv(const char *text, reference_layer *layer, int *bias)
{
    layer->kind = REFERENCE_CONV;
    layer->conv.kernel = take_number(&text);
    take(&text, "-");
    layer->conv.out = take_number(&text);
    layer->conv.stride = 1;
    for (;;) {
        if (take(&text, "s"))
            layer->conv.stride = take_number(&text);
        else if (take(&text, "p"))
            layer->conv.padding = take_number(&text);
        else if (take(&text, "b"))
            *bias = 1;
        else
            break;
    }
}

static void read_fc(const char *text, reference_layer *layer, int *bias)
{
    layer->kind = REFERENCE_FC;
    layer->conv.out = take_number(&text);
    *bias = take(&text, "b");
}

/* What a normalization `kind` means under this configuration; `flat` after flatten. 0 if there is no such. */
static int resolve_norm(const normnet_config *config, int kind, int groups, int flat, reference_layer *layer)
{
    reference_norm *norm = &layer->norm;
    if (kind == NORMNET_NORM_NONE) {
        layer->kind = REFERENCE_IDENTITY;
        return 1;
    }
    layer->kind = REFERENCE_NORM;
    norm->kind = kind;
    norm->groups = groups > 0 ? groups : layer->in.channels / 4;
    norm->dims = flat ? 3 : config->layer_dims;
    norm->virtual_batch = config->virtual_batch;
    norm->eps = config->eps;
    norm->affine = config->affine;
    if (norm->affine == NORMNET_AFFINE_DEFAULT) {
        norm->affine = kind == NORMNET_NORM_LAYER && norm->dims < 3 ? NORMNET_AFFINE_NONE : NORMNET_AFFINE_CHANNEL;
    }
    if (kind == NORMNET_NORM_GROUP)
        return norm->groups > 0 && layer->in.channels % norm->groups == 0;
    if (kind == NORMNET_NORM_LAYER)
        return !(norm->affine == NORMNET_AFFINE_CHANNEL && norm->dims < 3);
    return norm->affine != NORMNET_AFFINE_ELEMENT && !(kind == NORMNET_NORM_INSTANCE && flat);
}

/* Fills what the word says; the parameters come later. 0 for an unknown word. */
static int read_word(const normnet_config *config, const char *word, int flat, reference_layer *layer, int *bias)
{
    if (take(&word, "conv"))
        read_conv(word, layer, bias);
    else if (take(&word, "fc-"))
        read_fc(word, layer, bias);
    else if (strcmp(word, "relu") == 0)
        layer->kind = REFERENCE_RELU;
    else if (take(&word, "leakyrelu")) {
        layer->kind = REFERENCE_RELU;
        layer->slope = *word == '\0' ? 0.01 : take_fraction(&word);
    } else if (strcmp(word, "flatten") == 0)
        layer->kind = REFERENCE_FLATTEN;
    else if (strcmp(word, "gap") == 0)
        layer->kind = REFERENCE_GAP;
    else if (take(&word, "dropout")) {
        layer->kind = REFERENCE_DROPOUT;
        layer->probability = *word == '\0' ? config->dropout : take_fraction(&word);
    } else if (take(&word, "maxpool")) {
        layer->kind = REFERENCE_MAXPOOL;
        layer->pool = take_number(&word);
    } else if (take(&word, "avgpool")) {
        layer->kind = REFERENCE_AVGPOOL;
        layer->pool = take_number(&word);
    } else if (strcmp(word, "norm") == 0)
        return resolve_norm(config, config->norm, config->groups, flat, layer);
    else if (strcmp(word, "batchnorm") == 0)
        return resolve_norm(config, NORMNET_NORM_BATCH, 0, flat, layer);
    else if (take(&word, "groupnorm"))
        return resolve_norm(config, NORMNET_NORM_GROUP, *word == '\0' ? config->groups : take_number(&word), flat,
                            layer);
    else if (strcmp(word, "layernorm") == 0)
        return resolve_norm(config, NORMNET_NORM_LAYER, 0, flat, layer);
    else if (strcmp(word, "instancenorm") == 0)
        return resolve_norm(config, NORMNET_NORM_INSTANCE, 0, flat, layer);
    else
        return 0;
    return 1;
}

static reference_shape output_shape(const reference_layer *layer)
{
    reference_shape shape = layer->in;
    switch (layer->kind) {
    case REFERENCE_CONV:
        return reference_conv_shape(shape, &layer->conv);
    case REFERENCE_FC:
        shape.channels = layer->conv.out;
        break;
    case REFERENCE_MAXPOOL:
    case REFERENCE_AVGPOOL:
        return reference_pool_shape(shape, layer->pool);
    case REFERENCE_GAP:
        shape.height = shape.width = 1;
        break;
    case REFERENCE_FLATTEN:
        shape.channels = reference_count(shape);
        shape.height = shape.width = 1;
        break;
    default:
        break;
    }
    return shape;
}

/* Gives the layer its places in the arrays of parameters and of statistics. */
static void place_parameters(reference_network *network, reference_layer *layer, int bias)
{
    layer->statistics = -1;
    if (layer->kind == REFERENCE_CONV) {
        layer->weight_count = layer->conv.out * layer->in.channels * layer->conv.kernel * layer->conv.kernel;
        layer->bias_count = bias ? layer->conv.out : 0;
    } else if (layer->kind == REFERENCE_FC) {
        layer->weight_count = layer->conv.out * layer->in.channels;
        layer->bias_count = bias ? layer->conv.out : 0;
    } else if (layer->kind == REFERENCE_NORM) {
        layer->weight_count = layer->bias_count = reference_norm_parameters(layer->in, &layer->norm);
        if (layer->norm.kind == NORMNET_NORM_BATCH) {
            layer->statistics = network->statistics_count;
            network->statistics_count += 2 * layer->in.channels + 1;
        }
    }
    layer->weight = network->parameter_count;
    layer->bias = layer->weight + layer->weight_count;
    network->parameter_count = layer->bias + layer->bias_count;
}

/* The network of config->architecture == NULL: that of seed 003 with gap. */
static const char *default_architecture(const normnet_config *config, char *text, size_t size)
{
    snprintf(text, size,
             "conv3-8 relu norm dropout conv3-16 relu norm dropout maxpool2 conv1-8 "
             "conv3-16 relu norm dropout conv3-16 relu norm dropout conv3-16 relu norm dropout gap "
             "conv1-16 relu norm dropout conv1-%d",
             (int)config->classes);
    return text;
}

reference_network *reference_network_create(const normnet_config *config)
{
    reference_network *network = reference_allocate(1, sizeof *network);
    char standard[400], word[64];
    const char *text = config->architecture;
    reference_shape shape = {1, config->channels, config->height, config->width};
    int flat = 0, length;
    if (text == NULL)
        text = default_architecture(config, standard, sizeof standard);
    network->config = *config;
    network->config.architecture = NULL; /* the caller's text may not live as long */
    for (; sscanf(text, " %63s%n", word, &length) == 1; text += length) {
        reference_layer *layer = &network->layers[network->layer_count];
        int bias = 0;
        layer->in = shape;
        if (network->layer_count == REFERENCE_MOST_LAYERS || !read_word(config, word, flat, layer, &bias)) {
            fprintf(stderr, "reference: \"%s\" is no layer here\n", word);
            free(network);
            return NULL;
        }
        flat |= layer->kind == REFERENCE_FLATTEN;
        shape = layer->out = output_shape(layer);
        place_parameters(network, layer, bias);
        ++network->layer_count;
    }
    if (reference_count(shape) != config->classes) {
        fprintf(stderr, "reference: the network ends in %d values, not %d\n", reference_count(shape),
                (int)config->classes);
        free(network);
        return NULL;
    }
    return network;
}

void reference_initial_statistics(const reference_network *network, double *statistics)
{
    int i, c;
    memset(statistics, 0, (size_t)network->statistics_count * sizeof *statistics);
    for (i = 0; i < network->layer_count; ++i) {
        const reference_layer *layer = &network->layers[i];
        for (c = 0; layer->statistics >= 0 && c < layer->in.channels; ++c)
            statistics[layer->statistics + layer->in.channels + c] = 1;
    }
}

/* ---- A pass ---------------------------------------------------------------------------------- */

static reference_shape with_images(reference_shape shape, int images)
{
    shape.images = images;
    return shape;
}

reference_shape reference_input_shape(const reference_pass *pass)
{
    const normnet_config *config = &pass->network->config;
    reference_shape shape = {pass->images, config->channels, config->height, config->width};
    return shape;
}

reference_pass *reference_pass_create(const reference_network *network, int images)
{
    reference_pass *pass = reference_allocate(1, sizeof *pass);
    size_t layers = (size_t)network->layer_count;
    reference_shape input;
    int i;
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
    for (i = 0; i < network->layer_count; ++i) {
        const reference_layer *layer = &network->layers[i];
        size_t count = (size_t)reference_count(with_images(layer->out, images));
        pass->outputs[i + 1] = reference_allocate(count, sizeof **pass->outputs);
        if (layer->kind == REFERENCE_MAXPOOL) {
            pass->winners[i] = reference_allocate(count, sizeof **pass->winners);
        } else if (layer->kind == REFERENCE_DROPOUT) {
            pass->masks[i] = reference_allocate(count, 1);
            memset(pass->masks[i], 1, count);
        } else if (layer->kind == REFERENCE_NORM) {
            /* running statistics need one set per channel, whatever the batch has */
            int sets = reference_norm_sets(with_images(layer->in, images), &layer->norm);
            size_t room = (size_t)(sets > layer->in.channels ? sets : layer->in.channels);
            pass->means[i] = reference_allocate(room, sizeof **pass->means);
            pass->variances[i] = reference_allocate(room, sizeof **pass->variances);
            pass->set_counts[i] = reference_allocate(room, sizeof **pass->set_counts);
        }
    }
    return pass;
}

void reference_pass_destroy(reference_pass *pass)
{
    int i;
    if (pass == NULL)
        return;
    for (i = 0; i < pass->network->layer_count; ++i) {
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

void reference_set_images(reference_pass *pass, const double *images)
{
    const normnet_config *config = &pass->network->config;
    reference_shape shape = reference_input_shape(pass);
    int plane = shape.height * shape.width, i;
    for (i = 0; i < reference_count(shape); ++i) {
        int c = i / plane % shape.channels;
        double mean = config->input_mean == NULL ? 0 : config->input_mean[c];
        double std = config->input_std == NULL ? 1 : config->input_std[c];
        pass->outputs[0][i] = (images[i] - mean) / std;
    }
}

const double *reference_logits(const reference_pass *pass)
{
    return pass->outputs[pass->network->layer_count];
}

static const double *at(const double *parameters, int first, int count)
{
    return count > 0 ? parameters + first : NULL;
}

/* Batch norm in evaluation is batch norm whose one set per channel has the running statistics. */
static reference_norm norm_in_use(const reference_layer *layer, reference_mode mode)
{
    reference_norm norm = layer->norm;
    if (mode == REFERENCE_EVALUATION)
        norm.virtual_batch = 0;
    return norm;
}

static void norm_forward(reference_pass *pass, int i, const double *parameters, const double *statistics,
                         reference_mode mode)
{
    const reference_layer *layer = &pass->network->layers[i];
    reference_shape in = with_images(layer->in, pass->images);
    reference_norm norm = norm_in_use(layer, mode);
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

void reference_layer_forward(reference_pass *pass, int i, const double *parameters, const double *statistics,
                             reference_mode mode)
{
    const reference_layer *layer = &pass->network->layers[i];
    reference_shape in = with_images(layer->in, pass->images);
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

void reference_forward(reference_pass *pass, const double *parameters, const double *statistics, reference_mode mode)
{
    int i;
    for (i = 0; i < pass->network->layer_count; ++i)
        reference_layer_forward(pass, i, parameters, statistics, mode);
}

/* The gradient by the input of layer i from that by its output; parameter gradients are added. */
static void layer_backward(const reference_pass *pass, int i, const double *parameters, const double *dy, double *dx,
                           double *gradient)
{
    const reference_layer *layer = &pass->network->layers[i];
    reference_shape in = with_images(layer->in, pass->images);
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
static double *widest(const reference_pass *pass)
{
    const reference_network *network = pass->network;
    int most = network->config.channels * network->config.height * network->config.width, i;
    for (i = 0; i < network->layer_count; ++i) {
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

void reference_backward(reference_pass *pass, const double *parameters, const int *labels)
{
    const reference_network *network = pass->network;
    const int classes = network->config.classes;
    const double *logits = reference_logits(pass);
    double *dy = widest(pass), *dx = widest(pass);
    int i, n, k;
    memset(pass->gradient, 0, (size_t)network->parameter_count * sizeof *pass->gradient);
    pass->loss = reference_loss(pass->images, classes, logits, labels, network->config.label_smoothing, dy);
    pass->correct = 0;
    for (n = 0; n < pass->images; ++n) {
        int best = 0;
        for (k = 1; k < classes; ++k)
            best = logits[n * classes + k] > logits[n * classes + best] ? k : best;
        pass->correct += best == labels[n];
    }
    for (i = network->layer_count - 1; i >= 0; --i) {
        layer_backward(pass, i, parameters, dy, dx, pass->gradient);
        swap(&dy, &dx);
    }
    memcpy(pass->input_gradient, dy, (size_t)reference_count(reference_input_shape(pass)) * sizeof *dy);
    free(dy);
    free(dx);
}

/* ---- The yardstick for gradients that vanish ------------------------------------------------- */

/* The input of layer i, or after an average the means of the absolute values. NULL: the input itself. */
static double *magnitude_behind_average(const reference_pass *pass, int i)
{
    const reference_layer *layers = pass->network->layers;
    reference_shape in;
    double *absolute, *means;
    int k, count;
    do
        --i;
    while (i >= 0 && (layers[i].kind == REFERENCE_FLATTEN || layers[i].kind == REFERENCE_IDENTITY ||
                      layers[i].kind == REFERENCE_DROPOUT));
    if (i < 0 || (layers[i].kind != REFERENCE_AVGPOOL && layers[i].kind != REFERENCE_GAP))
        return NULL;
    in = with_images(layers[i].in, pass->images);
    count = reference_count(in);
    absolute = reference_allocate((size_t)count, sizeof *absolute);
    means = reference_allocate((size_t)count, sizeof *means);
    for (k = 0; k < count; ++k)
        absolute[k] = fabs(pass->outputs[i][k]);
    if (layers[i].kind == REFERENCE_GAP)
        reference_avgpool_forward(in, in.height, in.width, absolute, means);
    else
        reference_avgpool_forward(in, layers[i].pool, layers[i].pool, absolute, means);
    free(absolute);
    return means;
}

/* |x - mean| / sqrt(variance + eps) stands for the normalized value in the gradient of gamma. */
static void typical_norm_backward(const reference_pass *pass, int i, const double *gamma, const double *dy, double *dx,
                                  double *dgamma, double *dbeta)
{
    const reference_layer *layer = &pass->network->layers[i];
    reference_shape in = with_images(layer->in, pass->images);
    int count = reference_count(in), sets = reference_norm_sets(in, &layer->norm), k;
    double *normalized = reference_allocate((size_t)count, sizeof *normalized);
    double *zeros = reference_allocate((size_t)sets, sizeof *zeros);
    double *ones = reference_allocate((size_t)sets, sizeof *ones);
    reference_norm plain = layer->norm;
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

void reference_typical_gradient(const reference_pass *pass, const double *parameters, const int *labels,
                                double *gradient)
{
    const reference_network *network = pass->network;
    double *dy = widest(pass), *dx = widest(pass);
    int i;
    memset(gradient, 0, (size_t)network->parameter_count * sizeof *gradient);
    reference_loss(pass->images, network->config.classes, reference_logits(pass), labels,
                   network->config.label_smoothing, dy);
    for (i = network->layer_count - 1; i >= 0; --i) {
        const reference_layer *layer = &network->layers[i];
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

/* ---- Training -------------------------------------------------------------------------------- */

void reference_update_statistics(const reference_pass *pass, double *statistics)
{
    const normnet_config *config = &pass->network->config;
    const double momentum = config->cumulative_statistics ? -1 : config->batchnorm_momentum;
    int i, batch;
    for (i = 0; i < pass->network->layer_count; ++i) {
        const reference_layer *layer = &pass->network->layers[i];
        const int channels = layer->in.channels;
        double *running = statistics + layer->statistics;
        int batches;
        if (layer->statistics < 0)
            continue;
        batches = reference_norm_sets(with_images(layer->in, pass->images), &layer->norm) / channels;
        for (batch = 0; batch < batches; ++batch)
            reference_running_statistics(channels, pass->means[i] + batch * channels,
                                         pass->variances[i] + batch * channels, pass->set_counts[i][batch * channels],
                                         momentum, running, running + channels, running + 2 * channels);
    }
}

reference_trainer *reference_trainer_create(const reference_network *network, const double *parameters)
{
    reference_trainer *trainer = reference_allocate(1, sizeof *trainer);
    size_t count = (size_t)network->parameter_count;
    trainer->network = network;
    trainer->parameters = reference_allocate(count, sizeof *parameters);
    trainer->buffer = reference_allocate(count, sizeof *parameters);
    trainer->statistics = reference_allocate((size_t)network->statistics_count, sizeof *parameters);
    memcpy(trainer->parameters, parameters, count * sizeof *parameters);
    reference_initial_statistics(network, trainer->statistics);
    return trainer;
}

void reference_trainer_destroy(reference_trainer *trainer)
{
    if (trainer == NULL)
        return;
    free(trainer->parameters);
    free(trainer->buffer);
    free(trainer->statistics);
    free(trainer);
}

/* l1 over everything that is punished first, then l2; the sum of both. */
static double add_penalties(const reference_trainer *trainer, double *gradient)
{
    const reference_network *network = trainer->network;
    const normnet_config *config = &network->config;
    double penalty = 0;
    int i;
    if (config->penalty_on == NORMNET_PENALTY_ALL)
        return reference_l1(network->parameter_count, config->l1, trainer->parameters, gradient) +
               reference_l2(network->parameter_count, config->l2, trainer->parameters, gradient);
    for (i = 0; i < network->layer_count; ++i) {
        const reference_layer *layer = &network->layers[i];
        const double *weight = trainer->parameters + layer->weight;
        if (layer->kind != REFERENCE_CONV && layer->kind != REFERENCE_FC)
            continue;
        penalty += reference_l1(layer->weight_count, config->l1, weight, gradient + layer->weight);
        penalty += reference_l2(layer->weight_count, config->l2, weight, gradient + layer->weight);
    }
    return penalty;
}

reference_metrics reference_apply(reference_trainer *trainer, const reference_pass *pass)
{
    const reference_network *network = trainer->network;
    const normnet_config *config = &network->config;
    const int count = network->parameter_count;
    double *gradient = reference_allocate((size_t)count, sizeof *gradient);
    reference_metrics metrics;
    reference_sgd sgd;
    int i;
    for (i = 0; i < count; ++i)
        gradient[i] = pass->gradient[i] / pass->images;
    metrics.loss = pass->loss / pass->images;
    metrics.penalty = add_penalties(trainer, gradient);
    metrics.gradient_norm = reference_clip(count, config->clip_norm, gradient);
    reference_schedule(config, trainer->step, &metrics.lr, &metrics.momentum);
    sgd.lr = metrics.lr;
    sgd.momentum = metrics.momentum;
    sgd.dampening = config->dampening;
    sgd.nesterov = config->nesterov;
    sgd.first = trainer->step == 0;
    reference_sgd_step(count, &sgd, gradient, trainer->buffer, trainer->parameters);
    reference_update_statistics(pass, trainer->statistics);
    ++trainer->step;
    free(gradient);
    return metrics;
}
