/* SPDX-License-Identifier: MIT */
/*
 * The process around the library: locale, errno, signals, output, environment, descriptors and
 * threads are as they were, and hosts with unusual settings are served. POSIX only.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "harness/child.h"
#include "model_use.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#if !defined(SANITIZED)
#define SANITIZED 0
#endif

static void errno_unchanged(const void *argument)
{
    const struct settings want = {NORMNET_NORM_BATCH, 1, NORMNET_CPU_BEST};
    const normnet_config config = config_of(&want);
    struct twins *pair = twins_open_config(&config);
    normnet_model *model = NULL, *loaded = NULL, *copy = NULL;
    normnet_config read = {0};
    double *values;
    char text[100];

    (void)argument;
    read.struct_size = (int32_t)sizeof read;
#define KEEPS_ERRNO(call)                                                                                              \
    errno = 12345;                                                                                                     \
    CHECK(call);                                                                                                       \
    CHECK_EQUAL(errno, 12345)
    KEEPS_ERRNO(normnet_config_init(&read, NORMNET_NORM_BATCH) == NORMNET_OK);
    KEEPS_ERRNO(normnet_model_create(&model, &config) == NORMNET_OK);
    KEEPS_ERRNO(normnet_train_step(model, &pair->images, &pair->labels, &pair->out.metrics) == NORMNET_OK);
    KEEPS_ERRNO(normnet_compute_gradients(model, &pair->images, &pair->labels, NULL, NULL) == NORMNET_OK);
    KEEPS_ERRNO(normnet_gradients(model, &values, NULL) == NORMNET_OK);
    KEEPS_ERRNO(normnet_apply_gradients(model, TWINS_IMAGES) == NORMNET_OK);
    KEEPS_ERRNO(normnet_discard_gradients(model) == NORMNET_OK);
    KEEPS_ERRNO(normnet_update_statistics(model, &pair->images, 1) == NORMNET_OK);
    KEEPS_ERRNO(normnet_update_average_statistics(model, &pair->images, 1) == NORMNET_OK);
    KEEPS_ERRNO(normnet_evaluate(model, &pair->images, &pair->labels, NULL, NULL, NULL) == NORMNET_OK);
    KEEPS_ERRNO(normnet_predict(model, &pair->images, &pair->scores, &pair->classes, NULL) == NORMNET_OK);
    KEEPS_ERRNO(normnet_layer_output(model, &pair->images, 0, &pair->map, NULL) == NORMNET_OK);
    KEEPS_ERRNO(normnet_model_config(model, &read) == NORMNET_OK);
    KEEPS_ERRNO(normnet_model_summary(model, text, sizeof text) > 0);
    KEEPS_ERRNO(normnet_layer(model, 0, &pair->out.layer) == NORMNET_OK);
    KEEPS_ERRNO(normnet_state(model, 0, &pair->out.state) == NORMNET_OK);
    KEEPS_ERRNO(normnet_set_parameters(model, pair->out.state.data, normnet_parameter_count(model)) == NORMNET_OK);
    KEEPS_ERRNO(normnet_one_cycle_lr(&config, 3, NULL, NULL) == NORMNET_OK);
    KEEPS_ERRNO(normnet_shard(10, 2, 1, &pair->out.first, &pair->out.count) == NORMNET_OK);
    KEEPS_ERRNO(strlen(normnet_version()) > 0);
    KEEPS_ERRNO(normnet_model_save(model, "test_process.model", NULL) == NORMNET_OK);
    KEEPS_ERRNO(normnet_model_save(model, "test_process.model", NULL) == NORMNET_OK);
    KEEPS_ERRNO(normnet_load_weights(model, "test_process.model") == NORMNET_OK);
    KEEPS_ERRNO(normnet_model_load(&loaded, "test_process.model", NULL) == NORMNET_OK);
    KEEPS_ERRNO(normnet_model_export_onnx(model, "test_process.model") == NORMNET_OK);
    KEEPS_ERRNO(normnet_model_clone(&copy, model, NULL) == NORMNET_OK);
    normnet_model_destroy(copy);
    KEEPS_ERRNO(normnet_model_clone_average(&copy, model, NULL) == NORMNET_OK);
    KEEPS_ERRNO((normnet_model_destroy(model), 1));
    remove("test_process.model");
    normnet_model_destroy(loaded);
    normnet_model_destroy(copy);
#undef KEEPS_ERRNO
    twins_close(pair);
}

/* ---- Locale ------------------------------------------------------------------------------------ */

static int use_locale(const char *name)
{
    return setlocale(LC_ALL, name) != NULL && strcmp(localeconv()->decimal_point, ",") == 0;
}

/* A locale with a decimal comma: an installed one, or one built by localedef in a temporary folder. */
static int use_comma(char *folder)
{
    const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "tr_TR.UTF-8", "de_DE"};
    char command[256];

    for (int i = 0; i < CHECK_COUNT(names); ++i)
        if (use_locale(names[i]))
            return 1;
    if (mkdtemp(folder) == NULL)
        return 0;
    snprintf(command, sizeof command, "localedef -i tr_TR -f UTF-8 %s/tr_TR.UTF-8 >%s/log 2>&1", folder, folder);
    if (system(command) == 0 && setenv("LOCPATH", folder, 1) == 0)
        return use_locale("tr_TR.UTF-8");
    return 0;
}

static void leave_locale(const char *folder)
{
    char command[256];

    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (strstr(folder, "XXXXXX") == NULL && system(command) != 0) /* mkdtemp has given it a name */
        CHECK_FAIL("cannot remove %s", folder);
}

/* A model's description and results, as text. */
static void speak(char *text, size_t size)
{
    normnet_config config = twins_config(NORMNET_NORM_GROUP);
    struct twins *pair;
    size_t length;

    config.architecture = "conv3-4 norm dropout0.25 relu dropout.5 gap conv1-10";
    config.l2 = 0.125;
    pair = twins_open_config(&config);
    twins_advance(__FILE__, __LINE__, "creation", pair);
    normnet_model_summary(pair->model, text, (int64_t)size);
    length = strlen(text);
    CHECK_STATUS(normnet_set_learning_rate(pair->model, -0.375, 1.5), NORMNET_EVALUE);
    snprintf(text + length, size - length, "%s %016" PRIx64, normnet_error_message(), hash_state(pair->model));
    twins_close(pair);
}

static void locales(const void *argument)
{
    char folder[] = "/tmp/normnet_locale_XXXXXX", plain[4096], foreign[4096], name[256];

    (void)argument;
    speak(plain, sizeof plain);
    if (!use_comma(folder)) {
        check_skip("there is no locale with a decimal comma; apt-get install locales");
        leave_locale(folder);
        return;
    }
    snprintf(name, sizeof name, "%s", setlocale(LC_ALL, NULL));
    speak(foreign, sizeof foreign);
    CHECK_TEXT(setlocale(LC_ALL, NULL), name);
    leave_locale(folder);
    CHECK(strstr(plain, "-0.375") != NULL);
    CHECK_TEXT(foreign, plain);
}

/* ---- Output, signals, environment, descriptors, threads ---------------------------------------- */

static void use_all_ways(struct twins_inputs *in, struct twins_outputs *out)
{
    for (int i = 0; i < NORM_COUNT; ++i) {
        const struct settings want = {i, 1, NORMNET_CPU_BEST};

        CHECK_EQUAL(use_well(&want, in, out), 0);
        use_badly(&want, in);
    }
}

static void no_output(const void *argument)
{
    char name[] = "/tmp/normnet_output_XXXXXX";
    struct twins_inputs *in = draw_inputs();
    struct twins_outputs *out = check_allocate(1, sizeof *out);
    const int file = mkstemp(name), standard = dup(1), errors = dup(2);
    struct stat status;

    (void)argument;
    fflush(NULL);
    dup2(file, 1);
    dup2(file, 2);
    use_all_ways(in, out);
    fflush(NULL);
    dup2(standard, 1);
    dup2(errors, 2);
    close(standard);
    close(errors);
    CHECK(fstat(file, &status) == 0);
    CHECK_EQUAL(status.st_size, 0);
    close(file);
    unlink(name);
    free(in);
    free(out);
}

struct use {
    struct twins_inputs *in;
    struct twins_outputs *out;
};

static int use_without_streams(void *context)
{
    const struct use *self = context;

    close(0);
    close(1);
    close(2);
    use_all_ways(self->in, self->out);
    return check_state()->failures > 0;
}

static void closed_output(const void *argument)
{
    struct use self = {draw_inputs(), check_allocate(1, sizeof *self.out)};

    (void)argument;
    in_child(use_without_streams, &self);
    free(self.in);
    free(self.out);
}

extern char **environ;

static uint64_t hash_process(void)
{
    uint64_t hash = 1;
    char path[4096];
    char **variable;
    mode_t mask;

    for (variable = environ; *variable != NULL; ++variable)
        hash = hash_bytes(hash_bytes(hash, variable, sizeof *variable), *variable, strlen(*variable));
    for (int number = 1; number < 65; ++number) {
        struct sigaction action;

        memset(&action, 0, sizeof action);
        if (sigaction(number, NULL, &action) == 0) {
            hash = hash_bytes(hash, &action.sa_handler, sizeof action.sa_handler);
            hash = hash_bytes(hash, &action.sa_flags, sizeof action.sa_flags);
        }
    }
    if (getcwd(path, sizeof path) != NULL)
        hash = hash_bytes(hash, path, strlen(path));
    mask = umask(0);
    umask(mask);
    hash = hash_bytes(hash, &mask, sizeof mask);
    for (int number = 0; number < 256; ++number) {
        const int open = fcntl(number, F_GETFD) != -1;

        hash = hash_bytes(hash, &open, sizeof open);
    }
    return hash_bytes(hash, setlocale(LC_ALL, NULL), strlen(setlocale(LC_ALL, NULL)));
}

/* Threads of this process, -1 where that is unknown. */
static int count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    int count = 0;

    if (folder == NULL)
        return -1;
    while (readdir(folder) != NULL)
        ++count;
    closedir(folder);
    return count - 2; /* without . and .. */
}

static void process_unchanged(const void *argument)
{
    struct twins_inputs *in = draw_inputs();
    struct twins_outputs *out = check_allocate(1, sizeof *out);
    const uint64_t before = hash_process();
    const int threads = count_threads();

    (void)argument;
    use_all_ways(in, out);
    CHECK(hash_process() == before);
    CHECK_EQUAL(count_threads(), threads); /* one thread is the default, and no other is begun */
    free(in);
    free(out);
}

/* ---- fork -------------------------------------------------------------------------------------- */

static int use_two_threads(void *context)
{
    const struct use *self = context;
    const struct settings want = {NORMNET_NORM_BATCH, 2, NORMNET_CPU_BEST};

    return use_well(&want, self->in, self->out) > 0;
}

/* A child of a process that has computed with several threads computes as well; it does not wait for them forever. */
static void forked(const void *argument)
{
    struct use self = {draw_inputs(), check_allocate(1, sizeof *self.out)};

    (void)argument;
    CHECK_EQUAL(use_two_threads(&self), 0);
    in_child(use_two_threads, &self);
    free(self.in);
    free(self.out);
}

/* ---- Little stack ------------------------------------------------------------------------------ */

static struct twins_inputs *stack_inputs;
static struct twins_outputs *stack_outputs;

static void *use_in_thread(void *argument)
{
    int *failed = argument;

    *failed = for_each_setting(use_well, stack_inputs, stack_outputs);
    return NULL;
}

static void little_stack(const void *argument)
{
    /* Sanitizers widen every frame. */
    const size_t size = SANITIZED ? 1u << 20 : 64u << 10;
    pthread_attr_t attributes;
    pthread_t thread;
    int failed = -1;

    (void)argument;
    stack_inputs = draw_inputs();
    stack_outputs = check_allocate(1, sizeof *stack_outputs);
    pthread_attr_init(&attributes);
    CHECK_EQUAL(pthread_attr_setstacksize(&attributes, size), 0);
    CHECK_EQUAL(pthread_create(&thread, &attributes, use_in_thread, &failed), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    CHECK_EQUAL(failed, 0);
    free(stack_inputs);
    free(stack_outputs);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("process: no thread, signal handler, descriptor or variable is left after", process_unchanged, NULL);
    check_case("process: errno is unchanged by success", errno_unchanged, NULL);
    check_case("process: nothing is printed", no_output, NULL);
    check_case("process: works with standard input, output and error closed", closed_output, NULL);
    check_case("process: runs in a thread of 64 KiB of stack", little_stack, NULL);
    check_case("process: a child forked after a parallel step computes on", forked, NULL);
    check_case("locale: a decimal comma changes nothing and stays", locales, NULL);
    return check_end();
}
