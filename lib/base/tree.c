/* SPDX-License-Identifier: MIT */
#include "base/tree.h"

#include <assert.h>
#include <stddef.h>

int64_t normnet__tree_split(int64_t count)
{
    int64_t split = 1;

    while (split < count - split)
        split *= 2;
    return split;
}

int32_t normnet__tree_capacity(int64_t leaves)
{
    int32_t levels = 0;

    while (leaves >> levels > 1)
        ++levels;
    /* A range has at most two maximal subtrees per level, one on each side of the largest. */
    return (int32_t)(leaves < 2 * levels + 2 ? leaves : 2 * levels + 2) + 1;
}

void normnet__tree_begin(struct tree *tree, int64_t leaves, int64_t first, int64_t length)
{
    tree->used = 0;
    tree->leaves = leaves;
    tree->first = first;
    tree->length = length;
}

double *normnet__tree_next_leaf(struct tree *tree)
{
    assert(tree->used < tree->capacity);
    return tree->nodes[tree->used].values;
}

static void add_values(double *sums, const double *values, int64_t begin, int64_t end)
{
    for (int64_t i = begin; i < end; ++i)
        sums[i] += values[i];
}

/* A left half whose right half would begin after the last leaf is its parent. */
static void promote(struct tree_node *node, int64_t leaves)
{
    while (node->index % 2 == 0 && node->index + 1 > (leaves - 1) >> node->level && node->index > 0) {
        node->index /= 2;
        node->level += 1;
    }
}

/* Merges values begin to end - 1 of the two topmost nodes while they are the left and right half of one parent. */
static int32_t merge(int64_t leaves, int64_t begin, int64_t end, struct tree_node *nodes, int32_t used)
{
    promote(&nodes[used - 1], leaves);
    while (used >= 2 && nodes[used - 2].level == nodes[used - 1].level && nodes[used - 1].index % 2 == 1) {
        add_values(nodes[used - 2].values, nodes[used - 1].values, begin, end);
        nodes[used - 2].index /= 2;
        nodes[used - 2].level += 1;
        --used;
        promote(&nodes[used - 1], leaves);
    }
    return used;
}

void normnet__tree_push(struct tree *tree, int64_t leaf)
{
    normnet__tree_push_subtree(tree, leaf, leaf + 1);
}

void normnet__tree_push_subtree(struct tree *tree, int64_t first, int64_t end)
{
    int32_t level = 0;

    while ((int64_t)1 << level < end - first)
        ++level;
    tree->nodes[tree->used].index = first >> level;
    tree->nodes[tree->used].level = level;
    tree->used = merge(tree->leaves, tree->first, tree->first + tree->length, tree->nodes, tree->used + 1);
}

int64_t normnet__tree_subtree_end(int64_t first, int64_t end, int64_t leaves, int64_t max)
{
    int64_t size = max;

    while (first % size != 0 || (first + size > end && end < leaves))
        size /= 2;
    return first + size < end ? first + size : end;
}

const double *normnet__tree_combine(const struct tree *trees, int32_t count, int64_t begin, int64_t end)
{
    /* An index has fewer than 64 levels; two subtrees per level. */
    struct tree_node stack[130];
    int32_t used = 0;

    for (int32_t i = 0; i < count; ++i)
        for (int32_t node = 0; node < trees[i].used; ++node) {
            stack[used] = trees[i].nodes[node];
            used = merge(trees[i].leaves, begin, end, stack, used + 1);
        }
    assert(used == 1);
    return used > 0 ? stack[0].values : NULL;
}

double normnet__tree_sum(const double *values, int64_t count, int64_t stride)
{
    int64_t split;

    if (count == 0)
        return 0.0;
    if (count == 1)
        return values[0];
    split = normnet__tree_split(count);
    return normnet__tree_sum(values, split, stride) + normnet__tree_sum(values + split * stride, count - split, stride);
}
