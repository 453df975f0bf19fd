/* SPDX-License-Identifier: MIT */
/*
 * Checkpoints: training that continues from one, in another process and with other threads, ends with the same file as
 * training that never stopped; which settings come from the file and which from the caller.
 *
 * With the arguments --continue FILE STEPS THREADS RESULT the program is that other process.
 */
#include "training_runs.h"

/* ---- Bytes ------------------------------------------------------------------------------------ */

static struct bytes read_file(const char *path)
{
    struct bytes file = {NULL, 0};
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

/* ---- Going on --------------------------------------------------------------------------------- */

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
static void continues_in_a_new_process(const void *argument)
{
    const struct training_run *want = argument;
    const normnet_config config = training_config(want, 1), other = training_config(want, 2);
    normnet_model *whole = CHECK_CREATE(&config), *first = CHECK_CREATE(&other);
    char command[1200];
    struct bytes expected, result;

    if (whole == NULL || first == NULL)
        return;
    train(whole, ALL_STEPS);
    train(first, FIRST_STEPS);
    CHECK_OK(normnet_model_save(first, "test_checkpoints.first", NULL));
    snprintf(command, sizeof command, "\"%s\" --continue test_checkpoints.first %d 3 test_checkpoints.result", program,
             ALL_STEPS - FIRST_STEPS);
    CHECK_EQUAL(system(command), 0);
    expected = serialize(whole, NORMNET_FILE_CHECKPOINT);
    result = read_file("test_checkpoints.result");
    CHECK(same_bytes(&expected, &result));
    remove("test_checkpoints.first");
    remove("test_checkpoints.result");
    free(expected.data);
    free(result.data);
    normnet_model_destroy(whole);
    normnet_model_destroy(first);
}

/* From any step, also the first and the last, and over statistics that are being recomputed. */
static void continues_from_any_step(const void *argument)
{
    const struct training_run *want = argument;
    static const int steps[] = {0, 1, 2, 40};
    const normnet_config config = training_config(want, 1);

    for (int i = 0; i < CHECK_COUNT(steps); ++i) {
        normnet_model *model = CHECK_CREATE(&config), *other;
        struct bytes file;

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
    const normnet_config config = training_config(&training_runs[1], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    static uint8_t pixels[IMAGES * SIDE * SIDE];
    const normnet_tensor images = tensor_images(NORMNET_U8, pixels, IMAGES, &config);
    struct bytes file;

    (void)argument;
    for (int i = 0; i < IMAGES * SIDE * SIDE; ++i)
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

static void the_rate_that_was_set_stays(const void *argument)
{
    const normnet_config config = training_config(&training_runs[4], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    struct bytes file;

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

/* A one-cycle model that is loaded at its end rejects the next step like the one that was saved. */
static void the_schedule_ends_as_it_would(const void *argument)
{
    normnet_config config = training_config(&training_runs[1], 1);
    normnet_model *model, *other;
    static uint8_t pixels[SIDE * SIDE], labels[1];
    const normnet_tensor images = tensor_images(NORMNET_U8, pixels, 1, &config);
    const normnet_tensor digits = tensor_1d(NORMNET_U8, labels, 1);
    struct bytes file;

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

/* ---- What comes from where -------------------------------------------------------------------- */

static void a_checkpoint_brings_all_but_the_host(const void *argument)
{
    const normnet_config config = training_config(&training_runs[2], 1);
    normnet_model *model = CHECK_CREATE(&config), *other;
    struct bytes file = serialize(model, NORMNET_FILE_CHECKPOINT);
    struct allocator memory = {.fill = 0xA5};
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
    loaded = model_config(other);
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

static void check_host(const struct bytes *file, const normnet_config *host, normnet_status expected, const char *words)
{
    normnet_model *model = NULL;
    FILE *stream = fopen("test_checkpoints.host", "wb");

    CHECK_STATUS(normnet_model_deserialize(&model, file->data, file->size, host), expected);
    CHECK(strstr(normnet_error_message(), words) != NULL);
    CHECK_EQUAL((int64_t)fwrite(file->data, 1, (size_t)file->size, stream), file->size);
    fclose(stream);
    CHECK_STATUS(normnet_model_load(&model, "test_checkpoints.host", host), expected);
    CHECK(strstr(normnet_error_message(), words) != NULL);
    CHECK(model == NULL);
    remove("test_checkpoints.host");
}

/* What reading needs of the host is checked before anything is read. */
static void wrong_hosts(const void *argument)
{
    const normnet_config config = training_config(&training_runs[2], 1);
    normnet_model *model = CHECK_CREATE(&config);
    struct bytes file = serialize(model, NORMNET_FILE_CHECKPOINT);
    struct allocator memory = {.fill = 0xA5};
    normnet_config whole, host;

    (void)argument;
    CHECK_OK(normnet_config_init(&whole, NORMNET_NORM_GROUP));
    allocator_use(&memory, &whole);
    host = whole;
    host.deallocate = NULL;
    check_host(&file, &host, NORMNET_EINVAL, "go together; deallocate is NULL");
    host = whole;
    host.allocate = NULL;
    check_host(&file, &host, NORMNET_EINVAL, "go together; allocate is NULL");
    host = whole;
    host.memory_limit = -1;
    check_host(&file, &host, NORMNET_EINVAL, "memory_limit is -1; expected 0 or more");
    CHECK_EQUAL(memory.allocations, 0);
    host.memory_limit = file.size - 1;
    check_host(&file, &host, NORMNET_ELIMIT, "config.memory_limit is");
    CHECK_EQUAL(memory.allocations, 0);
    host.memory_limit = 0; /* none */
    normnet_model_destroy(load(&file, &host));
    CHECK_ALL_FREED(&memory);
    free(file.data);
    normnet_model_destroy(model);
}

/* The caller may pass a total of steps; one that differs from the checkpoint's is rejected if the schedule needs it. */
static void another_total_of_steps(const void *argument)
{
    normnet_config config = training_config(&training_runs[1], 1);
    normnet_model *model = CHECK_CREATE(&config), *other = NULL;
    struct bytes file = serialize(model, NORMNET_FILE_CHECKPOINT);
    normnet_config host = config;

    (void)argument;
    CHECK_EQUAL(config.schedule, NORMNET_SCHEDULE_ONE_CYCLE);
    host.total_steps = ALL_STEPS + 1;
    CHECK_STATUS(normnet_model_deserialize(&other, file.data, file.size, &host), NORMNET_ESTATE);
    CHECK(strstr(normnet_error_message(), "201") != NULL && strstr(normnet_error_message(), "200") != NULL);
    CHECK(other == NULL);
    host.total_steps = ALL_STEPS;
    CHECK_OK(normnet_model_deserialize(&other, file.data, file.size, &host));
    free(file.data);
    normnet_model_destroy(model);
    normnet_model_destroy(other);
    for (config.schedule = NORMNET_SCHEDULE_CONSTANT; config.schedule <= NORMNET_SCHEDULE_STEP; ++config.schedule) {
        model = CHECK_CREATE(&config);
        file = serialize(model, NORMNET_FILE_CHECKPOINT);
        host.total_steps = ALL_STEPS + 1;
        CHECK_OK(normnet_model_deserialize(&other, file.data, file.size, &host));
        CHECK_EQUAL_MODELS(model, other);
        free(file.data);
        normnet_model_destroy(model);
        normnet_model_destroy(other);
    }
}

/* ---- Bytes and notes -------------------------------------------------------------------------- */

static void equal_models_make_equal_files(const void *argument)
{
    const struct training_run *want = argument;
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

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*function)(const void *argument);
    } cases[] = {
        {"statistics that are being recomputed go on", statistics_go_on},
        {"a learning rate that was set stays", the_rate_that_was_set_stays},
        {"a schedule ends where it would have", the_schedule_ends_as_it_would},
        {"a checkpoint holds everything but the caller's settings", a_checkpoint_brings_all_but_the_host},
        {"a wrong host is rejected before anything is read", wrong_hosts},
        {"another total of steps is ESTATE", another_total_of_steps},
    };
    program = argv[0];
    if (argc == 6 && strcmp(argv[1], "--continue") == 0)
        return continue_training(argv + 2);
    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(training_runs); ++i) {
        check_case_named(continues_in_a_new_process, &training_runs[i],
                         "files: a training run continues in a new process as if it had never stopped, %s",
                         training_runs[i].name);
        check_case_named(continues_from_any_step, &training_runs[i],
                         "files: a training run continues from any step, %s", training_runs[i].name);
        check_case_named(equal_models_make_equal_files, &training_runs[i], "files: equal models make equal files, %s",
                         training_runs[i].name);
    }
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        check_case_named(cases[i].function, NULL, "files: %s", cases[i].name);
    return check_end();
}
