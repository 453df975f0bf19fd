/* SPDX-License-Identifier: MIT */
/* The statistics of batch norm: running, cumulative, of virtual batches, recomputed, and those of the batch itself. */
#include "harness/twins.h"

/* Batch norm comes first, so that its statistics are those of the pixels. */
static const char pixels_first[] = "norm conv3-4 relu dropout0.5 gap conv1-10";

struct channel_moments {
    double mean[TWINS_CHANNELS], unbiased[TWINS_CHANNELS], biased[TWINS_CHANNELS];
};

static struct channel_moments moments_of(const struct twins *pair, int first, int count)
{
    struct channel_moments moments;
    const int plane = TWINS_PIXELS / TWINS_CHANNELS;

    for (int c = 0; c < TWINS_CHANNELS; ++c) {
        double sum = 0.0, square = 0.0;

        for (int n = first; n < first + count; ++n)
            for (int i = 0; i < plane; ++i)
                sum += (double)pair->in.floats[n * TWINS_PIXELS + c * plane + i];
        moments.mean[c] = sum / (count * plane);
        for (int n = first; n < first + count; ++n)
            for (int i = 0; i < plane; ++i) {
                const double d = (double)pair->in.floats[n * TWINS_PIXELS + c * plane + i] - moments.mean[c];

                square += d * d;
            }
        moments.biased[c] = square / (count * plane);
        moments.unbiased[c] = square / (count * plane - 1);
    }
    return moments;
}

/* Pixels whose mean and variance differ from image to image, so that no two batches have the same statistics. */
static struct twins *open_pixels_first(const normnet_config *config)
{
    struct twins *pair = twins_open_config(config);

    for (int i = 0; i < TWINS_MOST * TWINS_PIXELS; ++i) {
        const int image = i / TWINS_PIXELS;

        pair->in.floats[i] = pair->in.floats[i] * (1.0f + 0.1f * (float)image) - 0.05f * (float)image;
    }
    memcpy(&pair->in_before, &pair->in, sizeof pair->in);
    return pair;
}

static normnet_config statistics_config(void)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);

    config.architecture = pixels_first;
    return config;
}

/* Entries 2, 3 and 4 are running_mean, running_var and num_batches_tracked of layer 0. */
static void expect_running(const struct twins *pair, const double *mean, const double *variance, int64_t batches)
{
    const normnet_state_info means = state_info(pair->model, 2), variances = state_info(pair->model, 3);
    const normnet_state_info count = state_info(pair->model, 4);

    CHECK_TEXT(means.name, "0.running_mean");
    CHECK_TEXT(variances.name, "0.running_var");
    CHECK_TEXT(count.name, "0.num_batches_tracked");
    for (int c = 0; c < TWINS_CHANNELS; ++c) {
        CHECK_CLOSE((double)((const float *)means.data)[c], mean[c], 1e-6);
        CHECK_CLOSE((double)((const float *)variances.data)[c], variance[c], 1e-6 * variance[c]);
    }
    CHECK_EQUAL(*(const int64_t *)count.data, batches);
}

static normnet_tensor some_images(const struct twins *pair, int first, int count)
{
    return tensor_images(NORMNET_F32, pair->in.floats + first * TWINS_PIXELS, count, &pair->config);
}

static void update(struct twins *pair, int first, int count, int32_t reset)
{
    const normnet_tensor images = some_images(pair, first, count);

    CHECK_OK(normnet_update_statistics(pair->model, &images, reset));
}

/* Plain averages of the batches' means and unbiased variances since the last reset. */
static void recomputed(const void *argument)
{
    const normnet_config config = statistics_config();
    struct twins *pair = open_pixels_first(&config);
    const int first[] = {0, 20, 33}, count[] = {20, 13, 7};
    double mean[TWINS_CHANNELS] = {0}, variance[TWINS_CHANNELS] = {0};

    (void)argument;
    twins_advance(__FILE__, __LINE__, "creation", pair);
    for (int i = 0; i < 3; ++i) {
        const struct channel_moments batch = moments_of(pair, first[i], count[i]);

        update(pair, first[i], count[i], i == 0);
        for (int c = 0; c < TWINS_CHANNELS; ++c) {
            mean[c] += (batch.mean[c] - mean[c]) / (i + 1);
            variance[c] += (batch.unbiased[c] - variance[c]) / (i + 1);
        }
        expect_running(pair, mean, variance, i + 1);
    }
    /* A reset forgets all of it; any non-zero value is one. */
    {
        const struct channel_moments batch = moments_of(pair, 5, 11);

        update(pair, 5, 11, -7);
        expect_running(pair, batch.mean, batch.unbiased, 1);
    }
    twins_close(pair);
}

/* Nothing but the running statistics: weights, momentum, dropout and the step go on as before. */
static void recomputed_alone(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct twins *pair = twins_open_config(&config);
    const uint64_t other = hash_state(pair->twin);

    (void)argument;
    twins_advance(__FILE__, __LINE__, "creation", pair);
    CHECK(hash_state(pair->twin) != other);
    CHECK_OK(normnet_update_statistics(pair->model, &pair->images, 1));
    CHECK_OK(normnet_update_statistics(pair->model, &pair->images, 0));
    CHECK(hash_state(pair->model) != hash_state(pair->twin));
    for (int32_t i = 0; i < normnet_state_count(pair->model); ++i) {
        const normnet_state_info info = state_info(pair->model, i);
        normnet_tensor tensor;

        normnet_tensor_init(&tensor, info.dtype, info.data, info.rank, info.shape);
        if (!info.trained)
            CHECK_OK(normnet_set_state(pair->twin, info.name, &tensor));
    }
    twins_advance(__FILE__, __LINE__, "update_statistics", pair);
    twins_close(pair);
}

/* In training mode: dropout before a batch norm makes its variance E[x^2] / (1 - p) - E[x]^2. */
static void recomputed_with_dropout(const void *argument)
{
    normnet_config config = statistics_config();
    struct twins *pair;
    struct channel_moments moments;
    normnet_state_info variances;

    (void)argument;
    config.architecture = "dropout0.5 norm conv3-4 gap conv1-10";
    pair = open_pixels_first(&config);
    moments = moments_of(pair, 0, TWINS_MOST);
    update(pair, 0, TWINS_MOST, 1);
    variances = state_info(pair->model, 3);
    CHECK_TEXT(variances.name, "1.running_var");
    for (int c = 0; c < TWINS_CHANNELS; ++c) {
        const double mean = moments.mean[c], square = moments.biased[c] + mean * mean;

        CHECK_CLOSE((double)((const float *)variances.data)[c], square / 0.5 - mean * mean, 0.1 * square);
    }
    twins_close(pair);
}

static void recomputed_without_batch_norm(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);

    (void)argument;
    CHECK_OK(normnet_update_statistics(pair->model, &pair->images, 1));
    CHECK(hash_model(pair->model) == pair->fingerprint);
    twins_advance(__FILE__, __LINE__, "update_statistics", pair);
    twins_close(pair);
}

/* running = (1 - momentum) running + momentum * newest, or plain averages. */
static void running(const void *argument)
{
    const int32_t *cumulative = argument;
    normnet_config config = statistics_config();
    struct twins *pair;
    double mean[TWINS_CHANNELS] = {0, 0}, variance[TWINS_CHANNELS] = {1, 1};
    const int first[] = {0, 17, 3}, count[] = {17, 23, 30};

    config.cumulative_statistics = *cumulative;
    config.batchnorm_momentum = 0.25;
    pair = open_pixels_first(&config);
    for (int i = 0; i < 3; ++i) {
        const struct channel_moments batch = moments_of(pair, first[i], count[i]);
        const double newest = *cumulative ? 1.0 / (i + 1) : 0.25;
        const normnet_tensor images = some_images(pair, first[i], count[i]);
        const normnet_tensor labels = tensor_1d(NORMNET_U8, pair->in.digits8, count[i]);

        CHECK_OK(normnet_train_step(pair->model, &images, &labels, NULL));
        for (int c = 0; c < TWINS_CHANNELS; ++c) {
            mean[c] = (1.0 - newest) * mean[c] + newest * batch.mean[c];
            variance[c] = (1.0 - newest) * variance[c] + newest * batch.unbiased[c];
        }
        expect_running(pair, mean, variance, i + 1);
    }
    twins_close(pair);
}

/* floor(N / virtual_batch) groups, at least one, the rest belongs to the last; running statistics once per group. */
static void virtual_batches(const void *argument)
{
    static const struct {
        int images, groups, counts[3];
    } splits[] = {{40, 2, {16, 24}}, {33, 2, {16, 17}}, {32, 2, {16, 16}}, {31, 1, {31}}, {16, 1, {16}}, {3, 1, {3}}};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(splits); ++i) {
        normnet_config config = statistics_config();
        double mean[TWINS_CHANNELS] = {0, 0}, variance[TWINS_CHANNELS] = {1, 1};
        normnet_tensor images, labels;
        struct twins *pair;
        int first = 0;

        config.virtual_batch = 16;
        pair = open_pixels_first(&config);
        images = some_images(pair, 0, splits[i].images);
        labels = tensor_1d(NORMNET_U8, pair->in.digits8, splits[i].images);
        CHECK_OK(normnet_train_step(pair->model, &images, &labels, NULL));
        for (int g = 0; g < splits[i].groups; ++g) {
            const struct channel_moments group = moments_of(pair, first, splits[i].counts[g]);

            for (int c = 0; c < TWINS_CHANNELS; ++c) {
                mean[c] = 0.9 * mean[c] + 0.1 * group.mean[c];
                variance[c] = 0.9 * variance[c] + 0.1 * group.unbiased[c];
            }
            first += splits[i].counts[g];
        }
        expect_running(pair, mean, variance, splits[i].groups);
        twins_close(pair);
    }
}

/* The statistics of the images given: y = (x - mean) / sqrt(biased variance + eps). */
static void of_the_batch(const void *argument)
{
    normnet_config config = statistics_config();
    struct twins *pair;
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    const int counts[] = {1, 2, 16, 33, TWINS_MOST};
    float *seen = check_allocate(TWINS_MOST * TWINS_PIXELS, sizeof *seen);

    (void)argument;
    config.eps = 0.01;
    pair = open_pixels_first(&config);
    for (int i = 0; i < CHECK_COUNT(counts); ++i) {
        const struct channel_moments moments = moments_of(pair, 0, counts[i]);
        const normnet_tensor images = some_images(pair, 0, counts[i]);
        const int64_t shape[] = {counts[i], TWINS_CHANNELS, TWINS_SIDE, TWINS_SIDE};
        normnet_tensor output;

        normnet_tensor_init(&output, NORMNET_F32, seen, 4, shape);
        CHECK_OK(normnet_layer_output(pair->model, &images, 0, &output, &batch));
        for (int j = 0; j < counts[i] * TWINS_PIXELS; ++j) {
            const int c = j % TWINS_PIXELS / (TWINS_PIXELS / TWINS_CHANNELS);
            const double expected =
                ((double)pair->in.floats[j] - moments.mean[c]) / sqrt(moments.biased[c] + config.eps);

            if (!(fabs((double)seen[j] - expected) <= 2e-6 * (1.0 + fabs(expected)))) {
                CHECK_FAIL("value %d of %d images is %.9g, expected %.9g", j, counts[i], (double)seen[j], expected);
                break;
            }
        }
    }
    free(seen);
    twins_close(pair);
}

/* Evaluation with the batch's statistics sees what a training step sees, dropout aside. */
static void of_the_batch_as_in_training(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    normnet_metrics evaluated = metrics_init(), trained = metrics_init(), running_loss = metrics_init();
    struct twins *pair;

    (void)argument;
    config.architecture = "conv3-4 norm relu maxpool2 conv3-8 norm relu gap conv1-10";
    pair = twins_open_config(&config);
    twins_advance(__FILE__, __LINE__, "creation", pair);
    CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, &evaluated, pair->out.confusion, &batch));
    CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, &running_loss, NULL, NULL));
    CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, &trained));
    CHECK_CLOSE(evaluated.loss, trained.loss, 1e-12 * trained.loss);
    CHECK_EQUAL(evaluated.correct, trained.correct);
    CHECK(fabs(running_loss.loss - trained.loss) > 1e-6);
    twins_close(pair);
}

/* Neither kind of evaluation drops anything out. */
static void without_dropout(const void *argument)
{
    const int32_t statistics[] = {NORMNET_STATISTICS_RUNNING, NORMNET_STATISTICS_BATCH};
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct twins *dropping, *plain;

    (void)argument;
    config.architecture = "conv3-4 norm relu dropout0.9 gap conv1-10";
    dropping = twins_open_config(&config);
    config.architecture = "conv3-4 norm relu dropout0 gap conv1-10";
    plain = twins_open_config(&config);
    for (int i = 0; i < 2; ++i) {
        const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, statistics[i]);

        CHECK_OK(normnet_predict(dropping->model, &dropping->images, &dropping->scores, NULL, &options));
        CHECK_OK(normnet_predict(plain->model, &plain->images, &plain->scores, NULL, &options));
        CHECK(memcmp(dropping->out.scores, plain->out.scores, sizeof plain->out.scores) == 0);
    }
    twins_close(dropping);
    twins_close(plain);
}

int main(int argc, char **argv)
{
    static const int32_t no = 0, yes = 1;

    if (!check_begin(argc, argv))
        return check_end();
    check_case("update_statistics: averages all calls since the last reset", recomputed, NULL);
    check_case("update_statistics: changes running statistics and nothing else", recomputed_alone, NULL);
    check_case("update_statistics: forward in training mode, with dropout", recomputed_with_dropout, NULL);
    check_case("update_statistics: without batch norm there is nothing to do", recomputed_without_batch_norm, NULL);
    check_case("running statistics: batchnorm_momentum weighs the newest batch", running, &no);
    check_case("running statistics: cumulative ones are plain averages", running, &yes);
    check_case("virtual_batch: groups, the rest belongs to the last", virtual_batches, NULL);
    check_case("batch statistics: those of the images given", of_the_batch, NULL);
    check_case("batch statistics: evaluate sees what train_step sees", of_the_batch_as_in_training, NULL);
    check_case("evaluate and predict: without dropout", without_dropout, NULL);
    return check_end();
}
