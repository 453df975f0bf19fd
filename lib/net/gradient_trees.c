/* SPDX-License-Identifier: MIT */
#include "net/gradient_trees.h"

#include "kernels/algorithm.h"

/* The sums of a range of layers: indices of the first and after the last. */
struct range {
    int64_t begin, end;
};

static struct range block_sums(const struct gradient_trees *trees)
{
    const struct network *network = trees->engine->network;
    const int64_t end = trees->end < network->layer_count ? network->layers[trees->end].first_sum : network->sum_count;

    return (struct range){trees->begin < network->layer_count ? network->layers[trees->begin].first_sum : end, end};
}

static struct range group_sums(const struct gradient_trees *trees)
{
    const struct network *network = trees->engine->network;
    const int64_t end =
        trees->end < network->layer_count ? network->layers[trees->end].first_group_sum : network->group_sum_count;

    return (struct range){trees->begin < network->layer_count ? network->layers[trees->begin].first_group_sum : end,
                          end};
}

void normnet__begin_gradients(const struct gradient_trees *trees, int64_t blocks)
{
    const struct range block = block_sums(trees), group = group_sums(trees);

    for (int32_t thread = 0; thread < trees->engine->threads.count; ++thread) {
        normnet__tree_begin(&trees->team->trees[thread], blocks, block.begin, block.end - block.begin);
        normnet__tree_begin(&trees->team->group_trees[thread], blocks, group.begin, group.end - group.begin);
    }
}

int64_t normnet__group_end(const struct network *network, int64_t first, int64_t end, int64_t blocks)
{
    return normnet__tree_subtree_end(first, end, blocks, NORMNET__GROUP_SAMPLES / network->lanes);
}

float *normnet__group_memory(const struct network *network, const struct worker *worker, int64_t first, int64_t index)
{
    return worker->group + (index - first) * network->group_floats;
}

void normnet__add_group(const struct gradient_trees *trees, int32_t thread, int64_t first, int64_t end)
{
    const struct network *network = trees->engine->network;
    const struct worker *worker = &trees->team->workers[thread];
    struct tree *tree = &trees->team->group_trees[thread];
    double *sums = normnet__tree_next_leaf(tree);

    for (int32_t i = trees->begin; i < trees->end; ++i) {
        const struct layer *layer = &network->layers[i];
        const float *x = worker->group + layer->group_at;

        if (layer->grouped)
            trees->engine->kernels->outer_products(
                layer->in.channels, layer->out.channels, (int32_t)(end - first), network->group_floats, x,
                x + (int64_t)layer->in.channels * network->lanes, sums + layer->weight.sum, worker->scratch);
    }
    normnet__tree_push_subtree(tree, first, end);
}

/* ---- The sums of all threads --------------------------------------------------------------------------- */

/* Which sums are combined, and where they go. */
struct combination {
    const struct gradient_trees *trees;
    const struct tree *summed; /* one of each thread */
    struct range range;
    double *gradient;
};

/* The part of a parameter in the sums begin to end - 1. */
static void combine_parameter(const struct combination *combination, const struct parameter *parameter,
                              struct range range)
{
    const int64_t parameter_end = parameter->sum + parameter->count;
    const int64_t first = parameter->sum > range.begin ? parameter->sum : range.begin;
    const int64_t end = parameter_end < range.end ? parameter_end : range.end;

    if (end > first)
        normnet__tree_combine(combination->summed, combination->trees->engine->threads.count, first, end,
                              combination->gradient + parameter->offset + first - parameter->sum);
}

static void combine_span(const struct combination *combination, struct range range)
{
    const struct gradient_trees *trees = combination->trees;
    const bool groups = combination->summed == trees->team->group_trees;

    for (int32_t i = trees->begin; i < trees->end; ++i) {
        const struct layer *layer = &trees->engine->network->layers[i];

        if (layer->grouped == groups)
            combine_parameter(combination, &layer->weight, range);
        if (!groups)
            combine_parameter(combination, &layer->bias, range);
    }
}

static void combine_spans(void *context, int32_t thread, int64_t begin, int64_t end)
{
    const struct combination *combination = context;

    (void)thread;
    for (int64_t span = begin; span < end; ++span) {
        struct range range = {combination->range.begin + span * NORMNET__SPAN_PARAMETERS, combination->range.end};

        if (range.end > range.begin + NORMNET__SPAN_PARAMETERS)
            range.end = range.begin + NORMNET__SPAN_PARAMETERS;
        combine_span(combination, range);
    }
}

void normnet__finish_gradients(const struct gradient_trees *trees, double *gradient)
{
    struct combination blocks = {trees, trees->team->trees, block_sums(trees), gradient};
    struct combination groups = {trees, trees->team->group_trees, group_sums(trees), gradient};

    normnet__parallel(&trees->engine->threads, normnet__count_spans(blocks.range.end - blocks.range.begin),
                      combine_spans, &blocks);
    normnet__parallel(&trees->engine->threads, normnet__count_spans(groups.range.end - groups.range.begin),
                      combine_spans, &groups);
}
