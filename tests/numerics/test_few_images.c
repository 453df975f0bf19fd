/* SPDX-License-Identifier: MIT */
/*
 * Batches of few images: threads share their convolutions by rows of outputs and by output channels, which changes no
 * bit.
 */
#include "harness/test_random.h"
#include "harness/twins.h"

#include <stdbool.h>
#include <stdlib.h>

enum { MAX_IMAGES = 17, SIDE = 24, CLASSES = 10 };

/* Layers that are large enough to be shared, of all algorithms, also with rows that no patch fills. */
static const struct shared_network {
    const char *name, *architecture;
    int32_t norm, channels;
    int convolutions; /* that are shared forward, and for both gradients but that of the input */
} networks[] = {
    {"no norm", "conv3-8 relu conv1-24 relu conv3-20p1 relu maxpool2 conv5-18p2b relu gap conv1-10", NORMNET_NORM_NONE,
     1, 4},
    {"batch norm", "conv3-9p1b norm relu conv3-21s2p1 norm relu conv3-32 norm relu conv3-33p1 norm gap conv1-10",
     NORMNET_NORM_BATCH, 3, 4},
    {"layer norm", "conv5-12p1s2 norm relu dropout conv7-16p3b relu norm conv3-16p2 norm gap conv1-10",
     NORMNET_NORM_LAYER, 3, 3},
};

static normnet_config shared_config(const struct shared_network *want, int threads, int32_t cpu)
{
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, want->norm));
    config.architecture = want->architecture;
    config.channels = want->channels;
    config.height = config.width = SIDE;
    config.classes = CLASSES;
    config.dropout = 0.1;
    config.max_batch = MAX_IMAGES;
    config.threads = threads;
    config.cpu = cpu;
    return config;
}

static void train_step(normnet_model *model, const normnet_config *config, int images)
{
    struct random_stream random = {7};
    const size_t count = (size_t)(images * config->channels * SIDE * SIDE);
    uint8_t labels[MAX_IMAGES];
    float *pixels = check_allocate(count, sizeof *pixels);
    const normnet_tensor pixel_tensor = tensor_images(NORMNET_F32, pixels, images, config);
    const normnet_tensor label_tensor = tensor_1d(NORMNET_U8, labels, images);

    for (size_t i = 0; i < count; ++i)
        pixels[i] = (float)random_uniform(&random, -1, 1);
    for (int i = 0; i < images; ++i)
        labels[i] = (uint8_t)random_below(&random, CLASSES);
    CHECK_OK(normnet_train_step(model, &pixel_tensor, &label_tensor, NULL));
    free(pixels);
}

/* The state after a step. */
static uint64_t train_new(const struct shared_network *want, int images, int threads, int32_t cpu)
{
    const normnet_config config = shared_config(want, threads, cpu);
    normnet_model *model = CHECK_CREATE(&config);
    uint64_t hash;

    if (model == NULL)
        return 0;
    train_step(model, &config, images);
    hash = hash_state(model);
    normnet_model_destroy(model);
    return hash;
}

static bool is_supported(int32_t cpu)
{
    const normnet_config config = shared_config(&networks[0], 1, cpu);
    normnet_model *model = NULL;
    const bool supported = normnet_model_create(&model, &config) == NORMNET_OK;

    normnet_model_destroy(model);
    return supported;
}

static void same_bits(const void *argument)
{
    static const int batches[] = {1, 8, MAX_IMAGES}, counts[] = {2, 3, 8};
    const struct shared_network *want = argument;

    for (int32_t cpu = NORMNET_CPU_PORTABLE; cpu <= NORMNET_CPU_NEON; ++cpu)
        for (int i = 0; i < CHECK_COUNT(batches) && is_supported(cpu); ++i) {
            const uint64_t alone = train_new(want, batches[i], 1, cpu);

            for (int t = 0; t < CHECK_COUNT(counts); ++t)
                if (train_new(want, batches[i], counts[t], cpu) != alone)
                    CHECK_FAIL("%d images, instruction set %d: other bits with %d threads", batches[i], (int)cpu,
                               counts[t]);
        }
}

/* ---- The work is shared ------------------------------------------------------------------------ */

struct counted_calls {
    int calls;
    bool nested, inside;
};

static void run_counted(void *user, int32_t count, void (*task)(void *context, int32_t index), void *context)
{
    struct counted_calls *counted = user;

    counted->nested |= counted->inside;
    counted->inside = true;
    for (int32_t i = 0; i < count; ++i)
        task(context, i);
    counted->inside = false;
    ++counted->calls;
}

static void is_shared(const void *argument)
{
    const struct shared_network *want = argument;

    for (int images = 1; images <= 8; images += 7) {
        struct counted_calls counted = {0, false, false};
        normnet_config config = shared_config(want, 2, NORMNET_CPU_BEST);
        normnet_model *model;

        config.parallel_for = run_counted;
        config.parallel_user = &counted;
        model = CHECK_CREATE(&config);
        if (model == NULL)
            return;
        train_step(model, &config, images);
        if (counted.calls < 3 * want->convolutions - 1)
            CHECK_FAIL("%d images: %d calls in a step", images, counted.calls);
        CHECK(!counted.nested);
        normnet_model_destroy(model);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(networks); ++i) {
        check_case_named(same_bits, &networks[i], "few images: any number of threads has the same bits, %s",
                         networks[i].name);
        check_case_named(is_shared, &networks[i], "few images: threads share them, %s", networks[i].name);
    }
    return check_end();
}
