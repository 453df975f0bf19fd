/* SPDX-License-Identifier: MIT */
/* Checks and short forms for tests that call the library. */
#ifndef CHECK_NORMNET_H
#define CHECK_NORMNET_H

#include "check.h"

#include <normnet.h>

static inline int check_status(const char *file, int line, const char *expression, normnet_status actual,
                               normnet_status expected)
{
    if (actual == expected)
        return 1;
    return check_fail(file, line, "%s is %s, expected %s; the message is \"%s\"", expression,
                      normnet_status_string((int32_t)actual), normnet_status_string((int32_t)expected),
                      normnet_error_message());
}

/* The norms of normnet_norm; a new one gets its name here, and tests that walk over all norms take it. */
enum { NORM_COUNT = NORMNET_NORM_RMS + 1 };

/* As in Python and in normnet-mnist. */
static inline const char *norm_name(int32_t norm)
{
    static const char *const names[NORM_COUNT] = {"none", "batch", "group", "layer", "instance", "rms"};

    return names[norm];
}

#define CHECK_STATUS(call, expected) check_status(__FILE__, __LINE__, #call, (call), (expected))
#define CHECK_OK(call) CHECK_STATUS(call, NORMNET_OK)

/* A model, or NULL and a failure. */
static inline normnet_model *check_create(const char *file, int line, const normnet_config *config)
{
    normnet_model *model = NULL;

    check_status(file, line, config->architecture == NULL ? "create(default)" : config->architecture,
                 normnet_model_create(&model, config), NORMNET_OK);
    return model;
}

#define CHECK_CREATE(config) check_create(__FILE__, __LINE__, (config))

static inline normnet_tensor tensor_1d(int32_t dtype, const void *data, int64_t count)
{
    normnet_tensor tensor;

    normnet_tensor_init(&tensor, dtype, data, 1, &count);
    return tensor;
}

/* `images` images of the model's size, contiguous. */
static inline normnet_tensor tensor_images(int32_t dtype, const void *data, int64_t images,
                                           const normnet_config *config)
{
    const int64_t shape[] = {images, config->channels, config->height, config->width};
    normnet_tensor tensor;

    normnet_tensor_init(&tensor, dtype, data, 4, shape);
    return tensor;
}

static inline normnet_tensor tensor_2d(int32_t dtype, const void *data, int64_t rows, int64_t columns)
{
    const int64_t shape[] = {rows, columns};
    normnet_tensor tensor;

    normnet_tensor_init(&tensor, dtype, data, 2, shape);
    return tensor;
}

static inline normnet_metrics metrics_init(void)
{
    normnet_metrics metrics;

    normnet_metrics_init(&metrics);
    return metrics;
}

static inline normnet_predict_options options_init(int32_t scores, int32_t statistics)
{
    normnet_predict_options options;

    normnet_predict_options_init(&options);
    options.scores = scores;
    options.statistics = statistics;
    return options;
}

static inline normnet_config model_config(const normnet_model *model)
{
    normnet_config config = {0};

    config.struct_size = (int32_t)sizeof config;
    CHECK_OK(normnet_model_config(model, &config));
    return config;
}

static inline normnet_state_info state_info(const normnet_model *model, int32_t index)
{
    normnet_state_info info;

    normnet_state_info_init(&info);
    CHECK_OK(normnet_state(model, index, &info));
    return info;
}

static inline int64_t state_length(const normnet_state_info *info)
{
    int64_t count = 1;

    for (int32_t i = 0; i < info->rank; ++i)
        count *= info->shape[i];
    return count;
}

/* Bytes of the entry. */
static inline size_t state_size(const normnet_state_info *info)
{
    return (size_t)state_length(info) * (info->dtype == NORMNET_I64 ? 8 : 4);
}

static inline normnet_layer_info layer_info(const normnet_model *model, int32_t layer)
{
    normnet_layer_info info;

    normnet_layer_info_init(&info);
    CHECK_OK(normnet_layer(model, layer, &info));
    return info;
}

#endif
