/* SPDX-License-Identifier: MIT */
/*
 * Memory: training and prediction never use the caller's allocator, and no result depends on what the memory held.
 * test_failing_memory.c has allocations that fail.
 */
#include "creation.h"

struct memory_case {
    const char *name;
    int32_t norm, affine, layer_dims, virtual_batch, threads, readers;
    const char *text;
};

static const struct memory_case cases[] = {
    {"none", NORMNET_NORM_NONE, 0, 3, 0, 1, 1, NULL},
    {"batch", NORMNET_NORM_BATCH, 0, 3, 0, 1, 1, NULL},
    {"batch without affine", NORMNET_NORM_BATCH, NORMNET_AFFINE_NONE, 3, 0, 1, 1, NULL},
    {"ghost batch", NORMNET_NORM_BATCH, 0, 3, 16, 1, 1, NULL},
    {"group", NORMNET_NORM_GROUP, 0, 3, 0, 1, 1, NULL},
    {"layer", NORMNET_NORM_LAYER, 0, 3, 0, 1, 1, NULL},
    {"layer per element", NORMNET_NORM_LAYER, NORMNET_AFFINE_ELEMENT, 3, 0, 1, 1, NULL},
    {"layer over two dimensions per element", NORMNET_NORM_LAYER, NORMNET_AFFINE_ELEMENT, 2, 0, 1, 1, NULL},
    {"layer over the width", NORMNET_NORM_LAYER, 0, 1, 0, 1, 1, NULL},
    {"instance", NORMNET_NORM_INSTANCE, 0, 3, 0, 1, 1, "conv3-4 norm relu maxpool2 conv3-8 norm relu gap conv1-10"},
    {"batch, 3 threads and readers", NORMNET_NORM_BATCH, 0, 3, 0, 3, 3, NULL},
    {"group, 3 threads and readers", NORMNET_NORM_GROUP, 0, 3, 0, 3, 3, NULL},
    {"one layer", NORMNET_NORM_NONE, 0, 3, 0, 1, 1, "flatten fc-10"},
    {"strides and padding", NORMNET_NORM_BATCH, 0, 3, 0, 1, 1, "conv3-4s2p1b norm conv5-6s3p2 relu norm gap conv1-10"},
};

static normnet_config config_of(const struct memory_case *want)
{
    normnet_config config = twins_config(want->norm);

    if (want->text != NULL)
        config.architecture = want->text;
    config.affine = want->affine;
    config.layer_dims = want->layer_dims;
    config.virtual_batch = want->virtual_batch;
    config.threads = want->threads;
    config.readers = want->readers;
    config.average_decay = 0.9;
    return config;
}

/* Everything that a model can do, with `memory` forbidden or not; a hash over all results. */
static uint64_t use_all(normnet_model *model, struct twins *pair)
{
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    const normnet_predict_options average = {.struct_size = sizeof average, .weights = NORMNET_WEIGHTS_AVERAGE};
    const int64_t counts[] = {TWINS_IMAGES, 2, 16, TWINS_MOST};
    uint64_t hash = 0;
    char text[64];

    for (int i = 0; i < CHECK_COUNT(counts); ++i) {
        const normnet_tensor images = tensor_images(NORMNET_U8, pair->in.bytes, counts[i], &pair->config);
        const normnet_tensor floats = tensor_images(NORMNET_F32, pair->in.floats, counts[i], &pair->config);
        const normnet_tensor labels = tensor_1d(NORMNET_U8, pair->in.digits8, counts[i]);
        normnet_tensor scores = tensor_2d(NORMNET_F32, pair->out.scores, counts[i], TWINS_CLASSES);
        normnet_tensor classes = tensor_1d(NORMNET_I64, pair->out.classes, counts[i]);
        const normnet_layer_info info = layer_info(model, 0);
        const int64_t shape[] = {counts[i], info.channels, info.height, info.width};
        normnet_tensor map;

        CHECK_OK(normnet_train_step(model, &images, &labels, &pair->out.metrics));
        hash = hash_bytes(hash, &pair->out.metrics, sizeof pair->out.metrics);
        CHECK_OK(normnet_compute_gradients(model, &floats, &labels, NULL, &pair->out.metrics));
        hash ^= hash_state(model);
        CHECK_OK(normnet_apply_gradients(model, counts[i]));
        CHECK_OK(normnet_compute_gradients(model, &floats, &labels, NULL, NULL));
        CHECK_OK(normnet_discard_gradients(model));
        CHECK_OK(normnet_update_statistics(model, &floats, i == 0));
        CHECK_OK(normnet_update_average_statistics(model, &floats, i == 0));
        CHECK_OK(normnet_set_learning_rate(model, 0.02, 0.8));
        CHECK_OK(normnet_evaluate(model, &images, &labels, &pair->out.metrics, NULL, &average));
        hash = hash_bytes(hash, &pair->out.metrics, sizeof pair->out.metrics);
        CHECK_OK(normnet_evaluate(model, &images, &labels, &pair->out.metrics, pair->out.confusion, NULL));
        hash = hash_bytes(hash, &pair->out.metrics, sizeof pair->out.metrics);
        hash = hash_bytes(hash, pair->out.confusion, sizeof pair->out.confusion);
        CHECK_OK(normnet_evaluate(model, &images, &labels, &pair->out.metrics, NULL, &batch));
        hash = hash_bytes(hash, &pair->out.metrics, sizeof pair->out.metrics);
        CHECK_OK(normnet_predict(model, &images, &scores, &classes, NULL));
        hash = hash_bytes(hash, pair->out.scores, (size_t)(counts[i] * TWINS_CLASSES) * sizeof(float));
        CHECK_OK(normnet_predict(model, &images, &scores, &classes, &batch));
        hash = hash_bytes(hash, pair->out.scores, (size_t)(counts[i] * TWINS_CLASSES) * sizeof(float));
        if (info.module[0] == 'C' && info.channels * info.height * info.width <= TWINS_MAP) {
            normnet_tensor_init(&map, NORMNET_F32, pair->out.map, 4, shape);
            CHECK_OK(normnet_layer_output(model, &images, 0, &map, NULL));
            hash = hash_bytes(hash, pair->out.map,
                              (size_t)(counts[i] * info.channels * info.height * info.width) * sizeof(float));
        }
        CHECK(normnet_model_summary(model, text, sizeof text) > 0);
        CHECK_OK(normnet_set_parameters(model, state_info(model, 0).data, normnet_parameter_count(model)));
        (void)normnet_train_step(model, &images, &labels, NULL);
        (void)normnet_train_step(NULL, &images, &labels, NULL); /* failures allocate nothing either */
        (void)normnet_layer_output(model, &images, -1, &map, NULL);
    }
    return hash ^ hash_state(model);
}

static void without_allocating(const void *argument)
{
    const struct memory_case *want = argument;
    normnet_config config = config_of(want);
    struct twins *pair = twins_open_config(&config);
    struct allocator memory = {.fill = 0xA5};
    normnet_model *model;
    uint64_t other;

    allocator_use(&memory, &config);
    model = CHECK_CREATE(&config);
    CHECK(memory.allocations > 0);
    CHECK_EQUAL(memory.frees, 0);
    memory.forbidden = 1;
    other = use_all(model, pair);
    memory.forbidden = 0;
    CHECK(other == use_all(pair->twin, pair)); /* with the default allocator */
    normnet_model_destroy(model);
    CHECK_ALL_FREED(&memory);
    CHECK_EQUAL(memory.frees, memory.allocations);
    twins_close(pair);
}

/* Zeros, a pattern that is a small negative float, and one that is a NaN wherever it is read. */
static void whatever_memory_held(const void *argument)
{
    const struct memory_case *want = argument;
    const int fills[] = {0x00, 0xA5, 0xFF, 0x7F};
    normnet_config config = config_of(want);
    struct twins *pair = twins_open_config(&config);
    uint64_t hashes[CHECK_COUNT(fills)];

    for (int i = 0; i < CHECK_COUNT(fills); ++i) {
        struct allocator memory = {.fill = fills[i]};
        normnet_model *model;

        allocator_use(&memory, &config);
        model = CHECK_CREATE(&config);
        hashes[i] = use_all(model, pair);
        normnet_model_destroy(model);
        CHECK_ALL_FREED(&memory);
        if (hashes[i] != hashes[0])
            CHECK_FAIL("memory that held 0x%02X leads to other results", (unsigned)fills[i]);
    }
    twins_close(pair);
}

/* The functions get the user pointer of the configuration; what they return is aligned as asked for. */
static void alignment_asked_for(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct allocator memory = {.fill = 0x5A};
    normnet_config read = {0};
    normnet_model *model;

    (void)argument;
    allocator_use(&memory, &config);
    model = CHECK_CREATE(&config);
    read.struct_size = (int32_t)sizeof read;
    CHECK_OK(normnet_model_config(model, &read));
    CHECK(read.allocate == allocator_allocate && read.deallocate == allocator_deallocate);
    CHECK(read.allocator_user == &memory);
    CHECK_EQUAL(memory.live, memory.requested);
    normnet_model_destroy(model);
    CHECK_ALL_FREED(&memory);
}

/* An allocator of the program that knows no alignment, as malloc: the address is a word further. */
static void *allocate_unaligned(void *user, int64_t size, int64_t alignment)
{
    char *block = allocator_allocate(user, size + alignment, alignment);

    return block == NULL ? NULL : block + sizeof(double);
}

static void deallocate_unaligned(void *user, void *block, int64_t size)
{
    allocator_deallocate(user, (char *)block - sizeof(double), size + 64);
}

static void alignment_ignored(const void *argument)
{
    struct allocator own = {.fill = 0xA5};
    normnet_config config = twins_config(NORMNET_NORM_GROUP);
    normnet_model *model = NULL;

    (void)argument;
    config.allocate = allocate_unaligned;
    config.deallocate = deallocate_unaligned;
    config.allocator_user = &own;
    CHECK_EQUAL(normnet_model_create(&model, &config), NORMNET_EINVAL);
    CHECK(strstr(normnet_error_message(), "config.allocate returned an address that is no multiple of 64") != NULL);
    CHECK(model == NULL);
    CHECK_EQUAL(own.allocations, 1);
    check_all_freed(__FILE__, __LINE__, &own);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(cases); ++i) {
        check_case_named(without_allocating, &cases[i], "memory: no step, reading or failure allocates, norm %s",
                         cases[i].name);
        check_case_named(whatever_memory_held, &cases[i], "memory: what it held does not matter, norm %s",
                         cases[i].name);
    }
    check_case("memory: the allocator gets its user pointer, sizes and alignments", alignment_asked_for, NULL);
    check_case("memory: an allocator that ignores the alignment is EINVAL", alignment_ignored, NULL);
    return check_end();
}
