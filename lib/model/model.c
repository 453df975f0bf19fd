/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include "base/forks.h"
#include "base/message.h"
#include "base/published.h"
#include "model/config.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static normnet_status check_limit(const normnet_config *config, int64_t bytes, bool overflow)
{
    if (overflow)
        return normnet__fail(NORMNET_ELIMIT, "the model needs more than 2^63 - 1 bytes");
    if (config->memory_limit != 0 && bytes > config->memory_limit)
        return normnet__fail(NORMNET_ELIMIT, "the model needs %lld bytes; config.memory_limit is %lld",
                             (long long)bytes, (long long)config->memory_limit);
    if ((uint64_t)bytes > SIZE_MAX)
        return normnet__fail(NORMNET_ELIMIT, "the model needs %lld bytes, more than this machine can address",
                             (long long)bytes);
    return NORMNET_OK;
}

/* The model part: the model, its layers, the architecture twice (whole, and cut into tokens), mean, std and note. */
struct model_part {
    normnet_model *model;
    struct layer *layers;
    char *architecture, *tokens, *note;
    double *mean, *std;
};

static struct model_part layout_model_part(struct arena *arena, const normnet_config *config, const char *note,
                                           int32_t layer_count)
{
    const int64_t text_bytes = (int64_t)strlen(config->architecture) + 1;
    struct model_part part;

    part.model = normnet__arena_alloc(arena, 1, sizeof *part.model);
    part.layers = normnet__arena_alloc(arena, layer_count, sizeof *part.layers);
    part.architecture = normnet__arena_alloc(arena, text_bytes, 1);
    part.mean = normnet__arena_alloc(arena, config->channels, sizeof *part.mean);
    part.std = normnet__arena_alloc(arena, config->channels, sizeof *part.std);
    part.note = normnet__arena_alloc(arena, (int64_t)strlen(note) + 1, 1);
    part.tokens = normnet__arena_alloc(arena, text_bytes, 1);
    return part;
}

/* A model with copies of the configuration's arrays and of the note. */
static void fill_model_part(const struct model_part *part, const normnet_config *config, const char *note)
{
    normnet_model *model = part->model;

    memset(model, 0, sizeof *model);
    model->config = *config;
    memcpy(part->architecture, config->architecture, strlen(config->architecture) + 1);
    memcpy(part->note, note, strlen(note) + 1);
    for (int32_t c = 0; c < config->channels; ++c) {
        part->mean[c] = config->input_mean != NULL ? config->input_mean[c] : 0.0;
        part->std[c] = config->input_std != NULL ? config->input_std[c] : 1.0;
    }
    model->config.architecture = part->architecture;
    model->config.input_mean = part->mean;
    model->config.input_std = part->std;
    model->network.layers = part->layers;
    model->note = part->note;
}

static normnet_status allocate_model_part(normnet_model **model, const normnet_config *config, const char *note,
                                          int32_t layer_count, char **tokens)
{
    const struct allocator allocator = normnet__configured_allocator(config);
    struct arena arena = {0};
    struct model_part part;
    void *block;
    normnet_status status;

    layout_model_part(&arena, config, note, layer_count);
    status = check_limit(config, arena.used, arena.overflow);
    if (status == NORMNET_OK)
        status = normnet__allocate(&allocator, arena.used, &block);
    if (status != NORMNET_OK)
        return status;
    arena = (struct arena){.memory = block};
    part = layout_model_part(&arena, config, note, layer_count);
    fill_model_part(&part, config, note);
    part.model->model_bytes = arena.used;
    part.model->allocator = allocator;
    *model = part.model;
    *tokens = part.tokens;
    return NORMNET_OK;
}

/* Copies settings from the configuration to the engine and the training workspace. */
static void configure(normnet_model *model)
{
    const normnet_config *config = &model->config;

    model->engine.network = &model->network;
    model->engine.threads = (struct threads){config->threads, config->parallel_for, config->parallel_user, NULL};
    model->training.smoothing = config->label_smoothing;
    model->training.virtual_batch = config->virtual_batch;
    model->training.reduction = (struct reduction){config->reduce, config->reduce_user};
    model->training.averaging = (struct averaging){config->batchnorm_momentum, config->cumulative_statistics != 0};
    model->state.average.kept = config->average_decay > 0.0;
    model->state.average.decay = config->average_decay;
    model->state.average.from = config->average_from;
}

/* The calling thread and the program's threads, if there are any, need no pool. */
static bool needs_pool(const normnet_config *config)
{
    return config->threads > 1 && config->parallel_for == NULL;
}

/* All readers need the same; while the arena only counts, one of them is measured. */
static void layout_readers(struct arena *arena, normnet_model *model)
{
    const int64_t before = arena->used;
    const struct team first = normnet__alloc_reader(arena, &model->engine);
    const int64_t each = arena->used - before;

    if (arena->memory == NULL) {
        normnet__arena_alloc(arena, model->config.readers - 1, each);
        return;
    }
    for (int32_t i = 0; i < model->config.readers; ++i) {
        model->readers[i].team = i == 0 ? first : normnet__alloc_reader(arena, &model->engine);
        atomic_flag_clear(&model->readers[i].taken);
    }
}

/* The array part: all arrays that training and prediction use. */
static void layout_array_part(struct arena *arena, normnet_model *model)
{
    const int32_t channels = model->config.channels;

    normnet__alloc_state(arena, &model->network, &model->state);
    normnet__alloc_training_workspace(arena, &model->engine, model->config.max_batch, &model->training);
    model->mean = normnet__arena_alloc(arena, channels, sizeof *model->mean);
    model->std = normnet__arena_alloc(arena, channels, sizeof *model->std);
    model->table = normnet__arena_alloc(arena, 256 * (int64_t)channels, sizeof *model->table);
    model->readers = normnet__arena_alloc(arena, model->config.readers, sizeof *model->readers);
    if (needs_pool(&model->config))
        model->engine.threads.pool = normnet__alloc_pool(arena, model->config.threads - 1);
    layout_readers(arena, model);
}

static normnet_status allocate_array_part(normnet_model *model)
{
    struct arena arena = {0};
    normnet_status status;

    layout_array_part(&arena, model);
    status = check_limit(&model->config, arena.used + model->model_bytes, arena.overflow);
    if (status == NORMNET_OK)
        status = normnet__allocate(&model->allocator, arena.used, &model->memory);
    if (status != NORMNET_OK)
        return status;
    model->array_bytes = arena.used;
    arena = (struct arena){.memory = model->memory};
    layout_array_part(&arena, model);
    return NORMNET_OK;
}

/* Fills the tables of the input scaling, and points the engine at the arrays that it reads. */
static void connect_engine(normnet_model *model)
{
    const int32_t channels = model->config.channels;

    for (int32_t c = 0; c < channels; ++c) {
        model->mean[c] = (float)model->config.input_mean[c];
        model->std[c] = (float)model->config.input_std[c];
    }
    normnet__fill_scaling_table(model->mean, model->std, channels, model->table);
    model->engine.scaling = (struct scaling){model->mean, model->std, model->table};
    model->engine.parameters = model->state.weights.parameters;
    model->engine.prepared = model->state.weights.prepared;
}

normnet_status normnet__begin_model(normnet_model **begun, const normnet_config *config, const char *note)
{
    const struct kernels *kernels;
    normnet_model *model;
    int32_t layer_count;
    char *tokens;
    normnet_status status = normnet__count_tokens(config->architecture, &layer_count);

    if (status != NORMNET_OK)
        return status;
    kernels = normnet__select_kernels(config->cpu);
    if (kernels == NULL)
        return normnet__fail(NORMNET_EUNSUPPORTED, "config.cpu is %d: not available on this machine or in this build",
                             config->cpu);
    status = allocate_model_part(&model, config, note, layer_count, &tokens);
    if (status != NORMNET_OK)
        return status;
    model->engine.kernels = kernels;
    configure(model);
    status = normnet__check_input(&model->config); /* the copies, which may differ from what was checked */
    if (status == NORMNET_OK)
        status = normnet__read_architecture(&model->network, &model->config, (int32_t)kernels->group_lanes, tokens);
    if (status == NORMNET_OK)
        status = normnet__plan(&model->network);
    if (status == NORMNET_OK)
        *begun = model;
    else
        normnet__destroy_model(model);
    return status;
}

normnet_status normnet__finish_model(normnet_model *model)
{
    const normnet_status status = allocate_array_part(model);

    if (status != NORMNET_OK)
        return status;
    atomic_init(&model->forks, normnet__count_forks());
    connect_engine(model);
    normnet__clear_state(&model->network, &model->state);
    if (model->engine.threads.pool != NULL)
        normnet__start_pool(model->engine.threads.pool, model->config.threads - 1);
    return NORMNET_OK;
}

normnet_status normnet__create_model(normnet_model **model, const normnet_config *config)
{
    normnet_model *created = NULL;
    normnet_status status = normnet__begin_model(&created, config, "");

    if (created != NULL)
        status = normnet__finish_model(created);
    if (status != NORMNET_OK) {
        normnet__destroy_model(created);
        return status;
    }
    normnet__initialize_state(&created->network, (uint64_t)config->seed, &created->state);
    *model = created;
    return NORMNET_OK;
}

normnet_config normnet__describe_config(const normnet_model *model)
{
    const size_t before = offsetof(normnet_config, lr), after = offsetof(normnet_config, dampening);
    normnet_config config;

    static_assert(offsetof(normnet_config, dampening) == offsetof(normnet_config, momentum) + sizeof(double) &&
                      offsetof(normnet_config, momentum) == offsetof(normnet_config, lr) + sizeof(double),
                  "what is published lies between the parts that never change");
    memcpy(&config, &model->config, before);
    config.lr = normnet__published(&model->config.lr);
    config.momentum = normnet__published(&model->config.momentum);
    memcpy((char *)&config + after, (const char *)&model->config + after, sizeof config - after);
    return config;
}

normnet_status normnet__check_weights(const normnet_model *model, int32_t which)
{
    if (which == NORMNET_WEIGHTS_CURRENT || normnet__is_averaging(&model->state.average))
        return NORMNET_OK;
    return normnet__fail(NORMNET_ESTATE, "the model keeps no average of its weights: config.average_decay is 0");
}

const struct weights *normnet__weights(const normnet_model *model, int32_t which)
{
    return which == NORMNET_WEIGHTS_CURRENT ? &model->state.weights : &model->state.average.weights;
}

struct engine normnet__engine_of(const normnet_model *model, const struct weights *weights)
{
    struct engine engine = model->engine;

    engine.parameters = weights->parameters;
    engine.prepared = weights->prepared;
    return engine;
}

void normnet__destroy_model(normnet_model *model)
{
    struct allocator allocator;

    if (model == NULL)
        return;
    if (model->engine.threads.pool != NULL)
        normnet__stop_pool(model->engine.threads.pool);
    allocator = model->allocator;
    normnet__deallocate(&allocator, model->memory, model->array_bytes);
    normnet__deallocate(&allocator, model, model->model_bytes);
}
