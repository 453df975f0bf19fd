/* SPDX-License-Identifier: MIT */
/* What a model computes with some threads, as a hash. */
#ifndef THREAD_RESULTS_H
#define THREAD_RESULTS_H

#include "model_use.h"

enum { THREADS = 3, STEPS = 4 };

static inline normnet_config config_with(int32_t norm, int32_t threads)
{
    normnet_config config = twins_config(norm);

    config.threads = threads;
    return config;
}

/* Of training steps, an evaluation and a prediction with the model; 0 if a call fails. */
static inline uint64_t use_model(normnet_model *model, const normnet_config *config)
{
    struct twins_inputs *in = draw_inputs();
    struct twins_outputs *out = check_allocate(1, sizeof *out);
    const normnet_tensor images = tensor_images(NORMNET_U8, in->bytes, TWINS_IMAGES, config);
    const normnet_tensor labels = tensor_1d(NORMNET_I32, in->digits32, TWINS_IMAGES);
    normnet_tensor scores = tensor_2d(NORMNET_F32, out->scores, TWINS_IMAGES, TWINS_CLASSES);
    normnet_metrics metrics = metrics_init();
    uint64_t hash;
    int failed = 0;

    for (int i = 0; i < STEPS; ++i)
        failed += normnet_train_step(model, &images, &labels, &metrics) != NORMNET_OK;
    failed += normnet_evaluate(model, &images, &labels, &metrics, NULL, NULL) != NORMNET_OK;
    failed += normnet_predict(model, &images, &scores, NULL, NULL) != NORMNET_OK;
    hash = hash_bytes(hash_state(model), out->scores, sizeof out->scores);
    hash = hash_bytes(hash, &metrics.loss, sizeof metrics.loss);
    free(in);
    free(out);
    return failed > 0 ? 0 : hash;
}

static inline uint64_t results_of(const normnet_config *config)
{
    normnet_model *model = CHECK_CREATE(config);
    const uint64_t hash = model != NULL ? use_model(model, config) : 0;

    normnet_model_destroy(model);
    return hash;
}

static inline uint64_t expected_results(int32_t norm)
{
    const normnet_config config = config_with(norm, 1);

    return results_of(&config);
}

#endif
