/* SPDX-License-Identifier: MIT */
/*
 * All memory of the library in one static block, as on a device without a heap: it never calls malloc, and training
 * and prediction do not even call the two functions below. The model is written to memory as well ("flash"), and read
 * again into the block, as after a restart.
 */
#include "bars.h"

enum { BLOCK_BYTES = 4 << 20, FLASH_BYTES = 64 << 10 };

/* A stack: memory is used again once what lies after it is free. That is how the library returns it. */
struct block {
    unsigned char bytes[BLOCK_BYTES];
    int64_t used, most; /* bytes now, and at most so far */
    int32_t taken;      /* how often, without those returned */
};

static struct block block;
static unsigned char flash[FLASH_BYTES];
static struct bars bars;

static void *take(void *user, int64_t size, int64_t alignment)
{
    struct block *self = user;
    const uintptr_t end = (uintptr_t)(self->bytes + self->used), ones = (uintptr_t)alignment - 1;
    const int64_t begin = self->used + (int64_t)(((end + ones) & ~ones) - end);

    if (begin > BLOCK_BYTES || size > BLOCK_BYTES - begin)
        return NULL; /* the call then fails with NORMNET_ENOMEM */
    self->used = begin + size;
    if (self->used > self->most)
        self->most = self->used;
    ++self->taken;
    return self->bytes + begin;
}

static void give_back(void *user, void *memory, int64_t size)
{
    struct block *self = user;
    const int64_t begin = (unsigned char *)memory - self->bytes;

    if (begin + size == self->used)
        self->used = begin;
    if (--self->taken == 0)
        self->used = 0;
}

static normnet_status train(normnet_model *model)
{
    normnet_status status = NORMNET_OK;
    normnet_tensor images, labels;

    bars_tensors(&bars, &images, &labels);
    for (int step = 0; step < BARS_STEPS && status == NORMNET_OK; ++step) {
        bars_draw(&bars);
        status = normnet_train_step(model, &images, &labels, NULL);
    }
    return status;
}

/* Replaces the model by one that is read from its bytes; `config` has the functions above. */
static normnet_status restart(normnet_model **model, const normnet_config *config, int64_t *size)
{
    normnet_status status = normnet_model_serialize(*model, NULL, 0, size, NULL);

    if (status == NORMNET_OK)
        status = normnet_model_serialize(*model, flash, FLASH_BYTES, size, NULL);
    if (status == NORMNET_OK) {
        normnet_model_destroy(*model);
        *model = NULL;
        status = normnet_model_deserialize(model, flash, *size, config);
    }
    return status;
}

static normnet_status test(normnet_model *model, normnet_metrics *metrics)
{
    normnet_tensor images, labels;

    normnet_metrics_init(metrics);
    bars_draw(&bars);
    bars_tensors(&bars, &images, &labels);
    return normnet_evaluate(model, &images, &labels, metrics, NULL, NULL);
}

static normnet_status run(normnet_model **model)
{
    normnet_metrics metrics;
    normnet_config config;
    int64_t size = 0;

    normnet_status status = bars_config(&config);
    config.allocate = take;
    config.deallocate = give_back;
    config.allocator_user = &block;
    if (status == NORMNET_OK)
        status = normnet_model_create(model, &config);
    if (status == NORMNET_OK)
        status = train(*model);
    if (status == NORMNET_OK)
        status = restart(model, &config, &size);
    if (status == NORMNET_OK)
        status = test(*model, &metrics);
    if (status != NORMNET_OK)
        return status;
    printf("%d of %d new images recognized\n", (int)metrics.correct, BARS_BATCH);
    printf("at most %d of %d bytes used, and %d of %d for the file\n", (int)block.most, BLOCK_BYTES, (int)size,
           FLASH_BYTES);
    printf("weights %08x\n", (unsigned)bars_hash(*model));
    return NORMNET_OK;
}

int main(int argc, char **argv)
{
    const int usage = bars_usage(argc, argv, "static_memory");
    normnet_model *model = NULL;

    if (usage >= 0)
        return usage;
    const normnet_status status = run(&model);
    if (status != NORMNET_OK)
        fprintf(stderr, "error: %s\n", normnet_error_message());
    normnet_model_destroy(model);
    if (block.taken != 0)
        fprintf(stderr, "error: %d pieces of the block were not returned\n", (int)block.taken);
    return status == NORMNET_OK && block.taken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
