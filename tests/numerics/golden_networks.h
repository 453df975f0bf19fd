/* SPDX-License-Identifier: MIT */
/*
 * Golden values are compared through the public API. A tensor inside a network is reached by small networks around the
 * layer in question: an input of one-hot channels makes the weights of conv1 the input of the next layer, and their
 * gradient that layer's dx; a last layer with tiny weights, under which all classes are equally likely, passes any dy
 * back.
 */
#ifndef GOLDEN_NETWORKS_H
#define GOLDEN_NETWORKS_H

#include "harness/check_normnet.h"
#include "harness/test_random.h"
#include "reference/golden.h"
#include "reference/reference.h"

static const double float_error = 2e-7; /* relative: a few roundings to float */

static inline void compare_values(const char *what, const float *values, const double *golden, int count,
                                  double tolerance)
{
    double largest = 0;

    for (int i = 0; i < count; ++i)
        largest = fmax(largest, fabs(golden[i]));
    for (int i = 0; i < count; ++i) {
        if (!(fabs(values[i] - golden[i]) <= tolerance * largest))
            CHECK_FAIL("%s[%d] is %.9g, expected %.9g", what, i, values[i], golden[i]);
    }
}

static inline normnet_config small_config(int norm, const char *architecture, int channels, int height, int width,
                                          int classes)
{
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, norm));
    config.architecture = architecture;
    config.channels = channels;
    config.height = height;
    config.width = width;
    config.classes = classes;
    return config;
}

#endif
