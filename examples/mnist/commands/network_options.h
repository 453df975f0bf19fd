/* SPDX-License-Identifier: MIT */
/*
 * The options of a network, for a file of weights that does not say its own, such as one that PyTorch wrote. They are
 * the same for all commands that read a model.
 */
#ifndef MNIST_NETWORK_OPTIONS_H
#define MNIST_NETWORK_OPTIONS_H

#include "data/class_names.h"
#include "support/options.h"

#include <normnet.h>

enum { NETWORK_OPTIONS = 12, NETWORK_MAX_CHANNELS = 64 };

struct network_options {
    const char *architecture, *image, *mean, *std; /* as on the command line */
    int32_t norm, affine;
    const char *classes; /* their number, or the file of their names */
    int64_t groups, layer_dims;
    bool takes_names;
    double eps;

    /* Of network_options_read(). */
    normnet_config config; /* points into this struct */
    double input_mean[NETWORK_MAX_CHANNELS], input_std[NETWORK_MAX_CHANNELS];
    struct class_names names; /* of --classes; none without it */
    const char *given;        /* the first option that describes the network, NULL = none */
};

/*
 * Sets the defaults and fills the table, which has room for NETWORK_OPTIONS; returns the number of its lines.
 * `takes_names` is whether the command can use the names of classes.
 */
int network_options_list(struct option *options, struct network_options *network, bool takes_names);

/* Also if the options were not read. */
void network_options_free(struct network_options *network);

/*
 * After the options were parsed: reads the names of classes and sets `*config` to the network that they describe, or to
 * NULL if there are none. Returns 0, or reports what is wrong with them.
 */
int network_options_read(struct network_options *network, const struct option *options, int count,
                         const normnet_config **config);

#endif
