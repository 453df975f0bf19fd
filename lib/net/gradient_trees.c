/* SPDX-License-Identifier: MIT */
#include "net/gradient_trees.h"

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

void normnet__begin_gradients(const struct gradient_trees *trees, int64_t blocks)
{
    const struct range sums = block_sums(trees);

    for (int32_t thread = 0; thread < trees->engine->threads.count; ++thread)
        normnet__tree_begin(&trees->team->trees[thread], blocks, sums.begin, sums.end - sums.begin);
}

/* ---- The sums of all threads --------------------------------------------------------------------------- */

struct combination {
    const struct gradient_trees *trees;
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
        normnet__tree_combine(combination->trees->team->trees, combination->trees->engine->threads.count, first, end,
                              combination->gradient + parameter->offset + first - parameter->sum);
}

static void combine_span(const struct combination *combination, struct range range)
{
    const struct gradient_trees *trees = combination->trees;

    for (int32_t i = trees->begin; i < trees->end; ++i) {
        const struct layer *layer = &trees->engine->network->layers[i];

        if (!layer->fully_connected)
            combine_parameter(combination, &layer->weight, range);
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
    struct combination combination = {trees, block_sums(trees), gradient};

    normnet__parallel(&trees->engine->threads, normnet__count_spans(combination.range.end - combination.range.begin),
                      combine_spans, &combination);
}
