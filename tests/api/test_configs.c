/* SPDX-License-Identifier: MIT */
/* The configuration: its defaults, what create refuses in each field, and which norms go with which affine forms. */
#include "creation.h"

#include <stddef.h>

/* ---- Defaults ---------------------------------------------------------------------------------- */

static void defaults_hold(const normnet_config *config)
{
    CHECK_EQUAL(config->channels, 1);
    CHECK_EQUAL(config->height, 28);
    CHECK_EQUAL(config->width, 28);
    CHECK_EQUAL(config->classes, 10);
    CHECK_EQUAL(config->groups, 0);
    CHECK_EQUAL(config->layer_dims, 3);
    CHECK_EQUAL(config->affine, NORMNET_AFFINE_DEFAULT);
    CHECK_EQUAL(config->virtual_batch, 0);
    CHECK_EQUAL(config->cumulative_statistics, 0);
    CHECK_EQUAL(config->penalty_on, NORMNET_PENALTY_ALL);
    CHECK_EQUAL(config->schedule, NORMNET_SCHEDULE_CONSTANT);
    CHECK_EQUAL(config->anneal, NORMNET_ANNEAL_COSINE);
    CHECK_EQUAL(config->three_phase, 0);
    CHECK_EQUAL(config->cycle_momentum, 1);
    CHECK_EQUAL(config->nesterov, 0);
    CHECK_EQUAL(config->threads, 1);
    CHECK_EQUAL(config->readers, 1);
    CHECK_EQUAL(config->max_batch, 128);
    CHECK_EQUAL(config->cpu, NORMNET_CPU_BEST);
    CHECK_EQUAL(config->reserved, 0);
    CHECK_EQUAL(config->seed, 1);
    CHECK_EQUAL(config->total_steps, 0);
    CHECK_EQUAL(config->step_size, 1);
    CHECK_EQUAL(config->memory_limit, (int64_t)1 << 30);
    CHECK(config->eps == 1e-5);
    CHECK(config->batchnorm_momentum == 0.1);
    CHECK(config->dropout == 0.03);
    CHECK(config->l1 == 0.0);
    CHECK(config->l2 == 0.0);
    CHECK(config->label_smoothing == 0.0);
    CHECK(config->lr == 0.01);
    CHECK(config->momentum == 0.9);
    CHECK(config->dampening == 0.0);
    CHECK(config->step_gamma == 0.1);
    CHECK(config->max_lr == 0.015);
    CHECK(config->base_momentum == 0.85);
    CHECK(config->max_momentum == 0.95);
    CHECK(config->pct_start == 0.3);
    CHECK(config->div_factor == 25.0);
    CHECK(config->final_div_factor == 1e4);
    CHECK(config->clip_norm == 0.0);
    CHECK(config->allocate == NULL);
    CHECK(config->deallocate == NULL);
    CHECK(config->allocator_user == NULL);
    CHECK(config->reduce == NULL);
    CHECK(config->reduce_user == NULL);
}

static void defaults_of_init(const void *argument)
{
    int32_t norm;
    (void)argument;
    for (norm = NORMNET_NORM_NONE; norm <= NORMNET_NORM_INSTANCE; ++norm) {
        normnet_config config;
        memset(&config, 0x5C, sizeof config);
        CHECK_OK(normnet_config_init(&config, norm));
        CHECK_EQUAL(config.struct_size, (int64_t)sizeof config);
        CHECK_EQUAL(config.norm, norm);
        CHECK(config.architecture == NULL);
        CHECK(config.input_mean == NULL);
        CHECK(config.input_std == NULL);
        defaults_hold(&config);
    }
}

/* NULL = all defaults, without normalization; model_config fills in what was left to the library. */
static void defaults_of_null(const void *argument)
{
    normnet_model *model = NULL;
    normnet_config config = {0};
    (void)argument;
    CHECK_OK(normnet_model_create(&model, NULL));
    config.struct_size = (int32_t)sizeof config;
    CHECK_OK(normnet_model_config(model, &config));
    CHECK_EQUAL(config.struct_size, (int64_t)sizeof config);
    CHECK_EQUAL(config.norm, NORMNET_NORM_NONE);
    defaults_hold(&config);
    CHECK_TEXT(config.architecture,
               "conv3-8 relu norm dropout conv3-16 relu norm dropout maxpool2 conv1-8 conv3-16 relu norm dropout "
               "conv3-16 relu norm dropout conv3-16 relu norm dropout gap conv1-16 relu norm dropout conv1-10");
    if (CHECK(config.input_mean != NULL && config.input_std != NULL)) {
        CHECK(config.input_mean[0] == 0.0);
        CHECK(config.input_std[0] == 1.0);
    }
    normnet_model_destroy(model);
}

/* What create was given; strings and arrays belong to the model, so the caller's may go. */
static void config_is_copied(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_LAYER), read = {0}, given;
    char text[] = "conv3-4 norm gap conv1-10";
    double mean[2] = {0.25, -1.5}, deviation[2] = {2.0, 0.125};
    normnet_model *model;
    (void)argument;
    config.architecture = text;
    config.input_mean = mean;
    config.input_std = deviation;
    config.seed = -9;
    config.l2 = 0.125;
    config.groups = 2;
    config.label_smoothing = 0.0625;
    config.max_batch = 7;
    config.memory_limit = 0;
    given = config;
    model = CHECK_CREATE(&config);
    if (model == NULL)
        return;
    memset(&config, 0x5C, sizeof config);
    memset(text, 'x', sizeof text - 1);
    mean[0] = mean[1] = deviation[0] = deviation[1] = 77.0;
    read.struct_size = (int32_t)sizeof read;
    CHECK_OK(normnet_model_config(model, &read));
    CHECK_TEXT(read.architecture, "conv3-4 norm gap conv1-10");
    CHECK(read.architecture != text);
    CHECK(read.input_mean[0] == 0.25 && read.input_mean[1] == -1.5);
    CHECK(read.input_std[0] == 2.0 && read.input_std[1] == 0.125);
    CHECK_EQUAL(layer_info(model, 1).token == NULL, 0);
    CHECK_TEXT(layer_info(model, 1).token, "norm");
    read.architecture = given.architecture;
    read.input_mean = given.input_mean;
    read.input_std = given.input_std;
    CHECK(memcmp(&read, &given, sizeof read) == 0);
    normnet_model_destroy(model);
}

/* ---- Fields out of range ----------------------------------------------------------------------- */

typedef struct integer_field {
    const char *name;
    size_t offset;
    int wide; /* int64_t, else int32_t */
    normnet_status status;
    int64_t wrong[6]; /* 0 ends the list unless it comes first */
} integer_field;

#define FIELD(name) #name, offsetof(normnet_config, name), sizeof(((normnet_config *)0)->name) == 8

static const integer_field integer_fields[] = {
    {FIELD(norm), NORMNET_EUNSUPPORTED, {-1, 5, INT32_MIN, INT32_MAX}},
    {FIELD(channels), NORMNET_EINVAL, {0, -1, 4097, INT32_MIN, INT32_MAX}},
    {FIELD(height), NORMNET_EINVAL, {0, -1, 4097, INT32_MIN, INT32_MAX}},
    {FIELD(width), NORMNET_EINVAL, {0, -1, 4097, INT32_MIN, INT32_MAX}},
    {FIELD(classes), NORMNET_EINVAL, {0, 1, -1, 65537, INT32_MIN, INT32_MAX}},
    {FIELD(layer_dims), NORMNET_EINVAL, {0, 4, -1, INT32_MIN, INT32_MAX}},
    {FIELD(affine), NORMNET_EUNSUPPORTED, {-1, 4, INT32_MIN, INT32_MAX}},
    {FIELD(virtual_batch), NORMNET_EINVAL, {-16, 1, 8, 17, INT32_MIN, INT32_MAX}},
    {FIELD(cumulative_statistics), NORMNET_EINVAL, {-1, 2, INT32_MIN, INT32_MAX}},
    {FIELD(penalty_on), NORMNET_EUNSUPPORTED, {-1, 2, INT32_MIN, INT32_MAX}},
    {FIELD(schedule), NORMNET_EUNSUPPORTED, {-1, 3, INT32_MIN, INT32_MAX}},
    {FIELD(anneal), NORMNET_EUNSUPPORTED, {-1, 2, INT32_MIN, INT32_MAX}},
    {FIELD(three_phase), NORMNET_EINVAL, {-1, 2, INT32_MIN, INT32_MAX}},
    {FIELD(cycle_momentum), NORMNET_EINVAL, {-1, 2, INT32_MIN, INT32_MAX}},
    {FIELD(nesterov), NORMNET_EINVAL, {-1, 2, INT32_MIN, INT32_MAX}},
    {FIELD(threads), NORMNET_EINVAL, {0, -1, 1025, INT32_MIN, INT32_MAX}},
    {FIELD(readers), NORMNET_EINVAL, {0, -1, 1025, INT32_MIN, INT32_MAX}},
    {FIELD(max_batch), NORMNET_EINVAL, {0, -1, 1048577, INT32_MIN, INT32_MAX}},
    {FIELD(cpu), NORMNET_EUNSUPPORTED, {-1, 100, INT32_MIN, INT32_MAX}},
    {FIELD(reserved), NORMNET_EINVAL, {1, -1, INT32_MIN, INT32_MAX}},
    {FIELD(total_steps), NORMNET_EINVAL, {-1, INT64_MIN}},
    {FIELD(step_size), NORMNET_EINVAL, {0, -1, INT64_MIN}},
    {FIELD(memory_limit), NORMNET_EINVAL, {-1, INT64_MIN}},
};

static void integers_refused(const void *argument)
{
    int i, j;
    (void)argument;
    for (i = 0; i < COUNT(integer_fields); ++i) {
        const integer_field *field = &integer_fields[i];
        for (j = 0; j < COUNT(field->wrong) && (j == 0 || field->wrong[j] != 0); ++j) {
            normnet_config config = twins_config(NORMNET_NORM_BATCH);
            const int32_t narrow = (int32_t)field->wrong[j];
            char value[32], what[64];
            snprintf(value, sizeof value, "%" PRId64, field->wrong[j]);
            snprintf(what, sizeof what, "%s = %s", field->name, value);
            if (field->wide)
                memcpy((char *)&config + field->offset, &field->wrong[j], 8);
            else
                memcpy((char *)&config + field->offset, &narrow, 4);
            CHECK_NOT_CREATED(what, &config, field->status, field->name, value);
        }
    }
}

typedef struct number_field {
    const char *name;
    size_t offset;
    int wide;
    double wrong[5]; /* 0 ends the list unless it comes first; NaN and infinities are tried besides */
} number_field;

static const number_field number_fields[] = {
    {FIELD(eps), {-1e-5, -1.0}},
    {FIELD(batchnorm_momentum), {-0.5, 1.5}},
    {FIELD(dropout), {-0.25, 1.25}},
    {FIELD(l1), {-0.5}},
    {FIELD(l2), {-0.5}},
    {FIELD(label_smoothing), {-0.25, 1.25}},
    {FIELD(lr), {-0.5}},
    {FIELD(momentum), {-0.5}},
    {FIELD(dampening), {0}},
    {FIELD(step_gamma), {-0.5}},
    {FIELD(max_lr), {-0.5}},
    {FIELD(base_momentum), {-0.5}},
    {FIELD(max_momentum), {-0.5}},
    {FIELD(pct_start), {-0.25, 1.25}},
    {FIELD(div_factor), {0, -1.0}},
    {FIELD(final_div_factor), {0, -1.0}},
    {FIELD(clip_norm), {-0.5}},
};

static void refuse_number(const char *name, normnet_config *config, double *place, double wrong)
{
    char value[32], what[64];
    if (isfinite(wrong))
        snprintf(value, sizeof value, "%g", wrong);
    else
        snprintf(value, sizeof value, isnan(wrong) ? "nan" : wrong < 0 ? "-inf" : "inf");
    snprintf(what, sizeof what, "%s = %s", name, value);
    *place = wrong;
    CHECK_NOT_CREATED(what, config, NORMNET_EVALUE, name, value);
}

static void numbers_refused(const void *argument)
{
    int i, j;
    (void)argument;
    for (i = 0; i < COUNT(number_fields); ++i) {
        const number_field *field = &number_fields[i];
        normnet_config config = twins_config(NORMNET_NORM_BATCH);
        double *place = (double *)(void *)((char *)&config + field->offset);
        for (j = 0; j < COUNT(field->wrong); ++j)
            if (field->wrong[j] != 0.0 || (j == 0 && field->wrong[1] != 0.0))
                refuse_number(field->name, &config, place, field->wrong[j]);
        refuse_number(field->name, &config, place, NAN);
        refuse_number(field->name, &config, place, INFINITY);
        refuse_number(field->name, &config, place, -INFINITY);
    }
}

static void scaling_refused(const void *argument)
{
    const double wrong_mean[] = {NAN, INFINITY, -INFINITY}, wrong_std[] = {0.0, -1.0, NAN, INFINITY};
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    double mean[2] = {0.0, 0.0}, deviation[2] = {1.0, 1.0};
    int i;
    (void)argument;
    config.input_mean = mean;
    config.input_std = deviation;
    for (i = 0; i < COUNT(wrong_mean); ++i)
        refuse_number("input_mean", &config, &mean[1], wrong_mean[i]);
    mean[1] = 0.0;
    for (i = 0; i < COUNT(wrong_std); ++i)
        refuse_number("input_std", &config, &deviation[1], wrong_std[i]);
}

/* ---- Fields that do not go together ------------------------------------------------------------ */

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
    CHECK_FAIL("a reduce of a model that is refused was called");
    return 0;
}

static void combinations_refused(const void *argument)
{
    normnet_config config = twins_config(NORMNET_NORM_NONE);
    (void)argument;
    config.schedule = NORMNET_SCHEDULE_ONE_CYCLE;
    CHECK_NOT_CREATED("one-cycle without total_steps", &config, NORMNET_EINVAL, "total_steps", "0");

    config = twins_config(NORMNET_NORM_NONE);
    config.nesterov = 1;
    CHECK_CREATED("nesterov with momentum", &config);
    config.momentum = 0.0;
    CHECK_NOT_CREATED("nesterov without momentum", &config, NORMNET_EINVAL, "nesterov", "momentum");
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
    CHECK_NOT_CREATED("nesterov with dampening", &config, NORMNET_EINVAL, "nesterov", "dampening");

    config = twins_config(NORMNET_NORM_BATCH);
    config.virtual_batch = 16;
    CHECK_CREATED("ghost batch norm", &config);
    config.reduce = never_reduced;
    CHECK_NOT_CREATED("ghost batch norm with reduce", &config, NORMNET_EUNSUPPORTED, "virtual_batch", "reduce");

    config = twins_config(NORMNET_NORM_NONE);
    config.allocate = never;
    CHECK_NOT_CREATED("allocate alone", &config, NORMNET_EINVAL, "allocate");
    config.allocate = NULL;
    config.deallocate = never_back;
    CHECK_NOT_CREATED("deallocate alone", &config, NORMNET_EINVAL, "deallocate");
}

/* The forms that go together; all others are EUNSUPPORTED, naming both. */
typedef struct form {
    int32_t norm, dims, affine;
    int supported;
    const char *words[3];
} form;

static const form forms[] = {
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
    int i;
    (void)argument;
    for (i = 0; i < COUNT(forms); ++i) {
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

/* Ranges end where the header says they do: the ends themselves are allowed. */
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

/* ---- Memory limit and instruction sets --------------------------------------------------------- */

/* What a model needs, as the allocator of a successful creation counts it. */
static int64_t bytes_needed(normnet_config config)
{
    allocator memory = {0};
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
    allocator memory = {0};
    normnet_model *model = NULL;
    int64_t needed;
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

    /* The default limit of 2^30: refused before anything of that size is asked for. */
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
        CHECK_FAIL("the sentence says: %s", normnet_error_message());
}

/* The number of each set and its name; what this machine or build lacks cannot be pinned, and is not the best. */
static void instruction_sets(const void *argument)
{
    const char *const names[] = {NULL, "portable", "avx2", "avx512", "neon"};
    const char *best = normnet_cpu_name(NULL);
    normnet_config config = twins_config(NORMNET_NORM_GROUP);
    int32_t cpu;
    (void)argument;
    for (cpu = NORMNET_CPU_BEST; cpu < COUNT(names); ++cpu) {
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

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("config: init writes the defaults in brackets", defaults_of_init, NULL);
    check_case("config: NULL is all defaults, without normalization", defaults_of_null, NULL);
    check_case("config: create copies it, the strings and arrays too", config_is_copied, NULL);
    check_case("config: integers out of range are EINVAL, unknown enum values EUNSUPPORTED", integers_refused, NULL);
    check_case("config: hyper-parameters out of range are EVALUE", numbers_refused, NULL);
    check_case("config: means and deviations of the input are checked to the last", scaling_refused, NULL);
    check_case("config: fields that exclude each other are EINVAL", combinations_refused, NULL);
    check_case("config: norm and affine forms that do not go together are EUNSUPPORTED", affine_forms, NULL);
    check_case("config: the ends of the ranges are allowed", ends_of_ranges, NULL);
    check_case("config: a model beyond memory_limit is ELIMIT before it is allocated", memory_limit, NULL);
    check_case("config: a model beyond 2^63 bytes is ELIMIT", memory_beyond_counting, NULL);
    check_case("config: cpu pins an instruction set", instruction_sets, NULL);
    return check_end();
}
