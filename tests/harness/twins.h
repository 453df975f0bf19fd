/* SPDX-License-Identifier: MIT */
/*
 * Twins: two equal models. One of them is also given calls that must be rejected; each time it must answer with the
 * defined status and a message that names the values, touch no output, stay bit for bit as it was, and continue to
 * train like its undisturbed twin.
 *
 *     twins *pair = twins_open(NORMNET_NORM_BATCH);
 *     CHECK_REJECTED(pair, normnet_apply_gradients(pair->model, 0), NORMNET_EINVAL, "images_in_all", "0");
 *     twins_close(pair);
 */
#ifndef TWINS_H
#define TWINS_H

#include "check_normnet.h"
#include "test_random.h"

enum {
    TWINS_IMAGES = 33, /* two blocks of sixteen and one image more */
    TWINS_MOST = 40,
    TWINS_CHANNELS = 2,
    TWINS_SIDE = 12,
    TWINS_PIXELS = TWINS_CHANNELS * TWINS_SIDE * TWINS_SIDE,
    TWINS_CLASSES = 10,
    TWINS_MAP = 4 * 10 * 10 /* of layer 0 */
};

/* Every kind of layer, small. */
static const char twins_architecture[] =
    "conv3-4 norm relu dropout0.25 maxpool2 conv3-8p1b relu norm avgpool2 conv1-4s1 norm relu gap flatten fc-10b";

/* Everything that a call may write to. */
struct twins_outputs {
    normnet_metrics metrics;
    normnet_config config;
    normnet_layer_info layer;
    normnet_state_info state;
    float scores[TWINS_MOST * TWINS_CLASSES];
    int64_t classes[TWINS_MOST];
    int64_t confusion[TWINS_CLASSES * TWINS_CLASSES];
    float map[TWINS_MOST * TWINS_MAP];
    double *gradients, lr, momentum;
    int64_t first, count;
};

struct twins_inputs {
    uint8_t bytes[TWINS_MOST * TWINS_PIXELS];
    float floats[TWINS_MOST * TWINS_PIXELS];
    int64_t digits[TWINS_MOST];
    int32_t digits32[TWINS_MOST];
    uint8_t digits8[TWINS_MOST];
};

struct twins {
    normnet_config config;
    normnet_model *model, *twin;
    struct twins_inputs in, in_before;
    struct twins_outputs out, blank;
    normnet_tensor images, labels;       /* well-formed: u8 and i64, TWINS_IMAGES of them */
    normnet_tensor float_images;         /* the same as f32 */
    normnet_tensor labels32, labels8;    /* the same as i32 and u8 */
    normnet_tensor scores, classes, map; /* well-formed outputs */
    uint64_t fingerprint;                /* of `model` before the next call */
    int pending;                         /* gradients are pending: advance by apply and compute, not train_step */
};

/* ---- Fingerprints: FNV-1a over all that a model shows ------------------------------------------ */

static inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; ++i)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

/* What training changes: equal for equal models. */
static inline uint64_t hash_state(normnet_model *model)
{
    uint64_t hash = 0xcbf29ce484222325u;
    double *gradients = NULL;
    int64_t count = 0;

    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);

        hash = hash_bytes(hash, info.name, strlen(info.name));
        hash = hash_bytes(hash, info.data, state_size(&info));
        if (info.average != NULL)
            hash = hash_bytes(hash, info.average, state_size(&info));
    }
    CHECK_OK(normnet_gradients(model, &gradients, &count));
    return hash_bytes(hash, gradients, (size_t)count * sizeof *gradients);
}

/* The same and all that describes this very model, including addresses: equal only for the model untouched. */
static inline uint64_t hash_model(normnet_model *model)
{
    uint64_t hash = hash_state(model);
    normnet_config config = {0};
    char text[8192];

    config.struct_size = (int32_t)sizeof config;
    CHECK_OK(normnet_model_config(model, &config));
    hash = hash_bytes(hash, &config, sizeof config);
    hash = hash_bytes(hash, config.architecture, strlen(config.architecture));
    hash = hash_bytes(hash, config.input_mean, (size_t)config.channels * sizeof(double));
    hash = hash_bytes(hash, config.input_std, (size_t)config.channels * sizeof(double));
    for (int32_t i = 0; i < normnet_layer_count(model); ++i) {
        const normnet_layer_info info = layer_info(model, i);

        hash = hash_bytes(hash, &info, sizeof info);
    }
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        const normnet_state_info info = state_info(model, i);

        hash = hash_bytes(hash, &info, sizeof info);
    }
    CHECK(normnet_model_summary(model, text, sizeof text) < (int64_t)sizeof text);
    return hash_bytes(hash, text, strlen(text));
}

/* ---- A pair ------------------------------------------------------------------------------------ */

static inline void twins_blank(struct twins *pair)
{
    memset(&pair->blank, 0x5C, sizeof pair->blank);
    pair->blank.metrics.struct_size = (int32_t)sizeof pair->blank.metrics;
    pair->blank.config.struct_size = (int32_t)sizeof pair->blank.config;
    pair->blank.layer.struct_size = (int32_t)sizeof pair->blank.layer;
    pair->blank.state.struct_size = (int32_t)sizeof pair->blank.state;
    memcpy(&pair->out, &pair->blank, sizeof pair->out);
}

/* One step of both, which must agree in every bit. */
static inline void twins_advance(const char *file, int line, const char *after, struct twins *pair)
{
    normnet_metrics metrics[2];
    normnet_model *models[2];

    models[0] = pair->model;
    models[1] = pair->twin;
    for (int i = 0; i < 2; ++i) {
        metrics[i] = metrics_init();
        if (pair->pending) {
            check_status(file, line, "apply", normnet_apply_gradients(models[i], 2 * TWINS_IMAGES), NORMNET_OK);
            check_status(file, line, "compute",
                         normnet_compute_gradients(models[i], &pair->images, &pair->labels, NULL, &metrics[i]),
                         NORMNET_OK);
        } else {
            check_status(file, line, "train_step",
                         normnet_train_step(models[i], &pair->images, &pair->labels, &metrics[i]), NORMNET_OK);
        }
    }
    if (memcmp(&metrics[0], &metrics[1], sizeof metrics[0]) != 0)
        check_fail(file, line, "after %s the next step's metrics differ from the twin's: loss %.17g and %.17g", after,
                   metrics[0].loss, metrics[1].loss);
    if (hash_state(pair->model) != hash_state(pair->twin))
        check_fail(file, line, "after %s the next step leads elsewhere than the twin's", after);
    pair->fingerprint = hash_model(pair->model);
}

static inline void twins_draw(struct twins *pair)
{
    struct random_stream random = {7};

    for (int i = 0; i < CHECK_COUNT(pair->in.bytes); ++i) {
        pair->in.bytes[i] = (uint8_t)random_below(&random, 256);
        pair->in.floats[i] = (float)pair->in.bytes[i] / 255.0f;
    }
    for (int i = 0; i < TWINS_MOST; ++i) {
        pair->in.digits8[i] = (uint8_t)random_below(&random, TWINS_CLASSES);
        pair->in.digits32[i] = pair->in.digits8[i];
        pair->in.digits[i] = pair->in.digits8[i];
    }
}

static inline void twins_view(struct twins *pair)
{
    const normnet_config *config = &pair->config;
    const int64_t map[] = {TWINS_IMAGES, 4, 10, 10};

    pair->images = tensor_images(NORMNET_U8, pair->in.bytes, TWINS_IMAGES, config);
    pair->float_images = tensor_images(NORMNET_F32, pair->in.floats, TWINS_IMAGES, config);
    pair->labels = tensor_1d(NORMNET_I64, pair->in.digits, TWINS_IMAGES);
    pair->labels32 = tensor_1d(NORMNET_I32, pair->in.digits32, TWINS_IMAGES);
    pair->labels8 = tensor_1d(NORMNET_U8, pair->in.digits8, TWINS_IMAGES);
    pair->scores = tensor_2d(NORMNET_F32, pair->out.scores, TWINS_IMAGES, TWINS_CLASSES);
    pair->classes = tensor_1d(NORMNET_I64, pair->out.classes, TWINS_IMAGES);
    normnet_tensor_init(&pair->map, NORMNET_F32, pair->out.map, 4, map);
}

/* The configuration of the twins for `norm`, to be changed before twins_open_config(). */
static inline normnet_config twins_config(int32_t norm)
{
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, norm));
    config.channels = TWINS_CHANNELS;
    config.height = config.width = TWINS_SIDE;
    config.classes = TWINS_CLASSES;
    config.max_batch = TWINS_MOST;
    config.architecture = twins_architecture;
    return config;
}

static inline struct twins *twins_open_config(const normnet_config *config)
{
    struct twins *pair = check_allocate(1, sizeof *pair);

    pair->config = *config;
    twins_draw(pair);
    twins_view(pair);
    twins_blank(pair);
    memcpy(&pair->in_before, &pair->in, sizeof pair->in);
    pair->model = CHECK_CREATE(config);
    pair->twin = CHECK_CREATE(config);
    if (pair->model == NULL || pair->twin == NULL) {
        fprintf(stderr, "the test cannot continue without a model: %s\n", normnet_error_message());
        exit(1);
    }
    pair->fingerprint = hash_model(pair->model);
    return pair;
}

/* After two steps, so that momentum, statistics and the step are not what they began with. */
static inline struct twins *twins_open(int32_t norm)
{
    const normnet_config config = twins_config(norm);
    struct twins *pair = twins_open_config(&config);

    twins_advance(__FILE__, __LINE__, "creation", pair);
    twins_advance(__FILE__, __LINE__, "creation", pair);
    return pair;
}

/* Begins again with new models, after something that should have been rejected parted the twins. */
static inline void twins_renew(struct twins *pair)
{
    normnet_model_destroy(pair->model);
    normnet_model_destroy(pair->twin);
    pair->model = CHECK_CREATE(&pair->config);
    pair->twin = CHECK_CREATE(&pair->config);
    memcpy(&pair->in, &pair->in_before, sizeof pair->in);
    twins_blank(pair);
    if (pair->pending) {
        CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
        CHECK_OK(normnet_compute_gradients(pair->twin, &pair->images, &pair->labels, NULL, NULL));
    }
    pair->fingerprint = hash_model(pair->model);
}

/* From here on gradients are pending in both. */
static inline void twins_make_pending(struct twins *pair)
{
    CHECK_OK(normnet_compute_gradients(pair->model, &pair->images, &pair->labels, NULL, NULL));
    CHECK_OK(normnet_compute_gradients(pair->twin, &pair->images, &pair->labels, NULL, NULL));
    pair->pending = 1;
    pair->fingerprint = hash_model(pair->model);
}

static inline void twins_close(struct twins *pair)
{
    normnet_model_destroy(pair->model);
    normnet_model_destroy(pair->twin);
    free(pair);
}

/* ---- What every rejection has in common ---------------------------------------------------------- */

/* One message with all of `words`, which end in NULL. */
static inline void check_message(const char *file, int line, const char *expression, const char *const *words)
{
    const char *message = normnet_error_message();

    if (strlen(message) < 8 || strchr(message, '\n') != NULL)
        check_fail(file, line, "%s: no message: \"%s\"", expression, message);
    for (; *words != NULL; ++words)
        if (strstr(message, *words) == NULL)
            check_fail(file, line, "%s: \"%s\" does not name \"%s\"", expression, message, *words);
}

/* The model, the outputs and the inputs are as they were. Pointers into the outputs are part of `pair`. */
static inline void check_untouched(const char *file, int line, const char *expression, struct twins *pair)
{
    if (memcmp(&pair->out, &pair->blank, sizeof pair->out) != 0)
        check_fail(file, line, "%s failed, but wrote to an output", expression);
    if (memcmp(&pair->in, &pair->in_before, sizeof pair->in) != 0)
        check_fail(file, line, "%s wrote to an input", expression);
    if (hash_model(pair->model) != pair->fingerprint)
        check_fail(file, line, "%s failed, but changed the model", expression);
    memcpy(&pair->in, &pair->in_before, sizeof pair->in);
    twins_blank(pair);
}

static inline void check_rejected(const char *file, int line, const char *expression, struct twins *pair,
                                  normnet_status status, normnet_status expected, const char *const *words)
{
    if (!check_status(file, line, expression, status, expected) && status == NORMNET_OK) {
        twins_renew(pair);
        return;
    }
    check_message(file, line, expression, words);
    check_untouched(file, line, expression, pair);
    twins_advance(file, line, expression, pair);
}

/* The call fails with `expected`, its message holds the words, and nothing has changed. */
#define CHECK_REJECTED(pair, call, expected, ...)                                                                      \
    check_rejected(__FILE__, __LINE__, #call, (pair), (call), (expected), (const char *const[]){__VA_ARGS__, NULL})

#endif
