/* SPDX-License-Identifier: MIT */
/*
 * Out of memory: in each call that allocates, allocation 1, 2, 3, ... fails, once or from there on, until none does.
 * Each failure is NORMNET_ENOMEM and leaves no block, no output, and the model and the file bit for bit as they were;
 * what the call gives in the end is what it gives with memory enough. New blocks hold one pattern and freed ones
 * another, so that a value which is read too early or too late leads elsewhere.
 */
#include "harness/allocator.h"
#include "harness/twins.h"

/* ---- Where a call is made -------------------------------------------------------------------------- */

static const char checkpoint_file[] = "test_failing_memory.checkpoint", weights_file[] = "test_failing_memory.weights",
                  onnx_file[] = "test_failing_memory.onnx", written_file[] = "test_failing_memory.written";

static const char old_text[] = "what was here before";

struct bytes {
    unsigned char *bytes;
    int64_t size;
};

struct workplace {
    struct allocator memory;
    normnet_config config;
    struct twins *pair;
    normnet_model *result;            /* &memory, as long as no call has written it */
    struct bytes checkpoint, weights; /* the model's, before any call */
    uint64_t written;                 /* a hash of what a call has written to memory */
};

struct scenario {
    const char *name;
    normnet_status (*call)(struct workplace *self);
    const char *text; /* the architecture; NULL: that of the twins */
    int32_t norm, affine, layer_dims, virtual_batch, threads, readers;
    normnet_status expected; /* with memory enough */
    int least;               /* allocations in all */
    int fills;               /* the call changes the model */
    int of_pytorch;          /* the model is one for the file that PyTorch wrote */
};

static normnet_model *untouched(struct workplace *self)
{
    return (normnet_model *)(void *)&self->memory;
}

static struct bytes serialized(normnet_model *model, int32_t kind)
{
    struct bytes to = {NULL, 0};
    normnet_save_options options;

    normnet_save_options_init(&options);
    options.kind = kind;
    options.note = "written by test_failing_memory";
    CHECK_OK(normnet_model_serialize(model, NULL, 0, &to.size, &options));
    to.bytes = check_allocate((size_t)to.size, 1);
    CHECK_OK(normnet_model_serialize(model, to.bytes, to.size, &to.size, &options));
    return to;
}

/* Beside the state and what describes the model: momentum and step. */
static uint64_t hash_all(normnet_model *model)
{
    struct bytes checkpoint = serialized(model, NORMNET_FILE_CHECKPOINT);
    const uint64_t hash = hash_bytes(hash_model(model), checkpoint.bytes, (size_t)checkpoint.size);

    free(checkpoint.bytes);
    return hash;
}

static uint64_t hash_file(const char *path)
{
    FILE *stream = fopen(path, "rb");
    unsigned char part[4096];
    uint64_t hash = 1;

    if (stream == NULL)
        return 0;
    for (size_t count; (count = fread(part, 1, sizeof part, stream)) > 0;)
        hash = hash_bytes(hash, part, count);
    fclose(stream);
    return hash;
}

static void write_bytes(const char *path, const void *bytes, size_t size)
{
    FILE *stream = fopen(path, "wb");

    CHECK(stream != NULL && fwrite(bytes, 1, size, stream) == size);
    if (stream != NULL)
        CHECK(fclose(stream) == 0);
}

static normnet_config config_of(const struct scenario *want)
{
    normnet_config config = twins_config(want->norm);

    if (want->text != NULL)
        config.architecture = want->text;
    config.affine = want->affine;
    config.layer_dims = want->layer_dims > 0 ? want->layer_dims : 3;
    config.virtual_batch = want->virtual_batch;
    config.threads = want->threads > 0 ? want->threads : 1;
    config.readers = want->readers > 0 ? want->readers : 1;
    config.average_decay = 0.9;
    if (want->of_pytorch) {
        config.channels = 1;
        config.height = config.width = 6;
        config.classes = 2;
        config.architecture = "conv3-2 relu norm gap conv1-2";
        config.average_decay = 0.0;
    }
    return config;
}

static struct workplace *workplace_open(const struct scenario *want)
{
    struct workplace *self = check_allocate(1, sizeof *self);

    self->memory.fill = 0xA5;
    self->config = config_of(want);
    allocator_use(&self->memory, &self->config);
    self->pair = twins_open_config(&self->config);
    if (!want->of_pytorch)
        twins_advance(__FILE__, __LINE__, "creation", self->pair);
    self->checkpoint = serialized(self->pair->model, NORMNET_FILE_CHECKPOINT);
    self->weights = serialized(self->pair->model, NORMNET_FILE_WEIGHTS);
    write_bytes(checkpoint_file, self->checkpoint.bytes, (size_t)self->checkpoint.size);
    write_bytes(weights_file, self->weights.bytes, (size_t)self->weights.size);
    CHECK_OK(normnet_model_export_onnx(self->pair->model, onnx_file));
    return self;
}

static void workplace_close(struct workplace *self)
{
    twins_close(self->pair);
    CHECK_ALL_FREED(&self->memory);
    free(self->checkpoint.bytes);
    free(self->weights.bytes);
    free(self);
    remove(checkpoint_file);
    remove(weights_file);
    remove(onnx_file);
    remove(written_file);
}

/* ---- The calls ----------------------------------------------------------------------------------------- */

static normnet_status create(struct workplace *self)
{
    return normnet_model_create(&self->result, &self->config);
}

static normnet_status create_scaled(struct workplace *self)
{
    static const double mean[TWINS_CHANNELS] = {0.4, 0.5}, deviation[TWINS_CHANNELS] = {0.3, 0.2};
    normnet_config config = self->config;

    config.input_mean = mean;
    config.input_std = deviation;
    config.max_batch = 1000;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.total_steps = 9;
    return normnet_model_create(&self->result, &config);
}

static normnet_status clone(struct workplace *self)
{
    return normnet_model_clone(&self->result, self->pair->model, NULL);
}

static normnet_status clone_for_host(struct workplace *self)
{
    normnet_config host = self->config;

    host.threads = 3;
    host.readers = 8;
    host.max_batch = 100;
    host.cpu = NORMNET_CPU_PORTABLE;
    return normnet_model_clone(&self->result, self->pair->model, &host);
}

static normnet_status clone_average(struct workplace *self)
{
    return normnet_model_clone_average(&self->result, self->pair->model, NULL);
}

static normnet_status clone_average_for_host(struct workplace *self)
{
    normnet_config host = self->config;

    host.threads = 2;
    host.readers = 3;
    return normnet_model_clone_average(&self->result, self->pair->model, &host);
}

static normnet_status load_checkpoint(struct workplace *self)
{
    return normnet_model_load(&self->result, checkpoint_file, &self->config);
}

static normnet_status load_weights(struct workplace *self)
{
    return normnet_model_load(&self->result, weights_file, &self->config);
}

static normnet_status load_onnx(struct workplace *self)
{
    return normnet_model_load(&self->result, onnx_file, &self->config);
}

static normnet_status load_pytorch(struct workplace *self)
{
    return normnet_model_load(&self->result, GOLDEN, &self->config);
}

static normnet_status deserialize_checkpoint(struct workplace *self)
{
    return normnet_model_deserialize(&self->result, self->checkpoint.bytes, self->checkpoint.size, &self->config);
}

static normnet_status deserialize_weights(struct workplace *self)
{
    return normnet_model_deserialize(&self->result, self->weights.bytes, self->weights.size, &self->config);
}

static normnet_status deserialize_half(struct workplace *self)
{
    return normnet_model_deserialize(&self->result, self->checkpoint.bytes, self->checkpoint.size / 2, &self->config);
}

static normnet_status fill_from_checkpoint(struct workplace *self)
{
    return normnet_load_weights(self->pair->model, checkpoint_file);
}

static normnet_status fill_from_weights(struct workplace *self)
{
    return normnet_load_weights(self->pair->model, weights_file);
}

static normnet_status fill_from_pytorch(struct workplace *self)
{
    return normnet_load_weights(self->pair->model, GOLDEN);
}

static normnet_status fill_from_onnx(struct workplace *self)
{
    return normnet_load_weights(self->pair->model, onnx_file);
}

static normnet_status fill_from_checkpoint_bytes(struct workplace *self)
{
    return normnet_deserialize_weights(self->pair->model, self->checkpoint.bytes, self->checkpoint.size);
}

static normnet_status fill_from_weight_bytes(struct workplace *self)
{
    return normnet_deserialize_weights(self->pair->model, self->weights.bytes, self->weights.size);
}

static normnet_status save_checkpoint(struct workplace *self)
{
    return normnet_model_save(self->pair->model, written_file, NULL);
}

static normnet_status save_weights(struct workplace *self)
{
    normnet_save_options options;

    normnet_save_options_init(&options);
    options.kind = NORMNET_FILE_WEIGHTS;
    options.note = "a note";
    return normnet_model_save(self->pair->model, written_file, &options);
}

static normnet_status export_onnx(struct workplace *self)
{
    return normnet_model_export_onnx(self->pair->model, written_file);
}

/* Allocates nothing, and so never fails. */
static normnet_status serialize(struct workplace *self)
{
    struct bytes checkpoint = serialized(self->pair->model, NORMNET_FILE_CHECKPOINT);

    self->written = hash_bytes(1, checkpoint.bytes, (size_t)checkpoint.size);
    free(checkpoint.bytes);
    return NORMNET_OK;
}

/* ---- One call -------------------------------------------------------------------------------------------- */

/* Everything that a call can leave behind. */
static uint64_t hash_outcome(struct workplace *self)
{
    uint64_t hash = hash_state(self->pair->model) ^ self->written ^ hash_file(written_file);

    if (self->result != untouched(self)) {
        struct bytes checkpoint = serialized(self->result, NORMNET_FILE_CHECKPOINT);

        hash = hash_bytes(hash, checkpoint.bytes, (size_t)checkpoint.size);
        free(checkpoint.bytes);
    }
    return hash;
}

/* Of a call that fills the model: with other weights each time, so that it has something to change. */
static void disturb(struct workplace *self, float value)
{
    const int64_t count = normnet_parameter_count(self->pair->model);
    float *values = check_allocate((size_t)count, sizeof *values);

    for (int64_t i = 0; i < count; ++i)
        values[i] = value;
    CHECK_OK(normnet_set_parameters(self->pair->model, values, count));
    free(values);
}

static void begin(struct workplace *self, const struct scenario *want, int fail_at, int sticky)
{
    write_bytes(written_file, old_text, sizeof old_text);
    if (want->fills)
        disturb(self, (float)fail_at / 8.0f);
    self->result = untouched(self);
    self->written = 0;
    self->memory.allocations = self->memory.failures = 0;
    self->memory.fail_at = fail_at;
    self->memory.sticky = sticky;
}

/* A call that gets its memory; a hash of what it gives. */
static uint64_t succeed(struct workplace *self, const struct scenario *want)
{
    uint64_t hash;

    CHECK_STATUS(want->call(self), want->expected);
    self->memory.fail_at = 0;
    CHECK(self->memory.allocations >= want->least);
    hash = hash_outcome(self);
    if (self->result != untouched(self))
        normnet_model_destroy(self->result);
    return hash;
}

/* Whether an allocation failed; the hash if none did. */
static int fail(struct workplace *self, const struct scenario *want, int fail_at, int sticky, uint64_t *hash)
{
    static const char *const words[] = {"the allocator returned no block of", "bytes", NULL};
    const int64_t live = self->memory.live;
    const int blocks = self->memory.live_blocks;
    uint64_t before, file;
    normnet_status status;

    begin(self, want, fail_at, sticky);
    before = hash_all(self->pair->model);
    file = hash_file(written_file);
    status = want->call(self);
    self->memory.fail_at = 0;
    if (self->memory.failures == 0) {
        if (self->result != untouched(self))
            normnet_model_destroy(self->result);
        begin(self, want, 0, 0);
        *hash = succeed(self, want);
        return 0;
    }
    if (CHECK_STATUS(status, NORMNET_ENOMEM))
        check_message(__FILE__, __LINE__, want->name, words);
    CHECK(self->result == untouched(self));
    CHECK_EQUAL(self->memory.live, live);
    CHECK_EQUAL(self->memory.live_blocks, blocks);
    CHECK(hash_all(self->pair->model) == before);
    CHECK(hash_file(written_file) == file);
    return 1;
}

static void each_allocation_fails(const void *argument)
{
    enum { MOST = 1000 };
    const struct scenario *want = argument;
    struct workplace *self = workplace_open(want);
    uint64_t expected;

    begin(self, want, 0, 0);
    expected = succeed(self, want);
    for (int sticky = 0; sticky < 2; ++sticky) {
        uint64_t hash = 0;
        int fail_at = 1;

        while (fail_at < MOST && fail(self, want, fail_at, sticky, &hash))
            ++fail_at;
        CHECK(fail_at < MOST && fail_at > want->least);
        CHECK(hash == expected);
    }
    if (!want->fills && !want->of_pytorch)
        twins_advance(__FILE__, __LINE__, want->name, self->pair);
    workplace_close(self);
}

/* ---- All of them ----------------------------------------------------------------------------------------- */

static const char two_blocks[] = "conv3-4 norm relu maxpool2 conv3-8 norm relu gap conv1-10";
static const char strides[] = "conv3-4s2p1b norm conv5-6s3p2 relu norm gap conv1-10";

static const struct scenario scenarios[] = {
    {"create: no norm", create, .norm = NORMNET_NORM_NONE, .least = 2},
    {"create: batch norm", create, .norm = NORMNET_NORM_BATCH, .least = 2},
    {"create: batch norm without affine", create, .norm = NORMNET_NORM_BATCH, .affine = NORMNET_AFFINE_NONE,
     .least = 2},
    {"create: ghost batch norm", create, .norm = NORMNET_NORM_BATCH, .virtual_batch = 16, .least = 2},
    {"create: group norm", create, .norm = NORMNET_NORM_GROUP, .least = 2},
    {"create: layer norm", create, .norm = NORMNET_NORM_LAYER, .least = 2},
    {"create: layer norm per element", create, .norm = NORMNET_NORM_LAYER, .affine = NORMNET_AFFINE_ELEMENT,
     .least = 2},
    {"create: layer norm over two dimensions", create, .norm = NORMNET_NORM_LAYER, .affine = NORMNET_AFFINE_ELEMENT,
     .layer_dims = 2, .least = 2},
    {"create: layer norm over the width", create, .norm = NORMNET_NORM_LAYER, .layer_dims = 1, .least = 2},
    {"create: instance norm", create, two_blocks, .norm = NORMNET_NORM_INSTANCE, .least = 2},
    {"create: RMS norm", create, .norm = NORMNET_NORM_RMS, .least = 2},
    {"create: 4 threads", create, .norm = NORMNET_NORM_GROUP, .threads = 4, .least = 2},
    {"create: 8 readers", create, .norm = NORMNET_NORM_BATCH, .readers = 8, .least = 2},
    {"create: 3 threads, 3 readers", create, .norm = NORMNET_NORM_BATCH, .threads = 3, .readers = 3, .least = 2},
    {"create: one layer", create, "flatten fc-10", .norm = NORMNET_NORM_NONE, .least = 2},
    {"create: strides and padding", create, strides, .norm = NORMNET_NORM_BATCH, .least = 2},
    {"create: wide layers", create, "conv3-128p1 norm relu conv1-256 norm gap conv1-10", .norm = NORMNET_NORM_BATCH,
     .least = 2},
    {"create: large kernels", create, "conv11-4p5 norm relu conv7-8 norm gap conv1-10", .norm = NORMNET_NORM_LAYER,
     .least = 2},
    {"create: fully connected layers", create, "flatten fc-300b relu norm dropout fc-100 norm fc-10b",
     .norm = NORMNET_NORM_LAYER, .threads = 2, .least = 2},
    {"create: scaled inputs, large batches, one cycle", create_scaled, .norm = NORMNET_NORM_BATCH, .least = 2},
    {"clone: batch norm", clone, .norm = NORMNET_NORM_BATCH, .least = 2},
    {"clone: group norm, 2 threads", clone, .norm = NORMNET_NORM_GROUP, .threads = 2, .least = 2},
    {"clone: strides and padding", clone, strides, .norm = NORMNET_NORM_RMS, .least = 2},
    {"clone: other threads, readers and kernels", clone_for_host, .norm = NORMNET_NORM_BATCH, .least = 2},
    {"clone_average: batch norm", clone_average, .norm = NORMNET_NORM_BATCH, .least = 2},
    {"clone_average: layer norm", clone_average, .norm = NORMNET_NORM_LAYER, .least = 2},
    {"clone_average: other threads and readers", clone_average_for_host, .norm = NORMNET_NORM_BATCH, .least = 2},
    {"load: a checkpoint", load_checkpoint, .norm = NORMNET_NORM_BATCH, .least = 5},
    {"load: a checkpoint, 3 threads, 8 readers", load_checkpoint, .norm = NORMNET_NORM_GROUP, .threads = 3,
     .readers = 8, .least = 5},
    {"load: weights", load_weights, .norm = NORMNET_NORM_BATCH, .least = 5},
    {"load: weights, large kernels", load_weights, "conv11-4p5 norm relu gap conv1-10", .norm = NORMNET_NORM_LAYER,
     .least = 5},
    {"load: an ONNX file", load_onnx, .norm = NORMNET_NORM_BATCH, .expected = NORMNET_EFORMAT, .least = 1},
    {"load: a file of PyTorch", load_pytorch, .norm = NORMNET_NORM_BATCH, .expected = NORMNET_EARCH, .least = 2},
    {"deserialize: a checkpoint", deserialize_checkpoint, .norm = NORMNET_NORM_BATCH, .least = 5},
    {"deserialize: weights", deserialize_weights, .norm = NORMNET_NORM_INSTANCE, .text = two_blocks, .least = 5},
    {"deserialize: half a checkpoint", deserialize_half, .norm = NORMNET_NORM_BATCH, .expected = NORMNET_ETRUNCATED,
     .least = 1},
    {"load_weights: a checkpoint", fill_from_checkpoint, .norm = NORMNET_NORM_BATCH, .least = 3, .fills = 1},
    {"load_weights: weights", fill_from_weights, .norm = NORMNET_NORM_GROUP, .least = 3, .fills = 1},
    {"load_weights: a file of PyTorch", fill_from_pytorch, .norm = NORMNET_NORM_BATCH, .least = 2, .fills = 1,
     .of_pytorch = 1},
    {"load_weights: an ONNX file", fill_from_onnx, .norm = NORMNET_NORM_BATCH, .expected = NORMNET_EFORMAT, .least = 1},
    {"deserialize_weights: a checkpoint", fill_from_checkpoint_bytes, .norm = NORMNET_NORM_BATCH, .least = 3,
     .fills = 1},
    {"deserialize_weights: weights", fill_from_weight_bytes, .norm = NORMNET_NORM_RMS, .least = 3, .fills = 1},
    {"save: a checkpoint", save_checkpoint, .norm = NORMNET_NORM_BATCH, .least = 1},
    {"save: a checkpoint, 8 readers", save_checkpoint, .norm = NORMNET_NORM_LAYER, .readers = 8, .least = 1},
    {"save: weights and a note", save_weights, .norm = NORMNET_NORM_BATCH, .least = 1},
    {"export_onnx: batch norm", export_onnx, .norm = NORMNET_NORM_BATCH, .least = 1},
    {"export_onnx: every norm", export_onnx,
     "conv3-4 batchnorm relu groupnorm2 layernorm conv3-4 rmsnorm instancenorm leakyrelu gap flatten fc-10",
     .norm = NORMNET_NORM_NONE, .least = 1},
    {"serialize: allocates nothing", serialize, .norm = NORMNET_NORM_BATCH, .least = 0},
};

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(scenarios); ++i)
        check_case_named(each_allocation_fails, &scenarios[i], "failing memory: %s", scenarios[i].name);
    return check_end();
}
