/* SPDX-License-Identifier: MIT */
#include "net/training_pass.h"

#include "kernels/algorithm.h"
#include "layers/loss.h"
#include "net/gradient_trees.h"
#include "net/outer_products.h"

/* ---- Memory -------------------------------------------------------------------------------------- */

static void alloc_batch_norm(struct arena *arena, int64_t channels, int64_t max_blocks, int32_t lanes,
                             struct batch_norm *norm)
{
    /* At most as many groups as blocks: a virtual batch is at least one block. */
    const int64_t values = channels * max_blocks, leaf_values = values * (lanes / NORMNET__LEAF_SAMPLES);

    norm->moments = normnet__arena_alloc(arena, leaf_values, sizeof *norm->moments);
    norm->leaf_terms = normnet__arena_alloc(arena, leaf_values, sizeof *norm->leaf_terms);
    norm->sums = normnet__arena_alloc(arena, 2 * values, sizeof *norm->sums);
    norm->statistics = normnet__arena_alloc(arena, values, sizeof *norm->statistics);
    norm->count = normnet__arena_alloc(arena, values, sizeof *norm->count);
    norm->coefficients = normnet__arena_alloc(arena, values, sizeof *norm->coefficients);
    norm->gradients = normnet__arena_alloc(arena, values, sizeof *norm->gradients);
    norm->combined = normnet__arena_alloc(arena, channels, sizeof *norm->combined);
    norm->totals = normnet__arena_alloc(arena, 2 * channels + 2, sizeof *norm->totals);
}

void normnet__alloc_training_workspace(struct arena *arena, const struct engine *engine, int64_t max_batch,
                                       struct training_workspace *training)
{
    const struct network *network = engine->network;
    const bool blocks_keep_memory = network->batch_norm_count > 0;
    const int64_t block_bytes = network->block_bytes[NORMNET__LAYOUT_TRAINING];

    training->max_blocks = normnet__count_blocks(engine, max_batch);
    training->team = normnet__alloc_team(arena, engine,
                                         (struct team_sizes){.block_bytes = blocks_keep_memory ? 0 : block_bytes,
                                                             .leaves = training->max_blocks,
                                                             .length = network->sum_count,
                                                             .tile_length = normnet__tile_length(network)});
    training->kept = normnet__arena_alloc(arena, training->max_blocks, network->kept_count * (int64_t)sizeof(float));
    training->blocks = blocks_keep_memory ? normnet__arena_alloc(arena, training->max_blocks, block_bytes) : NULL;
    training->batch_norms = normnet__arena_alloc(arena, network->batch_norm_count, sizeof *training->batch_norms);
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];
        struct batch_norm norm = {0};

        if (layer->batch_norm < 0)
            continue;
        alloc_batch_norm(arena, layer->in.channels, training->max_blocks, network->lanes, &norm);
        if (training->batch_norms != NULL) /* NULL while the arena only counts */
            training->batch_norms[layer->batch_norm] = norm;
    }
    training->labels = normnet__arena_alloc(arena, max_batch, sizeof *training->labels);
    training->losses = normnet__arena_alloc(arena, training->max_blocks, sizeof *training->losses);
    training->correct = normnet__arena_alloc(arena, training->max_blocks, sizeof *training->correct);
    training->gradient = normnet__arena_alloc(arena, network->parameter_count, sizeof *training->gradient);
}

/* ---- What a thread does with a block ---------------------------------------------------------------- */

/* A part of the network that a block passes without waiting for others. */
struct section {
    int32_t norm;       /* the batch norm before it, with whose normalization the section begins, or -1 */
    int32_t begin, end; /* the layers after that norm, perhaps none */
};

struct pass {
    const struct engine *engine;
    struct training_workspace *training;
    const struct images *images;
    const int32_t *labels; /* NULL: forward only */
    const struct dropout_source *source;
    int32_t last_layer;
    double *gradient; /* of all parameters: where it goes */
    block_callback *callback;
    void *context;

    struct section section; /* the current one */
    struct helpers helpers; /* if all threads share every block, else {NULL} */
};

static struct block begin_training_block(const struct pass *pass, int32_t thread, int64_t index)
{
    struct training_workspace *training = pass->training;
    struct block block =
        normnet__begin_block(pass->engine, &training->team.workers[thread], pass->images, pass->last_layer, index);

    block.layout = NORMNET__LAYOUT_TRAINING;
    block.helpers = pass->helpers.threads == NULL ? NULL : &pass->helpers;
    block.batch_norms = training->batch_norms;
    if (training->blocks != NULL)
        block.memory = training->blocks + index * pass->engine->network->block_bytes[NORMNET__LAYOUT_TRAINING];
    block.kept = training->kept + index * pass->engine->network->kept_count;
    if (pass->source != NULL) {
        block.dropout = true;
        block.source = *pass->source;
        block.source.first_sample += index * pass->engine->network->lanes;
    }
    return block;
}

/* Whether a batch norm follows the section; else the forward pass ends with it. */
static bool ends_at_norm(const struct pass *pass)
{
    return pass->section.end <= pass->last_layer;
}

/* From the end of the section to its beginning, or to the first layer with parameters. */
static void backward_layers(const struct pass *pass, const struct block *block)
{
    const struct network *network = pass->engine->network;

    for (int32_t i = pass->section.end - 1; i >= pass->section.begin && i >= network->first_trained; --i)
        if (!network->layers[i].identity)
            network->layers[i].type->backward(&network->layers[i], block);
    if (pass->section.norm >= network->first_trained)
        normnet__batch_norm_block_sums(&network->layers[pass->section.norm], block);
}

/* The loss, and its gradient, which is stored over the logits. */
static void begin_backward(const struct pass *pass, const struct block *block)
{
    const struct network *network = pass->engine->network;
    const struct layer *last = &network->layers[network->layer_count - 1];
    const int32_t *labels = pass->labels + block->index * network->lanes;
    int32_t predictions[NORMNET__MAX_LANES], correct = 0;
    double losses[NORMNET__MAX_LANES];

    normnet__cross_entropy(block->kernels,
                           (struct logits){normnet__output(last, block), network->classes, network->lanes}, labels,
                           block->count, pass->training->smoothing, losses, predictions, /* backward */ true);
    for (int32_t lane = 0; lane < block->count; ++lane)
        correct += predictions[lane] == labels[lane];
    pass->training->losses[block->index] = normnet__tree_sum(losses, block->count, 1);
    pass->training->correct[block->index] = correct;
}

/* A section forward; the last one also to the loss. */
static void forward_block(const struct pass *pass, int32_t thread, const struct block *block)
{
    const struct network *network = pass->engine->network;

    if (pass->section.norm < 0)
        normnet__pack_block(pass->engine, pass->images, block);
    else
        normnet__batch_norm_forward(&network->layers[pass->section.norm], block);
    normnet__forward_layers(network, block, pass->section.begin, pass->section.end);
    if (ends_at_norm(pass))
        normnet__batch_norm_block_moments(&network->layers[pass->section.end], block);
    else if (pass->callback != NULL)
        pass->callback(pass->context, thread, block);
}

static void forward_section(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct pass *pass = context;

    for (int64_t index = begin; index < end; ++index) {
        const struct block block = begin_training_block(pass, thread, index);

        forward_block(pass, thread, &block);
    }
}

/* The last section forward and backward; any other one backward, from dx of the batch norm at its end. */
static void backward_section(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct pass *pass = context;
    struct tree *tree = &pass->training->team.trees[thread];

    for (int64_t index = begin; index < end; ++index) {
        struct block block = begin_training_block(pass, thread, index);

        block.gradient = normnet__tree_next_leaf(tree);
        if (ends_at_norm(pass)) {
            normnet__batch_norm_backward(&pass->engine->network->layers[pass->section.end], &block);
        } else {
            forward_block(pass, thread, &block);
            begin_backward(pass, &block);
        }
        backward_layers(pass, &block);
        normnet__tree_push(tree, index);
    }
}

/* ---- Sections, and what happens between them --------------------------------------------------------- */

/* The section after a batch norm (-1: the first). */
static struct section section_after(const struct network *network, int32_t norm, int32_t last_layer)
{
    struct section section = {norm, norm + 1, norm + 1};

    while (section.end <= last_layer && network->layers[section.end].batch_norm < 0)
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

/* All threads share every block, or each has whole blocks. */
static void run_blocks(struct pass *pass, range_work *work)
{
    const int64_t blocks = normnet__count_blocks(pass->engine, pass->images->count);

    if (pass->helpers.threads != NULL)
        work(pass, 0, 0, blocks);
    else
        normnet__parallel(&pass->engine->threads, blocks, work, pass);
}

/*
 * Backward through the section, the last one also forward. The gradients of the batch norm before it are set when its
 * sums are combined.
 */
static void run_backward(struct pass *pass)
{
    const struct section section = pass->section;
    const struct team *team = &pass->training->team;
    const int64_t blocks = normnet__count_blocks(pass->engine, pass->images->count);
    const struct gradient_trees gradients = {pass->engine, team, section.begin, section.end};

    normnet__begin_gradients(&gradients, blocks);
    run_blocks(pass, backward_section);
    normnet__finish_gradients(&gradients, pass->gradient);
    for (int32_t i = section.begin; i < section.end; ++i)
        if (pass->engine->network->layers[i].fully_connected)
            normnet__sum_outer_products(pass->engine, team, i, pass->training->kept, blocks, pass->gradient);
}

static normnet_status forward_pass(struct pass *pass, struct running *running)
{
    const struct network *network = pass->engine->network;

    for (int32_t i = 0; i < network->batch_norm_count; ++i)
        pass->training->batch_norms[i].grouping =
            normnet__group_blocks(pass->images->count, pass->training->virtual_batch, network->lanes);
    pass->section = section_after(network, -1, pass->last_layer);
    for (;;) {
        const struct layer *norm = &network->layers[pass->section.end];
        const bool last = !ends_at_norm(pass);
        normnet_status status;

        if (last && pass->labels != NULL)
            run_backward(pass);
        else
            run_blocks(pass, forward_section);
        if (last)
            return NORMNET_OK;
        status = normnet__batch_norm_combine_forward(
            norm, &pass->training->batch_norms[norm->batch_norm], pass->engine->parameters, pass->training->reduction,
            pass->training->averaging, running == NULL ? NULL : &running[norm->batch_norm]);
        if (status != NORMNET_OK)
            return status;
        pass->section = section_after(network, norm->index, pass->last_layer);
    }
}

/* Backward through all sections but the last, which forward_pass has already done. */
static normnet_status backward_pass(struct pass *pass)
{
    const struct network *network = pass->engine->network;

    while (pass->section.norm >= network->first_trained) {
        const struct layer *norm = &network->layers[pass->section.norm];
        const normnet_status status =
            normnet__batch_norm_combine_backward(norm, &pass->training->batch_norms[norm->batch_norm],
                                                 pass->engine->parameters, pass->training->reduction, pass->gradient);

        if (status != NORMNET_OK)
            return status;
        pass->section = section_before(network, norm->index);
        if (!norm->needs_dx)
            break;
        run_backward(pass);
    }
    return NORMNET_OK;
}

normnet_status normnet__forward_backward(const struct engine *engine, struct training_workspace *training,
                                         const struct images *images, const int32_t *labels,
                                         struct dropout_source source, struct running *running, double *gradient,
                                         struct pass_result *result)
{
    const int64_t blocks = normnet__count_blocks(engine, images->count);
    const bool few_blocks = 2 * blocks <= engine->threads.count;
    struct pass pass = {.engine = engine,
                        .training = training,
                        .images = images,
                        .labels = labels,
                        .source = &source,
                        .gradient = gradient,
                        .last_layer = engine->network->layer_count - 1};
    normnet_status status;

    if (few_blocks && normnet__begin_sharing(&training->sharing))
        pass.helpers = (struct helpers){&engine->threads, training->team.scratch};
    status = forward_pass(&pass, running);
    if (status == NORMNET_OK)
        status = backward_pass(&pass);
    if (few_blocks)
        normnet__end_sharing(&training->sharing, blocks);
    if (status != NORMNET_OK)
        return status;
    result->loss = normnet__tree_sum(training->losses, blocks, 1);
    result->correct = 0;
    for (int64_t i = 0; i < blocks; ++i)
        result->correct += training->correct[i];
    return NORMNET_OK;
}

normnet_status normnet__forward_batch(const struct engine *engine, struct training_workspace *training,
                                      const struct images *images, const struct dropout_source *source,
                                      struct running *running, int32_t last_layer, block_callback *callback,
                                      void *context)
{
    struct pass pass = {.engine = engine,
                        .training = training,
                        .images = images,
                        .source = source,
                        .last_layer = last_layer,
                        .callback = callback,
                        .context = context};

    return forward_pass(&pass, running);
}
