/* SPDX-License-Identifier: MIT */
/*
 * Gradients that wait: what any call, and any two calls, between compute_gradients and apply_gradients do to the state,
 * to the gradients and to what apply leaves; and which images a call computes that does not say so.
 *
 * The expected state is kept in parts: a model without pending gradients, the sum of the gradients, and the running
 * statistics that apply will set. No part of it ever waits.
 */
#include "waiting_calls.h"

/* ---- What is expected -------------------------------------------------------------------------- */

enum { MOST_STATISTICS = 3 * 3 }; /* of the three batch norms of the twins' network */

struct statistic {
    char name[64];
    normnet_state_info info; /* its name belongs to a model that may be gone */
    unsigned char value[8 * sizeof(int64_t)];
};

struct expectation {
    normnet_model *now; /* without pending gradients */
    int pending;
    int64_t images; /* computed */
    double *sum;
    struct statistic next[MOST_STATISTICS]; /* what apply sets */
};

static size_t value_size(const normnet_state_info *info)
{
    return (size_t)state_length(info) * (info->dtype == NORMNET_I64 ? sizeof(int64_t) : sizeof(float));
}

/* Reads into `next` those statistics of a model whose names contain `part`. */
static void read_statistics(struct expectation *expected, const normnet_model *model, const char *part)
{
    int count = 0;

    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);

        if (info.trained || count == MOST_STATISTICS)
            continue;
        if (strstr(info.name, part) != NULL) {
            expected->next[count].info = info;
            snprintf(expected->next[count].name, sizeof expected->next[count].name, "%s", info.name);
            memcpy(expected->next[count].value, info.data, value_size(&info));
        }
        ++count;
    }
}

static void write_statistics(const struct expectation *expected, normnet_model *model)
{
    for (int i = 0; i < MOST_STATISTICS; ++i) {
        const struct statistic *next = &expected->next[i];
        normnet_tensor tensor;

        normnet_tensor_init(&tensor, next->info.dtype, next->value, next->info.rank, next->info.shape);
        CHECK_OK(normnet_set_state(model, next->name, &tensor));
    }
}

static void forget(struct expectation *expected)
{
    expected->pending = 0;
    expected->images = 0;
    memset(expected->sum, 0, (size_t)normnet_parameter_count(expected->now) * sizeof *expected->sum);
    read_statistics(expected, expected->now, ".");
}

static normnet_model *copy_of(normnet_model *model)
{
    normnet_model *copy = NULL;

    CHECK_OK(normnet_model_clone(&copy, model, NULL));
    return copy;
}

/* One pass of a copy that has the next statistics, over images whose place is given. */
static void expect_compute(struct expectation *expected, const struct bench *bench, normnet_metrics *metrics)
{
    normnet_model *model = copy_of(expected->now);
    const normnet_batch batch = {
        .struct_size = sizeof batch, .first_sample = expected->images, .images_in_all = UINT32_MAX};
    double *gradients;
    int64_t count;

    write_statistics(expected, model);
    CHECK_OK(normnet_compute_gradients(model, &bench->images, &bench->labels, &batch, metrics));
    CHECK_OK(normnet_gradients(model, &gradients, &count));
    for (int64_t i = 0; i < count; ++i)
        expected->sum[i] += gradients[i];
    CHECK_OK(normnet_set_learning_rate(model, 0.0, 0.0));
    CHECK_OK(normnet_apply_gradients(model, PARTS));
    read_statistics(expected, model, ".");
    expected->pending = 1;
    expected->images += PARTS;
    normnet_model_destroy(model);
}

/* A copy takes the sum as if it had computed it, then the next statistics. */
static void expect_apply(struct expectation *expected, const struct bench *bench)
{
    normnet_model *model = copy_of(expected->now);
    double *gradients;
    int64_t count;

    CHECK_OK(normnet_compute_gradients(model, &bench->images, &bench->labels, NULL, NULL));
    CHECK_OK(normnet_gradients(model, &gradients, &count));
    memcpy(gradients, expected->sum, (size_t)count * sizeof *gradients);
    CHECK_OK(normnet_apply_gradients(model, IN_ALL));
    write_statistics(expected, model);
    normnet_model_destroy(expected->now);
    expected->now = model;
    forget(expected);
}

static normnet_status expect(struct expectation *expected, const struct bench *bench, const struct row *row,
                             struct results *results)
{
    normnet_status status = NORMNET_OK;

    switch (row->kind) {
    case COMPUTES:
        expect_compute(expected, bench, &results->metrics);
        break;
    case APPLIES:
        if (!expected->pending)
            return NORMNET_ESTATE;
        expect_apply(expected, bench);
        break;
    case DISCARDS:
        forget(expected);
        break;
    case REJECTED:
        if (expected->pending)
            return NORMNET_ESTATE;
        status = row->run(bench, &expected->now, results);
        forget(expected);
        break;
    case AS_EVER:
        status = row->run(bench, &expected->now, results);
        if (row->statistics != NULL)
            read_statistics(expected, expected->now, row->statistics);
        break;
    }
    return status;
}

/* ---- Pairs ------------------------------------------------------------------------------------- */

/* What can be seen of the model: its state, and the gradients. */
static int looks_as_expected(normnet_model *model, const struct expectation *expected)
{
    double *gradients;
    int64_t count;

    CHECK_OK(normnet_gradients(model, &gradients, &count));
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);

        if (memcmp(info.data, state_info(expected->now, i).data, value_size(&info)) != 0)
            return 0;
    }
    return memcmp(gradients, expected->sum, (size_t)count * sizeof *gradients) == 0;
}

static void check_call(const struct bench *bench, const struct row *row, normnet_model **model,
                       struct expectation *expected, const char *sequence)
{
    static struct results results, wanted;
    normnet_status status, as_wanted;

    memset(&results, 0, sizeof results);
    memset(&wanted, 0, sizeof wanted);
    results.metrics = wanted.metrics = metrics_init();
    status = row->run(bench, model, &results);
    as_wanted = expect(expected, bench, row, &wanted);
    if (status != as_wanted)
        CHECK_FAIL("%s: %s is %s, expected %s; the message is \"%s\"", sequence, row->name,
                   normnet_status_string((int32_t)status), normnet_status_string((int32_t)as_wanted),
                   normnet_error_message());
    if (memcmp(&results, &wanted, sizeof results) != 0)
        CHECK_FAIL("%s: %s returns something else than expected", sequence, row->name);
    if (!looks_as_expected(*model, expected))
        CHECK_FAIL("%s: after %s the state or the gradients are not those expected", sequence, row->name);
}

/* After compute: the two calls, apply, and a step more, which depends on all that cannot be seen. */
static void check_pair(const struct bench *bench, normnet_model *origin, const struct row *first,
                       const struct row *second)
{
    const struct row *const calls[] = {&rows[0], first, second, &rows[3], &rows[6]};
    normnet_model *model = copy_of(origin);
    struct expectation expected = {.now = copy_of(origin)};
    char sequence[160];

    snprintf(sequence, sizeof sequence, "compute, %s, %s, apply", first->name, second->name);
    expected.sum = check_allocate((size_t)normnet_parameter_count(origin), sizeof *expected.sum);
    forget(&expected);
    for (int i = 0; i < CHECK_COUNT(calls); ++i)
        check_call(bench, calls[i], &model, &expected, sequence);
    free(expected.sum);
    normnet_model_destroy(expected.now);
    normnet_model_destroy(model);
}

static void all_pairs(const void *argument)
{
    const int32_t *norm = argument;
    struct twins *pair = twins_open(*norm);
    struct bench bench = {.weights_size = 0};
    const normnet_save_options options = {.struct_size = sizeof options, .kind = NORMNET_FILE_WEIGHTS};

    bench.images = tensor_images(NORMNET_U8, pair->in.bytes, PARTS, &pair->config);
    bench.labels = bench.wrong_labels = tensor_1d(NORMNET_U8, pair->in.digits8, PARTS);
    bench.wrong_labels.shape[0] = 1;
    /* The twin becomes the other model. */
    twins_draw(pair);
    CHECK_OK(normnet_set_learning_rate(pair->twin, 0.3, 0.0));
    CHECK_OK(normnet_train_step(pair->twin, &pair->images, &pair->labels, NULL));
    CHECK_OK(normnet_model_serialize(pair->twin, NULL, 0, &bench.weights_size, &options));
    bench.weights = check_allocate((size_t)bench.weights_size, 1);
    CHECK_OK(normnet_model_serialize(pair->twin, bench.weights, bench.weights_size, &bench.weights_size, &options));
    bench.parameters = state_info(pair->twin, 0).data;
    for (int i = 0; i < CHECK_COUNT(rows); ++i)
        for (int j = 0; j < CHECK_COUNT(rows); ++j)
            check_pair(&bench, pair->model, &rows[i], &rows[j]);
    free(bench.weights);
    twins_close(pair);
}

/* ---- Images that follow ------------------------------------------------------------------------ */

/* Calls without a batch, each twice as far as those before it, add up to the bits of one call. */
static void parts_are_the_whole(const void *argument)
{
    const int32_t *norm = argument;
    const int64_t last = TWINS_IMAGES;
    struct twins *pair = twins_open(*norm);

    for (int64_t first = 8; first <= 16; first *= 2) {
        CHECK_OK(normnet_compute_gradients(pair->twin, &pair->images, &pair->labels, NULL, NULL));
        for (int64_t begin = 0, count = first; begin < last; begin += count, count = begin) {
            const int64_t images = begin + count < last ? count : last - begin;
            const normnet_tensor bytes =
                tensor_images(NORMNET_U8, pair->in.bytes + begin * TWINS_PIXELS, images, &pair->config);
            const normnet_tensor digits = tensor_1d(NORMNET_I64, pair->in.digits + begin, images);

            CHECK_OK(normnet_compute_gradients(pair->model, &bytes, &digits, NULL, NULL));
        }
        if (hash_state(pair->model) != hash_state(pair->twin))
            CHECK_FAIL("parts that begin with %d images have other gradients than the whole", (int)first);
        CHECK_OK(normnet_apply_gradients(pair->model, last));
        CHECK_OK(normnet_apply_gradients(pair->twin, last));
        CHECK(hash_state(pair->model) == hash_state(pair->twin));
    }
    twins_close(pair);
}

/* The next image is the one after the highest, whatever came last; a failed call counts no images. */
static void after_the_highest(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    normnet_batch batch = {.struct_size = sizeof batch};

    (void)argument;
    for (int i = 0; i < 2; ++i) {
        normnet_model *model = i == 0 ? pair->model : pair->twin;

        batch.images_in_all = 1000;
        batch.first_sample = 500;
        CHECK_OK(normnet_compute_gradients(model, &pair->images, &pair->labels, &batch, NULL));
        batch.first_sample = 0;
        CHECK_OK(normnet_compute_gradients(model, &pair->images, &pair->labels, &batch, NULL));
        batch.first_sample = 500 + TWINS_IMAGES;
        CHECK_STATUS(normnet_compute_gradients(model, &pair->labels, &pair->images, &batch, NULL),
                     NORMNET_EUNSUPPORTED);
        CHECK_OK(
            normnet_compute_gradients(model, &pair->images, &pair->labels, model == pair->model ? NULL : &batch, NULL));
    }
    CHECK(hash_state(pair->model) == hash_state(pair->twin));
    CHECK_OK(normnet_discard_gradients(pair->model));
    CHECK_OK(normnet_discard_gradients(pair->twin));
    /* At the end of the numbers nothing can follow. */
    batch.images_in_all = 0;
    batch.first_sample = (int64_t)UINT32_MAX - TWINS_IMAGES;
    CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, NULL));
    CHECK_OK(normnet_compute_gradients(pair->twin, &pair->images, &pair->labels, &batch, NULL));
    pair->pending = 1;
    pair->fingerprint = hash_model(pair->model);
    CHECK_REJECTED(pair, normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL),
                   NORMNET_EINVAL, "first_sample", "4294967295");
    twins_close(pair);
}

int main(int argc, char **argv)
{
    static const int32_t batch = NORMNET_NORM_BATCH;

    if (!check_begin(argc, argv))
        return check_end();
    check_case("pending gradients: every pair of calls before apply, batch norm", all_pairs, &batch);
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm)
        if (norm != NORMNET_NORM_BATCH)
            check_case_named(parts_are_the_whole, &norm, "parts of a batch: the bits of the whole, norm %s",
                             norm_name(norm));
    check_case("parts of a batch: continue after the highest index", after_the_highest, NULL);
    return check_end();
}
