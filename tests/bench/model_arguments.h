/* SPDX-License-Identifier: MIT */
/* A model and its images, from the command line: shared by latency.c and memory.c. */
#ifndef NORMNET_BENCH_MODEL_ARGUMENTS_H
#define NORMNET_BENCH_MODEL_ARGUMENTS_H

#include "normnet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODEL_ARGUMENTS "NORM GROUPS CHANNELS HEIGHT WIDTH BATCH THREADS CPU ARCHITECTURE"
enum { MODEL_ARGUMENT_COUNT = 9, CLASSES = 10 };

static normnet_config model_config(char **arguments)
{
    normnet_config config;

    if (normnet_config_init(&config, atoi(arguments[0])) != NORMNET_OK) {
        fprintf(stderr, "error: %s\n", normnet_error_message());
        exit(1);
    }
    config.groups = atoi(arguments[1]);
    config.channels = atoi(arguments[2]);
    config.height = atoi(arguments[3]);
    config.width = atoi(arguments[4]);
    config.max_batch = atoi(arguments[5]);
    config.threads = atoi(arguments[6]);
    config.cpu = atoi(arguments[7]);
    config.architecture = arguments[8];
    config.memory_limit = 0;
    return config;
}

static void check(normnet_status status)
{
    if (status != NORMNET_OK) {
        fprintf(stderr, "error: %s\n", normnet_error_message());
        exit(1);
    }
}

/* Memory whose pages the system has really allocated. */
static void *touched(int64_t size)
{
    void *memory = malloc((size_t)size);

    if (memory == NULL) {
        perror("error");
        exit(1);
    }
    return memset(memory, 1, (size_t)size);
}

/* A batch of bytes, all 1. */
static normnet_tensor draw_images(const normnet_config *config)
{
    const int64_t shape[4] = {config->max_batch, config->channels, config->height, config->width};
    normnet_tensor images;

    normnet_tensor_init(&images, NORMNET_U8, touched(shape[0] * shape[1] * shape[2] * shape[3]), 4, shape);
    return images;
}

#endif
