/* SPDX-License-Identifier: MIT */
/* Training runs that the tests of checkpoints, weights and clones save, continue and compare. */
#ifndef TRAINING_RUNS_H
#define TRAINING_RUNS_H

#include "harness/allocator.h"
#include "harness/twins.h"

enum { IMAGES = 40, SIDE = 12, CLASSES = 5, ALL_STEPS = 200, FIRST_STEPS = 73 };

/* ---- Training runs ---------------------------------------------------------------------------- */

struct training_run {
    const char *name;
    int32_t norm, affine, virtual_batch, schedule, nesterov;
    double momentum, average_decay;
};

static const struct training_run training_runs[] = {
    {"none", NORMNET_NORM_NONE, NORMNET_AFFINE_DEFAULT, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0.9, 0.0},
    {"batch", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0.9, 0.0},
    {"ghost batch, averaged", NORMNET_NORM_BATCH, NORMNET_AFFINE_NONE, 16, NORMNET_SCHEDULE_ONE_CYCLE, 1, 0.9, 0.98},
    {"group", NORMNET_NORM_GROUP, NORMNET_AFFINE_DEFAULT, 0, NORMNET_SCHEDULE_STEP, 1, 0.9, 0.0},
    {"layer, averaged", NORMNET_NORM_LAYER, NORMNET_AFFINE_ELEMENT, 0, NORMNET_SCHEDULE_CONSTANT, 0, 0.9, 1.0},
    {"instance, no momentum", NORMNET_NORM_INSTANCE, NORMNET_AFFINE_DEFAULT, 0, NORMNET_SCHEDULE_CONSTANT, 0, 0.0, 0.0},
};

static inline normnet_config training_config(const struct training_run *want, int threads)
{
    static const double mean[] = {0.4}, deviation[] = {0.3};
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, want->norm));
    config.architecture = "conv3-4p1 norm relu dropout maxpool2 \t conv3-8 relu norm dropout conv1-4b norm relu "
                          "flatten fc-5b";
    config.height = config.width = SIDE;
    config.classes = CLASSES;
    config.groups = want->norm == NORMNET_NORM_GROUP ? 2 : 0;
    config.affine = want->affine;
    config.virtual_batch = want->virtual_batch;
    config.schedule = want->schedule;
    config.nesterov = want->nesterov;
    config.momentum = want->momentum;
    config.threads = threads;
    config.max_batch = IMAGES;
    config.input_mean = mean;
    config.input_std = deviation;
    config.total_steps = want->schedule == NORMNET_SCHEDULE_ONE_CYCLE ? ALL_STEPS : 0;
    config.step_size = 50;
    config.seed = -3;
    config.dropout = 0.2;
    config.l1 = 1e-5;
    config.l2 = 1e-4;
    config.label_smoothing = 0.05;
    config.clip_norm = 2.0;
    config.lr = 0.02;
    config.max_lr = 0.04;
    config.average_decay = want->average_decay;
    config.average_from = 5;
    return config;
}

/* A batch that depends on the step alone, as a program with augmentation would draw it. */
static inline void train(normnet_model *model, int64_t steps)
{
    uint8_t pixels[IMAGES * SIDE * SIDE], labels[IMAGES];
    normnet_config config = {.struct_size = sizeof config};

    CHECK_OK(normnet_model_config(model, &config));
    for (; steps > 0; --steps) {
        const int64_t step = normnet_steps_taken(model), count = 1 + (step * 7 + 32) % IMAGES;
        struct random_stream random = {(uint64_t)step};
        const normnet_tensor images = tensor_images(NORMNET_U8, pixels, count, &config);
        const normnet_tensor digits = tensor_1d(NORMNET_U8, labels, count);

        for (int64_t i = 0; i < count * SIDE * SIDE; ++i)
            pixels[i] = (uint8_t)random_below(&random, 256);
        for (int64_t i = 0; i < count; ++i)
            labels[i] = (uint8_t)random_below(&random, CLASSES);
        if (!CHECK_OK(normnet_train_step(model, &images, &digits, NULL)))
            return;
    }
}

/* ---- Bytes ------------------------------------------------------------------------------------ */

struct bytes {
    unsigned char *data;
    int64_t size;
};

static inline normnet_save_options save_options(int32_t kind, const char *note)
{
    normnet_save_options options = {.struct_size = sizeof options};

    options.kind = kind;
    options.note = note;
    return options;
}

static inline struct bytes serialize(normnet_model *model, int32_t kind)
{
    const normnet_save_options options = save_options(kind, NULL);
    struct bytes file = {NULL, 0};

    CHECK_OK(normnet_model_serialize(model, NULL, 0, &file.size, &options));
    file.data = check_allocate((size_t)file.size, 1);
    CHECK_OK(normnet_model_serialize(model, file.data, file.size, &file.size, &options));
    return file;
}

static inline int same_bytes(const struct bytes *a, const struct bytes *b)
{
    return a->size == b->size && memcmp(a->data, b->data, (size_t)a->size) == 0;
}

/* Do two models hold the same, including momentum and step? */
static inline void check_equal_models(const char *file, int line, normnet_model *a, normnet_model *b)
{
    struct bytes of_a = serialize(a, NORMNET_FILE_CHECKPOINT), of_b = serialize(b, NORMNET_FILE_CHECKPOINT);

    if (!same_bytes(&of_a, &of_b))
        check_fail(file, line, "the models differ");
    free(of_a.data);
    free(of_b.data);
}

#define CHECK_EQUAL_MODELS(a, b) check_equal_models(__FILE__, __LINE__, (a), (b))

static inline normnet_model *load(const struct bytes *file, const normnet_config *host)
{
    normnet_model *model = NULL;

    CHECK_OK(normnet_model_deserialize(&model, file->data, file->size, host));
    return model;
}

/* ---- What comes from where -------------------------------------------------------------------- */

#endif
