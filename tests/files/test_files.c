/* SPDX-License-Identifier: MIT */
/*
 * Files and copies of models: training that goes on from a checkpoint, in another process and with other threads, ends
 * with the same file as one that never stopped; what a file brings and what the host brings; notes and clones.
 *
 * With --continue FILE STEPS THREADS RESULT as its arguments the program is that other process.
 */
#include "harness/allocator.h"
#include "harness/twins.h"

enum { IMAGES = 40, SIDE = 12, CLASSES = 5, ALL_STEPS = 200, FIRST_STEPS = 73 };

/* ---- Trainings ----------------------------------------------------------------------------------- */

typedef struct training_pass {
    const char *name;
    int32_t norm, affine, virtual_batch, schedule, nesterov;
    double momentum;
} training;

static const training trainings[] = {
    {"none", NORMNET_NORM_NONE, NORMNET_AFFINE_DEFAULT, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0.9},
    {"batch", NORMNET_NORM_BATCH, NORMNET_AFFINE_DEFAULT, 0, NORMNET_SCHEDULE_ONE_CYCLE, 0, 0.9},
    {"ghost batch", NORMNET_NORM_BATCH, NORMNET_AFFINE_NONE, 16, NORMNET_SCHEDULE_ONE_CYCLE, 1, 0.9},
    {"group", NORMNET_NORM_GROUP, NORMNET_AFFINE_DEFAULT, 0, NORMNET_SCHEDULE_STEP, 1, 0.9},
    {"layer", NORMNET_NORM_LAYER, NORMNET_AFFINE_ELEMENT, 0, NORMNET_SCHEDULE_CONSTANT, 0, 0.9},
    {"instance, no momentum", NORMNET_NORM_INSTANCE, NORMNET_AFFINE_DEFAULT, 0, NORMNET_SCHEDULE_CONSTANT, 0, 0.0},
};

static normnet_config training_config(const training *want, int threads)
{
    static const double mean[] = {0.4}, deviation[] = {0.3};
    normnet_config config;
    CHECK_OK(normnet_config_init(&config, want->norm));
    config.architecture = "conv3-4p1 norm relu dropout maxpool2 \t conv3-8 relu norm dropout conv1-4b norm relu "
                          "flatten fc-5b";
    config.height = config.width = SIDE;
    config.classes = CLASSES;
    config.groups = want->norm == NORMNET_NORM_GROUP ? 2 : 0;
    config.affine = want->affine;
    config.virtual_batch = want->virtual_batch;
    config.schedule = want->schedule;
    config.nesterov = want->nesterov;
    config.momentum = want->momentum;
    config.threads = threads;
    config.max_batch = IMAGES;
    config.input_mean = mean;
    config.input_std = deviation;
    config.total_steps = want->schedule == NORMNET_SCHEDULE_ONE_CYCLE ? ALL_STEPS : 0;
    config.step_size = 50;
    config.seed = -3;
    config.dropout = 0.2;
    config.l1 = 1e-5;
    config.l2 = 1e-4;
    config.label_smoothing = 0.05;
    config.clip_norm = 2.0;
    config.lr = 0.02;
    config.max_lr = 0.04;
    return config;
}

/* A batch that the step alone decides about, as a program with its own augmentation would draw it. */
static void train(normnet_model *model, int64_t steps)
{
    uint8_t pixels[IMAGES * SIDE * SIDE], labels[IMAGES];
    normnet_config config = {.struct_size = sizeof config};
    int64_t i;
    CHECK_OK(normnet_model_config(model, &config));
    for (; steps > 0; --steps) {
        const int64_t step = normnet_steps_taken(model), count = 1 + (step * 7 + 32) % IMAGES;
        random_stream random = {(uint64_t)step};
        const normnet_tensor images = tensor_images(NORMNET_U8, pixels, count, &config);
        const normnet_tensor digits = tensor_1d(NORMNET_U8, labels, count);
        for (i = 0; i < count * SIDE * SIDE; ++i)
            pixels[i] = (uint8_t)random_below(&random, 256);
        for (i = 0; i < count; ++i)
            labels[i] = (uint8_t)random_below(&random, CLASSES);
        if (!CHECK_OK(normnet_train_step(model, &images, &digits, NULL)))
            return;
    }
}

/* ---- Bytes --------------------------------------------------------------------------------------- */

typedef struct bytes {
    unsigned char *data;
    int64_t size;
} bytes;

static normnet_save_options save_options(int32_t kind, const char *note)
{
    normnet_save_options options = {.struct_size = sizeof options};
    options.kind = kind;
    options.note = note;
    return options;
}

static bytes serialize(normnet_model *model, int32_t kind)
{
    const normnet_save_options options = save_options(kind, NULL);
    bytes file = {NULL, 0};
    CHECK_OK(normnet_model_serialize(model, NULL, 0, &file.size, &options));
    file.data = check_allocate((size_t)file.size, 1);
    CHECK_OK(normnet_model_serialize(model, file.data, file.size, &file.size, &options));
    return file;
}

static int same_bytes(const bytes *a, const bytes *b)
{
    return a->size == b->size && memcmp(a->data, b->data, (size_t)a->size) == 0;
}

static bytes read_file(const char *path)
{
    bytes file = {NULL, 0};
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) {
        CHECK_FAIL("%s is not there", path);
        return file;
    }
    fseek(stream, 0, SEEK_END);
    file.size = ftell(stream);
    rewind(stream);
    file.data = check_allocate((size_t)file.size, 1);
    CHECK_EQUAL((int64_t)fread(file.data, 1, (size_t)file.size, stream), file.size);
    fclose(stream);
    return file;
}

/* Do two models hold the same, momentum and step included? */
static void check_equal_models(const char *file, int line, normnet_model *a, normnet_model *b)
{
    bytes of_a = serialize(a, NORMNET_FILE_CHECKPOINT), of_b = serialize(b, NORMNET_FILE_CHECKPOINT);
    if (!same_bytes(&of_a, &of_b))
        check_fail(file, line, "the models differ");
    free(of_a.data);
    free(of_b.data);
}

#define CHECK_EQUAL_MODELS(a, b) check_equal_models(__FILE__, __LINE__, (a), (b))

static normnet_model *load(const bytes *file, const normnet_config *host)
{
    normnet_model *model = NULL;
    CHECK_OK(normnet_model_deserialize(&model, file->data, file->size, host));
    return model;
}

/* ---- Going on ------------------------------------------------------------------------------------ */

static const char *program; /* argv[0] */

static int continue_training(char **arguments)
{
    normnet_config host;
    normnet_model *model = NULL;
    normnet_config_init(&host, NORMNET_NORM_NONE);
    host.threads = atoi(arguments[2]);
    host.max_batch = IMAGES;
    if (CHECK_OK(normnet_model_load(&model, arguments[0], &host))) {
        train(model, atoi(arguments[1]));
        CHECK_OK(normnet_model_save(model, arguments[3], NULL));
    }
    normnet_model_destroy(model);
    return check_state()->failures != 0;
}

/* Train 200 steps = train 73, save, load in a new process, 127 more. */
static void goes_on_in_a_new_process(const void *argument)
{
    const training *want = argument;
    const normnet_config config = training_config(want, 1), other = training_config(want, 2);
    normnet_model *whole = CHECK_CREATE(&config), *first = CHECK_CREATE(&other);
    char command[1200];
    bytes expected, result;
    if (whole == NULL || first == NULL)
        return;
    train(whole, ALL_STEPS);
    train(first, FIRST_STEPS);
    CHECK_OK(normnet_model_save(first, "test_files.first", NULL));
    snprintf(command, sizeof command, "\"%s\" --continue test_files.first %d 3 test_files.result", program,
             ALL_STEPS - FIRST_STEPS);
    CHECK_EQUAL(system(command), 0);
    expected = serialize(whole, NORMNET_FILE_CHECKPOINT);
    result = read_file("test_files.result");
    CHECK(same_bytes(&expected, &result));
    remove("test_files.first");
    remove("test_files.result");
    free(expected.data);
    free(result.data);
    normnet_model_destroy(whole);
    normnet_model_destroy(first);
}

/* From any step, also the first and the last, and over statistics that are being recomputed. */
static void goes_on_from_any_step(const void *argument)
{
    const training *want = argument;
    static const int steps[] = {0, 1, 2, 40};
    const normnet_config config = training_config(want, 1);
    int i;
    for (i = 0; i < CHECK_COUNT(steps); ++i) {
        normnet_model *model = CHECK_CREATE(&config), *other;
        bytes file;
        train(model, steps[i]);
        file = serialize(model, NORMNET_FILE_CHECKPOINT);
        other = load(&file, &config);
        CHECK_EQUAL(normnet_steps_taken(other), steps[i]);
        CHECK_EQUAL_MODELS(model, other);
        train(model, 5);
        train(other, 5);
        CHECK_EQUAL_MODELS(model, other);
        free(file.data);
        normnet_model_destroy(model);
        normnet_model_destroy(other);
    }
}

static void statistics_go_on(const void *argument)
{
    const normnet_config config = training_config(&trainings[1], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    static uint8_t pixels[IMAGES * SIDE * SIDE];
    const normnet_tensor images = tensor_images(NORMNET_U8, pixels, IMAGES, &config);
    bytes file;
    int i;
    (void)argument;
    for (i = 0; i < IMAGES * SIDE * SIDE; ++i)
        pixels[i] = (uint8_t)(i * 37);
    train(model, 3);
    CHECK_OK(normnet_update_statistics(model, &images, 1));
    file = serialize(model, NORMNET_FILE_CHECKPOINT);
    other = load(&file, &config);
    CHECK_OK(normnet_update_statistics(model, &images, 0));
    CHECK_OK(normnet_update_statistics(other, &images, 0));
    CHECK_EQUAL_MODELS(model, other);
    free(file.data);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
}

static void the_rate_that_was_set_goes_on(const void *argument)
{
    const normnet_config config = training_config(&trainings[4], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    bytes file;
    (void)argument;
    train(model, 3);
    CHECK_OK(normnet_set_learning_rate(model, 0.1 / 3, 0.7));
    file = serialize(model, NORMNET_FILE_CHECKPOINT);
    other = load(&file, &config);
    train(model, 3);
    train(other, 3);
    CHECK_EQUAL_MODELS(model, other);
    free(file.data);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
}

/* A one-cycle model that is loaded at its end refuses the next step like the one that was saved. */
static void the_schedule_ends_as_it_would(const void *argument)
{
    normnet_config config = training_config(&trainings[1], 1);
    normnet_model *model, *other;
    static uint8_t pixels[SIDE * SIDE], labels[1];
    const normnet_tensor images = tensor_images(NORMNET_U8, pixels, 1, &config);
    const normnet_tensor digits = tensor_1d(NORMNET_U8, labels, 1);
    bytes file;
    (void)argument;
    config.total_steps = 2;
    model = CHECK_CREATE(&config);
    train(model, 2);
    file = serialize(model, NORMNET_FILE_CHECKPOINT);
    other = load(&file, NULL);
    CHECK_STATUS(normnet_train_step(other, &images, &digits, NULL), NORMNET_ESTATE);
    free(file.data);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
}

/* ---- What comes from where ----------------------------------------------------------------------- */

static normnet_config config_of(const normnet_model *model)
{
    normnet_config config = {.struct_size = sizeof config};
    CHECK_OK(normnet_model_config(model, &config));
    return config;
}

static void a_checkpoint_brings_all_but_the_host(const void *argument)
{
    const normnet_config config = training_config(&trainings[2], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    bytes file = serialize(model, NORMNET_FILE_CHECKPOINT);
    allocator memory = {.fill = 0xA5};
    normnet_config host, before, loaded;
    (void)argument;
    CHECK_OK(normnet_config_init(&host, NORMNET_NORM_GROUP));
    host.threads = 2;
    host.readers = 3;
    host.max_batch = 7;
    host.cpu = NORMNET_CPU_PORTABLE;
    host.memory_limit = 1 << 26;
    host.lr = 123.0; /* not the host's */
    host.architecture = "nonsense";
    allocator_use(&memory, &host);
    before = host;
    other = load(&file, &host);
    CHECK(memcmp(&host, &before, sizeof host) == 0);
    loaded = config_of(other);
    CHECK_EQUAL(loaded.threads, 2);
    CHECK_EQUAL(loaded.readers, 3);
    CHECK_EQUAL(loaded.max_batch, 7);
    CHECK_EQUAL(loaded.cpu, NORMNET_CPU_PORTABLE);
    CHECK_EQUAL(loaded.memory_limit, 1 << 26);
    CHECK(loaded.allocator_user == &memory);
    CHECK_EQUAL(loaded.norm, NORMNET_NORM_BATCH);
    CHECK_EQUAL(loaded.virtual_batch, 16);
    CHECK_EQUAL(loaded.seed, -3);
    CHECK(loaded.lr == 0.02 && loaded.max_lr == 0.04 && loaded.dropout == 0.2 && loaded.l1 == 1e-5);
    CHECK(loaded.input_mean[0] == 0.4 && loaded.input_std[0] == 0.3);
    CHECK_TEXT(loaded.architecture, "conv3-4p1 norm relu dropout maxpool2 conv3-8 relu norm dropout conv1-4b norm relu "
                                    "flatten fc-5b");
    CHECK_EQUAL_MODELS(model, other);
    normnet_model_destroy(other);
    CHECK_ALL_FREED(&memory);
    free(file.data);
    normnet_model_destroy(model);
}

/* A host may say how many steps it means to take: others than the checkpoint's are refused. */
static void another_total_of_steps(const void *argument)
{
    const normnet_config config = training_config(&trainings[1], 1);
    normnet_model *model = CHECK_CREATE(&config), *other = NULL;
    bytes file = serialize(model, NORMNET_FILE_CHECKPOINT);
    normnet_config host = config;
    (void)argument;
    host.total_steps = ALL_STEPS + 1;
    CHECK_STATUS(normnet_model_deserialize(&other, file.data, file.size, &host), NORMNET_ESTATE);
    CHECK(strstr(normnet_error_message(), "201") != NULL && strstr(normnet_error_message(), "200") != NULL);
    CHECK(other == NULL);
    host.total_steps = ALL_STEPS;
    CHECK_OK(normnet_model_deserialize(&other, file.data, file.size, &host));
    free(file.data);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
}

/* Weights bring the network, the host the recipe. */
static void weights_bring_the_network(const void *argument)
{
    const normnet_config config = training_config(&trainings[3], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    normnet_config host, loaded;
    bytes file;
    (void)argument;
    train(model, 4);
    file = serialize(model, NORMNET_FILE_WEIGHTS);
    CHECK_OK(normnet_config_init(&host, NORMNET_NORM_BATCH));
    host.lr = 0.5;
    host.seed = 77;
    host.dropout = 0.25;
    host.total_steps = 9;
    host.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    other = load(&file, &host);
    loaded = config_of(other);
    CHECK_EQUAL(loaded.norm, NORMNET_NORM_GROUP);
    CHECK_EQUAL(loaded.groups, 2);
    CHECK_EQUAL(loaded.height, SIDE);
    CHECK_EQUAL(loaded.schedule, NORMNET_SCHEDULE_ONE_CYCLE);
    CHECK_EQUAL(loaded.total_steps, 9);
    CHECK_EQUAL(loaded.seed, 77);
    CHECK(loaded.lr == 0.5 && loaded.dropout == 0.25 && loaded.input_mean[0] == 0.4);
    CHECK_EQUAL(normnet_steps_taken(other), 0);
    CHECK(hash_state(model) == hash_state(other));
    free(file.data);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
}

/* Step and momentum stay as they are, as with normnet_set_state. */
static void load_weights_fills(const void *argument)
{
    const normnet_config config = training_config(&trainings[1], 1);
    normnet_model *source = CHECK_CREATE(&config), *model = CHECK_CREATE(&config), *twin = CHECK_CREATE(&config);
    const int32_t kinds[] = {NORMNET_FILE_CHECKPOINT, NORMNET_FILE_WEIGHTS};
    int kind;
    int32_t i;
    (void)argument;
    train(source, 11);
    train(model, 4);
    train(twin, 4);
    for (i = 0; i < normnet_state_count(source); ++i) {
        const normnet_state_info info = state_info(source, i);
        normnet_tensor tensor;
        normnet_tensor_init(&tensor, info.dtype, info.data, info.rank, info.shape);
        CHECK_OK(normnet_set_state(twin, info.name, &tensor));
    }
    for (kind = 0; kind < 2; ++kind) {
        const normnet_save_options options = save_options(kinds[kind], NULL);
        CHECK_OK(normnet_model_save(source, "test_files.weights", &options));
        CHECK_OK(normnet_load_weights(model, "test_files.weights"));
        CHECK_EQUAL_MODELS(model, twin);
    }
    CHECK_EQUAL(normnet_steps_taken(model), 4);
    train(model, 3);
    train(twin, 3);
    CHECK_EQUAL_MODELS(model, twin);
    remove("test_files.weights");
    normnet_model_destroy(source);
    normnet_model_destroy(model);
    normnet_model_destroy(twin);
}

/* Gradients that wait stay, with the statistics that came with them. */
static void load_weights_lets_gradients_wait(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_BATCH);
    bytes file = serialize(pair->model, NORMNET_FILE_WEIGHTS);
    (void)argument;
    twins_wait(pair);
    CHECK_OK(normnet_deserialize_weights(pair->model, file.data, file.size));
    CHECK(hash_state(pair->model) == hash_state(pair->twin));
    twins_advance(__FILE__, __LINE__, "load_weights", pair);
    free(file.data);
    twins_close(pair);
}

/* A file that is larger than memory_limit is not read, however little of it is a header. */
static void files_keep_to_the_limit(const void *argument)
{
    enum { LIMIT = 1 << 20 };
    normnet_config config = training_config(&trainings[0], 1);
    normnet_model *model, *other = NULL;
    char *zeros = check_allocate(LIMIT + 1, 1);
    int more;
    (void)argument;
    config.max_batch = 1;
    config.memory_limit = LIMIT;
    model = CHECK_CREATE(&config);
    for (more = 0; more < 2; ++more) {
        const normnet_status expected = more ? NORMNET_ELIMIT : NORMNET_EFORMAT;
        FILE *stream = fopen("test_files.zeros", "wb");
        CHECK_EQUAL((int64_t)fwrite(zeros, 1, LIMIT + (size_t)more, stream), LIMIT + more);
        fclose(stream);
        CHECK_STATUS(normnet_load_weights(model, "test_files.zeros"), expected);
        CHECK_STATUS(normnet_model_load(&other, "test_files.zeros", &config), expected);
    }
    CHECK(other == NULL);
    remove("test_files.zeros");
    free(zeros);
    normnet_model_destroy(model);
}

/* The same shapes, but another function: refused, with nothing changed. */
static void another_network_is_refused(const void *argument)
{
    const normnet_config config = training_config(&trainings[3], 1);
    normnet_model *model = CHECK_CREATE(&config);
    bytes before = serialize(model, NORMNET_FILE_CHECKPOINT);
    int change;
    (void)argument;
    for (change = 0; change < 3; ++change) {
        normnet_config other_config = config;
        normnet_model *other;
        bytes file, after;
        if (change == 0)
            other_config.norm = NORMNET_NORM_LAYER;
        else if (change == 1)
            other_config.groups = 4;
        else
            other_config.architecture = "conv3-4p1 relu norm dropout maxpool2 conv3-8 relu norm dropout conv1-4b norm "
                                        "relu flatten fc-5b";
        other = CHECK_CREATE(&other_config);
        file = serialize(other, NORMNET_FILE_WEIGHTS);
        CHECK_STATUS(normnet_deserialize_weights(model, file.data, file.size), NORMNET_EMISMATCH);
        after = serialize(model, NORMNET_FILE_CHECKPOINT);
        CHECK(same_bytes(&before, &after));
        free(file.data);
        free(after.data);
        normnet_model_destroy(other);
    }
    free(before.data);
    normnet_model_destroy(model);
}

typedef struct network_text {
    const char *architecture;
    int32_t norm, groups, layer_dims;
} network_text;

static normnet_model *model_of(const network_text *text)
{
    normnet_config config;
    CHECK_OK(normnet_config_init(&config, text->norm));
    config.architecture = text->architecture;
    config.groups = text->groups;
    config.layer_dims = text->layer_dims;
    config.height = config.width = 8;
    config.classes = 3;
    return CHECK_CREATE(&config);
}

/* Weights of one network into the other: what counts is what they compute, not how they are spelled. */
static void weights_know_their_network(const void *argument)
{
    static const struct {
        network_text from, to;
        normnet_status status;
    } pairs[] = {
        {{"conv3-8 groupnorm gap conv1-3", NORMNET_NORM_NONE, 2, 3},
         {"conv3-8 groupnorm gap conv1-3", NORMNET_NORM_NONE, 4, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 groupnorm4 gap conv1-3", NORMNET_NORM_NONE, 2, 3},
         {"conv3-8 norm gap conv1-3", NORMNET_NORM_GROUP, 4, 3},
         NORMNET_OK},
        {{"conv3-8 groupnorm8 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 instancenorm gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_OK},
        {{"conv3-8 groupnorm1 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 layernorm gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 layernorm gap conv1-3", NORMNET_NORM_NONE, 0, 1},
         {"conv3-8 layernorm gap conv1-3", NORMNET_NORM_NONE, 0, 2},
         NORMNET_EMISMATCH},
        {{"conv3-8 relu gap conv1-3", NORMNET_NORM_NONE, 0, 2},
         {"conv3-8 relu gap conv1-3", NORMNET_NORM_NONE, 3, 1},
         NORMNET_OK},
        {{"conv3-8p1b relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"  conv3-8bp1 relu\tgap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_OK},
        {{"conv3-8p1 relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8s2p1 relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8p1 relu gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 dropout0.1 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 dropout.5 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_OK},
        {{"conv3-8 maxpool2 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 avgpool2 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 maxpool2 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         {"conv3-8 maxpool3 gap conv1-3", NORMNET_NORM_NONE, 0, 3},
         NORMNET_EMISMATCH},
        {{"conv3-8 norm gap conv1-3", NORMNET_NORM_BATCH, 0, 3},
         {"conv3-8 batchnorm gap conv1-3", NORMNET_NORM_LAYER, 0, 3},
         NORMNET_OK},
    };
    int i;
    (void)argument;
    for (i = 0; i < CHECK_COUNT(pairs); ++i) {
        normnet_model *from = model_of(&pairs[i].from), *to = model_of(&pairs[i].to);
        bytes file = serialize(from, NORMNET_FILE_WEIGHTS);
        const normnet_status status = normnet_deserialize_weights(to, file.data, file.size);
        if (status != pairs[i].status)
            CHECK_FAIL("'%s' into '%s': %s, expected %s", pairs[i].from.architecture, pairs[i].to.architecture,
                       normnet_status_string((int32_t)status), normnet_status_string((int32_t)pairs[i].status));
        free(file.data);
        normnet_model_destroy(from);
        normnet_model_destroy(to);
    }
}

/* ---- Bytes and notes ----------------------------------------------------------------------------- */

static void equal_models_make_equal_files(const void *argument)
{
    const training *want = argument;
    const normnet_config config = training_config(want, 1);
    normnet_config other_config = training_config(want, 3);
    normnet_model *model = CHECK_CREATE(&config), *other;
    other_config.cpu = NORMNET_CPU_PORTABLE;
    other_config.readers = 2;
    other = CHECK_CREATE(&other_config);
    train(model, 6);
    train(other, 6);
    CHECK_EQUAL_MODELS(model, other);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
}

static void serialize_tells_the_size(const void *argument)
{
    const normnet_config config = training_config(&trainings[1], 1);
    normnet_model *model = CHECK_CREATE(&config);
    bytes file = serialize(model, NORMNET_FILE_CHECKPOINT);
    unsigned char *room = check_allocate((size_t)file.size + 8, 1);
    int64_t needed = -5;
    (void)argument;
    memset(room, 0xEE, (size_t)file.size + 8);
    CHECK_STATUS(normnet_model_serialize(model, room, file.size - 1, &needed, NULL), NORMNET_EINVAL);
    CHECK_EQUAL(needed, -5);
    CHECK_EQUAL(room[0], 0xEE);
    CHECK_STATUS(normnet_model_serialize(model, room, -1, &needed, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_serialize(model, NULL, 10, &needed, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_serialize(model, room, file.size, NULL, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_serialize(NULL, room, file.size, &needed, NULL), NORMNET_EINVAL);
    CHECK_OK(normnet_model_serialize(model, room, file.size + 8, &needed, NULL));
    CHECK_EQUAL(needed, file.size);
    CHECK(memcmp(room, file.data, (size_t)file.size) == 0); /* no options: a checkpoint */
    CHECK_EQUAL(room[file.size], 0xEE);
    free(room);
    free(file.data);
    normnet_model_destroy(model);
}

static void options_are_checked(const void *argument)
{
    const normnet_config config = training_config(&trainings[1], 1);
    normnet_model *model = CHECK_CREATE(&config);
    normnet_save_options options = save_options(2, NULL);
    int64_t needed = 0;
    struct {
        normnet_save_options options;
        int64_t unknown;
    } longer = {save_options(NORMNET_FILE_WEIGHTS, NULL), 0};
    (void)argument;
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &options), NORMNET_EUNSUPPORTED);
    options = save_options(-1, NULL);
    CHECK_STATUS(normnet_model_save(model, "test_files.none", &options), NORMNET_EUNSUPPORTED);
    options.struct_size = 8;
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &options), NORMNET_EINVAL);
    longer.options.struct_size = sizeof longer;
    CHECK_OK(normnet_model_serialize(model, NULL, 0, &needed, &longer.options));
    longer.unknown = 1;
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &longer.options), NORMNET_EINVAL);
    CHECK(fopen("test_files.none", "rb") == NULL);
    normnet_model_destroy(model);
}

static void notes_come_back(const void *argument)
{
    static const char *const notes[] = {"", "batch 64\n\"quoted\" \\ back\tslash\x01\x7f",
                                        "gr\xc3\xbc\xc3\x9f dich \xe2\x98\x83 \xf0\x9f\x99\x82"};
    const normnet_config config = training_config(&trainings[0], 1);
    normnet_model *model = CHECK_CREATE(&config);
    int i;
    (void)argument;
    CHECK_TEXT(normnet_model_note(model), "");
    CHECK(normnet_model_note(NULL) == NULL);
    for (i = 0; i < CHECK_COUNT(notes); ++i) {
        const normnet_save_options options = save_options(i % 2, notes[i]);
        normnet_model *other = NULL, *copy = NULL;
        CHECK_OK(normnet_model_save(model, "test_files.note", &options));
        CHECK_OK(normnet_model_load(&other, "test_files.note", NULL));
        CHECK_TEXT(normnet_model_note(other), notes[i]);
        CHECK_OK(normnet_model_clone(&copy, other, NULL));
        CHECK_TEXT(normnet_model_note(copy), notes[i]);
        normnet_model_destroy(other);
        normnet_model_destroy(copy);
    }
    remove("test_files.note");
    normnet_model_destroy(model);
}

static void notes_have_limits(const void *argument)
{
    enum { MOST = 65536 };
    const normnet_config config = training_config(&trainings[0], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    char *note = check_allocate(MOST + 2, 1);
    const normnet_save_options options = save_options(NORMNET_FILE_WEIGHTS, note);
    int64_t needed = 0;
    bytes file;
    (void)argument;
    memset(note, '\x01', MOST + 1); /* six bytes each in the file */
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &options), NORMNET_ELIMIT);
    CHECK(strstr(normnet_error_message(), "65537") != NULL);
    note[MOST] = '\0';
    CHECK_OK(normnet_model_serialize(model, NULL, 0, &file.size, &options));
    file.data = check_allocate((size_t)file.size, 1);
    CHECK_OK(normnet_model_serialize(model, file.data, file.size, &needed, &options));
    other = load(&file, NULL);
    CHECK_TEXT(normnet_model_note(other), note);
    strcpy(note, "\xc3");
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, &options), NORMNET_EINVAL);
    free(file.data);
    free(note);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
}

/* ---- State of the model -------------------------------------------------------------------------- */

static void gradients_that_wait(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_BATCH);
    const normnet_save_options weights = save_options(NORMNET_FILE_WEIGHTS, NULL);
    int64_t needed = 0;
    (void)argument;
    twins_wait(pair);
    CHECK_REFUSED(pair, normnet_model_serialize(pair->model, NULL, 0, &needed, NULL), NORMNET_ESTATE, "gradients");
    CHECK_REFUSED(pair, normnet_model_save(pair->model, "test_files.none", NULL), NORMNET_ESTATE, "gradients");
    CHECK_OK(normnet_model_serialize(pair->model, NULL, 0, &needed, &weights));
    twins_close(pair);
}

static void more_tensors_than_a_file_holds(const void *argument)
{
    enum { NORMS = 4096 / 7 + 1 }; /* batch norm: five entries, two of them with momentum */
    static char architecture[NORMS * 5 + 32];
    normnet_config config;
    normnet_model *model;
    int64_t needed = 0;
    const normnet_save_options weights = save_options(NORMNET_FILE_WEIGHTS, NULL);
    int i;
    (void)argument;
    for (i = 0; i < NORMS; ++i)
        strcat(architecture, "norm ");
    strcat(architecture, "gap");
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_BATCH));
    config.architecture = architecture;
    config.channels = config.classes = 2;
    config.height = config.width = 4;
    model = CHECK_CREATE(&config);
    CHECK_STATUS(normnet_model_serialize(model, NULL, 0, &needed, NULL), NORMNET_ELIMIT);
    CHECK(strstr(normnet_error_message(), "4096") != NULL);
    CHECK_OK(normnet_model_serialize(model, NULL, 0, &needed, &weights));
    normnet_model_destroy(model);
}

static int32_t try_to_save(void *user, double *values, int64_t count)
{
    normnet_model **model = user;
    int64_t needed = 0;
    normnet_model *copy = NULL;
    (void)values;
    (void)count;
    CHECK_STATUS(normnet_model_serialize(*model, NULL, 0, &needed, NULL), NORMNET_EBUSY);
    CHECK_STATUS(normnet_model_save(*model, "test_files.none", NULL), NORMNET_EBUSY);
    CHECK_STATUS(normnet_model_export_onnx(*model, "test_files.none"), NORMNET_EBUSY);
    CHECK_STATUS(normnet_model_clone(&copy, *model, NULL), NORMNET_EBUSY);
    CHECK_STATUS(normnet_deserialize_weights(*model, "", 0), NORMNET_EBUSY);
    return 0;
}

/* From inside a training step: of the reading and writing kinds. */
static void a_model_that_trains_is_busy(const void *argument)
{
    normnet_config config = training_config(&trainings[1], 1);
    normnet_model *model = NULL;
    (void)argument;
    config.reduce = try_to_save;
    config.reduce_user = &model;
    model = CHECK_CREATE(&config);
    train(model, 1);
    normnet_model_destroy(model);
}

/* ---- Clones -------------------------------------------------------------------------------------- */

static void a_clone_goes_on(const void *argument)
{
    const training *want = argument;
    const normnet_config config = training_config(want, 1);
    normnet_config host = config;
    normnet_model *model = CHECK_CREATE(&config), *copy = NULL, *copy_of_copy = NULL;
    train(model, 9);
    host.threads = 3;
    CHECK_OK(normnet_model_clone(&copy, model, &host));
    CHECK_EQUAL(config_of(copy).threads, 3);
    CHECK_EQUAL_MODELS(model, copy);
    CHECK_OK(normnet_model_clone(&copy_of_copy, copy, NULL));
    CHECK_EQUAL(config_of(copy_of_copy).threads, 3);
    train(model, 7);
    train(copy, 7);
    CHECK_EQUAL_MODELS(model, copy);
    CHECK_EQUAL(normnet_steps_taken(copy_of_copy), 9); /* untouched by what the others do */
    normnet_model_destroy(copy);
    train(copy_of_copy, 7);
    CHECK_EQUAL_MODELS(model, copy_of_copy);
    normnet_model_destroy(model);
    normnet_model_destroy(copy_of_copy);
}

static void a_clone_has_the_gradients_that_wait(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_model *copy = NULL;
    (void)argument;
    twins_wait(pair);
    CHECK_OK(normnet_model_clone(&copy, pair->model, NULL));
    CHECK(hash_state(copy) == hash_state(pair->model));
    CHECK_OK(normnet_apply_gradients(copy, TWINS_IMAGES));
    CHECK_OK(normnet_apply_gradients(pair->model, TWINS_IMAGES));
    CHECK(hash_state(copy) == hash_state(pair->model));
    CHECK_OK(normnet_apply_gradients(pair->twin, TWINS_IMAGES));
    normnet_model_destroy(copy);
    pair->waiting = 0;
    twins_close(pair);
}

static void clones_are_refused(const void *argument)
{
    const normnet_config config = training_config(&trainings[1], 1);
    normnet_model *model = CHECK_CREATE(&config), *copy = NULL;
    allocator memory = {.fill = 0xA5};
    normnet_config host = config;
    (void)argument;
    CHECK_STATUS(normnet_model_clone(NULL, model, NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_clone(&copy, NULL, NULL), NORMNET_EINVAL);
    host.threads = 0;
    CHECK_STATUS(normnet_model_clone(&copy, model, &host), NORMNET_EINVAL);
    host.threads = 1;
    host.memory_limit = 1000;
    CHECK_STATUS(normnet_model_clone(&copy, model, &host), NORMNET_ELIMIT);
    host.memory_limit = 0;
    allocator_use(&memory, &host);
    for (memory.fail_at = 1; memory.fail_at <= 2; ++memory.fail_at) {
        memory.allocations = 0;
        CHECK_STATUS(normnet_model_clone(&copy, model, &host), NORMNET_ENOMEM);
        CHECK_ALL_FREED(&memory);
    }
    CHECK(copy == NULL);
    train(model, 1); /* not busy for ever */
    normnet_model_destroy(model);
}

static void nothing_to_read(const void *argument)
{
    twins *pair = twins_open(NORMNET_NORM_BATCH);
    normnet_model *model = NULL;
    int64_t needed = -5;
    (void)argument;
    CHECK_REFUSED(pair, normnet_model_save(pair->model, NULL, NULL), NORMNET_EINVAL, "path", "NULL");
    CHECK_REFUSED(pair, normnet_model_export_onnx(pair->model, NULL), NORMNET_EINVAL, "path", "NULL");
    CHECK_REFUSED(pair, normnet_load_weights(pair->model, NULL), NORMNET_EINVAL, "path", "NULL");
    CHECK_REFUSED(pair, normnet_deserialize_weights(pair->model, NULL, 8), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REFUSED(pair, normnet_deserialize_weights(pair->model, NULL, 0), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REFUSED(pair, normnet_model_load(&model, NULL, NULL), NORMNET_EINVAL, "path", "NULL");
    CHECK_REFUSED(pair, normnet_model_deserialize(&model, NULL, 8, NULL), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REFUSED(pair, normnet_model_deserialize(&model, NULL, 0, NULL), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REFUSED(pair, normnet_model_serialize(pair->model, NULL, 8, &needed, NULL), NORMNET_EINVAL, "bytes", "NULL");
    CHECK_REFUSED(pair, normnet_model_serialize(pair->model, NULL, 0, NULL, NULL), NORMNET_EINVAL, "needed", "NULL");
    CHECK_REFUSED(pair, normnet_model_clone(NULL, pair->model, NULL), NORMNET_EINVAL, "copy", "NULL");
    CHECK(model == NULL && needed == -5);
    twins_close(pair);
}

static void nothing_to_describe(const void *argument)
{
    (void)argument;
    CHECK_EQUAL(normnet_steps_taken(NULL), 0);
    CHECK_STATUS(normnet_model_save(NULL, "x", NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_load(NULL, "x", NULL), NORMNET_EINVAL);
    CHECK_STATUS(normnet_load_weights(NULL, "x"), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_export_onnx(NULL, "x"), NORMNET_EINVAL);
    CHECK_STATUS(normnet_deserialize_weights(NULL, "x", 1), NORMNET_EINVAL);
    CHECK_STATUS(normnet_model_deserialize(NULL, "x", 1, NULL), NORMNET_EINVAL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(const void *argument);
    } of_trainings[] = {
        {"a training goes on in a new process as if it had never stopped", goes_on_in_a_new_process},
        {"a training goes on from any step", goes_on_from_any_step},
        {"equal models make equal files", equal_models_make_equal_files},
        {"a clone goes on as the original", a_clone_goes_on},
    };
    static const struct {
        const char *name;
        void (*function)(const void *argument);
    } cases[] = {
        {"statistics that are being recomputed go on", statistics_go_on},
        {"a learning rate that was set goes on", the_rate_that_was_set_goes_on},
        {"a schedule ends where it would have", the_schedule_ends_as_it_would},
        {"a checkpoint brings everything but what is the host's", a_checkpoint_brings_all_but_the_host},
        {"another total of steps is ESTATE", another_total_of_steps},
        {"weights bring the network, the host the recipe", weights_bring_the_network},
        {"load_weights leaves step and momentum", load_weights_fills},
        {"load_weights lets gradients wait", load_weights_lets_gradients_wait},
        {"a file beyond memory_limit is ELIMIT", files_keep_to_the_limit},
        {"load_weights refuses another network of the same shapes", another_network_is_refused},
        {"load_weights compares networks, not their spelling", weights_know_their_network},
        {"serialize tells the size", serialize_tells_the_size},
        {"save options", options_are_checked},
        {"notes come back", notes_come_back},
        {"limits of notes", notes_have_limits},
        {"a checkpoint while gradients wait is ESTATE", gradients_that_wait},
        {"more tensors than a file holds", more_tensors_than_a_file_holds},
        {"a model that trains is busy", a_model_that_trains_is_busy},
        {"a clone has the gradients that wait", a_clone_has_the_gradients_that_wait},
        {"clones that are refused", clones_are_refused},
        {"NULL", nothing_to_describe},
        {"NULL for paths and bytes", nothing_to_read},
    };
    char name[200];
    int i, j;
    program = argv[0];
    if (argc == 6 && strcmp(argv[1], "--continue") == 0)
        return continue_training(argv + 2);
    if (!check_begin(argc, argv))
        return check_end();
    for (i = 0; i < CHECK_COUNT(of_trainings); ++i)
        for (j = 0; j < CHECK_COUNT(trainings); ++j) {
            snprintf(name, sizeof name, "files: %s, %s", of_trainings[i].name, trainings[j].name);
            check_case(name, of_trainings[i].function, &trainings[j]);
        }
    for (i = 0; i < CHECK_COUNT(cases); ++i) {
        snprintf(name, sizeof name, "files: %s", cases[i].name);
        check_case(name, cases[i].function, NULL);
    }
    return check_end();
}
