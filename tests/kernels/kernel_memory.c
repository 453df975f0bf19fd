/* SPDX-License-Identifier: MIT */
#include "kernel_memory.h"

#include "harness/check.h"

#include <float.h>

enum { CAPACITY = 1 << 26, PAGE = 4096 };

void open_workspace(struct workspace *w)
{
    memset(w, 0, sizeof *w);
    w->block = check_allocate(CAPACITY + PAGE, 1);
    w->memory = w->block + (PAGE - (uintptr_t)w->block % PAGE);
    w->before = check_allocate(CAPACITY, 1);
    w->roles = check_allocate(CAPACITY, 1);
}

void close_workspace(struct workspace *w)
{
    free(w->block);
    free(w->before);
    free(w->roles);
}

void begin_case(struct workspace *w, int number, int32_t lanes)
{
    memset(w->roles, UNTOUCHED, w->used);
    w->number = number;
    w->lanes = lanes;
    w->random.state = (uint64_t)number;
    w->used = 0;
    w->shape[0] = '\0';
    w->style = (enum style)draw(w, STYLES);
}

size_t group_bytes(const struct workspace *w)
{
    return (size_t)w->lanes * sizeof(float);
}

/* ---- Values -------------------------------------------------------------------------------------- */

int draw(struct workspace *w, int limit)
{
    return random_below(&w->random, limit);
}

bool draw_bool(struct workspace *w)
{
    return draw(w, 2) == 1;
}

/* From 2^min up to 2^(min + count), of either sign. */
static float draw_exponent(struct workspace *w, int min, int count)
{
    const double value = ldexp(random_uniform(&w->random, 1, 2), min + draw(w, count));

    return (float)(draw_bool(w) ? value : -value);
}

static float draw_special(struct workspace *w)
{
    static const float special[] = {NAN,     INFINITY, -INFINITY,    0.0f,    -0.0f,
                                    FLT_MIN, -FLT_MAX, FLT_TRUE_MIN, -1e-40f, 1e-20f};

    return special[draw(w, CHECK_COUNT(special))];
}

/*
 * Addends near 1 and factors whose product is 2^-24 (1 - 2^-30): sums so close to the middle between two floats that a
 * double is not precise enough to round them correctly.
 */
static float draw_tied(struct workspace *w)
{
    const float value[] = {0.0f, 1 + (float)draw(w, 1024) * FLT_EPSILON, 0x1p-12f + 0x1p-27f, 0x1p-12f - 0x1p-27f};
    const float drawn = value[draw(w, CHECK_COUNT(value))];

    return draw_bool(w) ? drawn : -drawn;
}

static float draw_value(struct workspace *w)
{
    if (w->style == WIDE)
        return draw_exponent(w, -40, 80);
    if (w->style == TINY) /* products and sums around the smallest normal number */
        return draw_exponent(w, -90, 50);
    if (w->style == TIED)
        return draw_tied(w);
    if ((w->style == FEW_SPECIAL && draw(w, 256) == 0) || (w->style == MANY_SPECIAL && draw(w, 3) == 0))
        return draw_special(w);
    return (float)random_uniform(&w->random, -1, 1);
}

void *take(struct workspace *w, size_t bytes, size_t alignment)
{
    const size_t gap = 2 * group_bytes(w), at = (w->used + gap) / (2 * alignment) * (2 * alignment) + alignment;
    const size_t end = (at + bytes + gap) / group_bytes(w) * group_bytes(w);

    if (end > CAPACITY) {
        fprintf(stderr, "test_kernels: CAPACITY is too small\n");
        exit(1);
    }
    for (; w->used < end; w->used += sizeof(float)) {
        const float value = draw_value(w);

        memcpy(w->memory + w->used, &value, sizeof value);
        memcpy(w->before + w->used, &value, sizeof value);
    }
    return w->memory + at;
}

float *take_floats(struct workspace *w, int64_t count)
{
    return take(w, (size_t)count * sizeof(float), sizeof(float));
}

float *take_groups(struct workspace *w, int64_t groups)
{
    return take(w, (size_t)groups * group_bytes(w), group_bytes(w));
}

float *take_map(struct workspace *w, struct map map)
{
    return take_groups(w, normnet__map_groups(map));
}

void mark(struct workspace *w, const void *at, size_t bytes, enum role role)
{
    memset(w->roles + ((const char *)at - w->memory), (int)role, bytes);
}

void mark_groups(struct workspace *w, const float *at, int64_t groups, enum role role)
{
    mark(w, at, (size_t)groups * group_bytes(w), role);
}

void mark_map(struct workspace *w, const float *x, struct map map, enum role role)
{
    for (int c = 0; c < map.channels; ++c)
        for (int i = 0; i < map.height; ++i)
            mark_groups(w, x + (c * map.channel_stride + i * map.row_stride) * w->lanes, map.width, role);
}

void remember(struct workspace *w, const void *at, size_t bytes)
{
    memcpy(w->before + ((const char *)at - w->memory), at, bytes);
}

double *take_sums(struct workspace *w, int64_t count)
{
    double *sums = take(w, (size_t)count * sizeof *sums, sizeof *sums);

    mark(w, sums, (size_t)count * sizeof *sums, DOUBLES);
    return sums;
}

float *take_scratch(struct workspace *w, int64_t groups)
{
    float *scratch = take_groups(w, groups);

    mark_groups(w, scratch, groups, SCRATCH);
    return scratch;
}

/* ---- The end of a case --------------------------------------------------------------------------- */

/* Replaces any NaN by the same one. */
static void unify_nan(char *at, enum role role)
{
    float single;
    double wide;

    if (role == FLOATS) {
        memcpy(&single, at, sizeof single);
        if (isnan(single))
            memset(at, 0xFF, sizeof single);
    } else {
        memcpy(&wide, at, sizeof wide);
        if (isnan(wide))
            memset(at, 0xFF, sizeof wide);
    }
}

void end_case(struct workspace *w)
{
    for (size_t i = 0; i < w->used;) {
        const enum role role = (enum role)w->roles[i];

        if (role == SCRATCH)
            w->memory[i] = 0;
        if (role == FLOATS || role == DOUBLES)
            unify_nan(w->memory + i, role);
        i += role == FLOATS ? sizeof(float) : role == DOUBLES ? sizeof(double) : 1;
    }
}

int64_t find_damage(const struct workspace *w)
{
    for (size_t i = 0; i < w->used; ++i)
        if (w->roles[i] == UNTOUCHED && w->memory[i] != w->before[i])
            return (int64_t)i;
    return -1;
}
