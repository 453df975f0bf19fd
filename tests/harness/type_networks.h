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

/*
 * For tokens of maps and of features. `%s` is the token: after a ReLU, whose mask the layer may apply, and after a
 * layer with outputs of both signs.
 */
static const struct type_context {
    const char *format;
    int32_t position; /* of the token */
} type_contexts[] = {
    {"conv3-8 relu %s conv1-8 relu conv1-10 gap", 2},
    {"conv3-8 %s conv1-8 relu conv1-10 gap", 1},
    {"flatten fc-8 relu %s fc-10b", 3},
    {"flatten fc-8 %s fc-10b", 2},
    {"conv3-8 relu %s fc-10", 2},
    {"conv3-8 %s fc-10", 1},
};

enum { TYPE_CONTEXTS = sizeof type_contexts / sizeof type_contexts[0] };

static inline void type_config(normnet_config *config, const char *architecture)
{
    normnet_config_init(config, NORMNET_NORM_GROUP);
    config->channels = TYPE_CHANNELS;
    config->height = TYPE_HEIGHT;
    config->width = TYPE_WIDTH;
    config->classes = TYPE_CLASSES;
    config->architecture = architecture;
}

/* Resolves the token in a context; 0 if the context does not take it. */
static inline int type_network_read_in(struct type_network *type, const char *token, int context)
{
    normnet_config config;

    memset(type, 0, sizeof *type);
    type->network.layers = type->layers;
    type->layer = type_contexts[context].position;
    snprintf(type->architecture, TYPE_TEXT, type_contexts[context].format, token);
    type_config(&config, type->architecture);
    return normnet__read_architecture(&type->network, &config, NORMNET__MAX_LANES, type->tokens) == NORMNET_OK;
}

/* The same in the first context that takes it; 0 if none does. */
static inline int type_network_read(struct type_network *type, const char *token)
{
    for (int i = 0; i < TYPE_CONTEXTS; ++i)
        if (type_network_read_in(type, token, i))
            return 1;
    return 0;
}

/*
 * The networks around a type: its example, and its bare name, whose numbers have their defaults, in every context. 0 if
 * there is no network `i`.
 */
enum { TYPE_NETWORKS = 2 * TYPE_CONTEXTS };

static inline int type_network_at(struct type_network *network, const struct layer_type *type, int i)
{
    const int bare = i >= TYPE_CONTEXTS;

    if (bare && strcmp(type->example, type->name) == 0)
        return 0;
    return type_network_read_in(network, bare ? type->name : type->example, i % TYPE_CONTEXTS);
}

#endif
