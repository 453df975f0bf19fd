/* SPDX-License-Identifier: MIT */
/*
 * What all programs of this folder train: the network and the images of examples/small/train.c, vertical and horizontal
 * bars under noise, from a generator of its own. So they all end with the same weights, which their hash shows.
 */
#ifndef HOSTS_BARS_H
#define HOSTS_BARS_H

#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BARS_BATCH = 100, BARS_SIDE = 28, BARS_CLASSES = 2, BARS_STEPS = 200 };

struct bars {
    uint32_t state; /* of the random numbers; 0 to begin with */
    unsigned char images[BARS_BATCH][BARS_SIDE][BARS_SIDE];
    unsigned char labels[BARS_BATCH]; /* 0 = vertical, 1 = horizontal */
};

/* A random number from 0 to bound - 1, of up to 16 bits. */
static inline uint32_t bars_random(struct bars *bars, uint32_t bound)
{
    bars->state = bars->state * 1664525u + 1013904223u;
    return (bars->state >> 16) * bound >> 16;
}

/* Replaces the images by new ones: noise, and one brighter bar of 5 pixels each. */
static inline void bars_draw(struct bars *bars)
{
    for (int i = 0; i < BARS_BATCH; ++i) {
        const int middle = (int)bars_random(bars, BARS_SIDE);

        bars->labels[i] = (unsigned char)bars_random(bars, BARS_CLASSES);
        for (int y = 0; y < BARS_SIDE; ++y) {
            for (int x = 0; x < BARS_SIDE; ++x) {
                const int position = bars->labels[i] == 0 ? x : y;
                const uint32_t light = abs(position - middle) <= 2 ? 127 : 0;

                bars->images[i][y][x] = (unsigned char)(bars_random(bars, 128) + light);
            }
        }
    }
}

/* Tensors over the images and labels. */
static inline void bars_tensors(const struct bars *bars, normnet_tensor *images, normnet_tensor *labels)
{
    const int64_t shape[4] = {BARS_BATCH, 1, BARS_SIDE, BARS_SIDE};

    normnet_tensor_init(images, NORMNET_U8, bars->images, 4, shape);
    normnet_tensor_init(labels, NORMNET_U8, bars->labels, 1, shape);
}

/* For a program without arguments: its exit code if it has any, after printing its usage; otherwise -1. */
static inline int bars_usage(int argc, char **argv, const char *name)
{
    const int help = argc == 2 && (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0);

    if (argc < 2)
        return -1;
    if (!help)
        fprintf(stderr, "error: unknown argument '%s'; %s takes none\n", argv[1], name);
    fprintf(help ? stdout : stderr, "usage: %s [-h | --help]\n", name);
    return help ? EXIT_SUCCESS : 2;
}

/* The network, to which each program adds what its host is about. */
static inline normnet_status bars_config(normnet_config *config)
{
    const normnet_status status = normnet_config_init(config, NORMNET_NORM_GROUP);

    if (status == NORMNET_OK) {
        config->classes = BARS_CLASSES;
        config->architecture = "conv3-8 norm relu maxpool2 conv3-8 norm relu gap conv1-2";
        config->max_batch = BARS_BATCH;
    }
    return status;
}

/* A hash of all weights, FNV-1a of their bits. */
static inline uint32_t bars_hash(const normnet_model *model)
{
    const int64_t count = normnet_parameter_count(model);
    normnet_state_info info;
    uint32_t hash = 2166136261u;

    normnet_state_info_init(&info);
    if (normnet_state(model, 0, &info) != NORMNET_OK)
        return 0;
    for (int64_t i = 0; i < count; ++i) { /* the parameters are one array, which begins at the first */
        uint32_t bits;

        memcpy(&bits, (const char *)info.data + 4 * i, sizeof bits);
        for (int byte = 0; byte < 4; ++byte)
            hash = (hash ^ (bits >> 8 * byte & 255)) * 16777619u;
    }
    return hash;
}

#endif
