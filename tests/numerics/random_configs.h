/* SPDX-License-Identifier: MIT */
/* Random configurations that are valid, each from its seed: for test_random_configs. */
#ifndef RANDOM_CONFIGS_H
#define RANDOM_CONFIGS_H

#include "parity_bench.h"

enum {
    MOST_WORK = 600000,     /* multiply-adds of a forward pass, of which the reference makes about ten per step */
    MOST_VALUES = 60000,    /* of the largest activation of a batch */
    MOST_PARAMETERS = 6000, /* of a layer */
    MOST_FEATURES = 600
};

struct random_config {
    uint64_t seed;
    struct random_stream random;
    char architecture[600];
    size_t length;
    struct network_case network;
    struct norm_case norm;
    struct recipe_case recipe;
    struct input_case input;
    int images;
    /* Fields of the configuration that no row of parity_cases.h has. */
    int threads, cpu, max_batch, total_steps, average_from;
    int64_t model_seed, step_size;
    double dropout, average_decay, lr, momentum, step_gamma, max_lr, base_momentum, max_momentum, pct_start, div_factor,
        final_div_factor;

    /* While the architecture is drawn: */
    struct reference_shape shape;
    int flat, kinds; /* bit k: the normalization k is among the words */
    double work;
};

/* ---- Draws ----------------------------------------------------------------------------------- */

static inline int draw(struct random_config *config, int limit)
{
    return random_below(&config->random, limit);
}

/* 1 in `rarely` is true. */
static inline int now_and_then(struct random_config *config, int rarely)
{
    return draw(config, rarely) == 0;
}

static inline double draw_number(struct random_config *config, const double *numbers, int count)
{
    return numbers[draw(config, count)];
}

#define DRAW_NUMBER(config, ...)                                                                                       \
    draw_number((config), (const double[]){__VA_ARGS__}, CHECK_COUNT(((const double[]){__VA_ARGS__})))
#define DRAW_INTEGER(config, ...) ((int)DRAW_NUMBER(config, __VA_ARGS__))

CHECK_FORMAT(2, 3)
static inline void append(struct random_config *config, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    config->length += (size_t)vsnprintf(config->architecture + config->length,
                                        sizeof config->architecture - config->length, format, values);
    va_end(values);
}

/* ---- Layers ---------------------------------------------------------------------------------- */

static inline const char *draw_bias(struct random_config *config)
{
    return now_and_then(config, 3) ? "b" : "";
}

/* A layer with parameters: 1 if the work that it adds is not too much. */
static inline int affordable(struct random_config *config, struct reference_shape out, int parameters)
{
    const double work = (double)parameters * config->images * out.height * out.width;

    if (parameters > MOST_PARAMETERS || config->work + work > MOST_WORK ||
        reference_count(out) * config->images > MOST_VALUES)
        return 0;
    config->work += work;
    return 1;
}

static inline int conv_fits(const struct random_config *config, const struct reference_conv *conv)
{
    return conv->kernel <= config->shape.height + 2 * conv->padding &&
           conv->kernel <= config->shape.width + 2 * conv->padding;
}

static inline void append_conv(struct random_config *config, struct reference_conv conv)
{
    struct reference_shape out;
    const char *bias = draw_bias(config);

    if (!conv_fits(config, &conv))
        return;
    out = reference_conv_shape(config->shape, &conv);
    if (!affordable(config, out, conv.out * config->shape.channels * conv.kernel * conv.kernel))
        return;
    append(config, "conv%d-%d", conv.kernel, conv.out);
    if (conv.stride > 1)
        append(config, "s%d", conv.stride);
    if (conv.padding > 0)
        append(config, "p%d", conv.padding);
    append(config, "%s ", bias);
    config->shape = out;
}

static inline void draw_conv(struct random_config *config)
{
    struct reference_conv conv = {0};

    conv.kernel = DRAW_INTEGER(config, 1, 1, 2, 3, 3, 3, 3, 4, 5, 6, 7, 9);
    conv.out = now_and_then(config, 4) ? DRAW_INTEGER(config, 16, 17, 24, 32, 33, 40) : 1 + draw(config, 12);
    conv.stride = now_and_then(config, 4) ? 2 + draw(config, 3) : 1;
    conv.padding = now_and_then(config, 2) ? 0 : conv.kernel / 2;
    if (now_and_then(config, 6)) /* up to more than the kernel, where whole windows are padding */
        conv.padding = draw(config, conv.kernel + 2);
    append_conv(config, conv);
}

static inline void draw_fc(struct random_config *config)
{
    const int out = 2 + draw(config, 20);
    const struct reference_shape shape = {1, out, 1, 1};

    if (affordable(config, shape, out * config->shape.channels)) {
        append(config, "fc-%d%s ", out, draw_bias(config));
        config->shape = shape;
    }
}

static inline void draw_pool(struct random_config *config)
{
    const int size = DRAW_INTEGER(config, 1, 2, 2, 2, 3, 4, 5);

    if (size <= config->shape.height && size <= config->shape.width) {
        append(config, "%s%d ", now_and_then(config, 2) ? "maxpool" : "avgpool", size);
        config->shape = reference_pool_shape(config->shape, size);
    }
}

/* ---- Normalizations -------------------------------------------------------------------------- */

/* How many values share a statistic of one image; where it is 1, all outputs are the same. */
static inline int values_together(const struct random_config *config, int kind, int groups)
{
    const struct reference_shape *shape = &config->shape;
    const int pixels = shape->height * shape->width;

    switch (kind) {
    case NORMNET_NORM_BATCH:
        return pixels * config->images;
    case NORMNET_NORM_GROUP:
        return shape->channels / groups * pixels;
    case NORMNET_NORM_INSTANCE:
        return pixels;
    case NORMNET_NORM_LAYER:
        if (!config->flat && config->norm.layer_dims < 3)
            return config->norm.layer_dims == 2 ? pixels : shape->width;
        return shape->channels * pixels;
    default: /* RMS norm keeps the sign of a single value; none keeps it all */
        return shape->channels * pixels + 1;
    }
}

/* `word` is a norm of this kind; with `groups` 0, one of four channels each. */
static inline void append_norm(struct random_config *config, const char *word, int kind, int groups)
{
    if (groups == 0)
        groups = config->shape.channels % 4 == 0 ? config->shape.channels / 4 : 0;
    if (kind == NORMNET_NORM_GROUP && (groups == 0 || config->shape.channels % groups != 0))
        return;
    if (kind == NORMNET_NORM_INSTANCE && config->flat)
        return;
    if (values_together(config, kind, groups) < 3 && !now_and_then(config, 10))
        return;
    append(config, "%s ", word);
    config->kinds |= 1 << kind;
}

static inline void draw_named_norm(struct random_config *config)
{
    const int kind = 1 + draw(config, NORM_COUNT - 1);
    const int groups = 1 + draw(config, config->shape.channels < 8 ? config->shape.channels : 8);
    static const char *const words[NORM_COUNT] = {
        "", "batchnorm", "groupnorm", "layernorm", "instancenorm", "rmsnorm",
    };
    char text[32];

    if (kind != NORMNET_NORM_GROUP || now_and_then(config, 3)) {
        append_norm(config, words[kind], kind, config->norm.groups);
    } else {
        snprintf(text, sizeof text, "groupnorm%d", groups);
        append_norm(config, text, kind, groups);
    }
}

/* ---- The architecture ------------------------------------------------------------------------ */

/* The word alone, or with a number from 0.1 to 0.8. */
static inline void append_with_fraction(struct random_config *config, const char *word)
{
    if (now_and_then(config, 2))
        append(config, "%s ", word);
    else
        append(config, "%s0.%d ", word, 1 + draw(config, 8));
}

static inline void draw_layer(struct random_config *config)
{
    const int choice = draw(config, 24);

    if (choice < 8 && !config->flat)
        draw_conv(config);
    else if (choice < 8)
        draw_fc(config);
    else if (choice < 13)
        append_norm(config, "norm", config->norm.norm, config->norm.groups);
    else if (choice < 15)
        draw_named_norm(config);
    else if (choice < 18)
        append(config, "relu ");
    else if (choice < 20)
        append_with_fraction(config, "leakyrelu");
    else if (choice < 21)
        append_with_fraction(config, "dropout");
    else if (!config->flat)
        draw_pool(config);
}

/* From what there is to the classes. */
static inline void draw_head(struct random_config *config)
{
    const char *bias = draw_bias(config);
    const int classes = config->network.classes, square = config->shape.height == config->shape.width;

    if (!config->flat && reference_count(config->shape) <= MOST_FEATURES && now_and_then(config, 2)) {
        append(config, "flatten ");
        config->flat = 1;
        config->shape.channels = reference_count(config->shape);
        config->shape.height = config->shape.width = 1;
        for (int i = draw(config, 5); i > 0; --i)
            draw_layer(config);
    }
    if (config->flat)
        append(config, "fc-%d%s", classes, bias);
    else if (square && config->shape.height <= 5 && now_and_then(config, 3))
        append(config, "conv%d-%d%s", config->shape.height, classes, bias);
    else if (now_and_then(config, 2))
        append(config, "gap conv1-%d%s", classes, bias);
    else
        append(config, "conv1-%d%s gap", classes, bias);
}

static inline void draw_architecture(struct random_config *config)
{
    config->shape =
        (struct reference_shape){1, config->network.channels, config->network.height, config->network.width};
    for (int i = 2 + draw(config, 8); i > 0; --i)
        draw_layer(config);
    draw_head(config);
}

/* ---- Everything else ------------------------------------------------------------------------- */

/* What the words allow. */
static inline void draw_affine(struct random_config *config)
{
    const int by_element = (1 << NORMNET_NORM_NONE) | (1 << NORMNET_NORM_LAYER) | (1 << NORMNET_NORM_RMS);
    const int choice = draw(config, 4);

    if (choice == NORMNET_AFFINE_ELEMENT && (config->kinds & ~by_element) != 0)
        return;
    if (choice == NORMNET_AFFINE_CHANNEL && config->norm.layer_dims < 3)
        return;
    config->norm.affine = choice;
}

static inline void draw_recipe(struct random_config *config)
{
    struct recipe_case *recipe = &config->recipe;

    recipe->l1 = DRAW_NUMBER(config, 0, 0, 1e-4, 1e-3);
    recipe->l2 = DRAW_NUMBER(config, 0, 0, 1e-3, 1e-2);
    recipe->label_smoothing = DRAW_NUMBER(config, 0, 0, 0.1, 0.5, 1);
    recipe->clip_norm = DRAW_NUMBER(config, 0, 0, 0.2, 2);
    recipe->penalty_on = draw(config, 2);
    recipe->schedule = draw(config, 3);
    recipe->anneal = draw(config, 2);
    recipe->three_phase = draw(config, 2);
    recipe->no_cycle_momentum = draw(config, 2);
    config->momentum = DRAW_NUMBER(config, 0, 0.5, 0.9, 0.99);
    config->base_momentum = DRAW_NUMBER(config, 0, 0.5, 0.85);
    config->max_momentum = DRAW_NUMBER(config, 0.9, 0.95);
    if (config->momentum > 0 && config->base_momentum > 0)
        recipe->nesterov = draw(config, 2);
    if (!recipe->nesterov)
        recipe->dampening = DRAW_NUMBER(config, 0, 0, 0.4, -0.5, 1);
    config->lr = DRAW_NUMBER(config, 0.01, 0.05, 0.2);
    config->step_gamma = DRAW_NUMBER(config, 0.1, 0.5, 1.5);
    config->step_size = 1 + draw(config, 2);
    config->max_lr = DRAW_NUMBER(config, 0.02, 0.1, 0.3);
    config->total_steps = 3 + draw(config, 5); /* of 2, a phase may be empty, where PyTorch divides by 0 */
    config->pct_start = DRAW_NUMBER(config, 0, 0.1, 0.3, 0.5, 1);
    config->div_factor = DRAW_NUMBER(config, 0.5, 10, 25);
    config->final_div_factor = DRAW_NUMBER(config, 1, 100, 1e4);
}

static inline void draw_norm(struct random_config *config)
{
    struct norm_case *norm = &config->norm;

    norm->norm = draw(config, NORM_COUNT);
    norm->groups = now_and_then(config, 2) ? 0 : 1 + draw(config, 4);
    norm->layer_dims = now_and_then(config, 3) ? 1 + draw(config, 3) : 3;
    norm->virtual_batch = now_and_then(config, 3) ? 16 * (1 + draw(config, 2)) : 0;
    norm->cumulative_statistics = draw(config, 2);
    norm->eps = DRAW_NUMBER(config, 0, 0, 1e-3, 0.1);
    norm->batchnorm_momentum = DRAW_NUMBER(config, 0, 0, 0.3, 1);
}

static inline void draw_input(struct random_config *config)
{
    config->input.dtype = draw(config, 2) ? NORMNET_U8 : NORMNET_F32;
    config->input.layout = (input_layout)draw(config, REPEATED + 1);
    config->input.standardized = draw(config, 2);
    config->network.channels = now_and_then(config, 8) ? 1 + draw(config, 20) : 1 + draw(config, 4);
    config->network.height = now_and_then(config, 8) ? 1 + draw(config, 30) : 1 + draw(config, 14);
    config->network.width = now_and_then(config, 8) ? 1 + draw(config, 30) : 1 + draw(config, 14);
    config->network.classes = 2 + draw(config, 6);
    config->images = now_and_then(config, 4) ? 30 + draw(config, 40) : 1 + draw(config, 20);
    if (config->images * config->network.channels * config->network.height * config->network.width > MOST_VALUES)
        config->images = 1 + draw(config, 8);
}

static inline void draw_config(struct random_config *config, uint64_t seed)
{
    memset(config, 0, sizeof *config);
    config->seed = seed;
    config->random.state = seed;
    draw_input(config);
    draw_norm(config);
    draw_architecture(config);
    draw_affine(config);
    draw_recipe(config);
    config->threads = 1 + draw(config, 4);
    config->cpu = now_and_then(config, 8) ? NORMNET_CPU_PORTABLE : NORMNET_CPU_BEST;
    config->max_batch = config->images + draw(config, 20);
    config->model_seed = (int64_t)random_bits(&config->random);
    config->dropout = DRAW_NUMBER(config, 0, 0.03, 0.5);
    config->average_decay = DRAW_NUMBER(config, 0, 0.9, 0.5, 1);
    config->average_from = draw(config, 2);
    config->network.name = "random";
    config->network.architecture = config->architecture;
    config->norm.name = norm_name(config->norm.norm);
}

/* The fields that parity_bench.h does not set. */
static inline void amend_config(normnet_config *config, const void *argument)
{
    const struct random_config *self = argument;

    config->threads = self->threads;
    config->cpu = self->cpu;
    config->max_batch = self->max_batch;
    config->seed = self->model_seed;
    config->dropout = self->dropout;
    config->average_decay = self->average_decay;
    config->average_from = self->average_from;
    config->lr = self->lr;
    config->momentum = self->momentum;
    config->step_gamma = self->step_gamma;
    config->step_size = self->step_size;
    config->max_lr = self->max_lr;
    config->base_momentum = self->base_momentum;
    config->max_momentum = self->max_momentum;
    config->total_steps = self->total_steps;
    config->pct_start = self->pct_start;
    config->div_factor = self->div_factor;
    config->final_div_factor = self->final_div_factor;
}

/* Everything that was drawn, for the one who has to find a fault with it. */
static inline void print_config(const struct random_config *self)
{
    static const char *const layouts[] = {"contiguous", "NHWC", "flipped", "window", "repeated"};
    const struct network_case *network = &self->network;
    const struct norm_case *norm = &self->norm;
    const struct recipe_case *recipe = &self->recipe;

    printf("    network %" PRIu64 ": \"%s\"\n", self->seed, self->architecture);
    printf("    %d images %dx%dx%d of %d classes, %s, %s%s; threads %d, cpu %d, max_batch %d, seed %" PRId64 "\n",
           self->images, network->channels, network->height, network->width, network->classes,
           self->input.dtype == NORMNET_U8 ? "u8" : "f32", layouts[self->input.layout],
           self->input.standardized ? ", standardized" : "", self->threads, self->cpu, self->max_batch,
           self->model_seed);
    printf("    norm %s, groups %d, layer_dims %d, affine %d, virtual_batch %d, cumulative_statistics %d, eps %g, "
           "batchnorm_momentum %g, dropout %g\n",
           norm->name, norm->groups, norm->layer_dims, norm->affine, norm->virtual_batch, norm->cumulative_statistics,
           norm->eps, norm->batchnorm_momentum, self->dropout);
    printf("    l1 %g, l2 %g, penalty_on %d, label_smoothing %g, clip_norm %g, nesterov %d, dampening %g, "
           "average_decay %g, average_from %d\n",
           recipe->l1, recipe->l2, recipe->penalty_on, recipe->label_smoothing, recipe->clip_norm, recipe->nesterov,
           recipe->dampening, self->average_decay, self->average_from);
    printf(
        "    schedule %d, lr %g, momentum %g, step_gamma %g, step_size %d, max_lr %g, base_momentum %g, max_momentum "
        "%g, total_steps %d, pct_start %g, div_factor %g, final_div_factor %g, anneal %d, three_phase %d, "
        "cycle_momentum %d\n",
        recipe->schedule, self->lr, self->momentum, self->step_gamma, (int)self->step_size, self->max_lr,
        self->base_momentum, self->max_momentum, self->total_steps, self->pct_start, self->div_factor,
        self->final_div_factor, recipe->anneal, recipe->three_phase, !recipe->no_cycle_momentum);
}

#endif
