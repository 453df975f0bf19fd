/* SPDX-License-Identifier: MIT */
#include "net/training_pass.h"

#include "base/threads.h"
#include "layers/loss.h"

#include <string.h>

/* ---- Memory -------------------------------------------------------------------------------------- */

static void alloc_tree(struct arena *arena, struct tree *tree, int64_t leaves, int64_t length)
{
    tree->capacity = normnet__tree_capacity(leaves);
    tree->nodes = normnet__arena_alloc(arena, tree->capacity, sizeof *tree->nodes);
    for (int32_t i = 0; i < tree->capacity; ++i) {
        double *values = normnet__arena_alloc(arena, length, sizeof *values);
        if (tree->nodes != NULL)
            tree->nodes[i].values = values;
    }
}

/*
 * Workers with `bytes` of block memory each and `single` of a single image's, and trees over `leaves` blocks with
 * `length` sums each. The blocks lie after all the rest, so that those that nobody uses take no memory, not even as
 * neighbours in a large page.
 */
static struct team alloc_team(struct arena *arena, const struct engine *engine, int64_t bytes, int64_t single,
                              int64_t leaves, int64_t length)
{
    struct team team = {
        .workers = normnet__arena_alloc(arena, engine->threads, sizeof *team.workers),
        .trees = normnet__arena_alloc(arena, engine->threads, sizeof *team.trees),
    };
    const bool counts = arena->memory == NULL || arena->overflow;

    for (int32_t i = 0; i < engine->threads; ++i) {
        struct worker worker = {
            .single = normnet__arena_alloc(arena, 1, single),
            .scratch = normnet__arena_alloc(arena, 1, engine->network->scratch_bytes),
        };
        struct tree tree = {0};

        alloc_tree(arena, &tree, leaves, length);
        if (!counts) {
            team.workers[i] = worker;
            team.trees[i] = tree;
        }
    }
    for (int32_t i = 0; i < engine->threads; ++i) {
        char *memory = normnet__arena_alloc(arena, 1, bytes);

        if (!counts)
            team.workers[i].memory = memory;
    }
    return team;
}

struct team normnet__alloc_reader(struct arena *arena, const struct engine *engine)
{
    /* Any number of images. */
    return alloc_team(arena, engine, engine->network->block_bytes[NORMNET__LAYOUT_EVALUATION],
                      engine->network->block_bytes[NORMNET__LAYOUT_SINGLE], INT64_MAX, 1);
}

void normnet__begin_reader(const struct engine *engine, const struct team *team)
{
    for (int32_t i = 0; i < engine->threads; ++i)
        memset(team->workers[i].single, 0, (size_t)engine->network->block_bytes[NORMNET__LAYOUT_SINGLE]);
}

static void alloc_batch_norm(struct arena *arena, int64_t channels, int64_t max_blocks, struct batch_norm *norm)
{
    /* As many groups as blocks at most: a virtual batch is at least one block. */
    const int64_t values = channels * max_blocks;

    norm->moments = normnet__arena_alloc(arena, values, sizeof *norm->moments);
    norm->sums = normnet__arena_alloc(arena, 2 * values, sizeof *norm->sums);
    norm->mean = normnet__arena_alloc(arena, values, sizeof *norm->mean);
    norm->invstd = normnet__arena_alloc(arena, values, sizeof *norm->invstd);
    norm->count = normnet__arena_alloc(arena, values, sizeof *norm->count);
    norm->center = normnet__arena_alloc(arena, values, sizeof *norm->center);
    norm->scale = normnet__arena_alloc(arena, values, sizeof *norm->scale);
    norm->shift = normnet__arena_alloc(arena, values, sizeof *norm->shift);
    norm->a = normnet__arena_alloc(arena, values, sizeof *norm->a);
    norm->b = normnet__arena_alloc(arena, values, sizeof *norm->b);
    norm->c = normnet__arena_alloc(arena, values, sizeof *norm->c);
    norm->exchange = normnet__arena_alloc(arena, 2 * channels, sizeof *norm->exchange);
}

void normnet__alloc_training_pass(struct arena *arena, const struct engine *engine, int64_t max_batch,
                                  struct training_pass *training)
{
    const struct network *network = engine->network;
    const bool meets = network->batch_norm_count > 0;

    training->max_blocks = (max_batch + NORMNET__LANES - 1) / NORMNET__LANES;
    training->team = alloc_team(arena, engine, meets ? 0 : network->block_bytes[NORMNET__LAYOUT_TRAINING], 0,
                                training->max_blocks, network->parameter_count);
    training->blocks =
        meets ? normnet__arena_alloc(arena, training->max_blocks, network->block_bytes[NORMNET__LAYOUT_TRAINING])
              : NULL;
    training->batch_norms = normnet__arena_alloc(arena, network->batch_norm_count, sizeof *training->batch_norms);
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];
        struct batch_norm norm = {0};

        if (layer->batch_norm < 0)
            continue;
        alloc_batch_norm(arena, layer->in.channels, training->max_blocks, &norm);
        if (training->batch_norms != NULL)
            training->batch_norms[layer->batch_norm] = norm;
    }
    training->losses = normnet__arena_alloc(arena, training->max_blocks, sizeof *training->losses);
    training->correct = normnet__arena_alloc(arena, training->max_blocks, sizeof *training->correct);
    training->gradient = normnet__arena_alloc(arena, network->parameter_count, sizeof *training->gradient);
}

/* ---- A block ------------------------------------------------------------------------------------- */

static struct block view_block(const struct engine *engine, const struct worker *worker, const struct images *images,
                               int32_t last, int64_t index)
{
    const int64_t first = index * NORMNET__LANES, left = images->count - first;

    return (struct block){.kernels = engine->kernels,
                          .parameters = engine->parameters,
                          .prepared = engine->prepared,
                          .memory = worker->memory,
                          .scratch = worker->scratch,
                          .last = last,
                          .count = left < NORMNET__LANES ? (int32_t)left : NORMNET__LANES,
                          .index = index};
}

static void pack_block(const struct engine *engine, const struct images *images, const struct block *block)
{
    /* The first layer's input is the network's. */
    normnet__pack(images, &engine->scaling, block->index * NORMNET__LANES,
                  (float *)(void *)(block->memory + engine->network->layers[0].offsets[block->layout].input));
}

static void forward_layers(const struct network *network, const struct block *block, int32_t begin, int32_t end)
{
    for (int32_t i = begin; i < end; ++i)
        if (!network->layers[i].identity)
            network->layers[i].type->forward(&network->layers[i], block);
}

/* ---- Evaluation ---------------------------------------------------------------------------------- */

struct evaluation {
    const struct engine *engine;
    const struct team *team;
    const struct images *images;
    int32_t last;
    block_callback *callback;
    void *context;
};

/* Up to so many images are faster one after the other than 16 at once. Measured: docs/performance.md. */
enum { MAX_SINGLES = 8 };

/* The output of a single image to its lane of the block. */
static void take_lane(const struct layer *layer, const struct block *single, const struct block *block, int32_t lane)
{
    const struct map from_map = normnet__output_map(layer, single), to_map = normnet__output_map(layer, block);
    const float *from = normnet__output(layer, single);
    float *to = normnet__output(layer, block) + lane;

    for (int32_t c = 0; c < to_map.channels; ++c) {
        const float *channel = from + normnet__channel_at(from_map, c);

        for (int64_t i = 0; i < (int64_t)to_map.height * to_map.width; ++i)
            to[(c * to_map.channel_stride + i) * NORMNET__LANES] = channel[i * NORMNET__LANES];
    }
}

/* The images of a block one after another: the same outputs as from the block. */
static void evaluate_singles(const struct evaluation *evaluation, const struct worker *worker,
                             const struct block *block)
{
    const struct network *network = evaluation->engine->network;
    struct block single = *block;

    single.layout = NORMNET__LAYOUT_SINGLE;
    single.memory = worker->single;
    for (int32_t lane = 0; lane < block->count; ++lane) {
        normnet__pack_single(evaluation->images, &evaluation->engine->scaling, block->index * NORMNET__LANES + lane,
                             (float *)(void *)(single.memory + network->layers[0].offsets[single.layout].input));
        forward_layers(network, &single, 0, evaluation->last + 1);
        take_lane(&network->layers[evaluation->last], &single, block, lane);
    }
}

static void evaluate_blocks(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct evaluation *evaluation = context;
    const struct worker *worker = &evaluation->team->workers[thread];

    for (int64_t index = begin; index < end; ++index) {
        struct block block = view_block(evaluation->engine, worker, evaluation->images, evaluation->last, index);

        block.layout = NORMNET__LAYOUT_EVALUATION;
        if (block.count <= MAX_SINGLES) {
            evaluate_singles(evaluation, worker, &block);
        } else {
            pack_block(evaluation->engine, evaluation->images, &block);
            forward_layers(evaluation->engine->network, &block, 0, evaluation->last + 1);
        }
        evaluation->callback(evaluation->context, thread, &block);
    }
}

static int64_t count_blocks(const struct images *images)
{
    return (images->count + NORMNET__LANES - 1) / NORMNET__LANES;
}

void normnet__evaluate(const struct engine *engine, const struct team *team, const struct images *images, int32_t last,
                       block_callback *callback, void *context)
{
    struct evaluation evaluation = {engine, team, images, last, callback, context};

    normnet__parallel(engine->threads, count_blocks(images), evaluate_blocks, &evaluation);
}

/* ---- Training: what the threads do between two meetings -------------------------------------------- */

/* A stretch of the network that a block passes without meeting others. */
struct section {
    int32_t norm;       /* the batch norm before it, whose second half it begins with, or -1 */
    int32_t begin, end; /* the layers after it, perhaps none */
};

struct pass {
    const struct engine *engine;
    struct training_pass *training;
    const struct images *images;
    const struct labels *labels; /* NULL: forward only */
    const struct dropout_source *source;
    int32_t last; /* layer */
    block_callback *callback;
    void *context;

    struct section section; /* at work */
};

static struct block begin_block(const struct pass *pass, int32_t thread, int64_t index)
{
    struct training_pass *training = pass->training;
    struct block block = view_block(pass->engine, &training->team.workers[thread], pass->images, pass->last, index);

    block.layout = NORMNET__LAYOUT_TRAINING;
    block.batch_norms = training->batch_norms;
    if (training->blocks != NULL)
        block.memory = training->blocks + index * pass->engine->network->block_bytes[NORMNET__LAYOUT_TRAINING];
    if (pass->source != NULL) {
        block.dropout = true;
        block.source = *pass->source;
        block.source.first_sample += index * NORMNET__LANES;
    }
    return block;
}

/* The batch norm after the section, unless the forward pass ends before it. */
static bool ends_at_norm(const struct pass *pass)
{
    return pass->section.end <= pass->last;
}

/* From the end of the section to its beginning, or to the first layer that learns. */
static void backward_layers(const struct pass *pass, const struct block *block)
{
    const struct network *network = pass->engine->network;

    for (int32_t i = pass->section.end - 1; i >= pass->section.begin && i >= network->first_trained; --i)
        if (!network->layers[i].identity)
            network->layers[i].type->backward(&network->layers[i], block);
    if (pass->section.norm >= network->first_trained)
        normnet__batch_norm_block_sums(&network->layers[pass->section.norm], block);
}

/* Loss and its gradient, which takes the place of the logits. */
static void begin_backward(const struct pass *pass, const struct block *block)
{
    const struct network *network = pass->engine->network;
    const struct layer *last = &network->layers[network->layer_count - 1];
    int32_t labels[NORMNET__LANES], predictions[NORMNET__LANES], correct = 0;
    double losses[NORMNET__LANES];

    for (int32_t lane = 0; lane < block->count; ++lane)
        labels[lane] = (int32_t)normnet__label(pass->labels, block->index * NORMNET__LANES + lane);
    normnet__cross_entropy(normnet__output(last, block), network->classes, labels, block->count,
                           pass->training->smoothing, losses, predictions, true);
    for (int32_t lane = 0; lane < block->count; ++lane)
        correct += predictions[lane] == labels[lane];
    pass->training->losses[block->index] = normnet__tree_sum(losses, block->count, 1);
    pass->training->correct[block->index] = correct;
}

static void forward_section(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct pass *pass = context;
    const struct network *network = pass->engine->network;
    struct tree *gradients = &pass->training->team.trees[thread];

    for (int64_t index = begin; index < end; ++index) {
        struct block block = begin_block(pass, thread, index);

        if (pass->section.norm < 0)
            pack_block(pass->engine, pass->images, &block);
        else
            normnet__batch_norm_forward(&network->layers[pass->section.norm], &block);
        forward_layers(network, &block, pass->section.begin, pass->section.end);
        if (ends_at_norm(pass)) {
            normnet__batch_norm_block_moments(&network->layers[pass->section.end], &block);
            continue;
        }
        if (pass->callback != NULL)
            pass->callback(pass->context, thread, &block);
        if (pass->labels == NULL)
            continue;
        block.gradient = normnet__tree_leaf(gradients);
        begin_backward(pass, &block);
        backward_layers(pass, &block);
        normnet__tree_push(gradients, index);
    }
}

static void backward_section(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct pass *pass = context;
    const struct network *network = pass->engine->network;
    const struct layer *norm = &network->layers[pass->section.end];
    struct tree *gradients = &pass->training->team.trees[thread];

    for (int64_t index = begin; index < end; ++index) {
        struct block block = begin_block(pass, thread, index);

        block.gradient = normnet__tree_leaf(gradients);
        normnet__batch_norm_backward(norm, &block);
        backward_layers(pass, &block);
        normnet__tree_push(gradients, index);
    }
}

/* ---- Training: the meetings ------------------------------------------------------------------------ */

/* The section after a batch norm (-1: the first). */
static struct section section_after(const struct network *network, int32_t norm, int32_t last)
{
    struct section section = {norm, norm + 1, norm + 1};

    while (section.end <= last && network->layers[section.end].batch_norm < 0)
        ++section.end;
    return section;
}

/* The section before a batch norm. */
static struct section section_before(const struct network *network, int32_t end)
{
    struct section section = {end - 1, end, end};

    while (section.norm >= 0 && network->layers[section.norm].batch_norm < 0)
        --section.norm;
    section.begin = section.norm + 1;
    return section;
}

static int64_t first_parameter(const struct network *network, int32_t layer)
{
    return layer < network->layer_count ? network->layers[layer].weight : network->parameter_count;
}

/* Sums over the parameters of the section's layers; those of its batch norm belong to the meeting. */
static void begin_gradients(const struct pass *pass)
{
    const int64_t first = first_parameter(pass->engine->network, pass->section.begin);
    const int64_t end = first_parameter(pass->engine->network, pass->section.end);

    for (int32_t thread = 0; thread < pass->engine->threads; ++thread)
        normnet__tree_begin(&pass->training->team.trees[thread], count_blocks(pass->images), first, end - first);
}

static void finish_gradients(const struct pass *pass)
{
    const int64_t first = first_parameter(pass->engine->network, pass->section.begin);
    const int64_t end = first_parameter(pass->engine->network, pass->section.end);
    const double *sums = normnet__tree_combine(pass->training->team.trees, pass->engine->threads);

    memcpy(pass->training->gradient + first, sums + first, (size_t)(end - first) * sizeof *sums);
}

static normnet_status forward_pass(struct pass *pass, struct running *running)
{
    const struct network *network = pass->engine->network;
    const int64_t blocks = count_blocks(pass->images);

    for (int32_t i = 0; i < network->batch_norm_count; ++i)
        pass->training->batch_norms[i].grouping =
            normnet__group_blocks(pass->images->count, pass->training->virtual_batch);
    pass->section = section_after(network, -1, pass->last);
    for (;;) {
        const struct layer *norm = &network->layers[pass->section.end];
        const bool last = !ends_at_norm(pass);
        normnet_status status;

        if (last && pass->labels != NULL)
            begin_gradients(pass);
        normnet__parallel(pass->engine->threads, blocks, forward_section, pass);
        if (last)
            return NORMNET_OK;
        status = normnet__batch_norm_combine_forward(
            norm, &pass->training->batch_norms[norm->batch_norm], pass->engine->parameters, pass->training->reduction,
            pass->training->averaging, running == NULL ? NULL : &running[norm->batch_norm]);
        if (status != NORMNET_OK)
            return status;
        pass->section = section_after(network, norm->index, pass->last);
    }
}

/* The rest of the way back: the last section's is part of forward_section. */
static normnet_status backward_pass(struct pass *pass)
{
    const struct network *network = pass->engine->network;

    finish_gradients(pass);
    while (pass->section.norm >= network->first_trained) {
        const struct layer *norm = &network->layers[pass->section.norm];
        const normnet_status status = normnet__batch_norm_combine_backward(
            norm, &pass->training->batch_norms[norm->batch_norm], pass->engine->parameters, pass->training->reduction,
            pass->training->gradient);

        if (status != NORMNET_OK)
            return status;
        pass->section = section_before(network, norm->index);
        if (!norm->needs_dx)
            break;
        begin_gradients(pass);
        normnet__parallel(pass->engine->threads, count_blocks(pass->images), backward_section, pass);
        finish_gradients(pass);
    }
    return NORMNET_OK;
}

normnet_status normnet__forward_backward(const struct engine *engine, struct training_pass *training,
                                         const struct images *images, const struct labels *labels,
                                         struct dropout_source source, struct running *running,
                                         struct pass_result *result)
{
    const int64_t blocks = count_blocks(images);
    struct pass pass = {.engine = engine,
                        .training = training,
                        .images = images,
                        .labels = labels,
                        .source = &source,
                        .last = engine->network->layer_count - 1};
    normnet_status status = forward_pass(&pass, running);

    if (status == NORMNET_OK)
        status = backward_pass(&pass);
    if (status != NORMNET_OK)
        return status;
    result->loss = normnet__tree_sum(training->losses, blocks, 1);
    result->correct = 0;
    for (int64_t i = 0; i < blocks; ++i)
        result->correct += training->correct[i];
    return NORMNET_OK;
}

normnet_status normnet__forward_batch(const struct engine *engine, struct training_pass *training,
                                      const struct images *images, const struct dropout_source *source,
                                      struct running *running, int32_t last, block_callback *callback, void *context)
{
    struct pass pass = {.engine = engine,
                        .training = training,
                        .images = images,
                        .source = source,
                        .last = last,
                        .callback = callback,
                        .context = context};

    return forward_pass(&pass, running);
}
