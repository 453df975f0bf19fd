/* SPDX-License-Identifier: MIT */
/* Reads an architecture: layers, shapes, and where their parameters are. */
#include "reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void read_conv(const char *text, struct reference_layer *layer, int *bias)
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

static void read_fc(const char *text, struct reference_layer *layer, int *bias)
{
    layer->kind = REFERENCE_FC;
    layer->conv.out = take_number(&text);
    *bias = take(&text, "b");
}

/* What a normalization `kind` means under this configuration; `flat` after flatten. 0 if there is no such. */
static int resolve_norm(const normnet_config *config, int kind, int groups, int flat, struct reference_layer *layer)
{
    struct reference_norm *norm = &layer->norm;

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
    if (kind == NORMNET_NORM_RMS) {
        norm->dims = 3;
        return 1;
    }
    if (kind == NORMNET_NORM_LAYER)
        return !(norm->affine == NORMNET_AFFINE_CHANNEL && norm->dims < 3);
    return norm->affine != NORMNET_AFFINE_ELEMENT && !(kind == NORMNET_NORM_INSTANCE && flat);
}

/* Fills the fields of a word's layer; the parameters come later. 0 for an unknown word. */
static int read_word(const normnet_config *config, const char *word, int flat, struct reference_layer *layer, int *bias)
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
    else if (strcmp(word, "rmsnorm") == 0)
        return resolve_norm(config, NORMNET_NORM_RMS, 0, flat, layer);
    else
        return 0;
    return 1;
}

static struct reference_shape output_shape(const struct reference_layer *layer)
{
    struct reference_shape shape = layer->in;

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
static void place_parameters(struct reference_network *network, struct reference_layer *layer, int bias)
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
        if (layer->norm.kind == NORMNET_NORM_RMS)
            layer->bias_count = 0;
        if (layer->norm.kind == NORMNET_NORM_BATCH) {
            layer->statistics = network->statistics_count;
            network->statistics_count += 2 * layer->in.channels + 1;
        }
    }
    layer->weight = network->parameter_count;
    layer->bias = layer->weight + layer->weight_count;
    network->parameter_count = layer->bias + layer->bias_count;
}

/* The network of config->architecture == NULL: that of seed 003 with gap, padded for small images. */
static const char *default_architecture(const normnet_config *config, char *text, size_t size)
{
    const char *p = config->height < 18 || config->width < 18 ? "p1" : "";

    snprintf(text, size,
             "conv3-8%s relu norm dropout conv3-16%s relu norm dropout maxpool2 conv1-8 "
             "conv3-16%s relu norm dropout conv3-16%s relu norm dropout conv3-16%s relu norm dropout gap "
             "conv1-16 relu norm dropout conv1-%d",
             p, p, p, p, p, (int)config->classes);
    return text;
}

struct reference_network *reference_network_create(const normnet_config *config)
{
    struct reference_network *network = reference_allocate(1, sizeof *network);
    char standard[400], word[64];
    const char *text = config->architecture;
    struct reference_shape shape = {1, config->channels, config->height, config->width};
    int flat = 0, length;

    if (text == NULL)
        text = default_architecture(config, standard, sizeof standard);
    network->config = *config;
    network->config.architecture = NULL; /* the caller's text may not live as long */
    for (; sscanf(text, " %63s%n", word, &length) == 1; text += length) {
        struct reference_layer *layer = &network->layers[network->layer_count];
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

void reference_initial_statistics(const struct reference_network *network, double *statistics)
{
    memset(statistics, 0, (size_t)network->statistics_count * sizeof *statistics);
    for (int i = 0; i < network->layer_count; ++i) {
        const struct reference_layer *layer = &network->layers[i];

        for (int c = 0; layer->statistics >= 0 && c < layer->in.channels; ++c)
            statistics[layer->statistics + layer->in.channels + c] = 1;
    }
}
