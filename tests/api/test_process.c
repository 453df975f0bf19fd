/* SPDX-License-Identifier: MIT */
/*
 * The process around the library: locale, errno, floating-point mode, signals, output, environment, descriptors and
 * threads are as they were, and hosts with unusual settings are served. POSIX only.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* feenableexcept */
#endif
#include "harness/twins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

/* ---- A day in the life of a model -------------------------------------------------------------- */

typedef struct settings {
    int32_t norm, threads, cpu;
} settings;

static normnet_config config_of(const settings *want)
{
    normnet_config config = twins_config(want->norm);
    config.threads = want->threads;
    config.cpu = want->cpu;
    config.l1 = 1e-4;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.total_steps = 1000;
    config.label_smoothing = 0.1;
    return config;
}

/* All that is valid, from create to destroy; the number of calls that failed. */
static int use_well(const settings *want, twins_inputs *in, twins_outputs *out)
{
    const normnet_config config = config_of(want);
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOG_PROBABILITIES, NORMNET_STATISTICS_BATCH);
    const int64_t counts[] = {33, 16, 2, 1};
    normnet_model *model = NULL;
    double lr, momentum;
    int failed = normnet_model_create(&model, &config) != NORMNET_OK, i;
    char text[4096];
    for (i = 0; i < CHECK_COUNT(counts) && failed == 0; ++i) {
        const normnet_tensor images = tensor_images(NORMNET_U8, in->bytes, counts[i], &config);
        const normnet_tensor floats = tensor_images(NORMNET_F32, in->floats, counts[i], &config);
        const normnet_tensor labels = tensor_1d(NORMNET_I32, in->digits32, counts[i]);
        normnet_tensor scores = tensor_2d(NORMNET_F32, out->scores, counts[i], TWINS_CLASSES);
        normnet_tensor classes = tensor_1d(NORMNET_I64, out->classes, counts[i]);
        normnet_metrics metrics = metrics_init();
        failed += normnet_train_step(model, &images, &labels, &metrics) != NORMNET_OK;
        failed += normnet_train_step(model, &floats, &labels, &metrics) != NORMNET_OK;
        failed += normnet_compute_gradients(model, &images, &labels, NULL, &metrics) != NORMNET_OK;
        failed += normnet_apply_gradients(model, counts[i]) != NORMNET_OK;
        failed += normnet_update_statistics(model, &images, i == 0) != NORMNET_OK;
        failed += normnet_evaluate(model, &images, &labels, &metrics, out->confusion, NULL) != NORMNET_OK;
        failed += normnet_evaluate(model, &floats, &labels, &metrics, NULL, &batch) != NORMNET_OK;
        failed += normnet_predict(model, &images, &scores, &classes, NULL) != NORMNET_OK;
        failed += normnet_predict(model, &floats, &scores, &classes, &batch) != NORMNET_OK;
        failed += normnet_one_cycle_lr(&config, 17, &lr, &momentum) != NORMNET_OK;
        failed += normnet_step_lr(&config, 17, &lr, &momentum) != NORMNET_OK;
        failed += normnet_model_summary(model, text, sizeof text) <= 0;
    }
    normnet_model_destroy(model);
    return failed;
}

/* The same with wrong calls of every kind in between. */
static void use_badly(const settings *want, twins_inputs *in)
{
    normnet_config config = config_of(want);
    normnet_tensor images = tensor_images(NORMNET_F32, in->floats, TWINS_IMAGES, &config);
    const normnet_tensor labels = tensor_1d(NORMNET_U8, in->digits8, TWINS_IMAGES);
    normnet_model *model = NULL;
    const float before = in->floats[77];
    (void)normnet_config_init(&config, 99);
    config.architecture = "conv3-4 nonsense";
    (void)normnet_model_create(&model, &config);
    config.architecture = NULL;
    config.lr = -0.5;
    (void)normnet_model_create(&model, &config);
    config = config_of(want);
    config.memory_limit = 1000;
    (void)normnet_model_create(&model, &config);
    config.memory_limit = 0;
    if (normnet_model_create(&model, &config) != NORMNET_OK)
        return;
    (void)normnet_train_step(model, NULL, &labels, NULL);
    (void)normnet_apply_gradients(model, 1);
    (void)normnet_set_learning_rate(model, 0.5, 0.5);
    (void)normnet_set_state(model, "no such entry", &labels);
    images.shape[0] = 0;
    (void)normnet_predict(model, &images, NULL, NULL, NULL);
    images.shape[0] = TWINS_IMAGES;
    in->floats[77] = NAN;
    (void)normnet_evaluate(model, &images, &labels, NULL, NULL, NULL);
    in->floats[77] = before;
    normnet_model_destroy(model);
}

static const int32_t norms[] = {NORMNET_NORM_NONE, NORMNET_NORM_BATCH, NORMNET_NORM_GROUP, NORMNET_NORM_LAYER,
                                NORMNET_NORM_INSTANCE};

/* Every norm on every instruction set that this machine has. */
static int for_each_setting(int (*use)(const settings *, twins_inputs *, twins_outputs *), twins_inputs *in,
                            twins_outputs *out)
{
    int failed = 0, i, cpu;
    for (i = 0; i < CHECK_COUNT(norms); ++i)
        for (cpu = NORMNET_CPU_BEST; cpu <= NORMNET_CPU_PORTABLE; ++cpu) {
            const settings want = {norms[i], 1, cpu};
            failed += use(&want, in, out);
        }
    return failed;
}

/* ---- errno and floating-point mode ------------------------------------------------------------- */

static void errno_unchanged(const void *argument)
{
    const settings want = {NORMNET_NORM_BATCH, 1, NORMNET_CPU_BEST};
    const normnet_config config = config_of(&want);
    twins *pair = twins_open_config(&config);
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
    KEEPS_ERRNO((normnet_model_destroy(model), 1));
    remove("test_process.model");
    normnet_model_destroy(loaded);
    normnet_model_destroy(copy);
#undef KEEPS_ERRNO
    twins_close(pair);
}

/* The part of the floating-point environment that programs set: rounding, traps, flushing; not the sticky flags. */
typedef struct mode {
    int rounding, traps;
    unsigned control;
} mode;

static mode current_mode(void)
{
    mode now = {fegetround(), 0, 0};
#if defined(__GLIBC__)
    now.traps = fegetexcept();
#endif
#if defined(__x86_64__)
    now.control = _mm_getcsr() & ~0x3Fu;
#endif
    return now;
}

static int mode_is(const mode *expected)
{
    const mode now = current_mode();
    return now.rounding == expected->rounding && now.traps == expected->traps && now.control == expected->control;
}

static twins_inputs *draw_inputs(void)
{
    twins *pair = check_allocate(1, sizeof *pair);
    twins_inputs *in = check_allocate(1, sizeof *in);
    twins_draw(pair);
    memcpy(in, &pair->in, sizeof *in);
    free(pair);
    return in;
}

static void mode_unchanged(const void *argument)
{
    twins_inputs *in = draw_inputs();
    twins_outputs *out = check_allocate(1, sizeof *out);
    const mode before = current_mode();
    int i;
    (void)argument;
    for (i = 0; i < CHECK_COUNT(norms); ++i) {
        const settings want = {norms[i], 2, NORMNET_CPU_BEST};
        CHECK_EQUAL(use_well(&want, in, out), 0);
        use_badly(&want, in);
        CHECK(mode_is(&before));
    }
    free(in);
    free(out);
}

/* Hosts that round otherwise or flush small numbers: other results perhaps, but no failure, and their mode stays. */
static void rounding_hosts(const void *argument)
{
    const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    twins_inputs *in = draw_inputs();
    twins_outputs *out = check_allocate(1, sizeof *out);
    int i;
    (void)argument;
    for (i = 0; i < CHECK_COUNT(modes); ++i) {
        mode before;
        fesetround(modes[i]);
        before = current_mode();
        CHECK_EQUAL(for_each_setting(use_well, in, out), 0);
        CHECK(mode_is(&before));
        fesetround(FE_TONEAREST);
    }
    free(in);
    free(out);
}

#if defined(__x86_64__)
static void flushing_hosts(const void *argument)
{
    twins_inputs *in = draw_inputs();
    twins_outputs *out = check_allocate(1, sizeof *out);
    const unsigned usual = _mm_getcsr();
    mode before;
    int i;
    (void)argument;
    for (i = 0; i < TWINS_PIXELS; ++i)
        in->floats[i] = 1e-40f;  /* denormal */
    _mm_setcsr(usual | 0x8040u); /* flush to zero, denormals are zero */
    before = current_mode();
    CHECK_EQUAL(for_each_setting(use_well, in, out), 0);
    CHECK(mode_is(&before));
    _mm_setcsr(usual);
    free(in);
    free(out);
}
#endif

#if defined(__GLIBC__) && defined(__x86_64__)
/* In a child, since a trap ends the process: with valid data nothing is invalid and nothing divides by zero. */
static void trapping_hosts(const void *argument)
{
    const settings *want = argument;
    twins_inputs *in = draw_inputs();
    twins_outputs *out = check_allocate(1, sizeof *out);
    pid_t child;
    int result = 0;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        int failed;
        signal(SIGFPE, SIG_DFL);
        feclearexcept(FE_ALL_EXCEPT);
        if (feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW) == -1)
            _exit(101);
        failed = use_well(want, in, out);
        _exit(failed > 0 ? 100 : 0);
    }
    CHECK(child > 0 && waitpid(child, &result, 0) == child);
    if (WIFSIGNALED(result))
        CHECK_FAIL("the child ended with signal %d (%s)", WTERMSIG(result), strsignal(WTERMSIG(result)));
    else
        CHECK_EQUAL(WEXITSTATUS(result), 0);
    free(in);
    free(out);
}
#endif

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
    int i;
    for (i = 0; i < CHECK_COUNT(names); ++i)
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
    twins *pair;
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

static void use_all_ways(twins_inputs *in, twins_outputs *out)
{
    int i;
    for (i = 0; i < CHECK_COUNT(norms); ++i) {
        const settings want = {norms[i], 1, NORMNET_CPU_BEST};
        CHECK_EQUAL(use_well(&want, in, out), 0);
        use_badly(&want, in);
    }
}

static void no_output(const void *argument)
{
    char name[] = "/tmp/normnet_output_XXXXXX";
    twins_inputs *in = draw_inputs();
    twins_outputs *out = check_allocate(1, sizeof *out);
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

static void closed_output(const void *argument)
{
    twins_inputs *in = draw_inputs();
    twins_outputs *out = check_allocate(1, sizeof *out);
    pid_t child;
    int result = 0;
    (void)argument;
    fflush(NULL);
    child = fork();
    if (child == 0) {
        close(0);
        close(1);
        close(2);
        use_all_ways(in, out);
        _exit(check_state()->failures > 0);
    }
    CHECK(child > 0 && waitpid(child, &result, 0) == child);
    CHECK(WIFEXITED(result) && WEXITSTATUS(result) == 0);
    free(in);
    free(out);
}

extern char **environ;

static uint64_t hash_process(void)
{
    uint64_t hash = 1;
    char path[4096];
    char **variable;
    mode_t mask;
    int number;
    for (variable = environ; *variable != NULL; ++variable)
        hash = hash_bytes(hash_bytes(hash, variable, sizeof *variable), *variable, strlen(*variable));
    for (number = 1; number < 65; ++number) {
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
    for (number = 0; number < 256; ++number) {
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
    twins_inputs *in = draw_inputs();
    twins_outputs *out = check_allocate(1, sizeof *out);
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

/* A child of a process that has computed with several threads computes as well; it does not wait for them forever. */
static void forked(const void *argument)
{
    const settings want = {NORMNET_NORM_BATCH, 2, NORMNET_CPU_BEST};
    twins_inputs *in = draw_inputs();
    twins_outputs *out = check_allocate(1, sizeof *out);
    pid_t child;
    int result = 0;
    (void)argument;
    CHECK_EQUAL(use_well(&want, in, out), 0);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(20);
        _exit(use_well(&want, in, out) > 0);
    }
    CHECK(child > 0 && waitpid(child, &result, 0) == child);
    if (WIFSIGNALED(result))
        CHECK_FAIL("the child ended with signal %d (%s)", WTERMSIG(result), strsignal(WTERMSIG(result)));
    else
        CHECK_EQUAL(WEXITSTATUS(result), 0);
    free(in);
    free(out);
}

/* ---- Little stack ------------------------------------------------------------------------------ */

static twins_inputs *stack_inputs;
static twins_outputs *stack_outputs;

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
    check_case("floating point: the mode is unchanged", mode_unchanged, NULL);
    check_case("floating point: a host that rounds otherwise is served", rounding_hosts, NULL);
#if defined(__x86_64__)
    check_case("floating point: a host that flushes denormals is served", flushing_hosts, NULL);
#endif
#if defined(__GLIBC__) && defined(__x86_64__)
    {
        static const char *const names[] = {"none", "batch", "group", "layer", "instance"};
        static const char *const sets[] = {"best", "portable"};
        settings want;
        int i, cpu;
        for (i = 0; i < CHECK_COUNT(norms); ++i)
            for (cpu = NORMNET_CPU_BEST; cpu <= NORMNET_CPU_PORTABLE; ++cpu) {
                want.norm = norms[i];
                want.threads = 1;
                want.cpu = cpu;
                check_case_named(trapping_hosts, &want, "floating point: valid data raises no trap, norm %s, cpu %s",
                                 names[i], sets[cpu]);
            }
    }
#endif
    check_case("locale: a decimal comma changes nothing and stays", locales, NULL);
    return check_end();
}
