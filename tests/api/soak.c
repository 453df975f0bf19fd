/* SPDX-License-Identifier: MIT */
/*
 * A long run in one process: random calls, right and wrong (fuzz_calls.c, with all that it requires of each), files in
 * between, then training. Again and again it looks at the memory, the threads and the descriptors of the process, which
 * must be what they were after the first tenth. The memory of each model's allocator comes back exactly, which
 * fuzz_calls.c requires.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "fuzz_calls.h"
#include "harness/check_normnet.h"
#include "harness/process.h"
#include "harness/test_random.h"

#include <time.h>
#include <unistd.h>

enum {
    DEFAULT_CALLS = 5000,
    INPUT = 512,          /* bytes, as fuzz_calls takes them from libFuzzer */
    FILES_EVERY = 32,     /* inputs */
    LOOKS = 10,           /* of a run */
    SLACK_KIB = 4 * 1024, /* what malloc may keep for itself; a leak of a run of a million calls is more */
    SIDE = 12,
    BATCH = 40,
    CLASSES = 3
};

static const char path[] = "soak.file";

/* ---- Progress -------------------------------------------------------------------------------- */

static void show_progress(const char *what, int64_t done, int64_t all, const char *unit)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r%s: %" PRId64 " of %" PRId64 " %s%s", what, done, all, unit, done >= all ? "\n" : "");
}

static void report(const char *what, int64_t count, const char *unit, const struct process *first)
{
    const struct process now = process_now();

    printf("    %s: %" PRId64 " %s; resident %ld KiB, after the first tenth %ld; threads %d, descriptors %d\n", what,
           count, unit, now.resident_kib, first->resident_kib, now.threads, now.descriptors);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static normnet_config small_config(int32_t norm)
{
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, norm));
    config.height = config.width = SIDE;
    config.classes = CLASSES;
    config.architecture = "conv3-4p1 norm relu dropout maxpool2 conv3-8p1 norm relu gap conv1-3";
    config.threads = 2;
    config.average_decay = 0.9;
    return config;
}

/* Files, right and wrong, which fuzz_calls.c leaves out. */
static void use_files(int32_t norm)
{
    const normnet_config config = small_config(norm);
    normnet_model *model = CHECK_CREATE(&config), *loaded = NULL, *none = NULL;

    CHECK_OK(normnet_model_save(model, path, NULL));
    CHECK_OK(normnet_model_load(&loaded, path, &config));
    CHECK_OK(normnet_load_weights(model, path));
    CHECK_STATUS(normnet_model_save(model, "no/such/folder", NULL), NORMNET_EIO);
    CHECK_STATUS(normnet_model_load(&none, "no/such/file", NULL), NORMNET_EIO);
    CHECK_OK(normnet_model_export_onnx(model, path));
    CHECK(normnet_model_load(&none, path, NULL) != NORMNET_OK && none == NULL);
    CHECK(normnet_load_weights(model, path) != NORMNET_OK);
    fuzz_calls_made += 10;
    normnet_model_destroy(model);
    normnet_model_destroy(loaded);
    remove(path);
}

static void make_calls(int64_t calls, uint64_t seed)
{
    struct random_stream random = {seed};
    struct process first = {0};
    uint8_t input[INPUT];
    int64_t next_look = calls / LOOKS;
    int looks = 0;

    for (int64_t i = 0; fuzz_calls_made < calls && check_state()->failures == 0; ++i) {
        for (int k = 0; k < INPUT; ++k)
            input[k] = (uint8_t)random_below(&random, 256);
        (void)LLVMFuzzerTestOneInput(input, INPUT);
        if (i % FILES_EVERY == 0)
            use_files((int32_t)(i / FILES_EVERY % NORM_COUNT));
        if (fuzz_calls_made < next_look)
            continue;
        if (looks++ == 0)
            first = process_now();
        else
            check_process(&first, SLACK_KIB);
        next_look += calls / LOOKS;
        show_progress("calls", fuzz_calls_made, calls, "calls");
    }
    CHECK(looks >= LOOKS - 1);
    report("calls", fuzz_calls_made, "calls", &first);
}

/* ---- Training -------------------------------------------------------------------------------- */

struct training {
    normnet_config config;
    normnet_model *model;
    uint8_t pixels[BATCH][SIDE * SIDE], digits[BATCH];
    normnet_tensor images, labels;
};

static void begin_training(struct training *training)
{
    struct random_stream random = {1};

    training->config = small_config(NORMNET_NORM_BATCH);
    training->config.lr = 0.001;
    training->model = CHECK_CREATE(&training->config);
    for (int i = 0; i < BATCH; ++i) {
        training->digits[i] = (uint8_t)(i % CLASSES);
        for (int k = 0; k < SIDE * SIDE; ++k)
            training->pixels[i][k] = (uint8_t)(random_below(&random, 128) + i % CLASSES * 60);
    }
    training->images = tensor_images(NORMNET_U8, training->pixels, BATCH, &training->config);
    training->labels = tensor_1d(NORMNET_U8, training->digits, BATCH);
}

/* Steps of batches of every size, and what a program does between epochs. */
static void train_epoch(struct training *training)
{
    normnet_metrics metrics = metrics_init();
    normnet_model *copy = NULL;

    for (int i = 2; i <= BATCH; ++i) {
        training->images.shape[0] = training->labels.shape[0] = i;
        CHECK_OK(normnet_train_step(training->model, &training->images, &training->labels, &metrics));
    }
    CHECK(isfinite(metrics.loss));
    CHECK_OK(normnet_update_average_statistics(training->model, &training->images, 1));
    CHECK_OK(normnet_evaluate(training->model, &training->images, &training->labels, &metrics, NULL, NULL));
    CHECK_OK(normnet_model_clone(&copy, training->model, NULL));
    CHECK_OK(normnet_model_save(copy, path, NULL));
    normnet_model_destroy(copy);
}

static void train(int64_t seconds)
{
    static struct training training;
    const time_t begin = time(NULL);
    struct process first = {0};
    int64_t steps = 0, looked = -1;

    begin_training(&training);
    for (int64_t now = 0; now < seconds && training.model != NULL && check_state()->failures == 0;
         now = (int64_t)(time(NULL) - begin)) {
        train_epoch(&training);
        steps += BATCH - 1;
        if (now < seconds / LOOKS || now == looked)
            continue;
        looked = now;
        if (first.threads == 0)
            first = process_now();
        else
            check_process(&first, SLACK_KIB);
        show_progress("training", now, seconds, "seconds");
    }
    normnet_model_destroy(training.model);
    remove(path);
    report("training", steps, "steps", &first);
}

/* ---- The command line ------------------------------------------------------------------------ */

struct options {
    int64_t calls, seconds, seed;
};

static void soak_calls(const void *argument)
{
    const struct options *options = argument;

    make_calls(options->calls, (uint64_t)options->seed);
}

static void soak_training(const void *argument)
{
    const struct options *options = argument;

    train(options->seconds);
}

static int usage(FILE *stream)
{
    fprintf(stream, "usage: soak [--calls N] [--seconds N] [--seed N] [-h | --help]\n\n"
                    "Makes random API calls, right and wrong, then trains, and checks that memory,\n"
                    "threads and descriptors of the process stay as they are. It writes its files to\n"
                    "the working directory.\n\n"
                    "  --calls N    number of calls [5000]\n"
                    "  --seconds N  duration of the training [2]\n"
                    "  --seed N     of the calls [1]\n"
                    "  -h, --help   prints this help\n");
    return stream == stdout ? 0 : 2;
}

/* 1 if `text` is a whole number of at least `least`. */
static int read_count(const char *text, int64_t least, int64_t *value)
{
    char *end;

    if (text == NULL)
        return 0;
    *value = strtoll(text, &end, 10);
    return end != text && *end == '\0' && *value >= least;
}

int main(int argc, char **argv)
{
    struct options options = {DEFAULT_CALLS, 2, 1};
    char *no_filters[] = {argv[0], NULL};

    for (int i = 1; i < argc; i += 2) {
        int64_t *const value = strcmp(argv[i], "--calls") == 0     ? &options.calls
                               : strcmp(argv[i], "--seconds") == 0 ? &options.seconds
                               : strcmp(argv[i], "--seed") == 0    ? &options.seed
                                                                   : NULL;

        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return usage(stdout);
        if (value == NULL || !read_count(argv[i + 1], value == &options.calls ? LOOKS : 0, value)) {
            fprintf(stderr, "soak: %s is no option, or has no valid number\n", argv[i]);
            return usage(stderr);
        }
    }
    if (!check_begin(1, no_filters))
        return check_end();
    check_case("soak: random calls leave nothing behind", soak_calls, &options);
    if (options.seconds > 0)
        check_case("soak: training needs no more with time", soak_training, &options);
    return check_end();
}
