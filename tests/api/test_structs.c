/* SPDX-License-Identifier: MIT */
/*
 * What crosses the border: structs that begin with their size, between callers and libraries of different age, and
 * pointers that may or may not be NULL.
 */
#include "harness/twins.h"

/* ---- Input structs ----------------------------------------------------------------------------- */

/* The same struct as a newer caller has it: longer, with a tail that this library does not know. */
struct newer_config {
    normnet_config config;
    int32_t tail[16];
};

struct newer_tensor {
    normnet_tensor tensor;
    unsigned char tail[40];
};

struct newer_options {
    normnet_predict_options options;
    unsigned char tail[8];
};

struct newer_batch {
    normnet_batch batch;
    unsigned char tail[8];
};

static void longer_inputs(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    struct newer_config config = {0};
    struct newer_tensor images = {0}, labels = {0}, scores = {0};
    struct newer_options options = {0};
    struct newer_batch batch = {0};
    normnet_model *model = NULL;

    (void)argument;
    config.config = twins_config(NORMNET_NORM_BATCH);
    config.config.struct_size = (int32_t)sizeof config;
    CHECK_OK(normnet_model_create(&model, &config.config));
    normnet_model_destroy(model);
    model = NULL;
    images.tensor = pair->images;
    labels.tensor = pair->labels;
    scores.tensor = pair->scores;
    images.tensor.struct_size = labels.tensor.struct_size = scores.tensor.struct_size = (int32_t)sizeof images;
    options.options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_RUNNING);
    options.options.struct_size = (int32_t)sizeof options;
    batch.batch.struct_size = (int32_t)sizeof batch;
    CHECK_OK(normnet_train_step(pair->model, &images.tensor, &labels.tensor, NULL));
    CHECK_OK(normnet_predict(pair->model, &images.tensor, &scores.tensor, NULL, &options.options));
    CHECK_OK(normnet_compute_gradients(pair->model, &images.tensor, &labels.tensor, &batch.batch, NULL));
    CHECK_OK(normnet_discard_gradients(pair->model));
    twins_renew(pair);

    /* A byte at the very end is a wish that this library cannot fulfil. */
    config.tail[15] = 0x01000000;
    CHECK_REJECTED(pair, normnet_model_create(&model, &config.config), NORMNET_EINVAL, "config");
    CHECK(model == NULL);
    images.tail[39] = labels.tail[39] = scores.tail[39] = 1;
    options.tail[7] = batch.tail[0] = 1;
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &images.tensor, &pair->labels, &pair->out.metrics),
                   NORMNET_EINVAL, "images");
    CHECK_REJECTED(pair, normnet_train_step(pair->model, &pair->images, &labels.tensor, &pair->out.metrics),
                   NORMNET_EINVAL, "labels");
    CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->images, &scores.tensor, &pair->classes, NULL),
                   NORMNET_EINVAL, "scores");
    CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->images, &pair->scores, NULL, &options.options),
                   NORMNET_EINVAL, "options");
    CHECK_REJECTED(
        pair, normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch.batch, &pair->out.metrics),
        NORMNET_EINVAL, "batch");
    twins_close(pair);
}

/* No struct of any release has these sizes: too small, no multiple of 8, or absurd. */
static const int32_t no_sizes[] = {0, 1, 4, 7, -1, 4092, 4095, 4097, INT32_MAX, INT32_MIN};

static void inputs_of_no_size(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(no_sizes); ++i) {
        normnet_config config = twins_config(NORMNET_NORM_BATCH);
        normnet_predict_options options = options_init(0, 0);
        normnet_batch batch = {0};
        normnet_model *model = NULL;
        double lr = 7.0, momentum = 7.0;
        char value[16];

        snprintf(value, sizeof value, "%d", no_sizes[i]);
        config.struct_size = options.struct_size = batch.struct_size = no_sizes[i];
        CHECK_REJECTED(pair, normnet_model_create(&model, &config), NORMNET_EINVAL, "struct_size", value);
        CHECK(model == NULL);
        CHECK_REJECTED(pair, normnet_one_cycle_lr(&config, 0, &lr, &momentum), NORMNET_EINVAL, "struct_size", value);
        CHECK_REJECTED(pair, normnet_step_lr(&config, 0, &lr, &momentum), NORMNET_EINVAL, "struct_size", value);
        CHECK(lr == 7.0 && momentum == 7.0);
        CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->images, &pair->scores, NULL, &options), NORMNET_EINVAL,
                       "struct_size", value);
        CHECK_REJECTED(pair,
                       normnet_evaluate(pair->model, &pair->images, &pair->labels, &pair->out.metrics,
                                        pair->out.confusion, &options),
                       NORMNET_EINVAL, "struct_size", value);
        CHECK_REJECTED(pair, normnet_layer_output(pair->model, &pair->images, 0, &pair->map, &options), NORMNET_EINVAL,
                       "struct_size", value);
        CHECK_REJECTED(pair,
                       normnet_compute_gradients(pair->model, &pair->images, &pair->labels, &batch, &pair->out.metrics),
                       NORMNET_EINVAL, "struct_size", value);
    }
    twins_close(pair);
}

static void options_out_of_range(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);
    const int32_t wrong_scores[] = {-1, 3, INT32_MIN, INT32_MAX}, wrong_statistics[] = {-1, 2, INT32_MIN, INT32_MAX};
    char value[16];

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(wrong_scores); ++i) {
        const normnet_predict_options scores = options_init(wrong_scores[i], 0),
                                      statistics = options_init(0, wrong_statistics[i]);

        snprintf(value, sizeof value, "%d", wrong_scores[i]);
        CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->images, &pair->scores, &pair->classes, &scores),
                       NORMNET_EUNSUPPORTED, "scores", value);
        snprintf(value, sizeof value, "%d", wrong_statistics[i]);
        CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->images, &pair->scores, &pair->classes, &statistics),
                       NORMNET_EUNSUPPORTED, "statistics", value);
        CHECK_REJECTED(pair,
                       normnet_evaluate(pair->model, &pair->images, &pair->labels, &pair->out.metrics,
                                        pair->out.confusion, &statistics),
                       NORMNET_EUNSUPPORTED, "statistics", value);
        CHECK_REJECTED(pair, normnet_layer_output(pair->model, &pair->images, 0, &pair->map, &statistics),
                       NORMNET_EUNSUPPORTED, "statistics", value);
    }
    for (int i = 0; i < CHECK_COUNT(wrong_statistics); ++i) {
        normnet_predict_options weights = options_init(0, 0);

        weights.weights = wrong_statistics[i];
        snprintf(value, sizeof value, "%d", wrong_statistics[i]);
        CHECK_REJECTED(pair, normnet_predict(pair->model, &pair->images, &pair->scores, &pair->classes, &weights),
                       NORMNET_EUNSUPPORTED, "weights", value);
        CHECK_REJECTED(pair, normnet_layer_output(pair->model, &pair->images, 0, &pair->map, &weights),
                       NORMNET_EUNSUPPORTED, "weights", value);
    }
    twins_close(pair);
}

/* ---- Output structs ---------------------------------------------------------------------------- */

enum { TAIL = 24 };

/* Whether the tail after `size` bytes is zero up to TAIL and as before after that. */
static void check_tail(const char *what, const unsigned char *bytes, size_t size)
{
    for (int i = 0; i < TAIL; ++i)
        if (bytes[size + (size_t)i] != 0) {
            CHECK_FAIL("%s: byte %d after the library's struct is not zero", what, i);
            break;
        }
    if (bytes[size + TAIL] != 0x5C)
        CHECK_FAIL("%s: written beyond the caller's size", what);
}

/* A newer caller's output struct, filled with what lay on its stack. */
static void longer_outputs(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    union {
        normnet_config config;
        normnet_metrics metrics;
        normnet_layer_info layer;
        normnet_state_info state;
        unsigned char bytes[1024];
    } out;

    (void)argument;
    memset(&out, 0x5C, sizeof out);
    CHECK_OK(normnet_config_init_size(&out.config, (int32_t)sizeof out.config + TAIL, NORMNET_NORM_LAYER));
    CHECK_EQUAL(out.config.struct_size, (int64_t)sizeof out.config + TAIL);
    CHECK_EQUAL(out.config.norm, NORMNET_NORM_LAYER);
    CHECK(out.config.final_div_factor == 1e4);
    check_tail("config_init_size", out.bytes, sizeof out.config);

    memset(&out, 0x5C, sizeof out);
    out.config.struct_size = (int32_t)sizeof out.config + TAIL;
    CHECK_OK(normnet_model_config(pair->model, &out.config));
    CHECK_EQUAL(out.config.struct_size, (int64_t)sizeof out.config + TAIL);
    CHECK_EQUAL(out.config.norm, NORMNET_NORM_BATCH);
    check_tail("model_config", out.bytes, sizeof out.config);

    memset(&out, 0x5C, sizeof out);
    out.layer.struct_size = (int32_t)sizeof out.layer + TAIL;
    CHECK_OK(normnet_layer(pair->model, 0, &out.layer));
    CHECK_TEXT(out.layer.module, "Conv2d");
    check_tail("layer", out.bytes, sizeof out.layer);

    memset(&out, 0x5C, sizeof out);
    out.state.struct_size = (int32_t)sizeof out.state + TAIL;
    CHECK_OK(normnet_state(pair->model, 0, &out.state));
    CHECK_TEXT(out.state.name, "0.weight");
    check_tail("state", out.bytes, sizeof out.state);

    memset(&out, 0x5C, sizeof out);
    out.metrics.struct_size = (int32_t)sizeof out.metrics + TAIL;
    if (CHECK_OK(normnet_train_step(pair->model, &pair->images, &pair->labels, &out.metrics))) {
        CHECK_EQUAL(out.metrics.struct_size, (int64_t)sizeof out.metrics + TAIL);
        CHECK_EQUAL(out.metrics.count, TWINS_IMAGES);
        check_tail("metrics of train_step", out.bytes, sizeof out.metrics);
    }
    memset(&out, 0x5C, sizeof out);
    out.metrics.struct_size = (int32_t)sizeof out.metrics + TAIL;
    if (CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, &out.metrics)))
        check_tail("metrics of compute_gradients", out.bytes, sizeof out.metrics);
    memset(&out, 0x5C, sizeof out);
    out.metrics.struct_size = (int32_t)sizeof out.metrics + TAIL;
    if (CHECK_OK(normnet_evaluate(pair->model, &pair->images, &pair->labels, &out.metrics, NULL, NULL)))
        check_tail("metrics of evaluate", out.bytes, sizeof out.metrics);
    twins_close(pair);
}

static void outputs_of_no_size(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_GROUP);

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(no_sizes); ++i) {
        char value[16];
        const char *const words[] = {"struct_size", value, NULL};

        snprintf(value, sizeof value, "%d", no_sizes[i]);
/* The size is part of the outputs, so it is set in both copies. */
#define WITH_SIZE(part, call)                                                                                          \
    pair->out.part.struct_size = pair->blank.part.struct_size = no_sizes[i];                                           \
    check_rejected(__FILE__, __LINE__, #call, pair, (call), NORMNET_EINVAL, words)
        WITH_SIZE(metrics, normnet_train_step(pair->model, &pair->images, &pair->labels, &pair->out.metrics));
        WITH_SIZE(metrics,
                  normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, &pair->out.metrics));
        WITH_SIZE(metrics, normnet_evaluate(pair->model, &pair->images, &pair->labels, &pair->out.metrics,
                                            pair->out.confusion, NULL));
        WITH_SIZE(config, normnet_model_config(pair->model, &pair->out.config));
        WITH_SIZE(layer, normnet_layer(pair->model, 0, &pair->out.layer));
        WITH_SIZE(state, normnet_state(pair->model, 0, &pair->out.state));
#undef WITH_SIZE
    }
    twins_close(pair);
}

static void config_of_no_size(const void *argument)
{
    /* The last two end inside a field: no release's config can. */
    const int32_t sizes[] = {
        0, 4, -1, 4097, INT32_MAX, INT32_MIN, (int32_t)sizeof(normnet_config) - 1, (int32_t)sizeof(normnet_config) + 1};
    const int32_t norms[] = {-1, NORM_COUNT, INT32_MIN, INT32_MAX};
    normnet_config config, before;
    char value[16];

    (void)argument;
    memset(&config, 0x5C, sizeof config);
    memcpy(&before, &config, sizeof before);
    for (int i = 0; i < CHECK_COUNT(sizes); ++i) {
        const char *const words[] = {"struct_size", value, NULL};
        union {
            normnet_config config;
            unsigned char room[4100];
        } large;
        memset(&large, 0x5C, sizeof large);
        snprintf(value, sizeof value, "%d", sizes[i]);
        if (CHECK_STATUS(normnet_config_init_size(&large.config, sizes[i], NORMNET_NORM_BATCH), NORMNET_EINVAL))
            check_message(__FILE__, __LINE__, "config_init_size", words);
        else
            continue;
        CHECK(memcmp(&large.config, &before, sizeof before) == 0);
    }
    for (int i = 0; i < CHECK_COUNT(norms); ++i) {
        const char *const words[] = {"norm", value, NULL};

        snprintf(value, sizeof value, "%d", norms[i]);
        CHECK_STATUS(normnet_config_init(&config, norms[i]), NORMNET_EUNSUPPORTED);
        check_message(__FILE__, __LINE__, "config_init", words);
        CHECK(memcmp(&config, &before, sizeof before) == 0);
    }
    CHECK_STATUS(normnet_config_init_size(NULL, (int32_t)sizeof config, NORMNET_NORM_BATCH), NORMNET_EINVAL);
}

/* ---- NULL -------------------------------------------------------------------------------------- */

static void null_rejected(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_model *model = pair->model;
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    float values[TWINS_CLASSES] = {0};
    const normnet_tensor tensor = tensor_1d(NORMNET_F32, values, TWINS_CLASSES);
    struct twins_outputs *out = &pair->out;

    (void)argument;
    CHECK_REJECTED(pair, normnet_model_create(NULL, &config), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_model_config(NULL, &out->config), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_model_config(model, NULL), NORMNET_EINVAL, "config", "NULL");
    CHECK_REJECTED(pair, normnet_layer(NULL, 0, &out->layer), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_layer(model, 0, NULL), NORMNET_EINVAL, "info", "NULL");
    CHECK_REJECTED(pair, normnet_state(NULL, 0, &out->state), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_state(model, 0, NULL), NORMNET_EINVAL, "info", "NULL");
    CHECK_REJECTED(pair, normnet_set_state(NULL, "14.bias", &tensor), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_set_state(model, NULL, &tensor), NORMNET_EINVAL, "name", "NULL");
    CHECK_REJECTED(pair, normnet_set_state(model, "14.bias", NULL), NORMNET_EINVAL, "tensor", "NULL");
    CHECK_REJECTED(pair, normnet_set_parameters(NULL, values, 1), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_set_parameters(model, NULL, normnet_parameter_count(model)), NORMNET_EINVAL, "values",
                   "NULL");
    CHECK_REJECTED(pair, normnet_train_step(NULL, &pair->images, &pair->labels, &out->metrics), NORMNET_EINVAL, "model",
                   "NULL");
    CHECK_REJECTED(pair, normnet_train_step(model, NULL, &pair->labels, &out->metrics), NORMNET_EINVAL, "images",
                   "NULL");
    CHECK_REJECTED(pair, normnet_train_step(model, &pair->images, NULL, &out->metrics), NORMNET_EINVAL, "labels",
                   "NULL");
    CHECK_REJECTED(pair, normnet_compute_gradients(NULL, &pair->images, &pair->labels, NULL, &out->metrics),
                   NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_compute_gradients(model, NULL, &pair->labels, NULL, &out->metrics), NORMNET_EINVAL,
                   "images", "NULL");
    CHECK_REJECTED(pair, normnet_compute_gradients(model, &pair->images, NULL, NULL, &out->metrics), NORMNET_EINVAL,
                   "labels", "NULL");
    CHECK_REJECTED(pair, normnet_gradients(NULL, &out->gradients, &out->count), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_apply_gradients(NULL, 1), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_discard_gradients(NULL), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_set_learning_rate(NULL, 0.1, 0.9), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_update_statistics(NULL, &pair->images, 0), NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_update_statistics(model, NULL, 0), NORMNET_EINVAL, "images", "NULL");
    CHECK_REJECTED(pair, normnet_evaluate(NULL, &pair->images, &pair->labels, &out->metrics, out->confusion, NULL),
                   NORMNET_EINVAL, "model", "NULL");
    CHECK_REJECTED(pair, normnet_evaluate(model, NULL, &pair->labels, &out->metrics, out->confusion, NULL),
                   NORMNET_EINVAL, "images", "NULL");
    CHECK_REJECTED(pair, normnet_evaluate(model, &pair->images, NULL, &out->metrics, out->confusion, NULL),
                   NORMNET_EINVAL, "labels", "NULL");
    CHECK_REJECTED(pair, normnet_predict(NULL, &pair->images, &pair->scores, &pair->classes, NULL), NORMNET_EINVAL,
                   "model", "NULL");
    CHECK_REJECTED(pair, normnet_predict(model, NULL, &pair->scores, &pair->classes, NULL), NORMNET_EINVAL, "images",
                   "NULL");
    CHECK_REJECTED(pair, normnet_layer_output(NULL, &pair->images, 0, &pair->map, NULL), NORMNET_EINVAL, "model",
                   "NULL");
    CHECK_REJECTED(pair, normnet_layer_output(model, NULL, 0, &pair->map, NULL), NORMNET_EINVAL, "images", "NULL");
    CHECK_REJECTED(pair, normnet_layer_output(model, &pair->images, 0, NULL, NULL), NORMNET_EINVAL, "output", "NULL");
    CHECK_REJECTED(pair, normnet_one_cycle_lr(NULL, 0, &out->lr, &out->momentum), NORMNET_EINVAL, "config", "NULL");
    CHECK_REJECTED(pair, normnet_step_lr(NULL, 0, &out->lr, &out->momentum), NORMNET_EINVAL, "config", "NULL");
    CHECK_REJECTED(pair, normnet_shard(10, 2, 0, NULL, &out->count), NORMNET_EINVAL, "first", "NULL");
    CHECK_REJECTED(pair, normnet_shard(10, 2, 0, &out->first, NULL), NORMNET_EINVAL, "count", "NULL");
    twins_close(pair);
}

static void null_allowed(const void *argument)
{
    struct twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_model *model = pair->model, *plain = NULL;
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    double *values = NULL, lr = 0.0, momentum = 0.0;
    int64_t count = 0;
    char nothing = 'n';

    (void)argument;
    config.total_steps = 5;
    CHECK_OK(normnet_model_create(&plain, NULL));
    normnet_model_destroy(plain);
    normnet_model_destroy(NULL);
    CHECK_OK(normnet_train_step(model, &pair->images, &pair->labels, NULL));
    CHECK_OK(normnet_compute_gradients(model, &pair->images, &pair->labels, NULL, NULL));
    CHECK_OK(normnet_gradients(model, NULL, NULL));
    CHECK_OK(normnet_gradients(model, &values, NULL));
    CHECK_OK(normnet_gradients(model, NULL, &count));
    CHECK(values != NULL);
    CHECK_EQUAL(count, normnet_parameter_count(model));
    CHECK_OK(normnet_discard_gradients(model));
    CHECK_OK(normnet_evaluate(model, &pair->images, &pair->labels, NULL, NULL, NULL));
    CHECK_OK(normnet_predict(model, &pair->images, NULL, NULL, NULL));
    CHECK_OK(normnet_predict(model, &pair->images, &pair->scores, NULL, NULL));
    CHECK_OK(normnet_predict(model, &pair->images, NULL, &pair->classes, NULL));
    CHECK_OK(normnet_layer_output(model, &pair->images, 0, &pair->map, NULL));
    CHECK_OK(normnet_one_cycle_lr(&config, 0, NULL, NULL));
    CHECK_OK(normnet_one_cycle_lr(&config, 0, &lr, NULL));
    CHECK_OK(normnet_one_cycle_lr(&config, 0, NULL, &momentum));
    CHECK_OK(normnet_step_lr(&config, 0, NULL, NULL));
    CHECK(lr > 0.0 && momentum > 0.0);
    CHECK_EQUAL(normnet_model_summary(NULL, NULL, 0), 0);
    CHECK_EQUAL(normnet_model_summary(NULL, &nothing, 1), 0);
    CHECK_EQUAL(nothing, 'n');
    CHECK(normnet_model_summary(model, NULL, 0) > 0);
    CHECK_EQUAL(normnet_layer_count(NULL), 0);
    CHECK_EQUAL(normnet_parameter_count(NULL), 0);
    CHECK_EQUAL(normnet_state_count(NULL), 0);
    CHECK(normnet_cpu_name(NULL) != NULL && strlen(normnet_cpu_name(NULL)) > 0);
    twins_close(pair);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("structs: a longer input is accepted if the unknown tail is zero", longer_inputs, NULL);
    check_case("structs: an input of no known size is EINVAL", inputs_of_no_size, NULL);
    check_case("structs: an option out of range is rejected", options_out_of_range, NULL);
    check_case("structs: a longer output is zero after the library's fields", longer_outputs, NULL);
    check_case("structs: an output of no known size is EINVAL", outputs_of_no_size, NULL);
    check_case("structs: config_init_size rejects a size that is no config's and an unknown norm", config_of_no_size,
               NULL);
    check_case("NULL: where it is not allowed it is EINVAL", null_rejected, NULL);
    check_case("NULL: where it is allowed it works", null_allowed, NULL);
    return check_end();
}
