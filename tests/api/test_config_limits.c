/* SPDX-License-Identifier: MIT */
/* The configuration: fields that exclude each other, the ends of the ranges, the memory limit, instruction sets. */
#include "creation.h"

#include <stddef.h>

/* ---- Fields that do not go together ----------------------------------------------------------- */

static void *never(void *user, int64_t size, int64_t alignment)
{
    (void)user;
    (void)size;
    (void)alignment;
    CHECK_FAIL("an allocator without its other half was called");
    return NULL;
}

static void never_back(void *user, void *block, int64_t size)
{
    (void)user;
    (void)block;
    (void)size;
    CHECK_FAIL("an allocator without its other half was called");
}

static int32_t never_reduced(void *user, double *values, int64_t count)
{
    (void)user;
    (void)values;
    (void)count;
    CHECK_FAIL("a reduce of a model that is rejected was called");
    return 0;
}

static void combinations_rejected(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_NONE);

    (void)argument;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    CHECK_NOT_CREATED("one-cycle without total_steps", &config, NORMNET_EINVAL, "total_steps", "0");

    config = twins_config(NORMNET_NORM_NONE);
    config.nesterov = 1;
    CHECK_CREATED("nesterov with momentum", &config);
    config.momentum = 0.0;
    CHECK_NOT_CREATED("nesterov without momentum", &config, NORMNET_EINVAL, "config.nesterov is 1",
                      "the least momentum 0 and", "; expected momentum above 0 and dampening 0");
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    config.total_steps = 10;
    CHECK_CREATED("nesterov with the momentum of one-cycle", &config);
    config.base_momentum = 0.0;
    CHECK_NOT_CREATED("nesterov and a cycle from no momentum", &config, NORMNET_EINVAL, "nesterov", "momentum");
    config.base_momentum = config.max_momentum;
    config.max_momentum = 0.0;
    CHECK_NOT_CREATED("nesterov and a cycle to no momentum", &config, NORMNET_EINVAL, "nesterov", "momentum");
    config.cycle_momentum = 0;
    CHECK_NOT_CREATED("nesterov without momentum in one-cycle", &config, NORMNET_EINVAL, "nesterov", "momentum");
    config = twins_config(NORMNET_NORM_NONE);
    config.nesterov = 1;
    config.dampening = 0.5;
    CHECK_NOT_CREATED("nesterov with dampening", &config, NORMNET_EINVAL, "config.nesterov is 1",
                      "config.dampening 0.5; expected");

    config = twins_config(NORMNET_NORM_BATCH);
    config.virtual_batch = 16;
    CHECK_CREATED("ghost batch norm", &config);
    config.reduce = never_reduced;
    CHECK_NOT_CREATED("ghost batch norm with reduce", &config, NORMNET_EUNSUPPORTED, "virtual_batch", "reduce");

    config = twins_config(NORMNET_NORM_NONE);
    config.allocate = never;
    CHECK_NOT_CREATED("allocate alone", &config, NORMNET_EINVAL, "allocate", "go together; deallocate is NULL");
    config.allocate = NULL;
    config.deallocate = never_back;
    CHECK_NOT_CREATED("deallocate alone", &config, NORMNET_EINVAL, "deallocate", "go together; allocate is NULL");
}

/* The forms that go together; all others are EUNSUPPORTED, naming both. */
struct form {
    int32_t norm, dims, affine;
    int supported;
    const char *words[3];
};

static const struct form forms[] = {
    {NORMNET_NORM_NONE, 3, NORMNET_AFFINE_ELEMENT, 1, {NULL}},
    {NORMNET_NORM_BATCH, 3, NORMNET_AFFINE_DEFAULT, 1, {NULL}},
    {NORMNET_NORM_BATCH, 3, NORMNET_AFFINE_CHANNEL, 1, {NULL}},
    {NORMNET_NORM_BATCH, 3, NORMNET_AFFINE_NONE, 1, {NULL}},
    {NORMNET_NORM_BATCH, 3, NORMNET_AFFINE_ELEMENT, 0, {"norm", "element"}},
    {NORMNET_NORM_GROUP, 3, NORMNET_AFFINE_DEFAULT, 1, {NULL}},
    {NORMNET_NORM_GROUP, 3, NORMNET_AFFINE_CHANNEL, 1, {NULL}},
    {NORMNET_NORM_GROUP, 3, NORMNET_AFFINE_NONE, 1, {NULL}},
    {NORMNET_NORM_GROUP, 3, NORMNET_AFFINE_ELEMENT, 0, {"norm", "element"}},
    {NORMNET_NORM_INSTANCE, 3, NORMNET_AFFINE_DEFAULT, 1, {NULL}},
    {NORMNET_NORM_INSTANCE, 3, NORMNET_AFFINE_CHANNEL, 1, {NULL}},
    {NORMNET_NORM_INSTANCE, 3, NORMNET_AFFINE_NONE, 1, {NULL}},
    {NORMNET_NORM_INSTANCE, 3, NORMNET_AFFINE_ELEMENT, 0, {"norm", "element"}},
    {NORMNET_NORM_RMS, 3, NORMNET_AFFINE_DEFAULT, 1, {NULL}},
    {NORMNET_NORM_RMS, 3, NORMNET_AFFINE_CHANNEL, 1, {NULL}},
    {NORMNET_NORM_RMS, 3, NORMNET_AFFINE_ELEMENT, 1, {NULL}},
    {NORMNET_NORM_RMS, 3, NORMNET_AFFINE_NONE, 1, {NULL}},
    {NORMNET_NORM_LAYER, 3, NORMNET_AFFINE_DEFAULT, 1, {NULL}},
    {NORMNET_NORM_LAYER, 3, NORMNET_AFFINE_CHANNEL, 1, {NULL}},
    {NORMNET_NORM_LAYER, 3, NORMNET_AFFINE_ELEMENT, 1, {NULL}},
    {NORMNET_NORM_LAYER, 3, NORMNET_AFFINE_NONE, 1, {NULL}},
    {NORMNET_NORM_LAYER, 2, NORMNET_AFFINE_DEFAULT, 1, {NULL}},
    {NORMNET_NORM_LAYER, 2, NORMNET_AFFINE_ELEMENT, 1, {NULL}},
    {NORMNET_NORM_LAYER, 2, NORMNET_AFFINE_NONE, 1, {NULL}},
    {NORMNET_NORM_LAYER, 2, NORMNET_AFFINE_CHANNEL, 0, {"norm", "channel", "two"}},
    {NORMNET_NORM_LAYER, 1, NORMNET_AFFINE_DEFAULT, 1, {NULL}},
    {NORMNET_NORM_LAYER, 1, NORMNET_AFFINE_ELEMENT, 1, {NULL}},
    {NORMNET_NORM_LAYER, 1, NORMNET_AFFINE_NONE, 1, {NULL}},
    {NORMNET_NORM_LAYER, 1, NORMNET_AFFINE_CHANNEL, 0, {"norm", "channel", "one"}},
};

static void affine_forms(const void *argument)
{
    (void)argument;
    for (int i = 0; i < CHECK_COUNT(forms); ++i) {
        normnet_config config = twins_config(forms[i].norm);
        char what[80];

        config.architecture = "conv3-4 norm relu gap conv1-10";
        config.layer_dims = forms[i].dims;
        config.affine = forms[i].affine;
        snprintf(what, sizeof what, "norm %d over %d dimensions with affine %d", forms[i].norm, forms[i].dims,
                 forms[i].affine);
        if (forms[i].supported)
            CHECK_CREATED(what, &config);
        else
            CHECK_NOT_CREATED(what, &config, NORMNET_EUNSUPPORTED, forms[i].words[0], forms[i].words[1]);
    }
}

/* The ends of the ranges in the header are allowed themselves. */
static void ends_of_ranges(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);

    (void)argument;
    config.architecture = "conv3-4 norm relu dropout gap conv1-10";
    config.dropout = 1.0;
    config.label_smoothing = 1.0;
    config.batchnorm_momentum = 1.0;
    CHECK_CREATED("dropout, smoothing and batch-norm momentum of 1", &config);
    config.dropout = config.label_smoothing = config.batchnorm_momentum = config.eps = 0.0;
    config.lr = config.momentum = 0.0;
    CHECK_CREATED("0 wherever 0 is allowed", &config);
    config = twins_config(NORMNET_NORM_BATCH);
    config.seed = INT64_MIN;
    config.memory_limit = 0;
    config.max_batch = 2;
    config.architecture = "norm conv3-4 gap conv1-10";
    config.step_size = INT64_MAX;
    config.readers = 1024;
    CHECK_CREATED("1024 readers", &config);
    config.readers = 1;
    config.threads = 1024;
    CHECK_CREATED("1024 threads", &config);
    config = twins_config(NORMNET_NORM_NONE);
    config.max_batch = 1048576;
    config.architecture = "gap conv1-10";
    CHECK_CREATED("2^20 images at once", &config);
    config = twins_config(NORMNET_NORM_NONE);
    config.channels = 4096;
    config.height = config.width = 3;
    config.max_batch = 3;
    config.architecture = "conv3-2 flatten fc-65536 fc-10";
    config.memory_limit = 0;
    CHECK_CREATED("4096 channels, 65536 features", &config);
    config = twins_config(NORMNET_NORM_NONE);
    config.height = 4096;
    config.width = 1;
    config.classes = 65536;
    config.max_batch = 3;
    config.architecture = "gap conv1-65536";
    CHECK_CREATED("4096 rows, 65536 classes", &config);
    config = twins_config(NORMNET_NORM_NONE);
    config.channels = 10;
    config.architecture = "gap";
    CHECK_CREATED("no parameters at all", &config);
}

/* ---- Memory limit and instruction sets -------------------------------------------------------- */

/* Sizes that no 64-bit number holds are ELIMIT with any limit, and no number is made up for them. */
static void memory_beyond_counting(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);

    (void)argument;
    config.memory_limit = 0;
    config.height = config.width = 4096;
    config.max_batch = 1048576;
    config.threads = config.readers = 1024;
    config.architecture = "conv1-65536 norm norm norm gap conv1-10";
    CHECK_NOT_CREATED("more than 2^63 bytes", &config, NORMNET_ELIMIT, "bytes");
    if (strstr(normnet_error_message(), " -1 ") != NULL)
        CHECK_FAIL("the message is \"%s\"", normnet_error_message());
}

/* The number of each set and its name; what this machine or build lacks cannot be pinned, and is not the best. */
static void instruction_sets(const void *argument)
{
    const char *const names[] = {NULL, "portable", "avx2", "avx512", "neon"};
    const char *best = normnet_cpu_name(NULL);
    normnet_config config = twins_config(NORMNET_NORM_GROUP);

    (void)argument;
    for (int32_t cpu = NORMNET_CPU_BEST; cpu < CHECK_COUNT(names); ++cpu) {
        normnet_model *model = NULL;
        normnet_status status;
        char value[16];

        config.cpu = cpu;
        snprintf(value, sizeof value, "%d", cpu);
        status = normnet_model_create(&model, &config);
        if (cpu <= NORMNET_CPU_PORTABLE)
            CHECK_STATUS(status, NORMNET_OK);
        if (status == NORMNET_OK) {
            CHECK_TEXT(normnet_cpu_name(model), cpu == NORMNET_CPU_BEST ? best : names[cpu]);
            normnet_model_destroy(model);
        } else {
            CHECK_NOT_CREATED("another machine's instruction set", &config, NORMNET_EUNSUPPORTED, "cpu", value);
            CHECK(strcmp(best, names[cpu]) != 0);
        }
    }
}

/* What a model needs, as the allocator of a successful creation counts it. */
static int64_t bytes_needed(normnet_config config)
{
    struct allocator memory = {0};
    normnet_model *model;

    allocator_use(&memory, &config);
    model = CHECK_CREATE(&config);
    normnet_model_destroy(model);
    CHECK_ALL_FREED(&memory);
    return memory.requested;
}

static void memory_limit(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    struct allocator memory = {0};
    normnet_model *model = NULL;
    int64_t needed, readers_need[3];
    char value[32], limit[32];

    (void)argument;
    config.memory_limit = 0;
    needed = bytes_needed(config);
    config.memory_limit = needed;
    CHECK_CREATED("a limit of exactly what is needed", &config);
    config.memory_limit = needed - 1;
    snprintf(value, sizeof value, "%" PRId64, needed);
    snprintf(limit, sizeof limit, "%" PRId64, needed - 1);
    CHECK_NOT_CREATED("a byte less", &config, NORMNET_ELIMIT, "memory_limit", value, limit);
    /* Never more than the limit at any time. */
    allocator_use(&memory, &config);
    CHECK_STATUS(normnet_model_create(&model, &config), NORMNET_ELIMIT);
    CHECK(memory.requested <= config.memory_limit);
    CHECK_ALL_FREED(&memory);
    config.memory_limit = 1;
    memory.requested = 0;
    CHECK_STATUS(normnet_model_create(&model, &config), NORMNET_ELIMIT);
    CHECK_EQUAL(memory.requested, 0);

    /* Counting does not take long, however many parts there are. */
    config = twins_config(NORMNET_NORM_BATCH);
    config.threads = config.readers = 1024;
    for (int i = 0; i < 200; ++i)
        CHECK_NOT_CREATED("1024 readers of 1024 threads", &config, NORMNET_ELIMIT, "memory_limit");
    config.memory_limit = 0;
    config.threads = 2;
    for (int i = 0; i < 3; ++i) {
        config.readers = 8 + i;
        readers_need[i] = bytes_needed(config);
    }
    CHECK_EQUAL(readers_need[2] - readers_need[1], readers_need[1] - readers_need[0]);

    /* The default limit of 2^30: rejected before anything of that size is asked for. */
    config = twins_config(NORMNET_NORM_NONE);
    allocator_use(&memory, &config);
    memory.largest = 0;
    config.height = config.width = 4096;
    config.architecture = "conv3-64 gap conv1-10";
    CHECK_STATUS(normnet_model_create(&model, &config), NORMNET_ELIMIT);
    CHECK(strstr(normnet_error_message(), "1073741824") != NULL);
    CHECK(memory.largest < 1 << 20);
    CHECK_ALL_FREED(&memory);
}

/* Each thread needs memory for its tile of a weight gradient, but none for all of the weights. */
static void memory_of_wide_layers(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_NONE);
    const int64_t weights = 1024 * 1024;
    int64_t one, many;

    (void)argument;
    config.architecture = "flatten fc-1024 fc-1024 fc-10";
    config.memory_limit = 0;
    config.threads = 1;
    one = bytes_needed(config);
    config.threads = 16;
    many = bytes_needed(config);
    CHECK((many - one) / 15 < weights * (int64_t)sizeof(double) / 8);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("config: fields that exclude each other are EINVAL", combinations_rejected, NULL);
    check_case("config: norm and affine forms that do not go together are EUNSUPPORTED", affine_forms, NULL);
    check_case("config: the ends of the ranges are allowed", ends_of_ranges, NULL);
    check_case("config: a model beyond memory_limit is ELIMIT before it is allocated", memory_limit, NULL);
    check_case("config: threads do not multiply the memory of wide layers", memory_of_wide_layers, NULL);
    check_case("config: a model beyond 2^63 bytes is ELIMIT", memory_beyond_counting, NULL);
    check_case("config: cpu pins an instruction set", instruction_sets, NULL);
    return check_end();
}
