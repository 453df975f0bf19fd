/* SPDX-License-Identifier: MIT */
/*
 * The host around each call, successful or not: errno, floating-point mode and flags, locale, environment, signals,
 * descriptors, threads and the like are as they were, and the results do not depend on them. POSIX only.
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "host_state.h"
#include "model_use.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if !defined(SANITIZED)
#define SANITIZED 0
#endif

#if defined(__GLIBC__) && defined(__x86_64__)
#define HAS_TRAPS 1
#else
#define HAS_TRAPS 0
#endif

static const char path[] = "test_host_state.model";

enum { IMAGES = TWINS_IMAGES };

/* Hosts whose settings are unusual. */
enum setting { PLAIN, COMMA, WIDE_POINT, ROUNDING, FLUSHING, TRAPPING, UNALIGNED };

struct use {
    enum setting setting;
    int32_t threads;
    struct host host;
    normnet_config config;
    normnet_model *model;
    float *floats;   /* of the images */
    int32_t *digits; /* of the labels */
    normnet_tensor images, labels, nothing;
    struct twins_outputs *out;
    normnet_tensor scores, classes, map;
    uint64_t results;
};

/* ---- The calls, by the sections of normnet.h -------------------------------------------------------- */

static void versions(struct use *use)
{
    KEEPS(&use->host, strcmp(normnet_status_string(NORMNET_EIO), "NORMNET_EIO") == 0);
    KEEPS(&use->host, strlen(normnet_version()) > 0);
    KEEPS(&use->host, normnet_abi_version() == NORMNET_ABI_VERSION);
    KEEPS(&use->host, normnet_bits_version() > 0);
    KEEPS(&use->host, strlen(normnet_cpu_name(NULL)) > 0);
}

static void creation(struct use *use)
{
    normnet_config config;

    KEEPS(&use->host, normnet_config_init_size(&config, (int32_t)sizeof config, use->config.norm) == NORMNET_OK);
    KEEPS(&use->host, normnet_config_init_size(&config, (int32_t)sizeof config, 99) == NORMNET_EUNSUPPORTED);
    config = use->config;
    config.lr = -0.5;
    KEEPS(&use->host, normnet_model_create(&use->model, &config) == NORMNET_EVALUE);
    KEEPS(&use->host, strstr(normnet_error_message(), "-0.5") != NULL);
    use->results = hash_bytes(use->results, normnet_error_message(), strlen(normnet_error_message()));
    config.architecture = "conv3-4 nonsense";
    KEEPS(&use->host, normnet_model_create(&use->model, &config) != NORMNET_OK);
    config = use->config;
    config.memory_limit = 1000;
    KEEPS(&use->host, normnet_model_create(&use->model, &config) == NORMNET_ELIMIT);
    use->host.started = use->threads - 1;
    KEEPS(&use->host, normnet_model_create(&use->model, &use->config) == NORMNET_OK);
}

static void description(struct use *use)
{
    const normnet_model *model = use->model;
    struct twins_outputs *out = use->out;
    normnet_tensor entry;
    char text[4096];

    KEEPS(&use->host, normnet_model_config(model, &out->config) == NORMNET_OK);
    KEEPS(&use->host, strlen(normnet_cpu_name(model)) > 0);
    KEEPS(&use->host, normnet_model_summary(model, text, sizeof text) > 0);
    use->results = hash_bytes(use->results, text, strlen(text));
    KEEPS(&use->host, normnet_layer_count(model) > 0);
    KEEPS(&use->host, normnet_layer(model, 0, &out->layer) == NORMNET_OK);
    KEEPS(&use->host, normnet_layer(model, 99, &out->layer) == NORMNET_EINVAL);
    KEEPS(&use->host, normnet_parameter_count(model) > 0);
    KEEPS(&use->host, normnet_state_count(model) > 0);
    KEEPS(&use->host, normnet_state(model, 0, &out->state) == NORMNET_OK);
    KEEPS(&use->host, out->state.average != NULL);
    KEEPS(&use->host, normnet_state(model, -1, &out->state) == NORMNET_EINVAL);
    KEEPS(&use->host,
          normnet_set_parameters(use->model, out->state.data, normnet_parameter_count(model)) == NORMNET_OK);
    KEEPS(&use->host, normnet_set_parameters(use->model, out->state.data, 3) == NORMNET_EMISMATCH);
    normnet_tensor_init(&entry, out->state.dtype, out->state.data, out->state.rank, out->state.shape);
    KEEPS(&use->host, normnet_set_state(use->model, out->state.name, &entry) == NORMNET_OK);
    KEEPS(&use->host, normnet_set_state(use->model, "no such entry", &entry) != NORMNET_OK);
}

static void training(struct use *use)
{
    normnet_model *model = use->model;
    normnet_metrics *metrics = &use->out->metrics;
    const float before = use->floats[77];

    KEEPS(&use->host, normnet_train_step(model, &use->images, &use->labels, metrics) == NORMNET_OK);
    KEEPS(&use->host, normnet_train_step(model, &use->nothing, &use->labels, metrics) == NORMNET_EINVAL);
    use->floats[77] = NAN;
    KEEPS(&use->host, normnet_train_step(model, &use->images, &use->labels, metrics) == NORMNET_EVALUE);
    use->floats[77] = before;
    KEEPS(&use->host, normnet_compute_gradients(model, &use->images, &use->labels, NULL, metrics) == NORMNET_OK);
    KEEPS(&use->host, normnet_train_step(model, &use->images, &use->labels, metrics) == NORMNET_ESTATE);
    KEEPS(&use->host, normnet_gradients(model, &use->out->gradients, NULL) == NORMNET_OK);
    KEEPS(&use->host, normnet_apply_gradients(model, IMAGES) == NORMNET_OK);
    KEEPS(&use->host, normnet_apply_gradients(model, IMAGES) == NORMNET_ESTATE);
    KEEPS(&use->host, normnet_compute_gradients(model, &use->images, &use->labels, NULL, NULL) == NORMNET_OK);
    KEEPS(&use->host, normnet_discard_gradients(model) == NORMNET_OK);
    KEEPS(&use->host, normnet_set_learning_rate(model, 0.125, 0.5) == NORMNET_ESTATE);
    KEEPS(&use->host, normnet_steps_taken(model) == 2);
    KEEPS(&use->host, normnet_update_statistics(model, &use->images, 1) == NORMNET_OK);
    KEEPS(&use->host, normnet_update_average_statistics(model, &use->images, 1) == NORMNET_OK);
}

static void prediction(struct use *use)
{
    const normnet_predict_options batch = options_init(NORMNET_SCORES_LOG_PROBABILITIES, NORMNET_STATISTICS_BATCH);
    normnet_predict_options average = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_RUNNING);
    normnet_model *model = use->model;
    struct twins_outputs *out = use->out;

    average.weights = NORMNET_WEIGHTS_AVERAGE;
    KEEPS(&use->host, normnet_predict(model, &use->images, &use->scores, &use->classes, &average) == NORMNET_OK);
    use->results = hash_bytes(use->results, out->scores, sizeof out->scores);
    KEEPS(&use->host,
          normnet_evaluate(model, &use->images, &use->labels, &out->metrics, out->confusion, NULL) == NORMNET_OK);
    KEEPS(&use->host, normnet_evaluate(model, &use->images, NULL, &out->metrics, NULL, NULL) == NORMNET_EINVAL);
    KEEPS(&use->host, normnet_predict(model, &use->images, &use->scores, &use->classes, &batch) == NORMNET_OK);
    use->results = hash_bytes(use->results, out->scores, sizeof out->scores);
    KEEPS(&use->host, normnet_predict(model, &use->images, &use->scores, &use->classes, NULL) == NORMNET_OK);
    KEEPS(&use->host, normnet_predict(model, &use->images, &use->images, &use->classes, NULL) == NORMNET_EINVAL);
    KEEPS(&use->host, normnet_layer_output(model, &use->images, 0, &use->map, NULL) == NORMNET_OK);
    KEEPS(&use->host, normnet_layer_output(model, &use->images, 99, &use->map, NULL) == NORMNET_EINVAL);
    use->results = hash_bytes(use->results, out->scores, sizeof out->scores);
    use->results = hash_bytes(use->results, out->map, sizeof out->map);
    use->results = hash_bytes(use->results, out->confusion, sizeof out->confusion);
}

static void files(struct use *use)
{
    normnet_model *model = use->model, *loaded = NULL;
    unsigned char *bytes;
    int64_t size;

    KEEPS(&use->host, normnet_model_save(model, path, NULL) == NORMNET_OK);
    KEEPS(&use->host, normnet_model_save(model, path, NULL) == NORMNET_OK); /* over the old file */
    KEEPS(&use->host, normnet_model_save(model, "no/such/folder", NULL) == NORMNET_EIO);
    KEEPS(&use->host, normnet_model_load(&loaded, path, NULL) == NORMNET_OK);
    KEEPS(&use->host, strcmp(normnet_model_note(loaded), "") == 0);
    CHECK(hash_state(loaded) == hash_state(model));
    KEEPS(&use->host, (normnet_model_destroy(loaded), 1));
    KEEPS(&use->host, normnet_model_load(&loaded, "no/such/file", NULL) == NORMNET_EIO);
    KEEPS(&use->host, normnet_load_weights(model, path) == NORMNET_OK);
    KEEPS(&use->host, normnet_load_weights(model, "no/such/file") == NORMNET_EIO);
    KEEPS(&use->host, normnet_model_export_onnx(model, path) == NORMNET_OK);
    KEEPS(&use->host, normnet_load_weights(model, path) == NORMNET_EFORMAT);
    KEEPS(&use->host, normnet_model_serialize(model, NULL, 0, &size, NULL) == NORMNET_OK);
    bytes = check_allocate((size_t)size, 1);
    KEEPS(&use->host, normnet_model_serialize(model, bytes, size, &size, NULL) == NORMNET_OK);
    use->results = hash_bytes(use->results, bytes, (size_t)size);
    KEEPS(&use->host, normnet_model_deserialize(&loaded, bytes, size, NULL) == NORMNET_OK);
    normnet_model_destroy(loaded);
    KEEPS(&use->host, normnet_deserialize_weights(model, bytes, size) == NORMNET_OK);
    bytes[size / 2] ^= 1;
    KEEPS(&use->host, normnet_model_deserialize(&loaded, bytes, size, NULL) == NORMNET_ECHECKSUM);
    KEEPS(&use->host, normnet_deserialize_weights(model, bytes, size) == NORMNET_ECHECKSUM);
    free(bytes);
    remove(path);
}

static void copies_and_end(struct use *use)
{
    normnet_model *copy = NULL;

    use->host.started = use->threads - 1;
    KEEPS(&use->host, normnet_model_clone(&copy, use->model, NULL) == NORMNET_OK);
    use->host.started = 1 - use->threads;
    KEEPS(&use->host, (normnet_model_destroy(copy), 1));
    use->host.started = use->threads - 1;
    KEEPS(&use->host, normnet_model_clone_average(&copy, use->model, NULL) == NORMNET_OK);
    use->results = hash_bytes(use->results, &(uint64_t){hash_state(copy)}, sizeof(uint64_t));
    use->host.started = 1 - use->threads;
    KEEPS(&use->host, (normnet_model_destroy(copy), 1));
    use->host.started = 1 - use->threads;
    KEEPS(&use->host, (normnet_model_destroy(use->model), 1));
}

static void schedules(struct use *use)
{
    struct twins_outputs *out = use->out;

    KEEPS(&use->host, normnet_one_cycle_lr(&use->config, 17, &out->lr, &out->momentum) == NORMNET_OK);
    use->results = hash_bytes(use->results, &out->lr, sizeof out->lr);
    KEEPS(&use->host, normnet_one_cycle_lr(&use->config, -1, NULL, NULL) == NORMNET_EINVAL);
    KEEPS(&use->host, normnet_step_lr(&use->config, 17, &out->lr, &out->momentum) == NORMNET_OK);
    KEEPS(&use->host, normnet_shard(100, 3, 1, &out->first, &out->count) == NORMNET_OK);
    KEEPS(&use->host, normnet_shard(100, 3, 3, &out->first, &out->count) == NORMNET_EINVAL);
}

/* ---- Hosts ------------------------------------------------------------------------------------------ */

/* A language with this decimal point. */
struct language {
    const char *name, *point;
};

static const struct language *language_of(enum setting setting)
{
    static const struct language turkish = {"tr_TR", ","}, pashto = {"ps_AF", "\xD9\xAB"};

    return setting == COMMA ? &turkish : setting == WIDE_POINT ? &pashto : NULL;
}

/* Uses the language's locale: an installed one, or one that localedef makes in `folder`. */
static int use_language(const struct language *language, char *folder)
{
    char name[32], command[256];

    snprintf(name, sizeof name, "%s.UTF-8", language->name);
    if (setlocale(LC_ALL, name) == NULL) {
        if (mkdtemp(folder) == NULL)
            return 0;
        snprintf(command, sizeof command, "localedef -i %s -f UTF-8 %s/%s >%s/log 2>&1", language->name, folder, name,
                 folder);
        if (system(command) != 0 || setenv("LOCPATH", folder, 1) != 0 || setlocale(LC_ALL, name) == NULL)
            return 0;
    }
    return strcmp(localeconv()->decimal_point, language->point) == 0;
}

static void leave_language(const char *folder)
{
    char command[256];

    setlocale(LC_ALL, "C");
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (strstr(folder, "XXXXXX") == NULL && system(command) != 0) /* mkdtemp has given it a name */
        CHECK_FAIL("cannot remove %s", folder);
}

/* Floating-point settings are those of a thread. */
static void set_floating_point(enum setting setting)
{
    feclearexcept(FE_ALL_EXCEPT);
    if (setting == ROUNDING)
        fesetround(FE_UPWARD);
#if HAS_MXCSR
    if (setting == FLUSHING)
        _mm_setcsr(_mm_getcsr() | 0x8040u); /* flush to zero, denormals are zero */
#endif
#if HAS_TRAPS
    if (setting == TRAPPING)
        feenableexcept(FE_INVALID | FE_DIVBYZERO | FE_OVERFLOW);
#if HAS_MXCSR
    if (setting == TRAPPING)
        _mm_setcsr(_mm_getcsr() & ~0x100u); /* denormal operands */
#endif
#endif
}

static void *use_library(void *argument)
{
    struct use *use = argument;

    set_floating_point(use->setting);
    versions(use);
    creation(use);
    description(use);
    training(use);
    prediction(use);
    files(use);
    schedules(use);
    copies_and_end(use);
    return NULL;
}

/* In a thread with 64 KiB of stack; sanitizers widen every frame. */
static void run_in_small_thread(struct use *use)
{
    const int threads = count_threads();
    pthread_attr_t attributes;
    pthread_t thread;

    pthread_attr_init(&attributes);
    CHECK_EQUAL(pthread_attr_setstacksize(&attributes, SANITIZED ? 1u << 20 : 64u << 10), 0);
    if (CHECK_EQUAL(pthread_create(&thread, &attributes, use_library, use), 0))
        pthread_join(thread, NULL);
    (void)count_threads_after(threads); /* before the next one counts */
    pthread_attr_destroy(&attributes);
}

static void draw(struct use *use, const struct twins_inputs *in, float *floats, int32_t *digits)
{
    static const int64_t map[] = {IMAGES, 4, 10, 10};
    static const int64_t none[] = {0, TWINS_CHANNELS, TWINS_SIDE, TWINS_SIDE};

    use->floats = floats;
    use->digits = digits;
    memcpy(use->floats, in->floats, sizeof in->floats);
    memcpy(use->digits, in->digits32, sizeof in->digits32);
    for (int i = 0; i < TWINS_PIXELS; ++i)
        use->floats[i] = 1e-40f; /* denormal */
    use->images = tensor_images(NORMNET_F32, use->floats, IMAGES, &use->config);
    use->labels = tensor_1d(NORMNET_I32, use->digits, IMAGES);
    normnet_tensor_init(&use->nothing, NORMNET_F32, use->floats, 4, none);
    use->scores = tensor_2d(NORMNET_F32, use->out->scores, IMAGES, TWINS_CLASSES);
    use->classes = tensor_1d(NORMNET_I64, use->out->classes, IMAGES);
    normnet_tensor_init(&use->map, NORMNET_F32, use->out->map, 4, map);
}

/* All calls of such a host: a hash of what they return. */
static uint64_t use_as(enum setting setting, const struct settings *want, struct host *calls)
{
    const size_t size = sizeof(struct twins_inputs) + 64;
    const size_t offset = setting == UNALIGNED ? sizeof(float) : 0;
    char *floats = check_allocate(size, 1), *digits = check_allocate(size, 1);
    struct use use = {.setting = setting, .threads = want->threads, .results = 1};
    struct twins *pair = check_allocate(1, sizeof *pair);

    twins_draw(pair);
    use.config = config_of(want);
    use.config.average_decay = 1e-310; /* denormal */
    use.out = check_allocate(1, sizeof *use.out);
    twins_blank(pair);
    memcpy(use.out, &pair->blank, sizeof *use.out);
    use.host.counts_threads = THREADS_COUNT;
    draw(&use, &pair->in, (float *)(void *)(floats + offset), (int32_t *)(void *)(digits + offset));
    run_in_small_thread(&use);
    if (calls != NULL)
        *calls = use.host;
    free(use.out);
    free(pair);
    free(floats);
    free(digits);
    return use.results;
}

enum { WAYS = 3 * NORM_COUNT };

/* Each norm with one thread, with two, and with portable kernels: hashes of what the calls return. */
static void use_all_ways(enum setting setting, uint64_t results[WAYS])
{
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        results[3 * norm] = use_as(setting, &(struct settings){norm, 1, NORMNET_CPU_BEST}, NULL);
        results[3 * norm + 1] = use_as(setting, &(struct settings){norm, 2, NORMNET_CPU_BEST}, NULL);
        results[3 * norm + 2] = use_as(setting, &(struct settings){norm, 1, NORMNET_CPU_PORTABLE}, NULL);
    }
}

static void unchanged(const void *argument)
{
    const enum setting setting = *(const enum setting *)argument;
    const struct language *language = language_of(setting);
    char folder[] = "/tmp/normnet_locale_XXXXXX";
    uint64_t expected[WAYS], results[WAYS];

    use_all_ways(PLAIN, expected);
    if (language == NULL || use_language(language, folder)) {
        use_all_ways(setting, results);
        for (int i = 0; i < WAYS; ++i)
            if (results[i] != expected[i])
                CHECK_FAIL("%s norm, way %d: other results", norm_name(i / 3), i % 3);
    } else {
        check_skip("there is no such locale; apt-get install locales");
    }
    if (language != NULL)
        leave_language(folder);
}

/* Each function of the library is among the calls. */
static void complete(const void *argument)
{
    static struct host host;
    FILE *map = fopen(MAP, "r");
    char line[256];
    int functions = 0;

    (void)argument;
    use_as(PLAIN, &(struct settings){NORMNET_NORM_BATCH, 1, NORMNET_CPU_BEST}, &host);
    if (!CHECK(map != NULL))
        return;
    while (fgets(line, sizeof line, map) != NULL) {
        char name[256];
        int called = 0;

        if (sscanf(line, " %200[a-z_0-9];", name) != 1 || strncmp(name, "normnet_", 8) != 0)
            continue;
        ++functions;
        strcat(name, "(");
        for (int i = 0; i < host.calls; ++i)
            called |= strstr(host.called[i], name) != NULL;
        if (!called)
            CHECK_FAIL("%s) is not called here", name);
    }
    fclose(map);
    CHECK(functions > 40);
}

int main(int argc, char **argv)
{
    static const struct {
        enum setting setting;
        const char *name;
    } hosts[] = {
        {PLAIN, "that is plain"},
        {COMMA, "with a decimal comma"},
        {WIDE_POINT, "with a decimal point of two bytes"},
        {ROUNDING, "that rounds upward"},
        {FLUSHING, "that flushes denormal numbers"},
        {TRAPPING, "with floating-point traps"},
        {UNALIGNED, "whose data is aligned to 4 bytes"},
    };

    if (!check_begin(argc, argv))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(hosts); ++i)
        if ((HAS_MXCSR || hosts[i].setting != FLUSHING) && (HAS_TRAPS || hosts[i].setting != TRAPPING))
            check_case_named(unchanged, &hosts[i].setting, "no call changes a host %s", hosts[i].name);
    check_case("each function is called", complete, NULL);
    return check_end();
}
