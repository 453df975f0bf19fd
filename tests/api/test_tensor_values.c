/* SPDX-License-Identifier: MIT */
/* Tensors that are rejected for their values, names or place: pixels, labels, entries, overlaps, too many images. */
#include "tensor_calls.h"

/* ---- The description -------------------------------------------------------------------------- */

static void too_many_images(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    const int64_t counts[] = {TWINS_MOST + 1, (int64_t)1 << 31, ((int64_t)1 << 32) + 1};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(image_calls); ++i)
        for (int j = 0; j < CHECK_COUNT(counts) && image_calls[i].trains; ++j) {
            normnet_tensor wrong = pair->images;
            char count[32];

            snprintf(count, sizeof count, "%" PRId64, counts[j]);
            wrong.shape[0] = counts[j];
            reject_tensor(pair, &image_calls[i], &wrong, "more images than max_batch", NORMNET_EINVAL, count);
            /* The same image again and again, so that nothing but the count is wrong. */
            wrong.strides[1] = TWINS_SIDE * TWINS_SIDE;
            wrong.strides[2] = TWINS_SIDE;
            wrong.strides[3] = 1;
            reject_tensor(pair, &image_calls[i], &wrong, "an image repeated beyond max_batch", NORMNET_EINVAL, count);
        }
    twins_close(pair);
}

/* ---- Values ----------------------------------------------------------------------------------- */

static void pixels_not_finite(const void *argument)
{
    const int32_t *norm = argument;
    struct twins *pair = twins_open(*norm);
    const float values[] = {NAN, INFINITY, -INFINITY};
    const char *const names[] = {"nan", "inf", "-inf"};
    const int last = TWINS_IMAGES * TWINS_PIXELS - 1, places[] = {last, 0, last - TWINS_PIXELS / 2};

    for (int i = 0; i < CHECK_COUNT(values); ++i)
        for (int j = 0; j < CHECK_COUNT(places); ++j)
            for (int k = 0; k < CHECK_COUNT(image_calls); ++k) {
                char how[64], word[64];

                snprintf(word, sizeof word, "is %s; expected a finite number", names[i]);
                snprintf(how, sizeof how, "%s as pixel %d of %d", names[i], places[j], last + 1);
                pair->in.floats[places[j]] = values[i];
                memcpy(&pair->in_before, &pair->in, sizeof pair->in);
                reject_tensor(pair, &image_calls[k], &pair->float_images, how, NORMNET_EVALUE, word);
                pair->in.floats[places[j]] = 0.5f;
                memcpy(&pair->in_before, &pair->in, sizeof pair->in);
            }
    twins_close(pair);
}

/* A pixel between the images that no stride reaches is not checked. */
static void pixels_beside_the_view(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_LAYER);
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

static void set_label(struct twins *pair, int place, int64_t value)
{
    pair->in.digits[place] = value;
    pair->in.digits32[place] = (int32_t)value;
    pair->in.digits8[place] = (uint8_t)value;
    memcpy(&pair->in_before, &pair->in, sizeof pair->in);
}

static void labels_out_of_range(const void *argument)
{
    const int32_t *norm = argument;
    struct twins *pair = twins_open(*norm);
    const int64_t wrong[] = {TWINS_CLASSES,          255,       -1,       INT32_MAX, INT32_MIN, (int64_t)1 << 31,
                             ((int64_t)1 << 32) + 1, INT64_MIN, INT64_MAX};
    const int places[] = {TWINS_IMAGES - 1, 0, 16};

    for (int i = 0; i < CHECK_COUNT(wrong); ++i)
        for (int j = 0; j < CHECK_COUNT(places); ++j)
            for (int k = 0; k < CHECK_COUNT(label_calls); ++k) {
                const int64_t before = pair->in.digits[places[j]];
                char value[32], how[64];

                snprintf(value, sizeof value, "%" PRId64, wrong[i]);
                snprintf(how, sizeof how, "%s at %d", value, places[j]);
                set_label(pair, places[j], wrong[i]);
                /* The step after a rejection takes good labels. */
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
                    check_message(__FILE__, __LINE__, how, words);
                    check_untouched(__FILE__, __LINE__, how, pair);
                }
                set_label(pair, places[j], before);
                twins_advance(__FILE__, __LINE__, how, pair);
            }
    twins_close(pair);
}

/* ---- Places ----------------------------------------------------------------------------------- */

/* Outputs that lie in the images, partly or wholly, or in one another. */
static void overlaps(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    const size_t image_bytes = TWINS_IMAGES * TWINS_PIXELS * sizeof(float);
    normnet_tensor output;

    (void)argument;
    output = pair->scores;
    output.data = pair->in.floats;
    CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->float_images, &output, NULL, NULL), NORMNET_EINVAL,
                   "scores", "overlap");
    output.data = (char *)pair->in.floats + image_bytes - 4; /* the last pixel */
    CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->float_images, &output, NULL, NULL), NORMNET_EINVAL,
                   "scores", "overlap");
    output = pair->classes;
    output.data = pair->in.floats + 2;
    CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->float_images, NULL, &output, NULL), NORMNET_EINVAL,
                   "classes", "overlap");
    output = pair->map;
    output.data = pair->in.floats + 4;
    CHECK_REJECTED(pair, normnet_layer_output(pair->model, &pair->float_images, 0, &output, NULL), NORMNET_EINVAL,
                   "output", "overlap");
    output = pair->classes;
    output.data = pair->out.scores;
    CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->images, &pair->scores, &output, NULL), NORMNET_EINVAL,
                   "classes", "overlap");
    /* Walking backwards, the images end at the data pointer. */
    output = pair->float_images;
    output.strides[0] = -TWINS_PIXELS;
    output.strides[1] = TWINS_SIDE * TWINS_SIDE;
    output.strides[2] = TWINS_SIDE;
    output.strides[3] = 1;
    output.data = pair->in.floats + (TWINS_IMAGES - 1) * TWINS_PIXELS;
    {
        normnet_tensor scores = pair->scores;

        scores.data = pair->in.floats;
        CHECK_REJECTED(pair, normnet_predict(pair->model, &output, &scores, NULL, NULL), NORMNET_EINVAL, "scores",
                       "overlap");
    }
    twins_close(pair);
}

/* Side by side is no overlap. */
static void neighbours(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
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

/* ---- States ----------------------------------------------------------------------------------- */

static void wrong_entries(const void *argument)
{
    static const char *const names[][2] = {
        {"0.weights", "no entry '0.weights'; did you mean '0.weight'?"},
        {"0.Weight", "did you mean '0.weight'?"},
        {"1.runing_mean", "did you mean '1.running_mean'?"},
        {"1.running_avr", "did you mean '1.running_var'?"},
        {"0weight", "did you mean '0.weight'?"},
        {"module.0.weight", "no entry 'module.0.weight'; expected one of "},
        {"", "no entry ''; expected one of "},
        {"a name that is longer than any name of an entry of a model", "from '0.weight' to '"},
    };
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    float values[4] = {1, 1, NAN, 1};
    float *parameters = check_allocate((size_t)normnet_parameter_count(pair->model), sizeof *parameters);
    int64_t count = -3;
    const normnet_tensor tensor = tensor_1d(NORMNET_F32, values, 4);
    normnet_tensor number;

    (void)argument;
    parameters[7] = INFINITY;
    for (int i = 0; i < CHECK_COUNT(names); ++i)
        CHECK_REJECTED(pair, normnet_set_state(pair->model, names[i][0], &tensor), NORMNET_EMISMATCH, names[i][1], "");
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.weight", &tensor), NORMNET_EVALUE,
                   "element 2 of '1.weight' is nan", "; expected a number from -3.4e38 to 3.4e38");
    CHECK_REJECTED(pair, normnet_set_parameters(pair->model, parameters, normnet_parameter_count(pair->model)),
                   NORMNET_EVALUE, "values[7] is inf; expected a finite number", "");
    free(parameters);
    values[2] = -2;
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.running_var", &tensor), NORMNET_EVALUE,
                   "element 2 of '1.running_var' is -2", "; expected 0 to 3.4e38");
    normnet_tensor_init(&number, NORMNET_I64, &count, 0, NULL);
    CHECK_REJECTED(pair, normnet_set_state(pair->model, "1.num_batches_tracked", &number), NORMNET_EVALUE,
                   "element 0 of '1.num_batches_tracked' is -3", "; expected 0 to 2^63 - 1");
    twins_close(pair);
}

int main(int argc, char **argv)
{
    static const int32_t batch = NORMNET_NORM_BATCH, group = NORMNET_NORM_GROUP;

    if (!check_begin(argc, argv))
        return check_end();
    check_case("images: more than max_batch in a training call are EINVAL", too_many_images, NULL);
    check_case("images: a pixel that is not finite is EVALUE, batch norm", pixels_not_finite, &batch);
    check_case("images: a pixel that is not finite is EVALUE, group norm", pixels_not_finite, &group);
    check_case("images: values outside the view are not checked", pixels_beside_the_view, NULL);
    check_case("labels: outside [0, classes) is ELABEL, batch norm", labels_out_of_range, &batch);
    check_case("labels: outside [0, classes) is ELABEL, group norm", labels_out_of_range, &group);
    check_case("outputs: in an input or in each other they are EINVAL", overlaps, NULL);
    check_case("outputs: next to an input they are allowed", neighbours, NULL);
    check_case("states: unknown names and values out of range", wrong_entries, NULL);
    check_case("outputs: u8 for more than 256 classes is EUNSUPPORTED", many_classes, NULL);
    return check_end();
}
