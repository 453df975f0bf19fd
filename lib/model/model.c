/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include "base/message.h"
#include "model/config.h"
#include "model/sized_struct.h"

#include <string.h>

normnet_status normnet__require(const void *pointer, const char *name)
{
    return pointer != NULL ? NORMNET_OK : normnet__fail(NORMNET_EINVAL, "%s is NULL", name);
}

/* ---- Who uses the model --------------------------------------------------------------------------- */

normnet_status normnet__begin_writing(normnet_model *model)
{
    int idle = 0;

    if (atomic_compare_exchange_strong(&model->users, &idle, -1))
        return NORMNET_OK;
    return normnet__fail(NORMNET_EBUSY, "the model is in use by another call");
}

void normnet__end_writing(normnet_model *model)
{
    atomic_store(&model->users, 0);
}

normnet_status normnet__begin_reading(normnet_model *model, struct reader **reader)
{
    int users = atomic_load(&model->users);

    do {
        if (users < 0)
            return normnet__fail(NORMNET_EBUSY, "the model is in use by a call that changes it");
        if (users >= model->config.readers)
            return normnet__fail(NORMNET_EBUSY, "the model has %d readers at work already (config.readers)", users);
    } while (!atomic_compare_exchange_weak(&model->users, &users, users + 1));
    /* There are as many places as readers, so one is free or about to be. */
    for (int32_t i = 0;; i = (i + 1) % model->config.readers)
        if (!atomic_flag_test_and_set(&model->readers[i].taken)) {
            *reader = &model->readers[i];
            return NORMNET_OK;
        }
}

void normnet__end_reading(normnet_model *model, struct reader *reader)
{
    atomic_flag_clear(&reader->taken);
    atomic_fetch_sub(&model->users, 1);
}

normnet_status normnet__check_batch_norms(const normnet_model *model, int64_t images)
{
    for (int32_t i = 0; i < model->network.layer_count; ++i) {
        const struct layer *layer = &model->network.layers[i];

        if (layer->batch_norm >= 0 && images * layer->norm.chain_length < 2)
            return normnet__fail(NORMNET_EINVAL,
                                 "layer %d (%.64s): batch statistics need more than one value per channel; there is "
                                 "%lld image of %dx%d",
                                 i, layer->token, (long long)images, layer->in.height, layer->in.width);
    }
    return NORMNET_OK;
}

normnet_status normnet__check_metrics(const normnet_metrics *metrics)
{
    if (metrics == NULL)
        return NORMNET_OK;
    return normnet__check_size(metrics->struct_size, NORMNET__METRICS_FIRST, "metrics");
}

normnet_status normnet__write_metrics(normnet_metrics *to, const normnet_metrics *from)
{
    if (to == NULL)
        return NORMNET_OK;
    return normnet__write_struct(to, NORMNET__METRICS_FIRST, from, (int32_t)sizeof *from, "metrics");
}

struct trainer normnet__trainer_of(normnet_model *model)
{
    return (struct trainer){&model->config, &model->engine, &model->training, &model->state};
}

/* ---- Creation ------------------------------------------------------------------------------------- */

/* The first block: the model, its layers, the architecture twice (whole, and cut into words), mean, std and note. */
static normnet_model *alloc_first_block(struct arena *arena, const normnet_config *config, const char *note,
                                        int32_t layers, char **words)
{
    const int64_t text = (int64_t)strlen(config->architecture) + 1, note_text = (int64_t)strlen(note) + 1;
    normnet_model *model = normnet__arena_alloc(arena, 1, sizeof *model);
    struct layer *layer = normnet__arena_alloc(arena, layers, sizeof *layer);
    char *architecture = normnet__arena_alloc(arena, text, 1);
    double *mean = normnet__arena_alloc(arena, config->channels, sizeof *mean);
    double *std = normnet__arena_alloc(arena, config->channels, sizeof *std);
    char *own_note = normnet__arena_alloc(arena, note_text, 1);

    *words = normnet__arena_alloc(arena, text, 1);
    if (model == NULL)
        return NULL;
    memset(model, 0, sizeof *model);
    model->config = *config;
    memcpy(architecture, config->architecture, (size_t)text);
    memcpy(own_note, note, (size_t)note_text);
    for (int32_t c = 0; c < config->channels; ++c) {
        mean[c] = config->input_mean != NULL ? config->input_mean[c] : 0.0;
        std[c] = config->input_std != NULL ? config->input_std[c] : 1.0;
    }
    model->config.architecture = architecture;
    model->config.input_mean = mean;
    model->config.input_std = std;
    model->network.layers = layer;
    model->note = own_note;
    return model;
}

/* The second block: everything that runs. */
static void alloc_second_block(struct arena *arena, normnet_model *model)
{
    const int32_t channels = model->config.channels;

    normnet__alloc_state(arena, &model->network, &model->state);
    normnet__alloc_training_pass(arena, &model->engine, model->config.max_batch, &model->training);
    model->mean = normnet__arena_alloc(arena, channels, sizeof *model->mean);
    model->std = normnet__arena_alloc(arena, channels, sizeof *model->std);
    model->table = normnet__arena_alloc(arena, 256 * (int64_t)channels, sizeof *model->table);
    model->readers = normnet__arena_alloc(arena, model->config.readers, sizeof *model->readers);
    for (int32_t i = 0; i < model->config.readers; ++i) {
        const struct team team = normnet__alloc_reader(arena, &model->engine);

        if (model->readers != NULL) {
            model->readers[i].team = team;
            atomic_flag_clear(&model->readers[i].taken);
        }
    }
}

static normnet_status check_limit(const normnet_config *config, int64_t bytes, bool overflow)
{
    if (!overflow && (uint64_t)bytes <= SIZE_MAX && (config->memory_limit == 0 || bytes <= config->memory_limit))
        return NORMNET_OK;
    if (overflow)
        return normnet__fail(NORMNET_ELIMIT, "the model needs more than 2^63 - 1 bytes");
    return normnet__fail(NORMNET_ELIMIT, "the model needs %lld bytes; config.memory_limit is %lld", (long long)bytes,
                         (long long)config->memory_limit);
}

/* The parts of the training pass and the engine that come from the configuration. */
static void configure(normnet_model *model)
{
    const normnet_config *config = &model->config;

    model->engine.network = &model->network;
    model->engine.threads = config->threads;
    model->training.smoothing = config->label_smoothing;
    model->training.virtual_batch = config->virtual_batch;
    model->training.reduction = (struct reduction){config->reduce, config->reduce_user};
    model->training.averaging = (struct averaging){config->batchnorm_momentum, config->cumulative_statistics != 0};
}

static normnet_status allocate_second_block(normnet_model *model)
{
    struct arena arena = {0};
    normnet_status status;

    alloc_second_block(&arena, model);
    status = check_limit(&model->config, arena.used + model->bytes, arena.overflow);
    if (status == NORMNET_OK)
        status = normnet__allocate(&model->allocator, arena.used, &model->memory);
    if (status != NORMNET_OK)
        return status;
    model->memory_bytes = arena.used;
    arena = (struct arena){.memory = model->memory};
    alloc_second_block(&arena, model);
    return NORMNET_OK;
}

static void fill_scaling(normnet_model *model)
{
    const int32_t channels = model->config.channels;

    for (int32_t c = 0; c < channels; ++c) {
        model->mean[c] = (float)model->config.input_mean[c];
        model->std[c] = (float)model->config.input_std[c];
    }
    normnet__fill_scaling_table(model->mean, model->std, channels, model->table);
    model->engine.scaling = (struct scaling){model->mean, model->std, model->table};
    model->engine.parameters = model->state.parameters;
    model->engine.prepared = model->state.prepared;
}

struct allocator normnet__allocator_of(const normnet_config *config)
{
    if (config->allocate == NULL)
        return normnet__default_allocator();
    return (struct allocator){config->allocate, config->deallocate, config->allocator_user};
}

normnet_status normnet__begin_model(normnet_model **begun, const normnet_config *config, const char *note)
{
    const struct allocator allocator = normnet__allocator_of(config);
    const struct kernels *kernels;
    struct arena arena = {0};
    normnet_model *model;
    int32_t layers;
    char *words;
    void *block;
    normnet_status status = normnet__count_tokens(config->architecture, &layers);

    if (status != NORMNET_OK)
        return status;
    kernels = normnet__select_kernels(config->cpu);
    if (kernels == NULL)
        return normnet__fail(NORMNET_EUNSUPPORTED, "config.cpu is %d: not available on this machine or in this build",
                             config->cpu);
    alloc_first_block(&arena, config, note, layers, &words);
    status = check_limit(config, arena.used, arena.overflow);
    if (status == NORMNET_OK)
        status = normnet__allocate(&allocator, arena.used, &block);
    if (status != NORMNET_OK)
        return status;
    arena = (struct arena){.memory = block};
    model = alloc_first_block(&arena, config, note, layers, &words);
    model->bytes = arena.used;
    model->allocator = allocator;
    model->engine.kernels = kernels;
    configure(model);
    status = normnet__read_architecture(&model->network, &model->config, words);
    if (status == NORMNET_OK)
        status = normnet__plan(&model->network);
    if (status == NORMNET_OK)
        *begun = model;
    else
        normnet_model_destroy(model);
    return status;
}

normnet_status normnet__finish_model(normnet_model *model)
{
    const normnet_status status = allocate_second_block(model);

    if (status != NORMNET_OK)
        return status;
    fill_scaling(model);
    for (int32_t i = 0; i < model->config.readers; ++i)
        normnet__clear_reader(&model->engine, &model->readers[i].team);
    normnet__clear_state(&model->network, &model->state);
    return NORMNET_OK;
}

normnet_status normnet_model_create(normnet_model **model, const normnet_config *from)
{
    normnet_config config;
    normnet_model *created = NULL;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__read_config(&config, from);
    if (status == NORMNET_OK)
        status = normnet__begin_model(&created, &config, "");
    if (created != NULL)
        status = normnet__finish_model(created);
    if (status != NORMNET_OK) {
        normnet_model_destroy(created);
        return status;
    }
    normnet__initialize_state(&created->network, (uint64_t)config.seed, &created->state);
    *model = created;
    return NORMNET_OK;
}

void normnet_model_destroy(normnet_model *model)
{
    struct allocator allocator;

    if (model == NULL)
        return;
    allocator = model->allocator;
    if (model->memory != NULL)
        allocator.deallocate(allocator.user, model->memory, model->memory_bytes);
    allocator.deallocate(allocator.user, model, model->bytes);
}

normnet_status normnet_model_config(const normnet_model *model, normnet_config *config)
{
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(config, "config");
    if (status != NORMNET_OK)
        return status;
    return normnet__write_struct(config, NORMNET__CONFIG_FIRST, &model->config, (int32_t)sizeof model->config,
                                 "config");
}

const char *normnet_cpu_name(const normnet_model *model)
{
    return (model != NULL ? model->engine.kernels : normnet__select_kernels(NORMNET_CPU_BEST))->name;
}

int64_t normnet_steps_taken(const normnet_model *model)
{
    return model != NULL ? model->state.step : 0;
}

const char *normnet_model_note(const normnet_model *model)
{
    return model != NULL ? model->note : NULL;
}
