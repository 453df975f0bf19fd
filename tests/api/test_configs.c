/* SPDX-License-Identifier: MIT */
/* The configuration: its defaults, and what create rejects in each field. */
#include "creation.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>

/* ---- Defaults --------------------------------------------------------------------------------- */

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
    CHECK(config->parallel_for == NULL);
    CHECK(config->parallel_user == NULL);
    CHECK(config->average_decay == 0.0);
    CHECK_EQUAL(config->average_from, 0);
}

static void defaults_of_init(const void *argument)
{
    (void)argument;
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
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

/* ---- Fields out of range ---------------------------------------------------------------------- */

struct integer_field {
    const char *name;
    size_t offset;
    int wide; /* int64_t, else int32_t */
    normnet_status status;
    int64_t wrong[6]; /* 0 ends the list unless it comes first */
};

#define FIELD(name) #name, offsetof(normnet_config, name), sizeof(((normnet_config *)0)->name) == 8

static const struct integer_field integer_fields[] = {
    {FIELD(norm), NORMNET_EUNSUPPORTED, {-1, NORM_COUNT, INT32_MIN, INT32_MAX}},
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
    {FIELD(average_from), NORMNET_EINVAL, {-1, INT64_MIN, ((int64_t)1 << 52) + 1}},
};

static void integers_rejected(const void *argument)
{
    (void)argument;
    for (int i = 0; i < CHECK_COUNT(integer_fields); ++i) {
        const struct integer_field *field = &integer_fields[i];

        for (int j = 0; j < CHECK_COUNT(field->wrong) && (j == 0 || field->wrong[j] != 0); ++j) {
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

struct number_field {
    const char *name;
    size_t offset;
    int wide;
    double wrong[5]; /* 0 ends the list unless it comes first; NaN and infinities are tried besides */
};

static const struct number_field number_fields[] = {
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
    {FIELD(average_decay), {-0.5, 1.25}},
};

static void reject_number(const char *name, normnet_config *config, double *place, double wrong)
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

static void numbers_rejected(const void *argument)
{
    (void)argument;
    for (int i = 0; i < CHECK_COUNT(number_fields); ++i) {
        const struct number_field *field = &number_fields[i];
        normnet_config config = twins_config(NORMNET_NORM_BATCH);
        double *place = (double *)(void *)((char *)&config + field->offset);

        for (int j = 0; j < CHECK_COUNT(field->wrong); ++j)
            if (field->wrong[j] != 0.0 || (j == 0 && field->wrong[1] != 0.0))
                reject_number(field->name, &config, place, field->wrong[j]);
        reject_number(field->name, &config, place, NAN);
        reject_number(field->name, &config, place, INFINITY);
        reject_number(field->name, &config, place, -INFINITY);
    }
}

static void scaling_rejected(const void *argument)
{
    const double wrong_mean[] = {NAN, INFINITY, -INFINITY}, wrong_std[] = {0.0, -1.0, 9.9e-31, NAN, INFINITY};
    normnet_config config = twins_config(NORMNET_NORM_BATCH);
    double mean[2] = {0.0, 0.0}, deviation[2] = {1.0, 1.0};

    (void)argument;
    config.input_mean = mean;
    config.input_std = deviation;
    for (int i = 0; i < CHECK_COUNT(wrong_mean); ++i)
        reject_number("input_mean", &config, &mean[1], wrong_mean[i]);
    mean[1] = 0.0;
    for (int i = 0; i < CHECK_COUNT(wrong_std); ++i)
        reject_number("input_std", &config, &deviation[1], wrong_std[i]);
}

/* The seed may be any number. */
static int has_range(size_t offset)
{
    return offset != offsetof(normnet_config, seed);
}

/* Sets the number at `offset` to one that is out of range whatever the range, and writes it to `value` as text. */
static size_t set_out_of_range(normnet_config *config, size_t offset, char value[32])
{
    const int32_t narrow = INT32_MIN;
    const int64_t wide = INT64_MIN;
    const double number = NAN;

    if (offset < offsetof(normnet_config, seed)) {
        memcpy((char *)config + offset, &narrow, sizeof narrow);
        snprintf(value, 32, "%" PRId32, narrow);
        return sizeof narrow;
    }
    if (offset < offsetof(normnet_config, eps) || offset == offsetof(normnet_config, average_from)) {
        memcpy((char *)config + offset, &wide, sizeof wide);
        snprintf(value, 32, "%" PRId64, wide);
        return sizeof wide;
    }
    memcpy((char *)config + offset, &number, sizeof number);
    snprintf(value, 32, "nan");
    return sizeof number;
}

/* Walks over the struct, so that a new number without a range check is found without being listed here. */
static void every_number_has_a_range(const void *argument)
{
    size_t offset = offsetof(normnet_config, norm), size;

    (void)argument;
    for (; offset < sizeof(normnet_config); offset += size) {
        normnet_config config = twins_config(NORMNET_NORM_BATCH);
        normnet_model *model = NULL;
        char value[32], end[64];

        if (offset == offsetof(normnet_config, architecture)) /* the pointers */
            offset = offsetof(normnet_config, average_decay);
        size = set_out_of_range(&config, offset, value);
        if (!has_range(offset))
            continue;
        snprintf(end, sizeof end, " is %s; expected ", value);
        if (normnet_model_create(&model, &config) == NORMNET_OK ||
            strncmp(normnet_error_message(), "config.", strlen("config.")) != 0 ||
            strstr(normnet_error_message(), end) == NULL)
            CHECK_FAIL("the field at byte %d of normnet_config has no range check", (int)offset);
        normnet_model_destroy(model);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("config: init writes the defaults in brackets", defaults_of_init, NULL);
    check_case("config: NULL is all defaults, without normalization", defaults_of_null, NULL);
    check_case("config: create copies it, the strings and arrays too", config_is_copied, NULL);
    check_case("config: integers out of range are EINVAL, unknown enum values EUNSUPPORTED", integers_rejected, NULL);
    check_case("config: hyper-parameters out of range are EVALUE", numbers_rejected, NULL);
    check_case("config: every number has a range, which create checks", every_number_has_a_range, NULL);
    check_case("config: means and deviations of the input are checked to the last", scaling_rejected, NULL);
    return check_end();
}
