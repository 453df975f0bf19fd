/* SPDX-License-Identifier: MIT */
/*
 * Every kernel of every table that this machine and build have against the portable one, bit for bit, over odd shapes,
 * maps with gaps, all kinds of values and pointers that are aligned to what lib/kernels/kernels.h asks for and no more.
 * All memory around the outputs must keep its bits.
 *
 * With --small as the first argument a fifth of the cases, for emulators.
 */
#include "../check.h"
#include "../test_random.h"

#include "kernels/algorithm.h"
#include "kernels/kernels.h"
#include "kernels/packed_weights.h"

#include <float.h>
#include <normnet.h>

enum { LANES = NORMNET__LANES, GROUP = LANES * (int)sizeof(float), CAPACITY = 1 << 23, PAGE = 4096 };

/* ---- Memory ------------------------------------------------------------------------------------ */

/* What a kernel may do with a byte of memory. Which NaN it is is left open where one is computed. */
enum role { UNTOUCHED, EXACT, FLOATS, DOUBLES, SCRATCH };

/* The kinds of values. */
enum style { ORDINARY, WIDE, TINY, TIED, FEW_SPECIAL, MANY_SPECIAL, STYLES };

/* All that one call of a kernel reads and writes, drawn from the number of the case, the same for every table. */
struct workspace {
    int number;
    random_stream random;
    enum style style;
    size_t used;
    char *block, *memory, *before; /* `memory` begins at a page of `block` */
    uint8_t *roles;
    char shape[160];
};

static int draw(struct workspace *w, int limit)
{
    return random_below(&w->random, limit);
}

static bool draw_bool(struct workspace *w)
{
    return draw(w, 2) == 1;
}

/* From 2^least up to 2^(least + count), of either sign. */
static float draw_exponent(struct workspace *w, int least, int count)
{
    const double value = ldexp(random_uniform(&w->random, 1, 2), least + draw(w, count));

    return (float)(draw_bool(w) ? value : -value);
}

static float draw_special(struct workspace *w)
{
    static const float special[] = {NAN,     INFINITY, -INFINITY,    0.0f,    -0.0f,
                                    FLT_MIN, -FLT_MAX, FLT_TRUE_MIN, -1e-40f, 1e-20f};

    return special[draw(w, CHECK_COUNT(special))];
}

/*
 * Addends beside 1 and factors of 2^-24 (1 - 2^-30): sums so close to the middle of two floats that a double does not
 * tell on which side they lie.
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

/* `bytes` of memory full of values, aligned to `alignment` and to no more, with something between it and the last. */
static void *take(struct workspace *w, size_t bytes, size_t alignment)
{
    const size_t gap = 2 * GROUP, at = (w->used + gap) / (2 * alignment) * (2 * alignment) + alignment;
    const size_t end = (at + bytes + gap) / GROUP * GROUP;

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

static float *take_floats(struct workspace *w, int64_t count)
{
    return take(w, (size_t)count * sizeof(float), sizeof(float));
}

static float *take_groups(struct workspace *w, int64_t groups)
{
    return take(w, (size_t)groups * GROUP, GROUP);
}

static float *take_map(struct workspace *w, struct map map)
{
    return take_groups(w, normnet__map_groups(map));
}

static void mark(struct workspace *w, const void *at, size_t bytes, enum role role)
{
    memset(w->roles + ((const char *)at - w->memory), (int)role, bytes);
}

static void mark_groups(struct workspace *w, const float *at, int64_t groups, enum role role)
{
    mark(w, at, (size_t)groups * GROUP, role);
}

static void mark_map(struct workspace *w, const float *x, struct map map, enum role role)
{
    for (int c = 0; c < map.channels; ++c)
        for (int i = 0; i < map.height; ++i)
            mark_groups(w, x + (c * map.channel_stride + i * map.row_stride) * LANES, map.width, role);
}

/* To be called where a test itself overwrites what it took. */
static void remember(struct workspace *w, const void *at, size_t bytes)
{
    memcpy(w->before + ((const char *)at - w->memory), at, bytes);
}

/* New memory of two kinds that kernels write. */
static double *take_sums(struct workspace *w, int64_t count)
{
    double *sums = take(w, (size_t)count * sizeof *sums, sizeof *sums);

    mark(w, sums, (size_t)count * sizeof *sums, DOUBLES);
    return sums;
}

static float *take_scratch(struct workspace *w, int64_t groups)
{
    float *scratch = take_groups(w, groups);

    mark_groups(w, scratch, groups, SCRATCH);
    return scratch;
}

/* ---- Shapes ------------------------------------------------------------------------------------ */

static const int some_channels[] = {1, 2, 3, 5, 8, 9, 17}, some_sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 20};

static int draw_channels(struct workspace *w)
{
    return some_channels[draw(w, CHECK_COUNT(some_channels))];
}

static int draw_size(struct workspace *w)
{
    return some_sizes[draw(w, CHECK_COUNT(some_sizes))];
}

static int draw_kernel(struct workspace *w)
{
    static const int kernels[] = {1, 2, 3, 5};

    return kernels[draw(w, CHECK_COUNT(kernels))];
}

/* The groups of a chain: around the pieces in which sums are taken, and more. */
static int draw_count(struct workspace *w)
{
    return draw_bool(w) ? 1 + draw(w, 40) : draw_size(w) * draw_size(w);
}

/* Dense rows, and planes with or without gaps between them. */
static struct map dense_map(struct workspace *w, int channels, int height, int width)
{
    return (struct map){channels, height, width, width, (int64_t)height * width + draw(w, 2) * draw(w, 4)};
}

/* Gaps between rows as well. */
static struct map gapped_map(struct workspace *w, int channels, int height, int width)
{
    struct map map = dense_map(w, channels, height, width);
    const int gap = draw(w, 2) * draw(w, 3);

    map.row_stride += gap;
    map.channel_stride += (int64_t)height * gap;
    return map;
}

/* Dropout's mask for `groups` groups, or none. */
static struct mask draw_mask(struct workspace *w, int64_t groups)
{
    uint16_t *bits = take(w, (size_t)groups * sizeof *bits, sizeof *bits);

    for (int64_t i = 0; i < groups; ++i)
        bits[i] = (uint16_t)random_bits(&w->random);
    remember(w, bits, (size_t)groups * sizeof *bits);
    return (struct mask){draw_bool(w) ? bits : NULL, 1.25f};
}

/* ---- Convolutions ------------------------------------------------------------------------------ */

/* Every number of outputs with every width first: they decide which tiles are used. */
static struct convolution draw_convolution(struct workspace *w)
{
    struct convolution convolution = {.kernel = draw_kernel(w), .stride = 1 + draw(w, 3)};
    const int outputs = some_channels[w->number % CHECK_COUNT(some_channels)];
    const int width = some_sizes[w->number / CHECK_COUNT(some_channels) % CHECK_COUNT(some_sizes)];

    convolution.winograd = draw_bool(w);
    if (convolution.winograd)
        convolution.kernel = 3, convolution.stride = 1;
    convolution.y = gapped_map(w, outputs, draw_size(w), width);
    return convolution;
}

/* The map of its input: what y needs without the padding, and at times rows and columns that nothing reads. */
static void draw_input(struct workspace *w, struct convolution *convolution)
{
    const int stride = convolution->stride, around = convolution->kernel - stride - 2 * convolution->padding;

    convolution->x = gapped_map(w, draw_channels(w), convolution->y.height * stride + around + draw(w, stride),
                                convolution->y.width * stride + around + draw(w, stride));
    snprintf(w->shape, sizeof w->shape, "%d to %d channels of %dx%d, kernel %d, stride %d, padding %d%s",
             convolution->x.channels, convolution->y.channels, convolution->y.height, convolution->y.width,
             convolution->kernel, convolution->stride, convolution->padding, convolution->winograd ? ", Winograd" : "");
}

/* The padding of Winograd's algorithm, as long as some of the input is left. */
static void draw_padding(struct workspace *w, struct convolution *convolution)
{
    if (convolution->winograd && convolution->y.height > 2 && convolution->y.width > 2)
        convolution->padding = draw(w, 3);
}

static void convolve(const struct kernels *kernels, struct workspace *w)
{
    struct convolution convolution = draw_convolution(w);
    const int kind = draw(w, 5);
    const float *bias = take_floats(w, convolution.y.channels);
    const struct epilogue epilogue = {
        .bias = kind == 1 || kind == 2 ? bias : NULL, .relu = kind == 2 || kind == 3, .relu_mask = kind == 4};
    const float *x, *weights;
    float *y, *scratch;

    draw_padding(w, &convolution);
    draw_input(w, &convolution);
    x = take_map(w, convolution.x);
    weights = take_floats(w, normnet__packed_weight_count(&convolution));
    y = take_map(w, convolution.y);
    mark_map(w, y, convolution.y, FLOATS);
    scratch = take_scratch(w, normnet__convolution_scratch(&convolution));
    kernels->convolve(&convolution, x, weights, &epilogue, y, scratch);
}

/* Channel c of a pixel where the channels are the lanes. */
static int64_t channel_at(const struct map *map, int c, int i, int j)
{
    return (c / LANES * map->channel_stride + i * map->row_stride + j) * LANES + c % LANES;
}

/* Is a convolution of channels as lanes what `convolve` makes of sixteen copies of the image? */
static bool is_the_same(const struct kernels *kernels, struct workspace *w, const struct convolution *single,
                        const struct epilogue *epilogue, const float *x, const float *weights, const float *y)
{
    struct convolution many = *single;
    float *copies, *results, *scratch;

    many.x.channels = single->inputs;
    many.y.channels = single->outputs;
    copies = take_scratch(w, normnet__map_groups(many.x));
    results = take_scratch(w, normnet__map_groups(many.y));
    scratch = take_scratch(w, normnet__convolution_scratch(&many));
    for (int c = 0; c < many.x.channels; ++c)
        for (int i = 0; i < many.x.height; ++i)
            for (int j = 0; j < many.x.width; ++j)
                for (int lane = 0; lane < LANES; ++lane)
                    copies[(c * many.x.channel_stride + i * many.x.row_stride + j) * LANES + lane] =
                        x[channel_at(&single->x, c, i, j)];
    kernels->convolve(&many, copies, weights, epilogue, results, scratch);
    for (int k = 0; k < many.y.channels; ++k)
        for (int i = 0; i < many.y.height; ++i)
            for (int j = 0; j < many.y.width; ++j) {
                const float is = y[channel_at(&single->y, k, i, j)];
                const float want = results[(k * many.y.channel_stride + i * many.y.row_stride + j) * LANES];

                if (memcmp(&is, &want, sizeof is) != 0 && !(isnan(is) && isnan(want)))
                    return false;
            }
    return true;
}

static void convolve_channels(const struct kernels *kernels, struct workspace *w)
{
    struct convolution convolution = draw_convolution(w);
    const int kind = draw(w, 4);
    struct epilogue epilogue = {.relu = kind >= 2};
    const float *x, *weights;
    float *y, *scratch;

    if (convolution.y.width == 1 && draw_bool(w)) /* many at once */
        convolution.y.channels += draw(w, 128);
    draw_padding(w, &convolution);
    draw_input(w, &convolution);
    weights =
        take_floats(w, normnet__packed_weight_count(&convolution) + LANES - 1); /* the last are read, but not used */
    convolution.inputs = convolution.x.channels;
    convolution.outputs = convolution.y.channels;
    convolution.x.channels = (convolution.inputs + LANES - 1) / LANES;
    convolution.y.channels = (convolution.outputs + LANES - 1) / LANES;
    if (kind % 2 == 1)
        epilogue.bias = take_groups(w, convolution.y.channels);
    x = take_map(w, convolution.x);
    y = take_map(w, convolution.y);
    mark_map(w, y, convolution.y, SCRATCH);
    for (int k = 0; k < convolution.outputs; ++k)
        for (int i = 0; i < convolution.y.height; ++i)
            for (int j = 0; j < convolution.y.width; ++j)
                mark(w, y + channel_at(&convolution.y, k, i, j), sizeof *y, FLOATS);
    scratch = take_scratch(w, normnet__convolution_scratch(&convolution));
    kernels->convolve_channels(&convolution, x, weights, &epilogue, y, scratch);
    if (!is_the_same(kernels, w, &convolution, &epilogue, x, weights, y))
        CHECK_FAIL("%s, case %d: the sums are not those of convolve (%s)", kernels->name, w->number, w->shape);
}

static void weight_gradient(const struct kernels *kernels, struct workspace *w)
{
    struct convolution convolution = draw_convolution(w);
    const float *x, *dy;
    double *dw;
    float *scratch;

    if (convolution.y.width % 2 != 0) /* Winograd's algorithm takes pairs */
        convolution.winograd = false;
    draw_input(w, &convolution);
    x = take_map(w, convolution.x);
    dy = take_map(w, convolution.y);
    dw = take_sums(w,
                   (int64_t)convolution.x.channels * convolution.y.channels * convolution.kernel * convolution.kernel);
    scratch = take_scratch(w, normnet__weight_gradient_scratch(&convolution));
    kernels->weight_gradient(&convolution, x, dy, dw, scratch);
}

/* ---- Normalization ----------------------------------------------------------------------------- */

static void moments(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    float *x = take_groups(w, count);
    double *mean = take_sums(w, LANES), *m2 = take_sums(w, LANES);

    if (draw_bool(w)) /* a constant in some of the lanes */
        for (int lane = draw(w, LANES); lane < LANES; lane += 1 + draw(w, LANES))
            for (int i = 1; i < count; ++i)
                x[i * LANES + lane] = x[lane];
    remember(w, x, (size_t)count * GROUP);
    kernels->moments(x, count, mean, m2);
}

static void normalize(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    float *x = take_groups(w, count), *y = draw_bool(w) ? x : take_groups(w, count);
    const float *mean = take_groups(w, 1), *scale = take_groups(w, 1), *shift = take_groups(w, 1);
    const struct mask mask = draw_mask(w, count);

    mark_groups(w, y, count, FLOATS);
    kernels->normalize(x, count, mean, scale, shift, mask, y);
}

static void affine_elements(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    const float *gamma = take_floats(w, count), *beta = take_floats(w, count);
    float *y = take_groups(w, count);

    mark_groups(w, y, count, FLOATS);
    kernels->affine_elements(y, count, gamma, beta);
}

static void multiply_elements(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    const float *gamma = take_floats(w, count);
    float *dy = take_groups(w, count);

    mark_groups(w, dy, count, FLOATS);
    kernels->multiply_elements(dy, count, gamma);
}

static void gradient_moments(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    const float *x = take_groups(w, count), *dy = take_groups(w, count), *mean = take_groups(w, 1);
    double *sum_dy = take_sums(w, LANES), *sum_dyx = take_sums(w, LANES);
    const struct mask mask = draw_mask(w, count);

    kernels->gradient_moments(x, dy, count, mean, mask, sum_dy, sum_dyx);
}

static void normalize_gradient(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    float *x = take_groups(w, count);
    const float *dy = take_groups(w, count), *values = take_groups(w, 4);
    const struct gradient_coefficients form = {values, values + LANES, values + 2 * LANES, values + 3 * LANES};
    const struct mask mask = draw_mask(w, count);
    const uint32_t valid = draw_bool(w) ? 0xFFFF : 0xFFFFu >> draw(w, LANES);

    mark_groups(w, x, count, FLOATS);
    kernels->normalize_gradient(x, dy, count, &form, mask, valid, draw_bool(w));
}

static void affine_gradient(const struct kernels *kernels, struct workspace *w)
{
    enum { MOST = 7 };
    const int count = draw_count(w), chains = 1 + draw(w, MOST);
    const float *x = take_groups(w, (int64_t)count * MOST), *dy = take_groups(w, (int64_t)count * MOST);
    const float *coefficients = take_groups(w, 3 * MOST);
    double *sum_dy = take_sums(w, count), *sum_dyx = take_sums(w, count);
    int64_t offsets[MOST];

    for (int i = 0; i < chains; ++i)
        offsets[i] = (int64_t)draw(w, MOST) * count;
    kernels->affine_gradient(x, dy, count, chains, offsets, coefficients, sum_dy, sum_dyx);
}

static void sum_all(const struct kernels *kernels, struct workspace *w)
{
    const int count = draw_count(w);
    const float *dy = take_groups(w, count);
    double *sum = take_sums(w, 1);

    *sum = kernels->sum_all(dy, count);
}

/* ---- Element by element ------------------------------------------------------------------------ */

static void relu(const struct kernels *kernels, struct workspace *w)
{
    const struct map map = dense_map(w, draw_channels(w), draw_size(w), draw_size(w));
    float *x = take_map(w, map), *y = draw_bool(w) ? x : take_map(w, map);

    mark_map(w, y, map, EXACT);
    kernels->relu(map, x, y);
}

static void copy_gradient(const struct kernels *kernels, struct workspace *w)
{
    const int channels = draw_channels(w), height = draw_size(w), width = draw_size(w);
    const struct map x_map = dense_map(w, channels, height, width);
    const struct map dy_map = dense_map(w, channels, height, width);
    float *x = take_map(w, x_map);
    const float *dy = take_map(w, dy_map);

    mark_map(w, x, x_map, EXACT);
    kernels->copy_gradient(x_map, x, dy_map, dy, draw_bool(w));
}

static void dropout_masks(const struct kernels *kernels, struct workspace *w)
{
    static const uint32_t thresholds[] = {0, 1, 1966, 32768, 65535, 65536};
    const int count = draw_count(w);
    uint32_t *key = take(w, 2 * GROUP, sizeof *key);
    uint16_t *masks = take(w, (size_t)count * sizeof *masks, sizeof *masks);

    for (int i = 0; i < 2 * LANES; ++i)
        key[i] = (uint32_t)random_bits(&w->random);
    remember(w, key, 2 * GROUP);
    mark(w, masks, (size_t)count * sizeof *masks, EXACT);
    kernels->dropout_masks(key, count, thresholds[draw(w, CHECK_COUNT(thresholds))], masks);
}

static void dropout(const struct kernels *kernels, struct workspace *w)
{
    const struct map map = dense_map(w, draw_channels(w), draw_size(w), draw_size(w));
    struct mask mask;
    float *x = take_map(w, map);

    do
        mask = draw_mask(w, (int64_t)map.channels * map.height * map.width);
    while (mask.bits == NULL);
    mark_map(w, x, map, FLOATS);
    kernels->dropout(map, x, mask);
}

/* ---- Pools ------------------------------------------------------------------------------------- */

/* A pool: windows side by side, and at the edge of x at times rows and columns that fill none. */
struct pool {
    int32_t height, width; /* of a window */
    struct map x_map, y_map;
    float *x, *y;
};

static struct pool draw_pool(struct workspace *w, int32_t height, int32_t width)
{
    const int channels = draw_channels(w), rows = 1 + draw(w, 4), columns = 1 + draw(w, 4);
    struct pool pool = {.height = height, .width = width};

    pool.x_map = gapped_map(w, channels, rows * height + draw(w, height), columns * width + draw(w, width));
    pool.y_map = gapped_map(w, channels, rows, columns);
    pool.x = take_map(w, pool.x_map);
    pool.y = take_map(w, pool.y_map);
    return pool;
}

/* 16 is the most that maxpool takes: its last position is 255. */
static struct pool draw_max_pool(struct workspace *w)
{
    const int32_t kernel = draw(w, 8) == 0 ? 16 : draw_kernel(w);

    return draw_pool(w, kernel, kernel);
}

static void max_pool(const struct kernels *kernels, struct workspace *w)
{
    const struct pool pool = draw_max_pool(w);
    uint8_t *indices = take(w, (size_t)normnet__map_groups(pool.y_map) * LANES, LANES);

    mark_map(w, pool.y, pool.y_map, EXACT);
    for (int c = 0; c < pool.y_map.channels; ++c)
        for (int i = 0; i < pool.y_map.height; ++i)
            mark(w, indices + (c * pool.y_map.channel_stride + i * pool.y_map.row_stride) * LANES,
                 (size_t)pool.y_map.width * LANES, EXACT);
    kernels->max_pool(pool.x_map, pool.x, pool.height, pool.y_map, pool.y, indices);
}

static void max_pool_gradient(const struct kernels *kernels, struct workspace *w)
{
    const struct pool pool = draw_max_pool(w);
    const int64_t count = normnet__map_groups(pool.y_map) * LANES;
    uint8_t *indices = take(w, (size_t)count, LANES);

    for (int64_t i = 0; i < count; ++i)
        indices[i] = (uint8_t)draw(w, pool.height * pool.width);
    remember(w, indices, (size_t)count);
    mark_map(w, pool.x, pool.x_map, EXACT);
    kernels->max_pool_gradient(pool.y_map, pool.y, indices, pool.height, pool.x_map, pool.x, draw_bool(w));
}

static void average_pool(const struct kernels *kernels, struct workspace *w)
{
    const struct pool pool = draw_pool(w, draw_size(w), draw_size(w));

    mark_map(w, pool.y, pool.y_map, FLOATS);
    kernels->average_pool(pool.x_map, pool.x, pool.height, pool.width, pool.y_map, pool.y);
}

static void average_pool_gradient(const struct kernels *kernels, struct workspace *w)
{
    const struct pool pool = draw_pool(w, draw_size(w), draw_size(w));

    mark_map(w, pool.x, pool.x_map, FLOATS);
    kernels->average_pool_gradient(pool.y_map, pool.y, pool.height, pool.width, pool.x_map, pool.x, draw_bool(w));
}

/* ---- The comparison ---------------------------------------------------------------------------- */

struct kernel_test {
    const char *name;
    void (*run)(const struct kernels *kernels, struct workspace *w);
    int cases;
};

/* Of so many cases one is tried. */
static int step = 1;

/* In the order of struct kernels. */
static const struct kernel_test tests[] = {
    {"convolve", convolve, 700},
    {"convolve_channels", convolve_channels, 770},
    {"weight_gradient", weight_gradient, 700},
    {"moments", moments, 1000},
    {"normalize", normalize, 400},
    {"affine_elements", affine_elements, 200},
    {"gradient_moments", gradient_moments, 400},
    {"normalize_gradient", normalize_gradient, 400},
    {"multiply_elements", multiply_elements, 200},
    {"affine_gradient", affine_gradient, 400},
    {"sum_all", sum_all, 200},
    {"relu", relu, 200},
    {"copy_gradient", copy_gradient, 200},
    {"dropout_masks", dropout_masks, 200},
    {"dropout", dropout, 200},
    {"max_pool", max_pool, 400},
    {"max_pool_gradient", max_pool_gradient, 400},
    {"average_pool", average_pool, 400},
    {"average_pool_gradient", average_pool_gradient, 400},
};

static void open_workspace(struct workspace *w)
{
    memset(w, 0, sizeof *w);
    w->block = check_allocate(CAPACITY + PAGE, 1);
    w->memory = w->block + (PAGE - (uintptr_t)w->block % PAGE);
    w->before = check_allocate(CAPACITY, 1);
    w->roles = check_allocate(CAPACITY, 1);
}

static void close_workspace(struct workspace *w)
{
    free(w->block);
    free(w->before);
    free(w->roles);
}

/* One NaN for all of them. */
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

/* Makes memory comparable: scratch is cleared, and a NaN is a NaN. */
static void settle(struct workspace *w)
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

/* Draws a case and runs it with one table. */
static void run_case(const struct kernel_test *test, const struct kernels *kernels, int number, struct workspace *w)
{
    memset(w->roles, UNTOUCHED, w->used);
    w->number = number;
    w->random.state = (uint64_t)number;
    w->used = 0;
    w->shape[0] = '\0';
    w->style = (enum style)draw(w, STYLES);
    test->run(kernels, w);
    settle(w);
    for (size_t i = 0; i < w->used; ++i)
        if (w->roles[i] == UNTOUCHED && w->memory[i] != w->before[i]) {
            CHECK_FAIL("%s, case %d: byte %zu of %zu is none of its outputs and was written (%s)", kernels->name,
                       number, i, w->used, w->shape);
            return;
        }
}

static void compare(const struct kernels *kernels, const struct workspace *is, const struct workspace *want)
{
    size_t i = 0;

    if (is->used == want->used && memcmp(is->memory, want->memory, is->used) == 0)
        return;
    while (is->memory[i] == want->memory[i])
        ++i;
    i = i / sizeof(float) * sizeof(float);
    CHECK_FAIL("%s, case %d: byte %zu of %zu, role %d: the float is %a, portable %a (%s)", kernels->name, is->number, i,
               is->used, is->roles[i], (double)*(const float *)(const void *)(is->memory + i),
               (double)*(const float *)(const void *)(want->memory + i), is->shape);
}

static void every_table(const void *argument)
{
    const struct kernel_test *test = argument;
    struct workspace portable, other;

    open_workspace(&portable);
    open_workspace(&other);
    for (int number = 0; number < test->cases; number += step) {
        run_case(test, normnet__select_kernels(NORMNET_CPU_PORTABLE), number, &portable);
        for (int32_t cpu = NORMNET_CPU_PORTABLE + 1; cpu <= NORMNET_CPU_NEON; ++cpu) {
            const struct kernels *kernels = normnet__select_kernels(cpu);

            if (kernels == NULL)
                continue;
            run_case(test, kernels, number, &other);
            compare(kernels, &other, &portable);
        }
    }
    close_workspace(&portable);
    close_workspace(&other);
}

/* The table holds a name and pointers to kernels, nothing else. */
static void every_kernel(const void *argument)
{
    (void)argument;
    CHECK_EQUAL(CHECK_COUNT(tests) + 1, (int64_t)(sizeof(struct kernels) / sizeof(void (*)(void))));
}

int main(int argc, char **argv)
{
    const int small = argc > 1 && strcmp(argv[1], "--small") == 0;
    char name[64];

    if (small)
        step = 5;
    if (!check_begin(argc - small, argv + small))
        return check_end();
    for (int i = 0; i < CHECK_COUNT(tests); ++i) {
        snprintf(name, sizeof name, "kernels: %s", tests[i].name);
        check_case(name, every_table, &tests[i]);
    }
    check_case("kernels: none is left out", every_kernel, NULL);
    return check_end();
}
