/* SPDX-License-Identifier: MIT */
/* Tensors that must be refused, in every call that takes them: their description, their place and their values. */
#include "harness/twins.h"

/* ---- The calls, each with one argument to spoil ------------------------------------------------ */

typedef normnet_status tensor_call(twins *pair, const normnet_tensor *spoilt);

static normnet_status train_images(twins *pair, const normnet_tensor *images)
{
    return normnet_train_step(pair->model, images, &pair->labels, &pair->out.metrics);
}

static normnet_status compute_images(twins *pair, const normnet_tensor *images)
{
    return normnet_compute_gradients(pair->model, images, &pair->labels, NULL, &pair->out.metrics);
}

static normnet_status update_images(twins *pair, const normnet_tensor *images)
{
    return normnet_update_statistics(pair->model, images, 1);
}

static normnet_status evaluate_images(twins *pair, const normnet_tensor *images)
{
    return normnet_evaluate(pair->model, images, &pair->labels, &pair->out.metrics, pair->out.confusion, NULL);
}

static normnet_status evaluate_batch_images(twins *pair, const normnet_tensor *images)
{
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    return normnet_evaluate(pair->model, images, &pair->labels, &pair->out.metrics, pair->out.confusion, &options);
}

static normnet_status predict_images(twins *pair, const normnet_tensor *images)
{
    return normnet_predict(pair->model, images, &pair->scores, &pair->classes, NULL);
}

static normnet_status layer_images(twins *pair, const normnet_tensor *images)
{
    return normnet_layer_output(pair->model, images, 0, &pair->map, NULL);
}

static normnet_status train_labels(twins *pair, const normnet_tensor *labels)
{
    return normnet_train_step(pair->model, &pair->images, labels, &pair->out.metrics);
}

static normnet_status compute_labels(twins *pair, const normnet_tensor *labels)
{
    return normnet_compute_gradients(pair->model, &pair->images, labels, NULL, &pair->out.metrics);
}

static normnet_status evaluate_labels(twins *pair, const normnet_tensor *labels)
{
    return normnet_evaluate(pair->model, &pair->images, labels, &pair->out.metrics, pair->out.confusion, NULL);
}

static normnet_status evaluate_batch_labels(twins *pair, const normnet_tensor *labels)
{
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    return normnet_evaluate(pair->model, &pair->images, labels, &pair->out.metrics, pair->out.confusion, &options);
}

static normnet_status predict_scores(twins *pair, const normnet_tensor *scores)
{
    normnet_tensor output = *scores;
    return normnet_predict(pair->model, &pair->images, &output, &pair->classes, NULL);
}

static normnet_status predict_classes(twins *pair, const normnet_tensor *classes)
{
    normnet_tensor output = *classes;
    return normnet_predict(pair->model, &pair->images, &pair->scores, &output, NULL);
}

static normnet_status layer_map(twins *pair, const normnet_tensor *map)
{
    normnet_tensor output = *map;
    return normnet_layer_output(pair->model, &pair->images, 0, &output, NULL);
}

typedef struct named_call {
    const char *name;
    tensor_call *run;
    int trains; /* takes max_batch images at most */
} named_call;

static const named_call image_calls[] = {
    {"train_step(images)", train_images, 1},         {"compute_gradients(images)", compute_images, 1},
    {"update_statistics(images)", update_images, 1}, {"evaluate(images, batch statistics)", evaluate_batch_images, 1},
    {"evaluate(images)", evaluate_images, 0},        {"predict(images)", predict_images, 0},
    {"layer_output(images)", layer_images, 0},
};

static const named_call label_calls[] = {
    {"train_step(labels)", train_labels, 1},
    {"compute_gradients(labels)", compute_labels, 1},
    {"evaluate(labels)", evaluate_labels, 0},
    {"evaluate(labels, batch statistics)", evaluate_batch_labels, 0},
};

static const named_call output_calls[] = {
    {"predict(scores)", predict_scores, 0},
    {"predict(classes)", predict_classes, 0},
    {"layer_output(output)", layer_map, 0},
};

static void refuse_tensor(twins *pair, const named_call *call, const normnet_tensor *tensor, const char *how,
                          normnet_status expected, const char *word)
{
    const char *const words[] = {word, NULL};
    char what[160];
    snprintf(what, sizeof what, "%s with %s", call->name, how);
    check_refused(__FILE__, __LINE__, what, pair, call->run(pair, tensor), expected, words);
}

/* ---- The description --------------------------------------------------------------------------- */

enum part { SIZE, DTYPE, RANK, RESERVED, SHAPE, STRIDE, DATA };

typedef struct spoil {
    const char *how;
    enum part part;
    int index;
    int64_t value;
    normnet_status status;
    const char *word;
} spoil;

static normnet_tensor spoilt(const normnet_tensor *tensor, const spoil *how)
{
    normnet_tensor result = *tensor;
    switch (how->part) {
    case SIZE:
        result.struct_size = (int32_t)how->value;
        break;
    case DTYPE:
        result.dtype = (int32_t)how->value;
        break;
    case RANK:
        result.rank = (int32_t)how->value;
        break;
    case RESERVED:
        result.reserved = (int32_t)how->value;
        break;
    case SHAPE:
        result.shape[how->index] = how->value;
        break;
    case STRIDE:
        result.strides[how->index] = how->value;
        break;
    case DATA:
        result.data = how->value == 0 ? NULL : (char *)result.data + how->value;
        break;
    }
    return result;
}

/* Wrong for every tensor. */
static const spoil spoils[] = {
    {"struct_size 0", SIZE, 0, 0, NORMNET_EINVAL, "struct_size"},
    {"struct_size 4", SIZE, 0, 4, NORMNET_EINVAL, "4"},
    {"struct_size 151", SIZE, 0, 151, NORMNET_EINVAL, "151"},
    {"struct_size 4097", SIZE, 0, 4097, NORMNET_EINVAL, "4097"},
    {"struct_size -1", SIZE, 0, -1, NORMNET_EINVAL, "-1"},
    {"struct_size 2^31 - 1", SIZE, 0, INT32_MAX, NORMNET_EINVAL, "2147483647"},
    {"struct_size -2^31", SIZE, 0, INT32_MIN, NORMNET_EINVAL, "-2147483648"},
    {"dtype 0", DTYPE, 0, 0, NORMNET_EUNSUPPORTED, "0"},
    {"dtype 5", DTYPE, 0, 5, NORMNET_EUNSUPPORTED, "5"},
    {"dtype -1", DTYPE, 0, -1, NORMNET_EUNSUPPORTED, "-1"},
    {"dtype 2^31 - 1", DTYPE, 0, INT32_MAX, NORMNET_EUNSUPPORTED, "2147483647"},
    {"rank -1", RANK, 0, -1, NORMNET_EINVAL, "-1"},
    {"rank 9", RANK, 0, 9, NORMNET_EINVAL, "9"},
    {"rank 2^31 - 1", RANK, 0, INT32_MAX, NORMNET_EINVAL, "2147483647"},
    {"rank -2^31", RANK, 0, INT32_MIN, NORMNET_EINVAL, "-2147483648"},
    {"rank 0", RANK, 0, 0, NORMNET_EINVAL, "shape"},
    {"reserved 1", RESERVED, 0, 1, NORMNET_EINVAL, "reserved"},
    {"reserved -2^31", RESERVED, 0, INT32_MIN, NORMNET_EINVAL, "-2147483648"},
    {"no data", DATA, 0, 0, NORMNET_EINVAL, "data"},
    {"an empty batch", SHAPE, 0, 0, NORMNET_EINVAL, "0"},
    {"-1 of them", SHAPE, 0, -1, NORMNET_EINVAL, "-1"},
    {"-2^63 of them", SHAPE, 0, INT64_MIN, NORMNET_EINVAL, "-9223372036854775808"},
    {"2^63 - 1 of them", SHAPE, 0, INT64_MAX, NORMNET_EINVAL, "shape"},
    {"stride -2^63", STRIDE, 0, INT64_MIN, NORMNET_EINVAL, "stride"},
    {"stride 2^63 - 1", STRIDE, 0, INT64_MAX, NORMNET_EINVAL, "stride"},
    {"stride -2^63 + 1", STRIDE, 0, -INT64_MAX, NORMNET_EINVAL, "stride"},
};

static const spoil image_spoils[] = {
    {"rank 3", RANK, 0, 3, NORMNET_EINVAL, "33x2x12"},
    {"rank 5", RANK, 0, 5, NORMNET_EINVAL, "shape"},
    {"dtype i32", DTYPE, 0, NORMNET_I32, NORMNET_EUNSUPPORTED, "i32"},
    {"dtype i64", DTYPE, 0, NORMNET_I64, NORMNET_EUNSUPPORTED, "i64"},
    {"0 channels", SHAPE, 1, 0, NORMNET_EINVAL, "0"},
    {"1 channel", SHAPE, 1, 1, NORMNET_EINVAL, "33x1x12x12"},
    {"3 channels", SHAPE, 1, 3, NORMNET_EINVAL, "33x3x12x12"},
    {"11 rows", SHAPE, 2, 11, NORMNET_EINVAL, "33x2x11x12"},
    {"13 columns", SHAPE, 3, 13, NORMNET_EINVAL, "33x2x12x13"},
    {"0 columns", SHAPE, 3, 0, NORMNET_EINVAL, "0"},
    {"2^32 + 12 columns", SHAPE, 3, ((int64_t)1 << 32) + 12, NORMNET_EINVAL, "4294967308"},
};

static const spoil label_spoils[] = {
    {"rank 2", RANK, 0, 2, NORMNET_EINVAL, "0"},
    {"dtype f32", DTYPE, 0, NORMNET_F32, NORMNET_EUNSUPPORTED, "f32"},
    {"one too few", SHAPE, 0, TWINS_IMAGES - 1, NORMNET_EINVAL, "32"},
    {"one too many", SHAPE, 0, TWINS_IMAGES + 1, NORMNET_EINVAL, "34"},
    {"2^32 + 33 of them", SHAPE, 0, ((int64_t)1 << 32) + TWINS_IMAGES, NORMNET_EINVAL, "4294967329"},
};

static const spoil output_spoils[] = {
    {"one row too few", SHAPE, 0, TWINS_IMAGES - 1, NORMNET_EINVAL, "32"},
    {"one row too many", SHAPE, 0, TWINS_IMAGES + 1, NORMNET_EINVAL, "34"},
    {"rank 3", RANK, 0, 3, NORMNET_EINVAL, "shape"},
    {"a negative stride", STRIDE, 0, -1, NORMNET_EINVAL, "itself"},
};

static void spoil_tensor(twins *pair, const named_call *calls, int call_count, const normnet_tensor *tensor,
                         const spoil *table, int count)
{
    int i, j;
    for (i = 0; i < call_count; ++i)
        for (j = 0; j < count; ++j) {
            const normnet_tensor wrong = spoilt(tensor, &table[j]);
            refuse_tensor(pair, &calls[i], &wrong, table[j].how, table[j].status, table[j].word);
        }
}

static void images_described(const void *argument)
{
    const int32_t *norm = argument;
    twins *pair = twins_open(*norm);
    spoil_tensor(pair, image_calls, COUNT(image_calls), &pair->images, spoils, COUNT(spoils));
    spoil_tensor(pair, image_calls, COUNT(image_calls), &pair->float_images, spoils, COUNT(spoils));
    spoil_tensor(pair, image_calls, COUNT(image_calls), &pair->images, image_spoils, COUNT(image_spoils));
    twins_close(pair);
}

static void labels_described(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_BATCH);
    (void)argument;
    spoil_tensor(pair, label_calls, COUNT(label_calls), &pair->labels, spoils, COUNT(spoils));
    spoil_tensor(pair, label_calls, COUNT(label_calls), &pair->labels8, spoils, COUNT(spoils));
    spoil_tensor(pair, label_calls, COUNT(label_calls), &pair->labels, label_spoils, COUNT(label_spoils));
    twins_close(pair);
}

static void outputs_described(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_BATCH);
    const normnet_tensor *const tensors[] = {&pair->scores, &pair->classes, &pair->map};
    int i;
    (void)argument;
    for (i = 0; i < COUNT(output_calls); ++i) {
        spoil_tensor(pair, &output_calls[i], 1, tensors[i], spoils, COUNT(spoils));
        spoil_tensor(pair, &output_calls[i], 1, tensors[i], output_spoils, COUNT(output_spoils));
    }
    twins_close(pair);
}

/* dtypes, shapes and strides that are wrong for one output only. */
static void outputs_of_their_kind(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_tensor wrong = pair->scores;
    (void)argument;
    wrong.dtype = NORMNET_I32;
    refuse_tensor(pair, &output_calls[0], &wrong, "dtype i32", NORMNET_EUNSUPPORTED, "3");
    wrong = pair->scores;
    wrong.shape[1] = TWINS_CLASSES - 1;
    refuse_tensor(pair, &output_calls[0], &wrong, "9 columns", NORMNET_EINVAL, "33x9");
    wrong = pair->scores;
    wrong.rank = 1;
    refuse_tensor(pair, &output_calls[0], &wrong, "rank 1", NORMNET_EINVAL, "33");
    wrong = pair->scores;
    wrong.strides[0] = TWINS_CLASSES; /* and 0 for the columns */
    refuse_tensor(pair, &output_calls[0], &wrong, "all columns in one place", NORMNET_EINVAL, "itself");
    wrong.strides[0] = TWINS_CLASSES - 1;
    wrong.strides[1] = 1;
    refuse_tensor(pair, &output_calls[0], &wrong, "rows that overlap by one", NORMNET_EINVAL, "itself");
    wrong = pair->classes;
    wrong.dtype = NORMNET_F32;
    refuse_tensor(pair, &output_calls[1], &wrong, "dtype f32", NORMNET_EUNSUPPORTED, "f32");
    wrong = pair->map;
    wrong.dtype = NORMNET_I32;
    refuse_tensor(pair, &output_calls[2], &wrong, "dtype i32", NORMNET_EUNSUPPORTED, "3");
    wrong = pair->map;
    wrong.rank = 2;
    refuse_tensor(pair, &output_calls[2], &wrong, "rank 2", NORMNET_EINVAL, "33x4");
    wrong = pair->map;
    wrong.shape[3] = 9;
    refuse_tensor(pair, &output_calls[2], &wrong, "9 columns", NORMNET_EINVAL, "33x4x10x9");
    twins_close(pair);
}

static void misaligned(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_GROUP);
    const spoil by[] = {{"data off by 1", DATA, 0, 1, NORMNET_EINVAL, "align"},
                        {"data off by 2", DATA, 0, 2, NORMNET_EINVAL, "align"},
                        {"data off by 3", DATA, 0, 3, NORMNET_EINVAL, "align"}};
    const spoil by_four = {"data off by 4", DATA, 0, 4, NORMNET_EINVAL, "align"};
    (void)argument;
    spoil_tensor(pair, image_calls, COUNT(image_calls), &pair->float_images, by, COUNT(by));
    spoil_tensor(pair, label_calls, COUNT(label_calls), &pair->labels32, by, COUNT(by));
    spoil_tensor(pair, label_calls, COUNT(label_calls), &pair->labels, by, COUNT(by));
    spoil_tensor(pair, label_calls, COUNT(label_calls), &pair->labels, &by_four, 1);
    spoil_tensor(pair, &output_calls[0], 1, &pair->scores, by, COUNT(by));
    spoil_tensor(pair, &output_calls[1], 1, &pair->classes, &by_four, 1);
    spoil_tensor(pair, &output_calls[2], 1, &pair->map, by, COUNT(by));
    twins_close(pair);
}

static void too_many_images(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_BATCH);
    const int64_t counts[] = {TWINS_MOST + 1, (int64_t)1 << 31, ((int64_t)1 << 32) + 1};
    int i, j;
    (void)argument;
    for (i = 0; i < COUNT(image_calls); ++i)
        for (j = 0; j < COUNT(counts) && image_calls[i].trains; ++j) {
            normnet_tensor wrong = pair->images;
            char count[32];
            snprintf(count, sizeof count, "%" PRId64, counts[j]);
            wrong.shape[0] = counts[j];
            refuse_tensor(pair, &image_calls[i], &wrong, "more images than max_batch", NORMNET_EINVAL, count);
            /* The same image again and again, so that nothing but the count is wrong. */
            wrong.strides[1] = TWINS_SIDE * TWINS_SIDE;
            wrong.strides[2] = TWINS_SIDE;
            wrong.strides[3] = 1;
            refuse_tensor(pair, &image_calls[i], &wrong, "an image repeated beyond max_batch", NORMNET_EINVAL, count);
        }
    twins_close(pair);
}

/* ---- Values ------------------------------------------------------------------------------------ */

static void pixels_not_finite(const void *argument)
{
    const int32_t *norm = argument;
    twins *pair = twins_open(*norm);
    const float values[] = {NAN, INFINITY, -INFINITY};
    const char *const names[] = {"nan", "inf", "-inf"};
    const int last = TWINS_IMAGES * TWINS_PIXELS - 1, places[] = {last, 0, last - TWINS_PIXELS / 2};
    int i, j, k;
    for (i = 0; i < COUNT(values); ++i)
        for (j = 0; j < COUNT(places); ++j)
            for (k = 0; k < COUNT(image_calls); ++k) {
                char how[64];
                snprintf(how, sizeof how, "%s as pixel %d of %d", names[i], places[j], last + 1);
                pair->in.floats[places[j]] = values[i];
                memcpy(&pair->in_before, &pair->in, sizeof pair->in);
                refuse_tensor(pair, &image_calls[k], &pair->float_images, how, NORMNET_EVALUE, names[i]);
                pair->in.floats[places[j]] = 0.5f;
                memcpy(&pair->in_before, &pair->in, sizeof pair->in);
            }
    twins_close(pair);
}

/* A pixel between the images that no stride reaches is nobody's business. */
static void pixels_beside_the_view(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_LAYER);
    normnet_tensor every_second = pair->float_images, labels = pair->labels;
    (void)argument;
    every_second.shape[0] = labels.shape[0] = 16;
    every_second.strides[0] = 2 * TWINS_PIXELS;
    every_second.strides[1] = TWINS_SIDE * TWINS_SIDE;
    every_second.strides[2] = TWINS_SIDE;
    every_second.strides[3] = 1;
    pair->in.floats[TWINS_PIXELS] = NAN;
    pair->in.floats[16 * 2 * TWINS_PIXELS] = NAN;
    CHECK_OK(normnet_evaluate(pair->model, &every_second, &labels, &pair->out.metrics, NULL, NULL));
    CHECK(isfinite(pair->out.metrics.loss));
    twins_close(pair);
}

static void set_label(twins *pair, int place, int64_t value)
{
    pair->in.digits[place] = value;
    pair->in.digits32[place] = (int32_t)value;
    pair->in.digits8[place] = (uint8_t)value;
    memcpy(&pair->in_before, &pair->in, sizeof pair->in);
}

static void labels_out_of_range(const void *argument)
{
    const int32_t *norm = argument;
    twins *pair = twins_open(*norm);
    const int64_t wrong[] = {TWINS_CLASSES,          255,       -1,       INT32_MAX, INT32_MIN, (int64_t)1 << 31,
                             ((int64_t)1 << 32) + 1, INT64_MIN, INT64_MAX};
    const int places[] = {TWINS_IMAGES - 1, 0, 16};
    int i, j, k;
    for (i = 0; i < COUNT(wrong); ++i)
        for (j = 0; j < COUNT(places); ++j)
            for (k = 0; k < COUNT(label_calls); ++k) {
                const int64_t before = pair->in.digits[places[j]];
                char value[32], how[64];
                snprintf(value, sizeof value, "%" PRId64, wrong[i]);
                snprintf(how, sizeof how, "%s at %d", value, places[j]);
                set_label(pair, places[j], wrong[i]);
                /* The step after a refusal takes good labels. */
                pair->labels = tensor_1d(NORMNET_U8, pair->in.digits8, TWINS_IMAGES);
                if (wrong[i] >= 0 && wrong[i] <= 255) {
                    const normnet_status status = label_calls[k].run(pair, &pair->labels8);
                    CHECK_STATUS(status, NORMNET_ELABEL);
                }
                if (wrong[i] >= INT32_MIN && wrong[i] <= INT32_MAX) {
                    const normnet_status status = label_calls[k].run(pair, &pair->labels32);
                    CHECK_STATUS(status, NORMNET_ELABEL);
                }
                {
                    const char *const words[] = {value, NULL};
                    const normnet_tensor labels = tensor_1d(NORMNET_I64, pair->in.digits, TWINS_IMAGES);
                    const normnet_status status = label_calls[k].run(pair, &labels);
                    check_status(__FILE__, __LINE__, how, status, NORMNET_ELABEL);
                    check_sentence(__FILE__, __LINE__, how, words);
                    check_untouched(__FILE__, __LINE__, how, pair);
                }
                set_label(pair, places[j], before);
                twins_advance(__FILE__, __LINE__, how, pair);
            }
    twins_close(pair);
}

/* ---- Places ------------------------------------------------------------------------------------ */

/* Outputs that lie in the images, partly or wholly, or in one another. */
static void overlaps(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_GROUP);
    const size_t image_bytes = TWINS_IMAGES * TWINS_PIXELS * sizeof(float);
    normnet_tensor output;
    (void)argument;
    output = pair->scores;
    output.data = pair->in.floats;
    CHECK_REFUSED(pair, normnet_predict(pair->model, &pair->float_images, &output, NULL, NULL), NORMNET_EINVAL,
                  "scores", "overlap");
    output.data = (char *)pair->in.floats + image_bytes - 4; /* the last pixel */
    CHECK_REFUSED(pair, normnet_predict(pair->model, &pair->float_images, &output, NULL, NULL), NORMNET_EINVAL,
                  "scores", "overlap");
    output = pair->classes;
    output.data = pair->in.floats + 2;
    CHECK_REFUSED(pair, normnet_predict(pair->model, &pair->float_images, NULL, &output, NULL), NORMNET_EINVAL,
                  "classes", "overlap");
    output = pair->map;
    output.data = pair->in.floats + 4;
    CHECK_REFUSED(pair, normnet_layer_output(pair->model, &pair->float_images, 0, &output, NULL), NORMNET_EINVAL,
                  "output", "overlap");
    output = pair->classes;
    output.data = pair->out.scores;
    CHECK_REFUSED(pair, normnet_predict(pair->model, &pair->images, &pair->scores, &output, NULL), NORMNET_EINVAL,
                  "classes", "overlap");
    /* Walking backwards, the images end where the data pointer says they begin. */
    output = pair->float_images;
    output.strides[0] = -TWINS_PIXELS;
    output.strides[1] = TWINS_SIDE * TWINS_SIDE;
    output.strides[2] = TWINS_SIDE;
    output.strides[3] = 1;
    output.data = pair->in.floats + (TWINS_IMAGES - 1) * TWINS_PIXELS;
    {
        normnet_tensor scores = pair->scores;
        scores.data = pair->in.floats;
        CHECK_REFUSED(pair, normnet_predict(pair->model, &output, &scores, NULL, NULL), NORMNET_EINVAL, "scores",
                      "overlap");
    }
    twins_close(pair);
}

/* Side by side is no overlap. */
static void neighbours(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_GROUP);
    float *memory = check_allocate(TWINS_IMAGES * (TWINS_PIXELS + 2 * TWINS_CLASSES), sizeof *memory);
    normnet_tensor images = pair->float_images, scores = pair->scores, classes = pair->classes;
    (void)argument;
    memcpy(memory + TWINS_IMAGES * TWINS_CLASSES, pair->in.floats, TWINS_IMAGES * TWINS_PIXELS * sizeof(float));
    scores.data = memory;
    images.data = memory + TWINS_IMAGES * TWINS_CLASSES;
    classes.dtype = NORMNET_I32;
    classes.data = memory + TWINS_IMAGES * (TWINS_CLASSES + TWINS_PIXELS);
    CHECK_OK(normnet_predict(pair->model, &images, &scores, &classes, NULL));
    free(memory);
    twins_close(pair);
}

/* u8 cannot hold more than 256 classes. */
static void many_classes(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_NONE);
    normnet_model *model;
    uint8_t pixels[TWINS_PIXELS] = {0}, classes = 77;
    const normnet_tensor images = tensor_images(NORMNET_U8, pixels, 1, &config);
    normnet_tensor output = tensor_1d(NORMNET_U8, &classes, 1);
    (void)argument;
    config.architecture = "gap conv1-256";
    config.classes = 256;
    model = CHECK_CREATE(&config);
    CHECK_OK(normnet_predict(model, &images, NULL, &output, NULL));
    normnet_model_destroy(model);
    classes = 77;
    config.architecture = "gap conv1-257";
    config.classes = 257;
    model = CHECK_CREATE(&config);
    CHECK_STATUS(normnet_predict(model, &images, NULL, &output, NULL), NORMNET_EUNSUPPORTED);
    CHECK(strstr(normnet_error_message(), "257") != NULL);
    CHECK_EQUAL(classes, 77);
    normnet_model_destroy(model);
}

int main(int argc, char **argv)
{
    static const int32_t batch = NORMNET_NORM_BATCH, group = NORMNET_NORM_GROUP;
    if (!check_begin(argc, argv))
        return check_end();
    check_case("images: size, rank, dtype, shape, strides and data, batch norm", images_described, &batch);
    check_case("images: size, rank, dtype, shape, strides and data, group norm", images_described, &group);
    check_case("labels: size, rank, dtype, shape, strides and data", labels_described, NULL);
    check_case("outputs: size, rank, dtype, shape, strides and data", outputs_described, NULL);
    check_case("outputs: each of its own shape and dtype, without overlapping itself", outputs_of_their_kind, NULL);
    check_case("tensors: data is aligned to its element", misaligned, NULL);
    check_case("images: more than max_batch in a training call are EINVAL", too_many_images, NULL);
    check_case("images: a pixel that is not finite is EVALUE, batch norm", pixels_not_finite, &batch);
    check_case("images: a pixel that is not finite is EVALUE, group norm", pixels_not_finite, &group);
    check_case("images: what lies beside the view is not looked at", pixels_beside_the_view, NULL);
    check_case("labels: outside [0, classes) is ELABEL, batch norm", labels_out_of_range, &batch);
    check_case("labels: outside [0, classes) is ELABEL, group norm", labels_out_of_range, &group);
    check_case("outputs: in an input or in each other they are EINVAL", overlaps, NULL);
    check_case("outputs: beside an input they are fine", neighbours, NULL);
    check_case("outputs: u8 for more than 256 classes is EUNSUPPORTED", many_classes, NULL);
    return check_end();
}
