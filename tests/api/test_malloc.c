/* SPDX-License-Identifier: MIT */
/*
 * Nothing goes around the allocator: this program is linked with the library's objects in such a way that their calls
 * of malloc and the like arrive here (ld's --wrap), where they are counted, and fail on request. One thread: an OpenMP
 * runtime has memory of its own.
 */
#include "harness/refused_malloc.h"
#include "harness/twins.h"

static int watching, allocations, releases;
static int fail_at; /* the number, from 1, of the allocation that fails; 0 = none */

/* malloc may find no memory in one place, set errno, and find some in another. */
static int refused(void)
{
    errno = watching ? ENOMEM : errno;
    allocations += watching;
    return watching && allocations == fail_at;
}

void __wrap_free(void *block)
{
    releases += watching;
    __real_free(block);
    errno = watching ? EINVAL : errno; /* in glibc before 2.33, free could change it */
}

/* Memory that has nothing to do with malloc. */
struct pool {
    _Alignas(64) unsigned char bytes[64 << 20];
    size_t used;
    int blocks;
};

static struct pool whole;

static void *pool_allocate(void *user, int64_t size, int64_t alignment)
{
    struct pool *self = user;
    void *block;

    self->used = (self->used + (size_t)alignment - 1) & ~((size_t)alignment - 1);
    block = self->bytes + self->used;
    if (size > (int64_t)(sizeof self->bytes - self->used))
        return NULL;
    self->used += (size_t)size;
    ++self->blocks;
    return block;
}

static void pool_deallocate(void *user, void *block, int64_t size)
{
    struct pool *self = user;

    (void)block;
    (void)size;
    --self->blocks;
}

static void use_all(struct twins *pair, normnet_model *model)
{
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    const normnet_predict_options average = {.struct_size = sizeof average, .weights = NORMNET_WEIGHTS_AVERAGE};
    double *gradients;
    char text[4096];

    for (int i = 0; i < 2; ++i) {
        CHECK_OK(normnet_train_step(model, &pair->images, &pair->labels, &pair->out.metrics));
        CHECK_OK(normnet_compute_gradients(model, &pair->float_images, &pair->labels, NULL, &pair->out.metrics));
        CHECK_OK(normnet_gradients(model, &gradients, NULL));
        CHECK_OK(normnet_apply_gradients(model, TWINS_IMAGES));
        CHECK_OK(normnet_update_statistics(model, &pair->images, 1));
        CHECK_OK(normnet_update_average_statistics(model, &pair->images, 1));
        CHECK_OK(normnet_evaluate(model, &pair->images, &pair->labels, &pair->out.metrics, pair->out.confusion, NULL));
        CHECK_OK(normnet_predict(model, &pair->images, &pair->scores, &pair->classes, NULL));
        CHECK_OK(normnet_predict(model, &pair->images, &pair->scores, &pair->classes, &batch));
        CHECK_OK(normnet_predict(model, &pair->images, &pair->scores, &pair->classes, &average));
        CHECK_OK(normnet_layer_output(model, &pair->images, 0, &pair->map, NULL));
        CHECK_OK(normnet_set_learning_rate(model, 0.01, 0.9));
        CHECK(normnet_model_summary(model, text, sizeof text) > 0);
        CHECK_OK(normnet_discard_gradients(model));
        CHECK_STATUS(normnet_apply_gradients(model, TWINS_IMAGES), NORMNET_ESTATE);
        CHECK_STATUS(normnet_train_step(model, &pair->labels, &pair->labels, NULL), NORMNET_EUNSUPPORTED);
    }
}

static void watch(void)
{
    allocations = releases = 0;
    watching = 1;
}

/* Without a caller's allocator create may call malloc; the calls from there to destroy may not. */
static void default_allocator(const void *argument)
{
    const int32_t *norm = argument;
    normnet_config config = twins_config(*norm);
    struct twins *pair;
    normnet_model *model = NULL;
    int taken;

    config.average_decay = 0.9;
    pair = twins_open_config(&config);
    watch();
    errno = 0;
    CHECK_OK(normnet_model_create(&model, &config));
    CHECK_EQUAL(errno, 0);
    watching = 0;
    taken = allocations;
    CHECK(taken > 0);
    CHECK_EQUAL(releases, 0);
    watch();
    use_all(pair, model);
    watching = 0;
    CHECK_EQUAL(allocations, 0);
    CHECK_EQUAL(releases, 0);
    watch();
    errno = 0;
    normnet_model_destroy(model);
    CHECK_EQUAL(errno, 0);
    watching = 0;
    CHECK_EQUAL(allocations, 0);
    CHECK_EQUAL(releases, taken);
    twins_close(pair);
}

/* Saves, loads, fills, copies and exports, right and wrong; `config` has the allocator. */
static void use_files(normnet_model *model, const normnet_config *config)
{
    static const char path[] = "test_malloc.file";
    static unsigned char bytes[4 << 20];
    normnet_model *made = NULL;
    int64_t size = 0;

    CHECK_OK(normnet_model_save(model, path, NULL));
    CHECK_OK(normnet_model_load(&made, path, config));
    CHECK_OK(normnet_load_weights(made, path));
    normnet_model_destroy(made);
    CHECK_OK(normnet_model_serialize(model, bytes, sizeof bytes, &size, NULL));
    CHECK_OK(normnet_model_deserialize(&made, bytes, size, config));
    CHECK_OK(normnet_deserialize_weights(model, bytes, size));
    normnet_model_destroy(made);
    CHECK_OK(normnet_model_clone(&made, model, NULL));
    normnet_model_destroy(made);
    CHECK_OK(normnet_model_clone_average(&made, model, config));
    normnet_model_destroy(made);
    CHECK_OK(normnet_model_export_onnx(model, path));
    CHECK_STATUS(normnet_model_load(&made, path, config), NORMNET_EFORMAT);
    CHECK_STATUS(normnet_model_deserialize(&made, bytes, size - 1, config), NORMNET_ETRUNCATED);
    bytes[size - 1] ^= 1;
    CHECK_STATUS(normnet_deserialize_weights(model, bytes, size), NORMNET_ECHECKSUM);
    CHECK_STATUS(normnet_model_save(model, "test_malloc.nowhere/model", NULL), NORMNET_EIO);
    remove(path);
}

/* With a caller's allocator the library never calls malloc, not even for a model that is rejected. */
static void own_allocator(const void *argument)
{
    const int32_t *norm = argument;
    normnet_config config = twins_config(*norm);
    struct twins *pair;
    normnet_model *model = NULL;

    config.average_decay = 0.9;
    pair = twins_open_config(&config);
    whole.used = 0;
    config.allocate = pool_allocate;
    config.deallocate = pool_deallocate;
    config.allocator_user = &whole;
    watch();
    CHECK_OK(normnet_model_create(&model, &config));
    use_all(pair, model);
    use_files(model, &config);
    normnet_model_destroy(model);
    config.architecture = "conv3-4 gap conv1-9";
    CHECK_STATUS(normnet_model_create(&model, &config), NORMNET_EARCH);
    config.architecture = "conv3-4 nothing";
    CHECK_STATUS(normnet_model_create(&model, &config), NORMNET_EARCH);
    watching = 0;
    CHECK_EQUAL(allocations, 0);
    CHECK_EQUAL(releases, 0);
    CHECK_EQUAL(whole.blocks, 0);
    twins_close(pair);
}

/* Without a caller's allocator: malloc fails at its first, second, ... call until create succeeds. */
static void malloc_fails(const void *argument)
{
    const int32_t *norm = argument;
    const normnet_config config = twins_config(*norm);
    normnet_status status;
    int failed = 0;

    do {
        normnet_model *model = NULL;

        watch();
        fail_at = ++failed;
        status = normnet_model_create(&model, &config);
        fail_at = 0;
        if (status != NORMNET_OK) {
            CHECK_STATUS(status, NORMNET_ENOMEM);
            CHECK(model == NULL);
            CHECK_EQUAL(releases, allocations - 1);
        }
        normnet_model_destroy(model);
        watching = 0;
    } while (status == NORMNET_ENOMEM);
    CHECK(failed > 2);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        check_case_named(default_allocator, &norm, "malloc: only create calls it, only destroy frees, norm %s",
                         norm_name(norm));
        check_case_named(own_allocator, &norm, "malloc: never called beside the caller's allocator, norm %s",
                         norm_name(norm));
        check_case_named(malloc_fails, &norm, "malloc: each call that fails is ENOMEM, norm %s", norm_name(norm));
    }
    return check_end();
}
