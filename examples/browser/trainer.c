/* SPDX-License-Identifier: MIT */
#include "trainer.h"

#include "../mnist/data/digits.h"
#include "../mnist/data/fit.h"
#include "../mnist/support/sha256.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* A fifth of the work of the default network, for phones: 192,000 multiply-adds per image. */
static const char architecture[] = "conv3-8 norm relu maxpool2 conv3-16 norm relu maxpool2 flatten fc-10b";
static const double mean = 0.1307, std = 0.3081; /* of MNIST's pixels, scaled to 0..1 */

struct image_room {
    int32_t count;
    uint8_t *images, *labels; /* one allocation */
};

struct trainer {
    struct image_room sets[2];
    normnet_model *model;
    double progress[TRAINER_PROGRESS];
    char hash[65];
};

struct trainer *trainer_create(void)
{
    return calloc(1, sizeof(struct trainer));
}

void trainer_destroy(struct trainer *trainer)
{
    if (!trainer)
        return;
    normnet_model_destroy(trainer->model);
    free(trainer->sets[TRAINER_TRAIN].images);
    free(trainer->sets[TRAINER_TEST].images);
    free(trainer);
}

uint8_t *trainer_room(struct trainer *trainer, int32_t set, int32_t count)
{
    struct image_room *room = &trainer->sets[set];

    free(room->images);
    *room = (struct image_room){0};
    room->images = malloc((size_t)count * (TRAINER_PIXELS + 1));
    if (room->images) {
        room->labels = room->images + (size_t)count * TRAINER_PIXELS;
        room->count = count;
    }
    return room->images;
}

const uint8_t *trainer_images(const struct trainer *trainer, int32_t set)
{
    return trainer->sets[set].images;
}

void trainer_generate(struct trainer *trainer, int32_t set, int32_t first, int32_t count)
{
    const struct image_room *room = &trainer->sets[set];

    digits_draw(set == TRAINER_TRAIN ? DIGITS_TRAIN : DIGITS_TEST, first, count,
                room->images + (size_t)first * TRAINER_PIXELS, room->labels + first);
}

/* ---- Training ---------------------------------------------------------------------------------- */

static int32_t steps_of_epoch(const struct trainer *trainer)
{
    return (trainer->sets[TRAINER_TRAIN].count + TRAINER_BATCH - 1) / TRAINER_BATCH;
}

static void describe_images(const struct trainer *trainer, int32_t set, int32_t first, int32_t count,
                            normnet_tensor *images, normnet_tensor *labels)
{
    const int64_t shape[4] = {count, 1, TRAINER_SIDE, TRAINER_SIDE};
    const struct image_room *room = &trainer->sets[set];

    normnet_tensor_init(images, NORMNET_U8, room->images + (size_t)first * TRAINER_PIXELS, 4, shape);
    normnet_tensor_init(labels, NORMNET_U8, room->labels + first, 1, shape);
}

normnet_status trainer_begin(struct trainer *trainer, int32_t norm, int32_t epochs, int32_t seed)
{
    normnet_config config;

    normnet_status status = normnet_config_init(&config, norm);
    if (status != NORMNET_OK)
        return status;
    config.architecture = architecture;
    config.input_mean = &mean;
    config.input_std = &std;
    config.max_batch = TRAINER_BATCH;
    config.seed = seed;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.max_lr = 0.05;
    config.total_steps = (int64_t)epochs * steps_of_epoch(trainer);
    normnet_model_destroy(trainer->model);
    trainer->model = NULL;
    memset(trainer->progress, 0, sizeof trainer->progress);
    trainer->progress[1] = (double)config.total_steps;
    trainer->progress[2] = steps_of_epoch(trainer);
    return normnet_model_create(&trainer->model, &config);
}

int32_t trainer_parameters(const struct trainer *trainer)
{
    return (int32_t)normnet_parameter_count(trainer->model);
}

normnet_status trainer_step(struct trainer *trainer)
{
    const int32_t count = trainer->sets[TRAINER_TRAIN].count;
    const int64_t taken = normnet_steps_taken(trainer->model);
    const int32_t first = (int32_t)(taken % steps_of_epoch(trainer)) * TRAINER_BATCH;
    normnet_tensor images, labels;
    normnet_metrics metrics;

    normnet_metrics_init(&metrics);
    describe_images(trainer, TRAINER_TRAIN, first, count - first < TRAINER_BATCH ? count - first : TRAINER_BATCH,
                    &images, &labels);
    const normnet_status status = normnet_train_step(trainer->model, &images, &labels, &metrics);
    if (status == NORMNET_OK) {
        trainer->progress[0] = (double)metrics.step;
        trainer->progress[3] = (double)metrics.count;
        trainer->progress[4] = (double)metrics.correct;
        trainer->progress[5] = metrics.loss;
    }
    return status;
}

const double *trainer_progress(const struct trainer *trainer)
{
    return trainer->progress;
}

int32_t trainer_test(struct trainer *trainer, int32_t first, int32_t count)
{
    normnet_tensor images, labels;
    normnet_metrics metrics;

    normnet_metrics_init(&metrics);
    describe_images(trainer, TRAINER_TEST, first, count, &images, &labels);
    if (normnet_evaluate(trainer->model, &images, &labels, &metrics, NULL, NULL) != NORMNET_OK)
        return -1;
    return (int32_t)metrics.correct;
}

/* ---- A drawing --------------------------------------------------------------------------------- */

/* False without memory or ink. */
static bool fit_drawing(const uint8_t *pixels, int32_t side, uint8_t *image)
{
    const struct fit_target target = {1, TRAINER_SIDE, TRAINER_SIDE, mean, FIT_MNIST, INVERT_NO};
    struct picture picture;
    struct fit_result result;

    if (picture_create(&picture, 1, side, side, "the drawing") != 0)
        return false;
    memcpy(picture.pixels, pixels, (size_t)side * (size_t)side);
    const bool fitted =
        !picture_is_blank(&picture) && fit_picture(&picture, &target, false, &result, "the drawing") == 0;
    if (fitted)
        memcpy(image, picture.pixels, TRAINER_PIXELS);
    picture_free(&picture);
    return fitted;
}

int32_t trainer_recognize(struct trainer *trainer, const uint8_t *pixels, int32_t side, uint8_t *image,
                          float *probabilities)
{
    const int64_t shape[4] = {1, 1, TRAINER_SIDE, TRAINER_SIDE}, row[2] = {1, TRAINER_CLASSES};
    normnet_tensor images, scores, classes;
    uint8_t digit = 0;

    if (!trainer->model || !fit_drawing(pixels, side, image))
        return -1;
    normnet_tensor_init(&images, NORMNET_U8, image, 4, shape);
    normnet_tensor_init(&scores, NORMNET_F32, probabilities, 2, row);
    normnet_tensor_init(&classes, NORMNET_U8, &digit, 1, shape);
    return normnet_predict(trainer->model, &images, &scores, &classes, NULL) == NORMNET_OK ? digit : -1;
}

/* ---- The result -------------------------------------------------------------------------------- */

uint8_t *trainer_checkpoint(const struct trainer *trainer, int32_t *size)
{
    int64_t needed = 0;
    uint8_t *bytes = NULL;

    if (normnet_model_serialize(trainer->model, NULL, 0, &needed, NULL) == NORMNET_OK)
        bytes = malloc((size_t)needed);
    if (bytes && normnet_model_serialize(trainer->model, bytes, needed, &needed, NULL) != NORMNET_OK) {
        free(bytes);
        bytes = NULL;
    }
    *size = (int32_t)needed;
    return bytes;
}

const char *trainer_hash(struct trainer *trainer)
{
    int32_t size = 0;
    uint8_t *bytes = trainer_checkpoint(trainer, &size);
    struct sha256 hash;

    trainer->hash[0] = '\0';
    if (bytes) {
        sha256_init(&hash);
        sha256_update(&hash, bytes, (size_t)size);
        sha256_final(&hash, trainer->hash);
    }
    free(bytes);
    return trainer->hash;
}

const char *trainer_message(void)
{
    return normnet_error_message();
}
