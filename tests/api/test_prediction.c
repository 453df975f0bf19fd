/* SPDX-License-Identifier: MIT */
/*
 * Prediction: the same bits whatever batch an image comes in and however it lies in memory, scores of all kinds,
 * classes and labels of all dtypes, and evaluate, predict and layer_output telling one story.
 */
#include "harness/twins.h"

enum { MANY = 100 };

/* A model that has learned something, and a hundred images for it. */
struct prediction_bench {
    normnet_config config;
    normnet_model *model;
    float pixels[MANY * TWINS_PIXELS];
    uint8_t labels[MANY];
    float scores[MANY * TWINS_CLASSES];
    int64_t classes[MANY];
};

static struct prediction_bench *bench_open(int32_t norm, int32_t threads)
{
    struct prediction_bench *bench = check_allocate(1, sizeof *bench);
    struct random_stream random = {23};
    normnet_tensor images, labels;

    bench->config = twins_config(norm);
    bench->config.threads = threads;
    bench->config.l1 = bench->config.l2 = 1e-3; /* no part of what is predicted */
    bench->model = CHECK_CREATE(&bench->config);
    for (int i = 0; i < MANY * TWINS_PIXELS; ++i)
        bench->pixels[i] = (float)random_uniform(&random, -1.0, 1.0);
    for (int i = 0; i < MANY; ++i)
        bench->labels[i] = (uint8_t)random_below(&random, TWINS_CLASSES);
    images = tensor_images(NORMNET_F32, bench->pixels, TWINS_MOST, &bench->config);
    labels = tensor_1d(NORMNET_U8, bench->labels, TWINS_MOST);
    for (int i = 0; i < 3; ++i)
        CHECK_OK(normnet_train_step(bench->model, &images, &labels, NULL));
    return bench;
}

static void bench_close(struct prediction_bench *bench)
{
    normnet_model_destroy(bench->model);
    free(bench);
}

/* Scores of the images first, ..., first + count - 1 in one call. */
static void predict_some(struct prediction_bench *bench, int first, int count, int32_t kind, float *to,
                         int64_t *classes)
{
    const normnet_tensor images =
        tensor_images(NORMNET_F32, bench->pixels + first * TWINS_PIXELS, count, &bench->config);
    const normnet_predict_options options = options_init(kind, NORMNET_STATISTICS_RUNNING);
    normnet_tensor scores = tensor_2d(NORMNET_F32, to, count, TWINS_CLASSES),
                   winners = tensor_1d(NORMNET_I64, classes, count);

    CHECK_OK(normnet_predict(bench->model, &images, &scores, &winners, &options));
}

static void batch_sizes(const void *argument)
{
    const int32_t *norm = argument;
    const int sizes[] = {1, 2, 15, 16, 17, MANY};
    const int32_t kinds[] = {NORMNET_SCORES_PROBABILITIES, NORMNET_SCORES_LOG_PROBABILITIES, NORMNET_SCORES_LOGITS};
    struct prediction_bench *bench = bench_open(*norm, 1);
    float *scores = check_allocate(MANY * TWINS_CLASSES, sizeof *scores), *map, *whole_map;
    int64_t classes[MANY];

    for (int k = 0; k < CHECK_COUNT(kinds); ++k) {
        predict_some(bench, 0, MANY, kinds[k], bench->scores, bench->classes);
        for (int i = 0; i < CHECK_COUNT(sizes); ++i) {
            for (int first = 0; first < MANY; first += sizes[i])
                predict_some(bench, first, first + sizes[i] < MANY ? sizes[i] : MANY - first, kinds[k],
                             scores + first * TWINS_CLASSES, classes + first);
            if (memcmp(scores, bench->scores, sizeof bench->scores) != 0)
                CHECK_FAIL("scores of kind %d differ between batches of %d and %d", kinds[k], sizes[i], MANY);
            if (memcmp(classes, bench->classes, sizeof classes) != 0)
                CHECK_FAIL("classes differ between batches of %d and %d", sizes[i], MANY);
        }
    }
    free(scores);
    map = check_allocate(MANY * TWINS_MAP, sizeof *map);
    whole_map = check_allocate(MANY * TWINS_MAP, sizeof *whole_map);
    for (int32_t layer = 0; layer < 9; ++layer) {
        const normnet_layer_info info = layer_info(bench->model, layer);
        const int64_t size = (int64_t)info.channels * info.height * info.width;
        int64_t shape[4] = {MANY, info.channels, info.height, info.width};
        normnet_tensor images = tensor_images(NORMNET_F32, bench->pixels, MANY, &bench->config), output;

        normnet_tensor_init(&output, NORMNET_F32, whole_map, 4, shape);
        CHECK_OK(normnet_layer_output(bench->model, &images, layer, &output, NULL));
        for (int i = 0; i < CHECK_COUNT(sizes) - 1; ++i) {
            for (int first = 0; first < MANY; first += sizes[i]) {
                shape[0] = first + sizes[i] < MANY ? sizes[i] : MANY - first;
                images = tensor_images(NORMNET_F32, bench->pixels + first * TWINS_PIXELS, shape[0], &bench->config);
                normnet_tensor_init(&output, NORMNET_F32, map + first * size, 4, shape);
                CHECK_OK(normnet_layer_output(bench->model, &images, layer, &output, NULL));
            }
            if (memcmp(map, whole_map, (size_t)(MANY * size) * sizeof *map) != 0)
                CHECK_FAIL("the output of layer %d differs between batches of %d and %d", layer, sizes[i], MANY);
        }
    }
    free(map);
    free(whole_map);
    bench_close(bench);
}

/* Probabilities, their logarithms and the logits belong together; the last layer's output is the logits. */
static void kinds_of_scores(const void *argument)
{
    struct prediction_bench *bench = bench_open(NORMNET_NORM_BATCH, 1);
    float *logits = bench->scores;
    float *logp = check_allocate(MANY * TWINS_CLASSES, sizeof *logp),
          *p = check_allocate(MANY * TWINS_CLASSES, sizeof *p);
    const normnet_tensor images = tensor_images(NORMNET_F32, bench->pixels, MANY, &bench->config);
    normnet_tensor output = tensor_2d(NORMNET_F32, p, MANY, TWINS_CLASSES);

    (void)argument;
    predict_some(bench, 0, MANY, NORMNET_SCORES_LOGITS, logits, bench->classes);
    CHECK_OK(normnet_layer_output(bench->model, &images, normnet_layer_count(bench->model) - 1, &output, NULL));
    CHECK(memcmp(p, logits, sizeof bench->scores) == 0);
    predict_some(bench, 0, MANY, NORMNET_SCORES_LOG_PROBABILITIES, logp, bench->classes);
    predict_some(bench, 0, MANY, NORMNET_SCORES_PROBABILITIES, p, bench->classes);
    for (int n = 0; n < MANY; ++n) {
        double sum = 0.0, total = 0.0;

        for (int k = 0; k < TWINS_CLASSES; ++k)
            sum += exp((double)logits[n * TWINS_CLASSES + k]);
        for (int k = 0; k < TWINS_CLASSES; ++k) {
            const int at = n * TWINS_CLASSES + k;

            CHECK_CLOSE((double)logp[at], (double)logits[at] - log(sum), 1e-6);
            CHECK_CLOSE((double)p[at], exp((double)logits[at]) / sum, 1e-7);
            total += (double)p[at];
        }
        CHECK_CLOSE(total, 1.0, 1e-6);
    }
    /* Probabilities are what is written without options. */
    CHECK_OK(normnet_predict(bench->model, &images, &output, NULL, NULL));
    output.data = logp;
    predict_some(bench, 0, MANY, NORMNET_SCORES_PROBABILITIES, logp, bench->classes);
    CHECK(memcmp(logp, p, sizeof bench->scores) == 0);
    free(logp);
    free(p);
    bench_close(bench);
}

/* The class is the first of the highest scores. */
static void first_maximum(const void *argument)
{
    /* gap of the pixels: five classes see channel 0 and five see channel 1. */
    normnet_config config = twins_config(NORMNET_NORM_NONE);
    const float weights[] = {0, 0, 1, 0, 0, 1, 1, 0, 0, 1, 0.5f, 0.5f, 0, 1, 1, 0, 0, 1, 1, 0};
    const struct {
        float channel[2];
        int64_t winner;
    } expected[] = {{{1, 0}, 1}, {{0, 1}, 2}, {{1, 1}, 1}, {{0, 0}, 0}, {{-1, -1}, 0}, {{-1, -2}, 0}};
    float pixels[CHECK_COUNT(expected) * TWINS_PIXELS];
    int64_t classes[CHECK_COUNT(expected)], confusion[TWINS_CLASSES * TWINS_CLASSES];
    uint8_t labels[CHECK_COUNT(expected)];
    normnet_metrics metrics = metrics_init();
    normnet_tensor images, output, label;
    normnet_model *model;

    (void)argument;
    config.architecture = "gap conv1-10";
    model = CHECK_CREATE(&config);
    CHECK_OK(normnet_set_parameters(model, weights, CHECK_COUNT(weights)));
    for (int i = 0; i < CHECK_COUNT(expected); ++i) {
        for (int j = 0; j < TWINS_PIXELS; ++j)
            pixels[i * TWINS_PIXELS + j] = expected[i].channel[j / (TWINS_PIXELS / 2)];
        labels[i] = (uint8_t)expected[i].winner;
    }
    images = tensor_images(NORMNET_F32, pixels, CHECK_COUNT(expected), &config);
    output = tensor_1d(NORMNET_I64, classes, CHECK_COUNT(expected));
    label = tensor_1d(NORMNET_U8, labels, CHECK_COUNT(expected));
    CHECK_OK(normnet_predict(model, &images, NULL, &output, NULL));
    for (int i = 0; i < CHECK_COUNT(expected); ++i)
        CHECK_EQUAL(classes[i], expected[i].winner);
    CHECK_OK(normnet_evaluate(model, &images, &label, &metrics, confusion, NULL));
    CHECK_EQUAL(metrics.correct, CHECK_COUNT(expected));
    CHECK_EQUAL(confusion[0], 3);
    CHECK_EQUAL(confusion[1 * TWINS_CLASSES + 1], 2);
    CHECK_EQUAL(confusion[2 * TWINS_CLASSES + 2], 1);
    normnet_model_destroy(model);
}

/* Loss, accuracy and confusion of evaluate follow from predict's outputs, for any batch size and dtype of labels. */
static void evaluate_agrees(const void *argument)
{
    const int32_t *threads = argument;
    const int sizes[] = {1, 2, 15, 16, 17, MANY};
    struct prediction_bench *bench = bench_open(NORMNET_NORM_BATCH, *threads);
    float *logp = check_allocate(MANY * TWINS_CLASSES, sizeof *logp);
    int32_t labels32[MANY];
    int64_t labels64[MANY];

    predict_some(bench, 0, MANY, NORMNET_SCORES_LOG_PROBABILITIES, logp, bench->classes);
    for (int n = 0; n < MANY; ++n)
        labels64[n] = labels32[n] = bench->labels[n];
    for (int i = 0; i < CHECK_COUNT(sizes); ++i) {
        const normnet_tensor images = tensor_images(NORMNET_F32, bench->pixels, sizes[i], &bench->config);
        const normnet_tensor labels[] = {tensor_1d(NORMNET_U8, bench->labels, sizes[i]),
                                         tensor_1d(NORMNET_I32, labels32, sizes[i]),
                                         tensor_1d(NORMNET_I64, labels64, sizes[i])};
        int64_t confusion[TWINS_CLASSES * TWINS_CLASSES], expected[TWINS_CLASSES * TWINS_CLASSES] = {0}, correct = 0;
        double loss = 0.0, first = 0.0;

        for (int n = 0; n < sizes[i]; ++n) {
            loss -= (double)logp[n * TWINS_CLASSES + bench->labels[n]] / sizes[i];
            correct += bench->classes[n] == bench->labels[n];
            expected[bench->labels[n] * TWINS_CLASSES + bench->classes[n]] += 1; /* row = label */
        }
        for (int k = 0; k < CHECK_COUNT(labels); ++k) {
            normnet_metrics metrics = metrics_init();

            memset(confusion, 0x5C, sizeof confusion);
            CHECK_OK(normnet_evaluate(bench->model, &images, &labels[k], &metrics, confusion, NULL));
            CHECK_CLOSE(metrics.loss, loss, 1e-6);
            CHECK_EQUAL(metrics.correct, correct);
            CHECK_EQUAL(metrics.count, sizes[i]);
            CHECK(memcmp(confusion, expected, sizeof confusion) == 0);
            if (k == 0)
                first = metrics.loss;
            CHECK(metrics.loss == first);
            CHECK(metrics.penalty == 0.0 && bench->config.l1 > 0.0 && bench->config.l2 > 0.0);
        }
    }
    free(logp);
    bench_close(bench);
}

static void class_dtypes(const void *argument)
{
    struct prediction_bench *bench = bench_open(NORMNET_NORM_GROUP, 1);
    const normnet_tensor images = tensor_images(NORMNET_F32, bench->pixels, MANY, &bench->config);
    uint8_t bytes[MANY + 1], spaced[3 * MANY];
    int32_t words[MANY];
    normnet_tensor output;

    (void)argument;
    predict_some(bench, 0, MANY, NORMNET_SCORES_LOGITS, bench->scores, bench->classes);
    bytes[MANY] = 77;
    output = tensor_1d(NORMNET_U8, bytes, MANY);
    CHECK_OK(normnet_predict(bench->model, &images, NULL, &output, NULL));
    output = tensor_1d(NORMNET_I32, words, MANY);
    CHECK_OK(normnet_predict(bench->model, &images, NULL, &output, NULL));
    memset(spaced, 77, sizeof spaced);
    output = tensor_1d(NORMNET_U8, spaced, MANY);
    output.strides[0] = 3;
    CHECK_OK(normnet_predict(bench->model, &images, NULL, &output, NULL));
    for (int n = 0; n < MANY; ++n) {
        CHECK_EQUAL(bytes[n], bench->classes[n]);
        CHECK_EQUAL(words[n], bench->classes[n]);
        CHECK_EQUAL(spaced[3 * n], bench->classes[n]);
        CHECK(spaced[3 * n + 1] == 77 && spaced[3 * n + 2] == 77);
    }
    CHECK_EQUAL(bytes[MANY], 77);
    bench_close(bench);
}

/* Outputs may have strides: transposed scores, maps with room between the rows. */
static void strided_outputs(const void *argument)
{
    struct prediction_bench *bench = bench_open(NORMNET_NORM_LAYER, 1);
    const normnet_tensor images = tensor_images(NORMNET_F32, bench->pixels, MANY, &bench->config);
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_RUNNING);
    enum { ROW = 13, PLANE = 11 * ROW, IMAGE = 4 * PLANE + 5 };
    float transposed[TWINS_CLASSES * MANY], *map = check_allocate(17 * IMAGE, sizeof *map);
    float *dense = check_allocate(17 * TWINS_MAP, sizeof *dense);
    const int64_t shape[] = {17, 4, 10, 10};
    normnet_tensor some = tensor_images(NORMNET_F32, bench->pixels, 17, &bench->config), output;
    int i, j;

    (void)argument;
    predict_some(bench, 0, MANY, NORMNET_SCORES_LOGITS, bench->scores, bench->classes);
    output = tensor_2d(NORMNET_F32, transposed, MANY, TWINS_CLASSES);
    output.strides[0] = 1;
    output.strides[1] = MANY;
    CHECK_OK(normnet_predict(bench->model, &images, &output, NULL, &options));
    for (int n = 0; n < MANY; ++n)
        for (int k = 0; k < TWINS_CLASSES; ++k)
            CHECK(transposed[k * MANY + n] == bench->scores[n * TWINS_CLASSES + k]);
    for (i = 0; i < 17 * IMAGE; ++i)
        map[i] = 77.0f;
    normnet_tensor_init(&output, NORMNET_F32, dense, 4, shape);
    CHECK_OK(normnet_layer_output(bench->model, &some, 0, &output, NULL));
    normnet_tensor_init(&output, NORMNET_F32, map, 4, shape);
    output.strides[0] = IMAGE;
    output.strides[1] = PLANE;
    output.strides[2] = ROW;
    output.strides[3] = 1;
    CHECK_OK(normnet_layer_output(bench->model, &some, 0, &output, NULL));
    for (int n = 0; n < 17; ++n)
        for (int k = 0; k < IMAGE; ++k) {
            const int c = k / PLANE;

            i = k % PLANE / ROW;
            j = k % PLANE % ROW;
            if (c < 4 && i < 10 && j < 10) {
                if (map[n * IMAGE + k] != dense[n * TWINS_MAP + c * 100 + i * 10 + j])
                    CHECK_FAIL("element %d,%d,%d,%d is not where its strides put it", n, c, i, j);
            } else if (map[n * IMAGE + k] != 77.0f) {
                CHECK_FAIL("written between the elements of an output");
            }
        }
    free(map);
    free(dense);
    bench_close(bench);
}

/* One image in many guises: NHWC, a window of a larger picture, walking backwards, repeated. */
static void strided_images(const void *argument)
{
    const int32_t *dtype = argument;
    enum { BIG = 20, IMAGES = 17 };
    struct prediction_bench *bench = bench_open(NORMNET_NORM_BATCH, 1);
    const size_t element = *dtype == NORMNET_U8 ? 1 : 4;
    unsigned char *dense = check_allocate(IMAGES * TWINS_PIXELS, element);
    unsigned char *other = check_allocate(IMAGES * BIG * BIG * 4, element), *values;
    float expected[IMAGES * TWINS_CLASSES], scores[IMAGES * TWINS_CLASSES];
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_RUNNING);
    normnet_tensor images = tensor_images(*dtype, dense, IMAGES, &bench->config);
    normnet_tensor output = tensor_2d(NORMNET_F32, expected, IMAGES, TWINS_CLASSES);
    struct random_stream random = {31};
    values = dense;
    for (int i = 0; i < IMAGES * TWINS_PIXELS; ++i) {
        const float value = (float)random_uniform(&random, -2.0, 2.0);

        if (element == 1)
            values[i] = (unsigned char)random_below(&random, 256);
        else
            memcpy(values + 4 * i, &value, 4);
    }
    CHECK_OK(normnet_predict(bench->model, &images, &output, NULL, &options));
    output.data = scores;
    for (int guise = 0; guise < 5; ++guise) {
        /* Strides of N, C, H, W and the place of the first element. */
        const int64_t strides[5][4] = {
            {TWINS_PIXELS, 1, 2 * TWINS_SIDE, 2},                      /* NHWC */
            {4 * BIG * BIG, BIG * BIG, BIG, 1},                        /* a window of 20x20 */
            {-TWINS_PIXELS, TWINS_SIDE * TWINS_SIDE, -TWINS_SIDE, -1}, /* backwards */
            {1, IMAGES, 2 * IMAGES, 2 * IMAGES * TWINS_SIDE},          /* the image innermost, W outermost */
            {TWINS_PIXELS, -TWINS_SIDE * TWINS_SIDE, TWINS_SIDE, 1},   /* channels exchanged */
        };
        const int64_t begins[5] = {0, 3 * BIG + 5, (IMAGES - 1) * TWINS_PIXELS + TWINS_SIDE * TWINS_SIDE - 1, 0,
                                   TWINS_SIDE * TWINS_SIDE};
        images = tensor_images(*dtype, other + (size_t)begins[guise] * element, IMAGES, &bench->config);
        memcpy(images.strides, strides[guise], sizeof strides[guise]);
        for (int n = 0; n < IMAGES; ++n)
            for (int c = 0; c < 2; ++c)
                for (int i = 0; i < TWINS_SIDE; ++i)
                    for (int j = 0; j < TWINS_SIDE; ++j)
                        memcpy(other + (size_t)(begins[guise] + n * strides[guise][0] + c * strides[guise][1] +
                                                i * strides[guise][2] + j * strides[guise][3]) *
                                           element,
                               dense + (size_t)(((n * 2 + c) * TWINS_SIDE + i) * TWINS_SIDE + j) * element, element);
        memset(scores, 0, sizeof scores);
        CHECK_OK(normnet_predict(bench->model, &images, &output, NULL, &options));
        if (memcmp(scores, expected, sizeof scores) != 0)
            CHECK_FAIL("guise %d of the same images predicts otherwise", guise);
    }
    /* A stride of 0 repeats: the third image, seventeen times. */
    images = tensor_images(*dtype, dense + 2 * TWINS_PIXELS * element, IMAGES, &bench->config);
    images.strides[1] = TWINS_SIDE * TWINS_SIDE;
    images.strides[2] = TWINS_SIDE;
    images.strides[3] = 1;
    CHECK_OK(normnet_predict(bench->model, &images, &output, NULL, &options));
    for (int n = 0; n < IMAGES; ++n)
        CHECK(memcmp(scores + n * TWINS_CLASSES, expected + 2 * TWINS_CLASSES, TWINS_CLASSES * sizeof *scores) == 0);
    free(dense);
    free(other);
    bench_close(bench);
}

/* u8 is scaled by 1 / 255, f32 taken as it is; then the network sees (x - mean) / std. */
static void scaling(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_NONE);
    const double mean[] = {0.1307, -0.5}, deviation[] = {0.3081, 2.0};
    uint8_t bytes[TWINS_PIXELS];
    float floats[TWINS_PIXELS], seen[TWINS_PIXELS];
    normnet_tensor images, output = tensor_2d(NORMNET_F32, seen, 1, TWINS_PIXELS);
    normnet_model *model;

    (void)argument;
    config.architecture = "flatten fc-10";
    for (int i = 0; i < TWINS_PIXELS; ++i) {
        bytes[i] = (uint8_t)i;
        floats[i] = (float)(i - 100) / 64.0f;
    }
    for (int pass = 0; pass < 2; ++pass) {
        config.input_mean = pass == 0 ? NULL : mean;
        config.input_std = pass == 0 ? NULL : deviation;
        model = CHECK_CREATE(&config);
        images = tensor_images(NORMNET_U8, bytes, 1, &config);
        CHECK_OK(normnet_layer_output(model, &images, 0, &output, NULL));
        for (int i = 0; i < TWINS_PIXELS; ++i) {
            const int c = i / (TWINS_PIXELS / 2);
            const float m = pass == 0 ? 0.0f : (float)mean[c], d = pass == 0 ? 1.0f : (float)deviation[c];

            CHECK(seen[i] == ((float)bytes[i] / 255.0f - m) / d);
        }
        images = tensor_images(NORMNET_F32, floats, 1, &config);
        CHECK_OK(normnet_layer_output(model, &images, 0, &output, NULL));
        for (int i = 0; i < TWINS_PIXELS; ++i) {
            const int c = i / (TWINS_PIXELS / 2);
            const float m = pass == 0 ? 0.0f : (float)mean[c], d = pass == 0 ? 1.0f : (float)deviation[c];

            CHECK(seen[i] == (floats[i] - m) / d);
        }
        normnet_model_destroy(model);
    }
}

/* A score that is not finite is returned as it is, and makes the loss not finite; neither is a failure. */
static void infinite_scores(const void *argument)
{
    struct prediction_bench *bench = bench_open(NORMNET_NORM_NONE, 1);
    const int64_t count = normnet_parameter_count(bench->model);
    float *weights = check_allocate((size_t)count, sizeof *weights);
    const normnet_tensor images = tensor_images(NORMNET_F32, bench->pixels, MANY, &bench->config);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, bench->labels, MANY);
    normnet_tensor output = tensor_2d(NORMNET_F32, bench->scores, MANY, TWINS_CLASSES);
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_RUNNING);
    normnet_metrics metrics = metrics_init();
    int infinite = 0;

    (void)argument;
    for (int64_t i = 0; i < count; ++i)
        weights[i] = i % 2 ? 1e38f : -5e37f;
    CHECK_OK(normnet_set_parameters(bench->model, weights, count));
    CHECK_OK(normnet_predict(bench->model, &images, &output, NULL, &options));
    for (int64_t i = 0; i < MANY * TWINS_CLASSES; ++i)
        infinite += !isfinite(bench->scores[i]);
    CHECK(infinite > 0);
    CHECK_OK(normnet_evaluate(bench->model, &images, &labels, &metrics, NULL, NULL));
    CHECK(!isfinite(metrics.loss));
    CHECK_EQUAL(metrics.count, MANY);
    free(weights);
    bench_close(bench);
}

/* Evaluation leaves dropout out and changes nothing. */
static void reading_changes_nothing(const void *argument)
{
    const int32_t *norm = argument;
    struct prediction_bench *bench = bench_open(*norm, 1);
    const normnet_tensor images = tensor_images(NORMNET_F32, bench->pixels, TWINS_MOST, &bench->config);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, bench->labels, TWINS_MOST);
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    const uint64_t before = hash_model(bench->model);
    normnet_metrics first = metrics_init(), second = metrics_init();

    CHECK_OK(normnet_evaluate(bench->model, &images, &labels, &first, NULL, NULL));
    CHECK_OK(normnet_predict(bench->model, &images, NULL, NULL, NULL));
    CHECK_OK(normnet_evaluate(bench->model, &images, &labels, &second, NULL, NULL));
    CHECK(memcmp(&first, &second, sizeof first) == 0);
    CHECK_OK(normnet_evaluate(bench->model, &images, &labels, &first, NULL, &batch));
    CHECK_OK(normnet_evaluate(bench->model, &images, &labels, &second, NULL, &batch));
    CHECK(memcmp(&first, &second, sizeof first) == 0);
    CHECK(hash_model(bench->model) == before);
    bench_close(bench);
}

int main(int argc, char **argv)
{
    static const int32_t one = 1, three = 3, bytes = NORMNET_U8, floats = NORMNET_F32;

    if (!check_begin(argc, argv))
        return check_end();
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        check_case_named(batch_sizes, &norm, "predict: the same bits in batches of 1, 2, 15, 16, 17 and 100, norm %s",
                         norm_name(norm));
        check_case_named(reading_changes_nothing, &norm, "evaluate and predict change nothing, norm %s",
                         norm_name(norm));
    }
    check_case("predict: probabilities, their logarithms and logits belong together", kinds_of_scores, NULL);
    check_case("predict: the class is the first of the highest scores", first_maximum, NULL);
    check_case("predict: classes as u8, i32 and i64", class_dtypes, NULL);
    check_case("predict: a score that is not finite is returned as it is", infinite_scores, NULL);
    check_case("evaluate: agrees with predict, labels as u8, i32 and i64, 1 thread", evaluate_agrees, &one);
    check_case("evaluate: agrees with predict, labels as u8, i32 and i64, 3 threads", evaluate_agrees, &three);
    check_case("tensors: outputs go where their strides put them", strided_outputs, NULL);
    check_case("tensors: images in any order of memory, u8", strided_images, &bytes);
    check_case("tensors: images in any order of memory, f32", strided_images, &floats);
    check_case("images: u8 is scaled by 1/255, then (x - mean) / std", scaling, NULL);
    return check_end();
}
