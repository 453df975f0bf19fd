/* SPDX-License-Identifier: MIT */
/*
 * Where outputs may lie: wherever they share no byte with each other or with an input. Fields of records, columns of a
 * table and views that run backwards are such places, although the ranges of their bytes overlap.
 */
#include "harness/twins.h"
#include "model/overlap.h"

/* ---- Against all bytes ------------------------------------------------------------------------- */

enum { MEMORY = 2 * 8 * (50 + 4 * 3 * 40 + 1), PAIRS = 20000, MOST_DIMENSIONS = 4 };

static struct view random_view(struct random_stream *random, char *memory)
{
    static const int32_t dtypes[] = {NORMNET_U8, NORMNET_F32, NORMNET_I32, NORMNET_I64};
    static const int64_t sizes[] = {1, 4, 4, 8}, widest[] = {3, 12, 40};
    const int kind = (int)random_below(random, 4);
    const int64_t width = widest[random_below(random, 3)];
    normnet_tensor tensor = {.struct_size = sizeof tensor, .dtype = dtypes[kind]};
    struct view view;

    tensor.rank = (int32_t)random_below(random, MOST_DIMENSIONS + 1);
    for (int32_t i = 0; i < tensor.rank; ++i) {
        tensor.shape[i] = 1 + (int64_t)random_below(random, 4);
        tensor.strides[i] = (int64_t)random_below(random, 2 * (int)width + 1) - width;
    }
    tensor.data = memory + MEMORY / 2 + sizes[kind] * ((int64_t)random_below(random, 100) - 50);
    CHECK_OK(normnet__view_tensor(&view, &tensor, "a view", false));
    return view;
}

/* Adds one to the bytes of each element; returns whether a byte has been counted before. */
static int mark(const struct view *view, const char *memory, unsigned char *counts)
{
    int again = 0;

    for (int64_t element = 0; element < view->count; ++element) {
        const char *at = view->tensor.data;
        int64_t index = element;

        for (int32_t i = 0; i < view->tensor.rank; ++i) {
            at += index % view->tensor.shape[i] * view->tensor.strides[i] * view->element_bytes;
            index /= view->tensor.shape[i];
        }
        for (int64_t byte = 0; byte < view->element_bytes; ++byte)
            again |= counts[at + byte - memory]++ != 0;
    }
    return again;
}

static void small_views(const void *argument)
{
    static _Alignas(8) char memory[MEMORY];
    struct random_stream random = {11};
    int shared = 0, apart = 0, within = 0;

    (void)argument;
    for (int i = 0; i < PAIRS; ++i) {
        const struct view one = random_view(&random, memory), other = random_view(&random, memory);
        static unsigned char counts[2][MEMORY];
        const int itself = (memset(counts, 0, sizeof counts), mark(&one, memory, counts[0]));
        int expected = 0;

        mark(&other, memory, counts[1]);
        for (int at = 0; at < MEMORY; ++at)
            expected |= counts[0][at] != 0 && counts[1][at] != 0;
        if (normnet__views_overlap(&one, &other) != (expected != 0) ||
            normnet__views_overlap(&other, &one) != (expected != 0))
            CHECK_FAIL("pair %d: the views share %s", i, expected ? "a byte" : "no byte");
        if (normnet__view_overlaps_itself(&one) != (itself != 0))
            CHECK_FAIL("pair %d: two elements of the first share %s", i, itself ? "a byte" : "no byte");
        shared += expected;
        within += itself;
        apart += !expected && one.begin < other.end && other.begin < one.end;
    }
    /* Each answer is frequent where ranges alone do not give it. */
    CHECK(shared > PAIRS / 10 && apart > PAIRS / 10 && within > PAIRS / 10 && within < PAIRS * 9 / 10);
}

/* ---- Sizes that cannot be tried byte by byte ----------------------------------------------------- */

struct large_view {
    int64_t at; /* bytes */
    int32_t dtype;
    int64_t shape[4], strides[4];
};

static struct view view_of(const struct large_view *from)
{
    normnet_tensor tensor;
    struct view view;

    normnet_tensor_init(&tensor, from->dtype, (const void *)(uintptr_t)(((uint64_t)1 << 40) + (uint64_t)from->at), 4,
                        from->shape);
    memcpy(tensor.strides, from->strides, sizeof from->strides);
    CHECK_OK(normnet__view_tensor(&view, &tensor, "a view", false));
    return view;
}

static void large_views(const void *argument)
{
    const int64_t n = (int64_t)1 << 30;
    const struct {
        const char *what;
        struct large_view one, other;
        bool overlap;
    } cases[] = {
        {"scores and classes of records",
         {0, NORMNET_F32, {n, 10, 1, 1}, {11, 1, 0, 0}},
         {40, NORMNET_I32, {n, 1, 1, 1}, {11, 0, 0, 0}},
         false},
        {"classes in the place of a score",
         {0, NORMNET_F32, {n, 10, 1, 1}, {11, 1, 0, 0}},
         {36, NORMNET_I32, {n, 1, 1, 1}, {11, 0, 0, 0}},
         true},
        {"pixels and scores of records of an odd number of bytes of pixels",
         {0, NORMNET_U8, {n, 1, 28, 28}, {828, 784, 28, 1}},
         {784, NORMNET_F32, {n, 11, 1, 1}, {207, 1, 0, 0}},
         false},
        {"pixels that reach one byte into the scores",
         {1, NORMNET_U8, {n, 1, 28, 28}, {828, 784, 28, 1}},
         {784, NORMNET_F32, {n, 11, 1, 1}, {207, 1, 0, 0}},
         true},
        {"every second pixel, and the others",
         {0, NORMNET_F32, {n, 3, 28, 28}, {4704, 1568, 56, 2}},
         {4, NORMNET_F32, {n, 3, 28, 28}, {4704, 1568, 56, 2}},
         false},
        {"channels last, backwards, in records with their outputs",
         {0, NORMNET_F32, {n, 3, 28, 28}, {4000, 1, 84, 3}},
         {4 * 3999, NORMNET_F32, {n, 8, 14, 14}, {4000, -1, -112, -8}},
         false},
        {"records of another length, which meet once",
         {0, NORMNET_F32, {n, 1, 1, 1}, {1000003, 0, 0, 0}},
         {4 * 999983, NORMNET_F32, {n, 1, 1, 1}, {999983, 0, 0, 0}},
         true},
        {"the same, ended one record before",
         {0, NORMNET_F32, {999983, 1, 1, 1}, {1000003, 0, 0, 0}},
         {4 * 999983, NORMNET_F32, {1000002, 1, 1, 1}, {999983, 0, 0, 0}},
         false},
    };

    (void)argument;
    if (sizeof(void *) < 8) {
        check_skip("the addresses have more than 32 bits");
        return;
    }
    for (int i = 0; i < CHECK_COUNT(cases); ++i) {
        const struct view one = view_of(&cases[i].one), other = view_of(&cases[i].other);

        if (normnet__views_overlap(&one, &other) != cases[i].overlap ||
            normnet__views_overlap(&other, &one) != cases[i].overlap)
            CHECK_FAIL("%s: expected %s", cases[i].what, cases[i].overlap ? "an overlap" : "no overlap");
        if (normnet__view_overlaps_itself(&one) || normnet__view_overlaps_itself(&other))
            CHECK_FAIL("%s: no view overlaps itself", cases[i].what);
    }
}

/* ---- Predictions in unusual places -------------------------------------------------------------- */

struct record {
    uint8_t pixels[TWINS_PIXELS];
    float scores[TWINS_CLASSES];
    int32_t class_id;
};

static void expect_predictions(const struct twins *pair, const struct record *records, const char *how)
{
    for (int n = 0; n < TWINS_IMAGES; ++n)
        if (memcmp(records[n].scores, &pair->out.scores[n * TWINS_CLASSES], sizeof records[n].scores) != 0 ||
            records[n].class_id != (int32_t)pair->out.classes[n] ||
            memcmp(records[n].pixels, &pair->in.bytes[n * TWINS_PIXELS], TWINS_PIXELS) != 0) {
            CHECK_FAIL("%s: record %d is not as expected", how, n);
            return;
        }
}

/* Images, scores and classes in one array of records, forwards and backwards. */
static void records(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    static struct record record[TWINS_IMAGES];

    (void)argument;
    CHECK_OK(normnet_predict(pair->model, &pair->images, &pair->scores, &pair->classes, NULL));
    for (int backwards = 0; backwards < 2; ++backwards) {
        normnet_tensor images = tensor_images(NORMNET_U8, record[0].pixels, TWINS_IMAGES, &pair->config);
        normnet_tensor scores = tensor_2d(NORMNET_F32, record[0].scores, TWINS_IMAGES, TWINS_CLASSES);
        normnet_tensor classes = tensor_1d(NORMNET_I32, &record[0].class_id, TWINS_IMAGES);

        images.strides[0] = sizeof *record;
        images.strides[1] = TWINS_SIDE * TWINS_SIDE;
        images.strides[2] = TWINS_SIDE;
        images.strides[3] = 1;
        scores.strides[0] = classes.strides[0] = sizeof *record / 4;
        scores.strides[1] = 1;
        if (backwards) {
            images.data = record[TWINS_IMAGES - 1].pixels;
            scores.data = record[TWINS_IMAGES - 1].scores;
            classes.data = &record[TWINS_IMAGES - 1].class_id;
            images.strides[0] = -images.strides[0];
            scores.strides[0] = -scores.strides[0];
            classes.strides[0] = -classes.strides[0];
        }
        memset(record, 0, sizeof record);
        for (int n = 0; n < TWINS_IMAGES; ++n)
            memcpy(record[n].pixels, &pair->in.bytes[n * TWINS_PIXELS], TWINS_PIXELS);
        CHECK_OK(normnet_predict(pair->model, &images, &scores, &classes, NULL));
        expect_predictions(pair, record, backwards ? "backwards" : "forwards");
        /* One field reaches into the next. */
        twins_blank(pair);
        classes.data = (char *)classes.data - 4;
        CHECK_REJECTED(pair, normnet_predict(pair->model, &images, &scores, &classes, NULL), NORMNET_EINVAL,
                       "classes overlaps scores");
        classes.data = (char *)classes.data + 4;
        scores.data = (char *)scores.data - 4;
        CHECK_REJECTED(pair, normnet_predict(pair->model, &images, &scores, &classes, NULL), NORMNET_EINVAL,
                       "scores overlaps images");
        CHECK_OK(normnet_predict(pair->model, &pair->images, &pair->scores, &pair->classes, NULL));
    }
    twins_blank(pair);
    twins_close(pair);
}

/* Strides of scores that leave gaps in which other rows lie; the last column first. */
static void scores_in_each_others_gaps(const void *argument)
{
    static const struct {
        int64_t row, column, first;
    } places[] = {
        {1, TWINS_IMAGES, 0},                                  /* columns one after another */
        {-1, -TWINS_IMAGES, TWINS_IMAGES * TWINS_CLASSES - 1}, /* all of it backwards */
        {TWINS_CLASSES, -1, TWINS_CLASSES - 1},                /* each row backwards */
        {7, 40, 0},                                            /* 7 i + 40 j: none is the same twice */
        {-7, 40, 7 * (TWINS_IMAGES - 1)},
    };
    static float values[1000], copy[1000];
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);

    (void)argument;
    CHECK_OK(normnet_predict(pair->model, &pair->images, &pair->scores, NULL, NULL));
    for (int i = 0; i < CHECK_COUNT(places); ++i) {
        normnet_tensor scores = tensor_2d(NORMNET_F32, values + places[i].first, TWINS_IMAGES, TWINS_CLASSES);
        int written = 0;

        scores.strides[0] = places[i].row;
        scores.strides[1] = places[i].column;
        memset(values, 0x5C, sizeof values);
        memcpy(copy, values, sizeof copy);
        CHECK_OK(normnet_predict(pair->model, &pair->images, &scores, NULL, NULL));
        for (int n = 0; n < TWINS_IMAGES; ++n)
            for (int k = 0; k < TWINS_CLASSES; ++k) {
                const int64_t at = places[i].first + n * places[i].row + k * places[i].column;

                copy[at] = pair->out.scores[n * TWINS_CLASSES + k];
                ++written;
            }
        CHECK_EQUAL(written, TWINS_IMAGES * TWINS_CLASSES);
        if (memcmp(values, copy, sizeof copy) != 0)
            CHECK_FAIL("strides %d and %d: the scores are not where they should be, or elsewhere too",
                       (int)places[i].row, (int)places[i].column);
    }
    twins_blank(pair);
    twins_close(pair);
}

/* The outputs of one layer as every second value, and the images between them. */
static void layer_outputs_between_pixels(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    const int64_t count = (int64_t)TWINS_IMAGES * TWINS_MAP, pixels = (int64_t)TWINS_IMAGES * TWINS_PIXELS;
    float *values = check_allocate((size_t)(2 * count), sizeof *values);
    normnet_tensor images = pair->float_images, map = pair->map;

    (void)argument;
    CHECK_OK(normnet_layer_output(pair->model, &pair->float_images, 0, &pair->map, NULL));
    for (int64_t i = 0; i < pixels; ++i)
        values[2 * i] = pair->in.floats[i];
    images.data = values;
    map.data = values + 1;
    for (int i = 3, image = 2, row = 2; i >= 0; --i) {
        images.strides[i] = image;
        map.strides[i] = row;
        image *= (int)images.shape[i];
        row *= (int)map.shape[i];
    }
    CHECK_OK(normnet_layer_output(pair->model, &images, 0, &map, NULL));
    for (int64_t i = 0; i < count; ++i)
        if (values[2 * i + 1] != pair->out.map[i]) {
            CHECK_FAIL("value %d is %g, expected %g", (int)i, (double)values[2 * i + 1], (double)pair->out.map[i]);
            break;
        }
    twins_blank(pair);
    map.data = values + 2;
    CHECK_REJECTED(pair, normnet_layer_output(pair->model, &images, 0, &map, NULL), NORMNET_EINVAL, "output overlaps");
    free(values);
    twins_close(pair);
}

/* ---- Other memory ------------------------------------------------------------------------------ */

/* The counts of a confusion matrix are set to zero before images and labels are read. */
static void confusion_over_inputs(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    static int64_t memory[TWINS_CLASSES * TWINS_CLASSES + TWINS_IMAGES];
    int64_t *const counts = memory, *const digits = memory + TWINS_CLASSES * TWINS_CLASSES;
    normnet_tensor labels = tensor_1d(NORMNET_I64, digits, TWINS_IMAGES);

    (void)argument;
    memcpy(digits, pair->in.digits, TWINS_IMAGES * sizeof *digits);
    CHECK_OK(normnet_evaluate(pair->model, &pair->images, &labels, NULL, counts, NULL));
    CHECK_REJECTED(pair, normnet_evaluate(pair->model, &pair->images, &labels, NULL, counts + 1, NULL), NORMNET_EINVAL,
                   "confusion overlaps labels");
    CHECK(memcmp(digits, pair->in.digits, TWINS_IMAGES * sizeof *digits) == 0);
    CHECK_REJECTED(
        pair,
        normnet_evaluate(pair->model, &pair->images, &pair->labels, NULL, (int64_t *)(void *)pair->in.bytes, NULL),
        NORMNET_EINVAL, "confusion overlaps images");
    twins_close(pair);
}

/* Counts and metrics are both outputs: any byte that they share, at either end of either. */
static void confusion_over_metrics(const void *argument)
{
    enum { COUNTS = TWINS_CLASSES * TWINS_CLASSES, WORDS = (int)sizeof(normnet_metrics) / 8 };
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    static int64_t memory[2 * WORDS + COUNTS];
    int64_t *const counts = memory + WORDS;

    (void)argument;
    for (int first = 0; first <= WORDS + COUNTS; ++first) {
        normnet_metrics *const metrics = (normnet_metrics *)(void *)(memory + first);

        normnet_metrics_init(metrics);
        if (first == 0 || first == WORDS + COUNTS)
            CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, metrics, counts, NULL));
        else
            CHECK_REJECTED(pair, normnet_evaluate(pair->model, &pair->images, &pair->labels, metrics, counts, NULL),
                           NORMNET_EINVAL, "confusion overlaps metrics");
    }
    twins_close(pair);
}

/* An entry may be set to values that lie in the model: to its own, in reverse. */
static void entries_from_the_model(const void *argument)
{
    static const char *const names[] = {"1.weight", "1.running_mean"};
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(names); ++i) {
        const normnet_state_info info = state_info(pair->model, i == 0 ? 1 : 3);
        const float *values = info.data;
        float before[4], after[4];
        normnet_tensor tensor = tensor_1d(NORMNET_F32, values + 3, 4);

        CHECK_TEXT(info.name, names[i]);
        memcpy(before, values, sizeof before);
        tensor.strides[0] = -1;
        CHECK_OK(normnet_set_state(pair->model, info.name, &tensor));
        for (int j = 0; j < 4; ++j)
            after[j] = before[3 - j];
        CHECK(memcmp(values, after, sizeof after) == 0);
    }
    twins_close(pair);
}

/* Strides without any order, with which an exact answer takes seconds and more: an answer comes, and it is safe. */
static void strides_without_order(const void *argument)
{
    static const int64_t strides[] = {946242702, 75839791,  393341192, 650717736,
                                      970491878, 485760452, 783780507, 446108298};
    struct twins *pair = twins_open(NORMNET_NORM_NONE);

    (void)argument;
    for (int32_t rank = 3; rank <= 8; ++rank) {
        normnet_tensor scores = {.struct_size = sizeof scores, .dtype = NORMNET_F32, .rank = rank};

        scores.data = pair->out.scores;
        for (int32_t i = 0; i < rank; ++i) {
            scores.shape[i] = 100;
            scores.strides[i] = strides[8 - rank + i];
        }
        CHECK_STATUS(normnet_predict(pair->model, &pair->images, &scores, NULL, NULL), NORMNET_EINVAL);
        if (rank == 5) /* no two elements have the same address, but that takes too long to find out */
            CHECK(strstr(normnet_error_message(), "scores overlaps itself") != NULL);
    }
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("overlaps: of small views, against all their bytes", small_views, NULL);
    check_case("overlaps: of views of 2^30 records", large_views, NULL);
    check_case("outputs: fields of records that hold the images too", records, NULL);
    check_case("outputs: rows in each other's gaps, and backwards", scores_in_each_others_gaps, NULL);
    check_case("outputs: a layer's between the pixels", layer_outputs_between_pixels, NULL);
    check_case("outputs: a confusion matrix over images or labels is EINVAL", confusion_over_inputs, NULL);
    check_case("outputs: a confusion matrix over metrics is EINVAL", confusion_over_metrics, NULL);
    check_case("outputs: strides without order are answered soon", strides_without_order, NULL);
    check_case("set_state: from values of the model itself", entries_from_the_model, NULL);
    return check_end();
}
