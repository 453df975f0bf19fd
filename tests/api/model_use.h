/* SPDX-License-Identifier: MIT */
/* Every call of the library on a model, right and wrong: the tests of the process look at what else these calls change.
 */
#ifndef MODEL_USE_H
#define MODEL_USE_H

#include "harness/twins.h"

struct settings {
    int32_t norm, threads, cpu;
};

static inline normnet_config config_of(const struct settings *want)
{
    normnet_config config = twins_config(want->norm);

    config.threads = want->threads;
    config.cpu = want->cpu;
    config.l1 = 1e-4;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.total_steps = 1000;
    config.label_smoothing = 0.1;
    config.average_decay = 0.9;
    return config;
}

/* All that is valid, from create to destroy; the number of calls that failed. */
static inline int use_well(const struct settings *want, struct twins_inputs *in, struct twins_outputs *out)
{
    const normnet_config config = config_of(want);
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOG_PROBABILITIES, NORMNET_STATISTICS_BATCH);
    const normnet_predict_options average = {.struct_size = sizeof average, .weights = NORMNET_WEIGHTS_AVERAGE};
    const int64_t counts[] = {33, 16, 2, 1};
    normnet_model *model = NULL;
    double lr, momentum;
    int failed = normnet_model_create(&model, &config) != NORMNET_OK, i;
    char text[4096];

    for (i = 0; i < CHECK_COUNT(counts) && failed == 0; ++i) {
        const normnet_tensor images = tensor_images(NORMNET_U8, in->bytes, counts[i], &config);
        const normnet_tensor floats = tensor_images(NORMNET_F32, in->floats, counts[i], &config);
        const normnet_tensor labels = tensor_1d(NORMNET_I32, in->digits32, counts[i]);
        normnet_tensor scores = tensor_2d(NORMNET_F32, out->scores, counts[i], TWINS_CLASSES);
        normnet_tensor classes = tensor_1d(NORMNET_I64, out->classes, counts[i]);
        normnet_metrics metrics = metrics_init();

        failed += normnet_train_step(model, &images, &labels, &metrics) != NORMNET_OK;
        failed += normnet_train_step(model, &floats, &labels, &metrics) != NORMNET_OK;
        failed += normnet_compute_gradients(model, &images, &labels, NULL, &metrics) != NORMNET_OK;
        failed += normnet_apply_gradients(model, counts[i]) != NORMNET_OK;
        failed += normnet_update_statistics(model, &images, i == 0) != NORMNET_OK;
        failed += normnet_update_average_statistics(model, &images, i == 0) != NORMNET_OK;
        failed += normnet_evaluate(model, &images, &labels, &metrics, out->confusion, NULL) != NORMNET_OK;
        failed += normnet_evaluate(model, &images, &labels, &metrics, NULL, &average) != NORMNET_OK;
        failed += normnet_evaluate(model, &floats, &labels, &metrics, NULL, &batch) != NORMNET_OK;
        failed += normnet_predict(model, &images, &scores, &classes, NULL) != NORMNET_OK;
        failed += normnet_predict(model, &floats, &scores, &classes, &batch) != NORMNET_OK;
        failed += normnet_one_cycle_lr(&config, 17, &lr, &momentum) != NORMNET_OK;
        failed += normnet_step_lr(&config, 17, &lr, &momentum) != NORMNET_OK;
        failed += normnet_model_summary(model, text, sizeof text) <= 0;
    }
    normnet_model_destroy(model);
    return failed;
}

/* The same with wrong calls of every kind in between. */
static inline void use_badly(const struct settings *want, struct twins_inputs *in)
{
    normnet_config config = config_of(want);
    normnet_tensor images = tensor_images(NORMNET_F32, in->floats, TWINS_IMAGES, &config);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, in->digits8, TWINS_IMAGES);
    normnet_model *model = NULL;
    const float before = in->floats[77];

    (void)normnet_config_init(&config, 99);
    config.architecture = "conv3-4 nonsense";
    (void)normnet_model_create(&model, &config);
    config.architecture = NULL;
    config.lr = -0.5;
    (void)normnet_model_create(&model, &config);
    config = config_of(want);
    config.memory_limit = 1000;
    (void)normnet_model_create(&model, &config);
    config.memory_limit = 0;
    if (normnet_model_create(&model, &config) != NORMNET_OK)
        return;
    (void)normnet_train_step(model, NULL, &labels, NULL);
    (void)normnet_apply_gradients(model, 1);
    (void)normnet_set_learning_rate(model, 0.5, 0.5);
    (void)normnet_set_state(model, "no such entry", &labels);
    images.shape[0] = 0;
    (void)normnet_predict(model, &images, NULL, NULL, NULL);
    images.shape[0] = TWINS_IMAGES;
    in->floats[77] = NAN;
    (void)normnet_evaluate(model, &images, &labels, NULL, NULL, NULL);
    in->floats[77] = before;
    normnet_model_destroy(model);
}

static inline struct twins_inputs *draw_inputs(void)
{
    struct twins *pair = check_allocate(1, sizeof *pair);
    struct twins_inputs *in = check_allocate(1, sizeof *in);

    twins_draw(pair);
    memcpy(in, &pair->in, sizeof *in);
    free(pair);
    return in;
}

#endif
