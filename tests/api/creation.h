/* SPDX-License-Identifier: MIT */
/* Configurations that create must reject: with the right status, a message with the values, and no memory left. */
#ifndef CREATION_H
#define CREATION_H

#include "harness/allocator.h"
#include "harness/twins.h"

static inline void check_not_created(const char *file, int line, const char *what, const normnet_config *config,
                                     normnet_status expected, const char *const *words)
{
    struct allocator memory = {.fill = 0xA5};
    normnet_config asked = *config, before;
    normnet_model *const untouched = (normnet_model *)(void *)&memory;
    normnet_model *model = untouched;
    normnet_status status;

    if (asked.allocate == NULL && asked.deallocate == NULL)
        allocator_use(&memory, &asked);
    before = asked;
    status = normnet_model_create(&model, &asked);
    if (!check_status(file, line, what, status, expected) && status == NORMNET_OK) {
        normnet_model_destroy(model);
        return;
    }
    check_message(file, line, what, words);
    if (model != untouched)
        check_fail(file, line, "%s: *model was written", what);
    if (memcmp(&asked, &before, sizeof asked) != 0)
        check_fail(file, line, "%s: the configuration was written", what);
    check_all_freed(file, line, &memory);
}

#define CHECK_NOT_CREATED(what, config, expected, ...)                                                                 \
    check_not_created(__FILE__, __LINE__, (what), (config), (expected), (const char *const[]){__VA_ARGS__, NULL})

/* `config` makes a model that takes a step and predicts finite scores. */
static inline void check_created(const char *file, int line, const char *what, const normnet_config *config)
{
    normnet_model *model = NULL;
    const int64_t images = config->max_batch < 3 ? config->max_batch : 3;
    const size_t pixels = (size_t)(images * config->channels * config->height * config->width);
    uint8_t *bytes = check_allocate(pixels, 1);
    int64_t labels[3] = {0, 1, 0};
    float *scores = check_allocate((size_t)images * (size_t)config->classes, sizeof *scores);
    const normnet_tensor image = tensor_images(NORMNET_U8, bytes, images, config);
    const normnet_tensor label = tensor_1d(NORMNET_I64, labels, images);
    normnet_tensor score = tensor_2d(NORMNET_F32, scores, images, config->classes);
    normnet_metrics metrics = metrics_init();
    struct random_stream random = {3};

    for (size_t i = 0; i < pixels; ++i)
        bytes[i] = (uint8_t)random_below(&random, 256);
    if (check_status(file, line, what, normnet_model_create(&model, config), NORMNET_OK)) {
        check_status(file, line, what, normnet_train_step(model, &image, &label, &metrics), NORMNET_OK);
        if (!(metrics.loss >= 0.0 && metrics.loss < 1e6))
            check_fail(file, line, "%s: the loss is %g", what, metrics.loss);
        check_status(file, line, what, normnet_predict(model, &image, &score, NULL, NULL), NORMNET_OK);
        for (size_t i = 0; i < (size_t)images * (size_t)config->classes; ++i)
            if (!(scores[i] >= 0.0f && scores[i] <= 1.0f)) {
                check_fail(file, line, "%s: a probability is %g", what, (double)scores[i]);
                break;
            }
    }
    normnet_model_destroy(model);
    free(bytes);
    free(scores);
}

#define CHECK_CREATED(what, config) check_created(__FILE__, __LINE__, (what), (config))

#endif
