/* SPDX-License-Identifier: MIT */
#include "training/pipeline.h"

#include "support/minmax.h"
#include "support/report.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 4 }; /* batches in memory: one in use, the others ready or being filled */

struct slot {
    uint8_t *images, *labels;
    int64_t count;
};

struct pipeline {
    struct pipeline_options options;
    struct augment_list augment;
    size_t image_bytes;
    int64_t batches;  /* per epoch */
    uint32_t *order;  /* of the images, in the epoch that the thread is working on */
    void *scratch;    /* of augment_apply() */
    uint8_t *storage; /* of all slots */
    struct slot slots[SLOTS];

    pthread_t thread;
    bool running; /* the thread was started */
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* any of the following */
    int64_t taken;          /* batches that pipeline_next() was called for; the last of them is in use */
    int64_t ready;          /* batches that the thread has filled */
    bool stop;
};

int64_t pipeline_batches(int64_t images, int64_t batch)
{
    return (images + batch - 1) / batch;
}

struct batch_part pipeline_part(const struct pipeline_options *options, int64_t images)
{
    struct batch_part part = {.count = images, .whole = true};
    int64_t first, count;

    for (int32_t rank = 0; rank < options->ranks; ++rank) {
        normnet_shard(images, options->ranks, rank, &first, &count);
        if (count == 0)
            return (struct batch_part){.count = images, .whole = true};
        if (rank == options->rank)
            part = (struct batch_part){first, count, options->ranks == 1};
    }
    return part;
}

/* ---- The thread -------------------------------------------------------------------------------- */

/* The Fisher-Yates shuffle. */
static void shuffle_images(struct pipeline *pipeline, int64_t epoch)
{
    uint32_t count = (uint32_t)pipeline->options.data->train.count;
    struct random_stream random = random_open((uint64_t)pipeline->options.seed, RANDOM_SHUFFLE, (uint64_t)epoch, 0);

    for (uint32_t i = 0; i < count; ++i)
        pipeline->order[i] = i;
    for (uint32_t i = count - 1; i > 0; --i) {
        uint32_t k = random_below(&random, i + 1);
        uint32_t swapped = pipeline->order[i];

        pipeline->order[i] = pipeline->order[k];
        pipeline->order[k] = swapped;
    }
}

static void fill_slot(struct pipeline *pipeline, struct slot *slot, int64_t epoch, int64_t batch)
{
    const struct dataset *data = pipeline->options.data;
    const int64_t first = batch * pipeline->options.batch;

    slot->count = int64_min(data->train.count - first, pipeline->options.batch);
    const struct batch_part part = pipeline_part(&pipeline->options, slot->count);
    for (int64_t i = part.first; i < part.first + part.count; ++i) {
        uint32_t index = pipeline->order[first + i];
        uint8_t *image = slot->images + (size_t)i * pipeline->image_bytes;
        struct random_stream random =
            random_open((uint64_t)pipeline->options.seed, RANDOM_AUGMENT, (uint64_t)epoch, index);

        memcpy(image, data->train.images + index * pipeline->image_bytes, pipeline->image_bytes);
        augment_apply(&pipeline->augment, &random, image, pipeline->scratch, data->channels, data->height, data->width);
        slot->labels[i] = data->train.labels[index];
    }
}

/* Waits until the slot of batch `produced`, counted from 0, is free. Returns false if the thread must stop. */
static bool wait_for_slot(struct pipeline *pipeline, int64_t produced)
{
    pthread_mutex_lock(&pipeline->mutex);
    while (!pipeline->stop && produced - (pipeline->taken - 1) >= SLOTS)
        pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
    bool go_on = !pipeline->stop;
    pthread_mutex_unlock(&pipeline->mutex);
    return go_on;
}

static void *produce_batches(void *argument)
{
    struct pipeline *pipeline = argument;
    int64_t shuffled = -1;

    for (int64_t number = pipeline->options.first_batch; number < pipeline->options.last_batch; ++number) {
        int64_t produced = number - pipeline->options.first_batch;
        int64_t epoch = number / pipeline->batches;

        if (!wait_for_slot(pipeline, produced))
            break;
        if (epoch != shuffled)
            shuffle_images(pipeline, epoch);
        shuffled = epoch;
        fill_slot(pipeline, &pipeline->slots[produced % SLOTS], epoch, number % pipeline->batches);
        pthread_mutex_lock(&pipeline->mutex);
        pipeline->ready = produced + 1;
        pthread_cond_signal(&pipeline->changed);
        pthread_mutex_unlock(&pipeline->mutex);
    }
    return NULL;
}

/* ---- The calling thread ------------------------------------------------------------------------ */

static bool alloc_pipeline(struct pipeline *pipeline)
{
    const struct dataset *data = pipeline->options.data;
    const size_t batch = (size_t)pipeline->options.batch;
    const size_t slot_bytes = batch * (pipeline->image_bytes + 1);
    const size_t scratch_bytes = augment_scratch_bytes(&pipeline->augment, data->channels, data->height, data->width);

    if (slot_bytes / batch != pipeline->image_bytes + 1 || slot_bytes > SIZE_MAX / SLOTS)
        return false;
    pipeline->order = malloc((size_t)data->train.count * sizeof *pipeline->order);
    pipeline->scratch = scratch_bytes > 0 ? malloc(scratch_bytes) : NULL;
    pipeline->storage = malloc(SLOTS * slot_bytes);
    if (!pipeline->order || !pipeline->scratch || !pipeline->storage)
        return false;
    for (int i = 0; i < SLOTS; ++i) {
        pipeline->slots[i].images = pipeline->storage + (size_t)i * slot_bytes;
        pipeline->slots[i].labels = pipeline->slots[i].images + batch * pipeline->image_bytes;
    }
    return true;
}

int pipeline_open(struct pipeline **result, const struct pipeline_options *options)
{
    const struct dataset *data = options->data;
    struct pipeline *pipeline;
    int code = 0;

    pipeline = calloc(1, sizeof *pipeline);
    if (!pipeline)
        return report_error("not enough memory for the batches");
    pipeline->options = *options;
    pipeline->augment = *options->augment;
    pipeline->image_bytes = dataset_image_bytes(data);
    pipeline->batches = pipeline_batches(data->train.count, options->batch);
    pthread_mutex_init(&pipeline->mutex, NULL);
    pthread_cond_init(&pipeline->changed, NULL);
    if (!alloc_pipeline(pipeline)) {
        code = report_error("not enough memory for batches of %" PRId64 " images", options->batch);
        goto fail;
    }
    if (pthread_create(&pipeline->thread, NULL, produce_batches, pipeline) != 0) {
        code = report_error("cannot start the thread that prepares the batches");
        goto fail;
    }
    pipeline->running = true;
    *result = pipeline;
    return 0;

fail:
    pipeline_close(pipeline);
    return code;
}

int64_t pipeline_next(struct pipeline *pipeline, const uint8_t **images, const uint8_t **labels)
{
    int64_t asked = pipeline->taken; /* written by this thread only */

    if (asked == pipeline->options.last_batch - pipeline->options.first_batch)
        return 0;
    pthread_mutex_lock(&pipeline->mutex);
    pipeline->taken = asked + 1;
    pthread_cond_signal(&pipeline->changed);
    while (pipeline->ready <= asked)
        pthread_cond_wait(&pipeline->changed, &pipeline->mutex);
    pthread_mutex_unlock(&pipeline->mutex);
    const struct slot *slot = &pipeline->slots[asked % SLOTS];
    *images = slot->images;
    *labels = slot->labels;
    return slot->count;
}

void pipeline_close(struct pipeline *pipeline)
{
    if (!pipeline)
        return;
    if (pipeline->running) {
        pthread_mutex_lock(&pipeline->mutex);
        pipeline->stop = true;
        pthread_cond_signal(&pipeline->changed);
        pthread_mutex_unlock(&pipeline->mutex);
        pthread_join(pipeline->thread, NULL);
    }
    pthread_cond_destroy(&pipeline->changed);
    pthread_mutex_destroy(&pipeline->mutex);
    free(pipeline->order);
    free(pipeline->scratch);
    free(pipeline->storage);
    free(pipeline);
}
