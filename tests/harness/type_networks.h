/* SPDX-License-Identifier: MIT */
/* A small network around each type of layer, so that tests can walk over the list of all types. */
#ifndef TYPE_NETWORKS_H
#define TYPE_NETWORKS_H

#include "layers/layer_type.h"
#include "net/network.h"

#include <stdio.h>
#include <string.h>

enum {
    TYPE_CHANNELS = 2,
    TYPE_HEIGHT = 11,
    TYPE_WIDTH = 13,
    TYPE_CLASSES = 10,
    TYPE_TEXT = 160, /* bytes of an architecture */
    TYPE_MAX_LAYERS = 8
};

struct type_network {
    char architecture[TYPE_TEXT], tokens[TYPE_TEXT];
    struct layer layers[TYPE_MAX_LAYERS];
    struct network network;
    int32_t layer; /* which one is the token's */
};

/* For tokens of maps and of features; after a ReLU, whose mask the layer may apply. `%s` is the token. */
static const char *const type_contexts[] = {
    "conv3-8 relu %s conv1-8 relu conv1-10 gap",
    "flatten fc-8 relu %s fc-10b",
    "conv3-8 relu %s fc-10",
};

static inline void type_config(normnet_config *config, const char *architecture)
{
    normnet_config_init(config, NORMNET_NORM_GROUP);
    config->channels = TYPE_CHANNELS;
    config->height = TYPE_HEIGHT;
    config->width = TYPE_WIDTH;
    config->classes = TYPE_CLASSES;
    config->architecture = architecture;
}

/* Resolves the token in the first context that takes it; 0 if none does. */
static inline int type_network_read(struct type_network *type, const char *token)
{
    static const int32_t positions[] = {2, 3, 2};
    normnet_config config;

    for (size_t i = 0; i < sizeof type_contexts / sizeof *type_contexts; ++i) {
        memset(type, 0, sizeof *type);
        type->network.layers = type->layers;
        type->layer = positions[i];
        snprintf(type->architecture, TYPE_TEXT, type_contexts[i], token);
        type_config(&config, type->architecture);
        if (normnet__read_architecture(&type->network, &config, type->tokens) == NORMNET_OK)
            return 1;
    }
    return 0;
}

#endif
