/* SPDX-License-Identifier: MIT */
/*
 * A harness for libFuzzer: bytes are calls of the library on a few models, with configurations, tensors, options and
 * files that are right or wrong, and allocations that fail. Beyond what sanitizers see, it stops where a promise is
 * broken: a call that fails, or only reads, and changes a model; a failure without a message or without its status; an
 * output that is written by a call that fails; memory that is left; a copy, or a model from a file, that differs. It is
 * longer than other files, since it has each call of the header, with what it may change.
 *
 *     fuzz_calls -max_len=512 -len_control=0 [FOLDER FOR FINDINGS]
 */
#include "fuzz_calls.h"

#include <normnet.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MODELS = 3,
    MAX_CALLS = 64,  /* of an input */
    MAX_IMAGES = 20, /* of a call */
    MIDDLE = 4096,   /* where tensors begin: strides of both signs stay in their memory */
    ROOM = 2 * MIDDLE,
    MEMORY_LIMIT = 1 << 20,  /* of a model */
    MAX_FILE = MEMORY_LIMIT, /* a file has less than its model keeps in memory */
    MAX_STRIDE = 64
};

/* ---- Input ------------------------------------------------------------------------------------------- */

static const uint8_t *next, *end;

/* The next byte, as a number below `limit`; 0 at the end. */
static int draw(int limit)
{
    return next < end ? *next++ % limit : 0;
}

/* Rarely true, as what is wrong must be for calls to succeed at all. */
static bool seldom(void)
{
    return draw(16) == 15;
}

#define DRAW_FROM(array) ((array)[draw((int)(sizeof(array) / sizeof *(array)))])

static const double numbers[] = {0.5, 0, 0.1, 1, 0.9, 2, 1e-3, 1e-30, 1e30, 1e-40, -1, 1e31, INFINITY, NAN};

static void require(bool holds, const char *promise)
{
    if (holds)
        return;
    fprintf(stderr, "broken: %s; the last message is \"%s\"\n", promise, normnet_error_message());
    abort();
}

/* ---- Memory -------------------------------------------------------------------------------------------- */

static struct {
    int64_t live;
    int allocations, fails_in; /* 0: never */
    bool failed;
} memory;

static void *allocate(void *user, int64_t size, int64_t alignment)
{
    /* What aligned_alloc() takes is a multiple of the alignment. */
    const size_t slack = (size_t)(alignment - size % alignment) % (size_t)alignment;
    char *block;

    (void)user;
    ++memory.allocations;
    if (memory.fails_in > 0 && --memory.fails_in == 0) {
        memory.failed = true;
        return NULL;
    }
    block = aligned_alloc((size_t)alignment, slack + (size_t)size);
    if (block == NULL)
        return NULL;
    memset(block, 0xA5, (size_t)size);
    memory.live += size;
    return block;
}

static void deallocate(void *user, void *block, int64_t size)
{
    (void)user;
    memory.live -= size;
    free(block);
}

/* ---- Models ----------------------------------------------------------------------------------------------- */

struct slot {
    normnet_model *model;
    normnet_config config; /* as it was created */
    uint64_t hash;         /* of all that training has made of it */
};

static struct slot slots[MODELS];

/* A file that a model has been written to, perhaps damaged since. */
static unsigned char file[MAX_FILE];
static int64_t file_size;

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = data;

    for (size_t i = 0; i < size; ++i)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

static uint64_t hash_file_of(normnet_model *model, int32_t kind)
{
    static unsigned char bytes[MAX_FILE];
    normnet_save_options options;
    int64_t size = 0;
    normnet_status status;

    normnet_save_options_init(&options);
    options.kind = kind;
    status = normnet_model_serialize(model, bytes, sizeof bytes, &size, &options);
    require(status == NORMNET_OK || (kind == NORMNET_FILE_CHECKPOINT && status == NORMNET_ESTATE),
            "a model can be written");
    return status == NORMNET_OK ? hash_bytes(1, bytes, (size_t)size) : 0;
}

/* Everything that training has made of the model. A checkpoint is not to be had while gradients are pending. */
static uint64_t hash_model(normnet_model *model)
{
    const int64_t steps = normnet_steps_taken(model);
    uint64_t hash = hash_file_of(model, NORMNET_FILE_WEIGHTS);
    double *gradients = NULL;
    int64_t count = 0;

    hash ^= 31 * hash_file_of(model, NORMNET_FILE_CHECKPOINT);
    require(normnet_gradients(model, &gradients, &count) == NORMNET_OK, "gradients can be looked at");
    hash = hash_bytes(hash, gradients, (size_t)count * sizeof *gradients);
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        normnet_state_info info;
        size_t size = 1;

        normnet_state_info_init(&info);
        require(normnet_state(model, i, &info) == NORMNET_OK, "each entry is described");
        for (int32_t j = 0; j < info.rank; ++j)
            size *= (size_t)info.shape[j];
        size *= info.dtype == NORMNET_I64 ? 8 : 4;
        hash = hash_bytes(hash, info.data, size);
        if (info.average != NULL)
            hash = hash_bytes(hash, info.average, size);
    }
    return hash_bytes(hash, &steps, sizeof steps);
}

/* ---- Before and after a call ---------------------------------------------------------------------------- */

struct moment {
    int64_t live;
    int allocations;
};

static struct moment before_call(void)
{
    memory.failed = false;
    return (struct moment){memory.live, memory.allocations};
}

/* A model is as its last successful call has left it. */
static void require_unchanged(int slot)
{
    if (slots[slot].model != NULL)
        require(hash_model(slots[slot].model) == slots[slot].hash, "a call that fails or reads changes no model");
}

static void remember(int slot)
{
    if (slots[slot].model != NULL)
        slots[slot].hash = hash_model(slots[slot].model);
}

static void check_status(normnet_status status)
{
    require(status >= NORMNET_OK && status <= NORMNET_ESTATE, "a status is one of those that are known");
    require(status != NORMNET_EIO && status != NORMNET_EBUSY, "no file and no other thread is at work");
    require(memory.failed == (status == NORMNET_ENOMEM), "NORMNET_ENOMEM is for the allocator");
    require(status == NORMNET_OK || strlen(normnet_error_message()) > 8, "a failure has a message");
    require(strchr(normnet_error_message(), '\n') == NULL, "a message is one line");
}

/* Of a call on the model of a slot, which it changes if it `writes` and succeeds. Whether it has. */
static bool after_call(normnet_status status, int slot, bool writes)
{
    check_status(status);
    if (writes && status == NORMNET_OK)
        remember(slot);
    else
        require_unchanged(slot);
    return status == NORMNET_OK;
}

/* Training and prediction. */
static bool after_computing(normnet_status status, const struct moment *before, int slot, bool writes)
{
    require(memory.allocations == before->allocations, "training and prediction allocate nothing");
    return after_call(status, slot, writes);
}

/* A call that makes a model: `made` is &slots if it was not written. */
static void after_making(normnet_status status, const struct moment *before, normnet_model *made, int slot,
                         const normnet_config *config)
{
    check_status(status);
    if (status != NORMNET_OK) {
        require(made == (normnet_model *)(void *)&slots, "a failure writes no model");
        require(memory.live == before->live, "a failure leaves no memory");
        return;
    }
    normnet_model_destroy(slots[slot].model);
    slots[slot].model = made;
    slots[slot].config = *config;
    slots[slot].config.struct_size = (int32_t)sizeof *config;
    require(normnet_model_config(made, &slots[slot].config) == NORMNET_OK, "a model has its configuration");
    remember(slot);
}

/* ---- Configurations --------------------------------------------------------------------------------------- */

static const char *const networks[] = {
    "conv3-4 norm relu gap conv1-3",
    "flatten fc-6 norm relu dropout fc-3b",
    "conv3-4p1 norm leakyrelu maxpool2 conv1-3 norm gap",
    "conv3-4 batchnorm relu dropout0.5 avgpool2 flatten fc-3",
    "conv3-4s2p1b groupnorm2 relu layernorm rmsnorm gap conv1-3b",
    "conv5-3p2 instancenorm gap",
    "flatten fc-3",
};

static const char *const no_networks[] = {"conv3-4 gap conv1-9", "gap", NULL, "conv9-4", "", "norm gap conv1-3"};

static const int32_t integers[] = {1, 0, 2, 3, 4, 16, -1, 17, 65536, INT32_MAX, INT32_MIN};

static normnet_config draw_config(void)
{
    static const int32_t sizes[] = {6, 7, 8};
    normnet_config config;

    require(normnet_config_init(&config, NORMNET_NORM_NONE) == NORMNET_OK, "defaults");
    config.norm = draw(NORMNET_NORM_RMS + 1);
    config.channels = 1 + draw(3);
    config.height = DRAW_FROM(sizes);
    config.width = DRAW_FROM(sizes);
    config.classes = 3;
    config.max_batch = 1 + draw(MAX_IMAGES);
    config.memory_limit = MEMORY_LIMIT;
    config.architecture = seldom() ? DRAW_FROM(no_networks) : DRAW_FROM(networks);
    config.schedule = draw(3);
    config.total_steps = 1 + draw(8);
    config.average_decay = draw(2) == 1 ? 0.5 : 0;
    config.average_from = draw(3);
    config.cumulative_statistics = draw(2);
    config.lr = draw(4) == 3 ? DRAW_FROM(numbers) : 0.05;
    config.affine = seldom() ? draw(4) : 0;
    config.layer_dims = seldom() ? draw(5) : 3;
    config.virtual_batch = seldom() ? 16 : 0;
    config.threads = seldom() ? 2 : 1;
    config.cpu = seldom() ? draw(6) : 0;
    config.l1 = seldom() ? DRAW_FROM(numbers) : 0;
    config.clip_norm = seldom() ? DRAW_FROM(numbers) : 0;
    config.eps = seldom() ? DRAW_FROM(numbers) : 1e-5;
    if (seldom()) { /* any integer or double */
        int32_t *const fields[] = {&config.norm,       &config.channels,      &config.height,   &config.width,
                                   &config.classes,    &config.groups,        &config.affine,   &config.layer_dims,
                                   &config.penalty_on, &config.virtual_batch, &config.schedule, &config.nesterov,
                                   &config.readers,    &config.max_batch,     &config.reserved, &config.struct_size};
        double *const reals[] = {&config.momentum, &config.dampening, &config.step_gamma, &config.average_decay,
                                 &config.dropout,  &config.max_lr,    &config.pct_start,  &config.label_smoothing};

        *DRAW_FROM(fields) = DRAW_FROM(integers);
        *DRAW_FROM(reals) = DRAW_FROM(numbers);
    }
    config.allocate = allocate;
    config.deallocate = deallocate;
    return config;
}

/* ---- Tensors ------------------------------------------------------------------------------------------------ */

/* Memory of the program, and how much of it a tensor may reach: 20 x 3 x 8 x 8 elements with any of the strides. */
static union {
    uint8_t bytes[ROOM];
    float floats[ROOM];
    int64_t integers[ROOM];
} images_memory, labels_memory, scores_memory, classes_memory;

/* Of both signs, also 0, as far as the memory reaches. */
static void draw_strides(normnet_tensor *tensor)
{
    int64_t reach = 0;

    for (int32_t i = 0; i < tensor->rank && i < 8; ++i) {
        tensor->strides[i] = draw(2 * MAX_STRIDE + 1) - MAX_STRIDE;
        reach += (tensor->shape[i] + MAX_IMAGES) * (tensor->strides[i] < 0 ? -tensor->strides[i] : tensor->strides[i]);
    }
    for (int32_t i = 0; i < tensor->rank && reach > MIDDLE; ++i)
        tensor->strides[i] = 0;
}

/* Fewer images if the memory cannot hold a tensor without strides, as with the 17 channels of an odd configuration. */
static void fit_tensor(normnet_tensor *tensor)
{
    int64_t count = 1;

    for (int32_t i = 0; i < 4; ++i)
        count *= i < tensor->rank ? tensor->shape[i] : 1;
    if (count > MIDDLE)
        tensor->shape[0] = 1;
}

static normnet_tensor draw_tensor(void *data, int32_t dtype, size_t element, int32_t rank, const int64_t *shape)
{
    normnet_tensor tensor;

    normnet_tensor_init(&tensor, dtype, (char *)data + MIDDLE * element, rank, shape);
    if (seldom())
        draw_strides(&tensor);
    if (seldom()) {
        int32_t *const fields[] = {&tensor.dtype, &tensor.rank, &tensor.struct_size, &tensor.reserved};

        *DRAW_FROM(fields) = draw(9);
    }
    if (seldom())
        tensor.shape[draw(4)] = draw(MAX_IMAGES);
    fit_tensor(&tensor);
    if (seldom())
        tensor.data = draw(2) == 0 ? NULL : (char *)tensor.data + 1;
    return tensor;
}

/* No more than the memory has, whatever the model takes. */
static int64_t draw_count(const struct slot *slot)
{
    const bool any = draw(4) == 3 || slot->config.max_batch > MAX_IMAGES;

    return any ? draw(MAX_IMAGES + 1) : slot->config.max_batch;
}

static normnet_tensor draw_images(const struct slot *slot, int64_t count)
{
    const int64_t shape[] = {count, slot->config.channels, slot->config.height, slot->config.width};
    const int kind = draw(2), first = draw(256);

    if (kind == 0) {
        for (int i = 0; i < ROOM; ++i)
            images_memory.bytes[i] = (uint8_t)(first + i * (first % 7 + 1));
        return draw_tensor(&images_memory, NORMNET_U8, 1, 4, shape);
    }
    for (int i = 0; i < ROOM; ++i)
        images_memory.floats[i] = (float)((first + i * 37) % 256) / 256.0f;
    if (seldom())
        images_memory.floats[MIDDLE + draw(64)] = (float)DRAW_FROM(numbers);
    return draw_tensor(&images_memory, NORMNET_F32, sizeof(float), 4, shape);
}

static normnet_tensor draw_labels(int64_t count)
{
    const int first = draw(3);

    for (int i = 0; i < ROOM; ++i)
        labels_memory.integers[i] = (first + i) % 3;
    if (seldom())
        labels_memory.integers[MIDDLE + draw(MAX_IMAGES)] = draw(2) == 0 ? 3 : -1;
    return draw_tensor(&labels_memory, NORMNET_I64, sizeof(int64_t), 1, &count);
}

static normnet_predict_options draw_options(void)
{
    normnet_predict_options options;

    normnet_predict_options_init(&options);
    options.scores = draw(4);
    options.statistics = draw(4) == 3 ? draw(3) : 0;
    options.weights = draw(4) == 3 ? draw(3) : 0;
    return options;
}

/* ---- Calls that make models ---------------------------------------------------------------------------------- */

static void create(int slot)
{
    const normnet_config config = draw_config();
    normnet_model *made = (normnet_model *)(void *)&slots;
    const struct moment before = before_call();
    const normnet_status status = normnet_model_create(&made, &config);

    after_making(status, &before, made, slot, &config);
}

/* A copy, or its average, in another slot. */
static void clone(int slot)
{
    const int from = draw(MODELS);
    const bool average = draw(2) == 1, for_host = draw(2) == 1;
    normnet_config host = draw_config();
    normnet_model *made = (normnet_model *)(void *)&slots, *model = slots[from].model;
    const struct moment before = before_call();
    normnet_status status;

    status = average ? normnet_model_clone_average(&made, model, for_host ? &host : NULL)
                     : normnet_model_clone(&made, model, for_host ? &host : NULL);
    if (status == NORMNET_OK && !average)
        require(hash_model(made) == slots[from].hash, "a copy is equal");
    after_making(status, &before, made, slot, &host);
}

static void deserialize(int slot)
{
    const normnet_config host = draw_config();
    normnet_model *made = (normnet_model *)(void *)&slots;
    const struct moment before = before_call();
    const normnet_status status = normnet_model_deserialize(&made, file, file_size, draw(4) == 3 ? NULL : &host);

    after_making(status, &before, made, slot, &host);
}

static void destroy(int slot)
{
    normnet_model_destroy(slots[slot].model);
    slots[slot].model = NULL;
}

/* ---- Calls on models ------------------------------------------------------------------------------------------ */

static void train(int slot)
{
    const int64_t count = draw_count(&slots[slot]);
    const normnet_tensor images = draw_images(&slots[slot], count), labels = draw_labels(count);
    normnet_metrics metrics, blank;
    const struct moment before = before_call();
    const int which = draw(3);
    normnet_batch batch;
    normnet_status status;

    normnet_metrics_init(&metrics);
    blank = metrics;
    normnet_batch_init(&batch);
    batch.first_sample = draw(3);
    batch.images_in_all = draw(3);
    status = which == 0   ? normnet_train_step(slots[slot].model, &images, &labels, &metrics)
             : which == 1 ? normnet_compute_gradients(slots[slot].model, &images, &labels, NULL, &metrics)
                          : normnet_compute_gradients(slots[slot].model, &images, &labels, &batch, &metrics);
    if (!after_computing(status, &before, slot, true))
        require(memcmp(&metrics, &blank, sizeof metrics) == 0, "a failure writes no metrics");
}

static void finish(int slot)
{
    const struct moment before = before_call();
    const bool apply = draw(4) > 0;

    (void)after_computing(apply ? normnet_apply_gradients(slots[slot].model, draw(64))
                                : normnet_discard_gradients(slots[slot].model),
                          &before, slot, true);
}

static bool is_pending(normnet_model *model)
{
    return model != NULL && hash_file_of(model, NORMNET_FILE_CHECKPOINT) == 0;
}

/* The caller may change gradients that are pending; others are 0, which a failing call may write again. */
static void change_gradient(int slot)
{
    double *values = NULL;
    int64_t count = 0;
    const double value = DRAW_FROM(numbers);

    if (is_pending(slots[slot].model) && normnet_gradients(slots[slot].model, &values, &count) == NORMNET_OK &&
        count > 0)
        values[draw(256) % count] = value;
    remember(slot);
}

static void update_statistics(int slot)
{
    const normnet_tensor images = draw_images(&slots[slot], draw_count(&slots[slot]));
    const bool average = draw(2) == 1;
    const struct moment before = before_call();

    (void)after_computing(average ? normnet_update_average_statistics(slots[slot].model, &images, draw(2))
                                  : normnet_update_statistics(slots[slot].model, &images, draw(2)),
                          &before, slot, true);
}

static void set_learning_rate(int slot)
{
    const struct moment before = before_call();
    const double lr = DRAW_FROM(numbers), momentum = DRAW_FROM(numbers);

    (void)after_computing(normnet_set_learning_rate(slots[slot].model, lr, momentum), &before, slot, true);
}

static void set_state(int slot)
{
    const int32_t entries = normnet_state_count(slots[slot].model);
    normnet_state_info info;
    normnet_tensor tensor;

    normnet_state_info_init(&info);
    if (entries == 0 || normnet_state(slots[slot].model, draw(256) % entries, &info) != NORMNET_OK)
        return;
    for (int i = 0; i < ROOM; ++i)
        if (info.dtype == NORMNET_I64)
            scores_memory.integers[i] = i % 5;
        else
            scores_memory.floats[i] = (float)(i % 64) / 32.0f;
    if (seldom() && info.dtype == NORMNET_F32)
        scores_memory.floats[MIDDLE] = (float)DRAW_FROM(numbers);
    tensor = draw_tensor(&scores_memory, info.dtype, info.dtype == NORMNET_I64 ? 8 : 4, info.rank, info.shape);
    (void)before_call();
    (void)after_call(normnet_set_state(slots[slot].model, seldom() ? "0.nothing" : info.name, &tensor), slot, true);
}

static void set_parameters(int slot)
{
    const int64_t count = normnet_parameter_count(slots[slot].model);

    for (int i = 0; i < ROOM; ++i)
        scores_memory.floats[i] = (float)(i % 19 - 9) / 8.0f;
    if (count > 0 && seldom())
        scores_memory.floats[draw(256) % count] = (float)DRAW_FROM(numbers);
    (void)before_call();
    (void)after_call(normnet_set_parameters(slots[slot].model, scores_memory.floats, seldom() ? count + 1 : count),
                     slot, true);
}

static void predict(int slot)
{
    const int64_t count = draw_count(&slots[slot]), score_shape[] = {count, 3};
    const normnet_tensor images = draw_images(&slots[slot], count);
    const normnet_predict_options options = draw_options();
    normnet_tensor scores = draw_tensor(&scores_memory, NORMNET_F32, sizeof(float), 2, score_shape);
    normnet_tensor classes = draw_tensor(&classes_memory, NORMNET_I64, sizeof(int64_t), 1, &count);
    const struct moment before = before_call();

    (void)after_computing(normnet_predict(slots[slot].model, &images, &scores, &classes, &options), &before, slot,
                          false);
}

static void evaluate(int slot)
{
    const int64_t count = draw_count(&slots[slot]);
    const normnet_tensor images = draw_images(&slots[slot], count), labels = draw_labels(count);
    const normnet_predict_options options = draw_options();
    int64_t confusion[9];
    normnet_metrics metrics;
    const struct moment before = before_call();

    normnet_metrics_init(&metrics);
    if (after_computing(normnet_evaluate(slots[slot].model, &images, &labels, &metrics, confusion, &options), &before,
                        slot, false))
        require(metrics.count == count && metrics.correct <= count, "all images are counted");
}

static void look(int slot)
{
    const int32_t layers = normnet_layer_count(slots[slot].model);
    const int32_t layer = layers > 0 ? draw(256) % layers : -1;
    const normnet_tensor images = draw_images(&slots[slot], 2);
    normnet_layer_info info;
    normnet_tensor output;
    int64_t shape[4] = {2, 0, 0, 0};
    struct moment before;
    bool flat;

    normnet_layer_info_init(&info);
    if (normnet_layer(slots[slot].model, layer, &info) != NORMNET_OK)
        return;
    shape[1] = info.channels;
    shape[2] = info.height;
    shape[3] = info.width;
    if (2 * shape[1] * shape[2] * shape[3] > MIDDLE)
        return;
    flat = draw(2) == 1;
    output = draw_tensor(&scores_memory, NORMNET_F32, sizeof(float), flat ? 2 : 4, shape);
    before = before_call();
    (void)after_computing(normnet_layer_output(slots[slot].model, &images, layer, &output, NULL), &before, slot, false);
}

static void describe(int slot)
{
    char text[200];
    const int64_t size = draw(2) == 1 ? (int64_t)sizeof text : draw(sizeof text);
    const int64_t length = normnet_model_summary(slots[slot].model, size > 0 ? text : NULL, size);

    require((length == 0) == (slots[slot].model == NULL), "a model has a summary");
    if (size > 0 && length > 0)
        require((int64_t)strlen(text) == (length < size ? length : size - 1), "a summary is cut to its room");
}

/* ---- Files -------------------------------------------------------------------------------------------------- */

static void serialize(int slot)
{
    const struct moment before = before_call();
    normnet_save_options options;
    int64_t needed = -1;
    normnet_status status;

    normnet_save_options_init(&options);
    options.kind = seldom() ? draw(4) - 1 : draw(2);
    options.note = draw(4) == 3 ? "a note" : NULL;
    status = normnet_model_serialize(slots[slot].model, file, seldom() ? draw(256) : MAX_FILE, &needed, &options);
    if (after_computing(status, &before, slot, false))
        file_size = needed < MAX_FILE ? needed : MAX_FILE;
    else
        require(needed == -1, "a failure writes no size");
}

static void damage(void)
{
    if (file_size > 0)
        file[(draw(256) << 8 | draw(256)) % file_size] ^= (unsigned char)(1 << draw(8));
    if (seldom())
        file_size = file_size * draw(256) / 256;
}

static void fill(int slot)
{
    (void)before_call();
    (void)after_call(normnet_deserialize_weights(slots[slot].model, file, file_size), slot, true);
}

/* A model from a file makes the same file. */
static void round_trip(int slot)
{
    normnet_model *again = NULL;
    int64_t size = 0;
    static unsigned char bytes[MAX_FILE];

    if (normnet_model_serialize(slots[slot].model, bytes, sizeof bytes, &size, NULL) != NORMNET_OK)
        return;
    memory.fails_in = 0;
    require(normnet_model_deserialize(&again, bytes, size, &slots[slot].config) == NORMNET_OK, "a file can be read");
    require(hash_file_of(again, NORMNET_FILE_CHECKPOINT) == hash_file_of(slots[slot].model, NORMNET_FILE_CHECKPOINT),
            "and makes the same file");
    normnet_model_destroy(again);
}

static void fail_soon(void)
{
    memory.fails_in = 1 + draw(8);
}

/* ---- All of them ----------------------------------------------------------------------------------------------- */

int64_t fuzz_calls_made;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const on_slot[])(int) = {
        create,
        train,
        finish,
        train,
        predict,
        evaluate,
        set_state,
        set_parameters,
        set_learning_rate,
        update_statistics,
        look,
        describe,
        serialize,
        deserialize,
        fill,
        clone,
        change_gradient,
        round_trip,
        destroy,
    };
    enum { ON_SLOT = sizeof on_slot / sizeof *on_slot };

    next = data;
    end = data + size;
    file_size = 0;
    for (int i = 0; i < MODELS; ++i)
        slots[i].config = (normnet_config){.channels = 1, .height = 6, .width = 6, .max_batch = 1};
    create(0);
    for (int i = 0; i < MAX_CALLS && next < end; ++i) {
        const int call = draw(ON_SLOT + 2), slot = draw(2 * MODELS) % MODELS;

        if (call < ON_SLOT) {
            on_slot[call](slot);
            ++fuzz_calls_made;
        } else if (call == ON_SLOT) {
            damage();
        } else {
            fail_soon();
        }
    }
    for (int i = 0; i < MODELS; ++i) {
        require_unchanged(i);
        destroy(i);
    }
    require(memory.live == 0, "all memory comes back");
    memory.fails_in = 0;
    return 0;
}
