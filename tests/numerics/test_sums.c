/* SPDX-License-Identifier: MIT */
/*
 * The order of sums: gradients are a binary tree over the images, so that a batch may be computed in shares,
 * by any number of threads and any instruction set, and keeps its bits.
 */
#include "harness/check_normnet.h"
#include "harness/test_random.h"

enum { MAX_IMAGES = 160 };

struct sum_case {
    const char *name, *architecture;
    int norm;
    double dropout;
    int channels, height, width, classes;
};

/* Networks whose images are independent up to the gradients. */
static const struct sum_case networks[] = {
    {"none", "conv3-5b relu maxpool2 conv3-4p1s2 norm gap flatten fc-3b", NORMNET_NORM_NONE, 0, 1, 13, 11, 3},
    {"group with dropout", "conv3-8 relu norm dropout conv3-8 relu norm dropout gap conv1-4", NORMNET_NORM_GROUP, 0.3,
     2, 9, 10, 4},
    {"layer with dropout", "conv5-3s2 norm relu dropout.5 avgpool2 flatten fc-8 norm dropout.1 fc-5",
     NORMNET_NORM_LAYER, 0.1, 1, 16, 15, 5},
    {"instance", "conv3-4 norm relu conv2-4 relu flatten fc-3", NORMNET_NORM_INSTANCE, 0, 1, 7, 8, 3},
};

static const struct sum_case batch_network = {
    "batch", "conv3-6 relu norm dropout maxpool2 conv3-5b norm relu gap conv1-4", NORMNET_NORM_BATCH, 0.1, 1, 14, 13,
    4};

/* Images and labels that all models here see. */
struct sum_data {
    float *pixels;
    uint8_t labels[MAX_IMAGES];
    int size; /* of one image */
};

static void draw_data(struct sum_data *data, const struct sum_case *want)
{
    struct random_stream random = {42};

    data->size = want->channels * want->height * want->width;
    data->pixels = check_allocate((size_t)(MAX_IMAGES * data->size), sizeof *data->pixels);
    for (int i = 0; i < MAX_IMAGES * data->size; ++i)
        data->pixels[i] = (float)random_uniform(&random, -1, 1);
    for (int i = 0; i < MAX_IMAGES; ++i)
        data->labels[i] = (uint8_t)random_below(&random, want->classes);
}

static normnet_config sum_config(const struct sum_case *want)
{
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, want->norm));
    config.architecture = want->architecture;
    config.channels = want->channels;
    config.height = want->height;
    config.width = want->width;
    config.classes = want->classes;
    config.dropout = want->dropout;
    config.max_batch = MAX_IMAGES;
    config.l1 = 1e-4;
    config.clip_norm = 1;
    return config;
}

/* Adds the gradients of images first ... first + count - 1 to those of the model. */
static int compute(normnet_model *model, const normnet_config *config, const struct sum_data *data, int64_t first,
                   int64_t count, int64_t images)
{
    const normnet_tensor pixels = tensor_images(NORMNET_F32, data->pixels + first * data->size, count, config);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, data->labels + first, count);
    normnet_batch batch;

    normnet_batch_init(&batch);
    batch.first_sample = first;
    batch.images_in_all = images;
    return CHECK_OK(normnet_compute_gradients(model, &pixels, &labels, &batch, NULL));
}

/* The gradients of such images alone. */
static void gradient_of(normnet_model *model, const normnet_config *config, const struct sum_data *data, int64_t first,
                        int64_t count, int64_t images, double *sums)
{
    int64_t length = normnet_parameter_count(model);
    double *values = NULL;

    memset(sums, 0, (size_t)length * sizeof *sums);
    if (count == 0 || !compute(model, config, data, first, count, images))
        return;
    CHECK_OK(normnet_gradients(model, &values, NULL));
    memcpy(sums, values, (size_t)length * sizeof *sums);
    CHECK_OK(normnet_discard_gradients(model));
}

/* The shares of ranks begin ... begin + ranks - 1 of `all`, added as the tree adds them. */
static void sum_of_ranks(normnet_model *model, const normnet_config *config, const struct sum_data *data,
                         int64_t images, int all, int begin, int ranks, double *sums)
{
    int64_t length = normnet_parameter_count(model), first, count;
    double *right;

    if (ranks == 1) {
        CHECK_OK(normnet_shard(images, all, begin, &first, &count));
        gradient_of(model, config, data, first, count, images, sums);
        return;
    }
    right = check_allocate((size_t)length, sizeof *right);
    sum_of_ranks(model, config, data, images, all, begin, ranks / 2, sums);
    sum_of_ranks(model, config, data, images, all, begin + ranks / 2, ranks / 2, right);
    for (int64_t i = 0; i < length; ++i)
        sums[i] += right[i];
    free(right);
}

static int64_t different_bits(const void *a, const void *b, int64_t count, size_t size)
{
    int64_t different = 0;

    for (int64_t i = 0; i < count; ++i)
        different += memcmp((const char *)a + (size_t)i * size, (const char *)b + (size_t)i * size, size) != 0;
    return different;
}

static void shares(const void *argument)
{
    static const int batches[] = {1, 2, 3, 5, 8, 13, 16, 17, 24, 32, 33, 48, 63, 64, 96, 100, 128, 160};
    const struct sum_case *want = argument;
    const normnet_config config = sum_config(want);
    normnet_model *model = CHECK_CREATE(&config);
    int64_t length = normnet_parameter_count(model);
    double *whole = check_allocate((size_t)length, sizeof *whole),
           *parts = check_allocate((size_t)length, sizeof *parts);
    struct sum_data data;

    draw_data(&data, want);
    for (int i = 0; i < CHECK_COUNT(batches) && model != NULL; ++i) {
        gradient_of(model, &config, &data, 0, batches[i], batches[i], whole);
        for (int ranks = 2; ranks <= 16; ranks *= 2) {
            sum_of_ranks(model, &config, &data, batches[i], ranks, 0, ranks, parts);
            if (different_bits(whole, parts, length, sizeof *whole) > 0)
                CHECK_FAIL("%d images: %d of %d gradients change in %d shares", batches[i],
                           (int)different_bits(whole, parts, length, sizeof *whole), (int)length, ranks);
        }
    }
    free(data.pixels);
    free(whole);
    free(parts);
    normnet_model_destroy(model);
}

/* Two computes in a row add up, and apply gives the weights of one train_step. */
static void halves_in_one_model(const void *argument)
{
    static const int batches[] = {2, 7, 16, 32, 33, 128};
    const struct sum_case *want = argument;
    const normnet_config config = sum_config(want);
    struct sum_data data;

    draw_data(&data, want);
    for (int i = 0; i < CHECK_COUNT(batches); ++i) {
        normnet_model *whole = CHECK_CREATE(&config), *halves = CHECK_CREATE(&config);
        int64_t length = normnet_parameter_count(whole), first, count;
        const normnet_tensor pixels = tensor_images(NORMNET_F32, data.pixels, batches[i], &config);
        const normnet_tensor labels = tensor_1d(NORMNET_U8, data.labels, batches[i]);

        if (whole == NULL || halves == NULL)
            break;
        CHECK_OK(normnet_train_step(whole, &pixels, &labels, NULL));
        for (int rank = 0; rank < 2; ++rank) {
            CHECK_OK(normnet_shard(batches[i], 2, rank, &first, &count));
            if (count > 0)
                compute(halves, &config, &data, first, count, batches[i]);
        }
        CHECK_OK(normnet_apply_gradients(halves, batches[i]));
        if (different_bits(state_info(whole, 0).data, state_info(halves, 0).data, length, sizeof(float)) > 0)
            CHECK_FAIL("%d images: weights after two halves differ from those after the whole batch", batches[i]);
        normnet_model_destroy(whole);
        normnet_model_destroy(halves);
    }
    free(data.pixels);
}

/* ---- Threads and instruction sets ------------------------------------------------------------ */

/* All of the state after a few steps with batches of several sizes, one after the other. To be freed. */
static char *state_after_training(const struct sum_case *want, int threads, int cpu, size_t *bytes)
{
    static const int batches[] = {128, 33, 7, 16, 160, 100};
    normnet_config config = sum_config(want);
    normnet_model *model = NULL;
    struct sum_data data;
    char *state = NULL;

    *bytes = 0;
    config.threads = threads;
    config.cpu = cpu;
    model = CHECK_CREATE(&config);
    draw_data(&data, want);
    for (int i = 0; i < CHECK_COUNT(batches) && model != NULL; ++i) {
        const normnet_tensor pixels = tensor_images(NORMNET_F32, data.pixels, batches[i], &config);
        const normnet_tensor labels = tensor_1d(NORMNET_U8, data.labels, batches[i]);

        CHECK_OK(normnet_train_step(model, &pixels, &labels, NULL));
    }
    for (int i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);
        const size_t size = (size_t)state_length(&info) * (info.dtype == NORMNET_I64 ? 8 : 4);

        state = realloc(state, *bytes + size);
        memcpy(state + *bytes, info.data, size);
        *bytes += size;
    }
    free(data.pixels);
    normnet_model_destroy(model);
    return state;
}

static void threads(const void *argument)
{
    static const int counts[] = {2, 3, 5};
    size_t bytes, other_bytes;
    char *one = state_after_training(argument, 1, NORMNET_CPU_BEST, &bytes);

    for (int i = 0; i < CHECK_COUNT(counts); ++i) {
        char *several = state_after_training(argument, counts[i], NORMNET_CPU_BEST, &other_bytes);

        if (bytes != other_bytes || memcmp(one, several, bytes) != 0)
            CHECK_FAIL("%d threads lead to other bits than one", counts[i]);
        free(several);
    }
    free(one);
}

/* Can this machine and build do it? */
static int cpu_works(int cpu)
{
    normnet_config config = sum_config(&networks[0]);
    normnet_model *model = NULL;
    int works;

    config.cpu = cpu;
    works = normnet_model_create(&model, &config) != NORMNET_EUNSUPPORTED;
    normnet_model_destroy(model);
    return works;
}

/* Every instruction set of this machine and build against the portable one. */
static void instruction_sets(const void *argument)
{
    size_t bytes, other_bytes;
    char *portable, *other;
    int compared = 0;

    portable = state_after_training(argument, 1, NORMNET_CPU_PORTABLE, &bytes);
    for (int cpu = NORMNET_CPU_AVX2; cpu <= NORMNET_CPU_NEON; ++cpu) {
        if (!cpu_works(cpu))
            continue;
        other = state_after_training(argument, 2, cpu, &other_bytes);
        CHECK(bytes == other_bytes && memcmp(portable, other, bytes) == 0);
        free(other);
        ++compared;
    }
    free(portable);
    if (compared == 0)
        check_skip("this machine or build has no instruction set but the portable one");
}

/* ---- Shards ---------------------------------------------------------------------------------- */

/*
 * Is [first, first + count) a node of the tree over `images`, whose leaves are 8 images: aligned to a power of two, cut
 * off at the end?
 */
static int is_subtree(int64_t images, int64_t first, int64_t count)
{
    int64_t length = 8;

    while (length < count)
        length *= 2;
    return first % length == 0 && (count == length || first + count == images);
}

static void shards(const void *argument)
{
    int64_t first, count, next, most, least;

    (void)argument;
    for (int64_t images = 1; images <= 300; ++images)
        for (int ranks = 1; ranks <= 40; ++ranks) {
            next = most = 0;
            least = images;
            for (int rank = 0; rank < ranks; ++rank) {
                if (!CHECK_OK(normnet_shard(images, ranks, rank, &first, &count)))
                    return;
                if (first != next || count < 0)
                    CHECK_FAIL("rank %d of %d takes %d images from %d on, expected from %d on", rank, ranks, (int)count,
                               (int)first, (int)next);
                if ((ranks & (ranks - 1)) == 0 && count > 0 && !is_subtree(images, first, count))
                    CHECK_FAIL("rank %d of %d takes %d of %d images from %d on: no subtree", rank, ranks, (int)count,
                               (int)images, (int)first);
                next = first + count;
                most = count > most ? count : most;
                least = count < least ? count : least;
            }
            CHECK_EQUAL(next, images);
            if ((ranks & (ranks - 1)) != 0 && most - least > 1)
                CHECK_FAIL("%d images on %d ranks: shares from %d to %d", (int)images, ranks, (int)least, (int)most);
            if (images % ranks == 0 && images / ranks >= 8 && ((images / ranks) & (images / ranks - 1)) == 0 &&
                most != least)
                CHECK_FAIL("%d images on %d ranks: shares from %d to %d, though equal ones are subtrees", (int)images,
                           ranks, (int)least, (int)most);
        }
}

static void shard_limits(const void *argument)
{
    int64_t first = -7, count = -7;

    (void)argument;
    CHECK_STATUS(normnet_shard(10, 0, 0, &first, &count), NORMNET_EINVAL);
    CHECK_STATUS(normnet_shard(10, -1, 0, &first, &count), NORMNET_EINVAL);
    CHECK_STATUS(normnet_shard(10, 2, 2, &first, &count), NORMNET_EINVAL);
    CHECK_STATUS(normnet_shard(10, 2, -1, &first, &count), NORMNET_EINVAL);
    CHECK_STATUS(normnet_shard(-1, 2, 0, &first, &count), NORMNET_EINVAL);
    CHECK_STATUS(normnet_shard(10, 2, 0, NULL, &count), NORMNET_EINVAL);
    CHECK_STATUS(normnet_shard(10, 2, 0, &first, NULL), NORMNET_EINVAL);
    CHECK_EQUAL(first, -7);
    CHECK_EQUAL(count, -7);
    CHECK_OK(normnet_shard(INT64_MAX, 2, 1, &first, &count));
    CHECK_EQUAL(first, (int64_t)1 << 62);
    CHECK_EQUAL(count, INT64_MAX - first);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(networks); ++i) {
        check_case_named(shares, &networks[i], "shares add up to the batch, norm %s", networks[i].name);
        check_case_named(halves_in_one_model, &networks[i], "two halves train as the batch, norm %s", networks[i].name);
    }
    for (int i = 0; i <= CHECK_COUNT(networks); ++i) {
        const struct sum_case *network = i < CHECK_COUNT(networks) ? &networks[i] : &batch_network;

        check_case_named(threads, network, "threads keep the bits, norm %s", network->name);
        check_case_named(instruction_sets, network, "instruction sets keep the bits, norm %s", network->name);
    }
    check_case("shards are shares of the tree", shards, NULL);
    check_case("limits of shards", shard_limits, NULL);
    return check_end();
}
