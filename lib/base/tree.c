/* SPDX-License-Identifier: MIT */
#include "base/tree.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

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

/* A left half whose right half would begin after the last leaf is its parent. */
static void promote(struct tree_node *node, int64_t leaves)
{
    while (node->index % 2 == 0 && node->index + 1 > (leaves - 1) >> node->level && node->index > 0) {
        node->index /= 2;
        node->level += 1;
    }
}

static void add_values(double *sums, const double *left, const double *right, int64_t count)
{
    for (int64_t i = 0; i < count; ++i)
        sums[i] = left[i] + right[i];
}

/*
 * Merges values begin to end - 1 of the two topmost nodes while they are the left and right half of one parent. The
 * last two nodes are added to `root` if it is not NULL.
 */
static int32_t merge(int64_t leaves, int64_t begin, int64_t end, struct tree_node *nodes, int32_t used, double *root)
{
    if (used > 0)
        promote(&nodes[used - 1], leaves);
    while (used >= 2 && nodes[used - 2].level == nodes[used - 1].level && nodes[used - 1].index % 2 == 1) {
        double *left = nodes[used - 2].values + begin;

        add_values(used == 2 && root != NULL ? root : left, left, nodes[used - 1].values + begin, end - begin);
        nodes[used - 2].index /= 2;
        nodes[used - 2].level += 1;
        --used;
        promote(&nodes[used - 1], leaves);
    }
    return used;
}

static void merge_nodes(struct tree *tree)
{
    tree->used = merge(tree->leaves, tree->first, tree->first + tree->length, tree->nodes, tree->used, NULL);
}

double *normnet__tree_next_leaf(struct tree *tree)
{
    merge_nodes(tree);
    assert(tree->used < tree->capacity);
    return tree->nodes[tree->used].values;
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
    tree->used += 1;
}

int64_t normnet__tree_subtree_end(int64_t first, int64_t leaves, int64_t max)
{
    assert(first % max == 0);
    return first + max < leaves ? first + max : leaves;
}

void normnet__tree_combine(const struct tree *trees, int32_t count, int64_t begin, int64_t end, double *sums)
{
    /* An index has fewer than 64 levels; two subtrees per level. */
    struct tree_node stack[130];
    int32_t used = 0, left = 0;

    for (int32_t i = 0; i < count; ++i)
        left += trees[i].used;
    const bool single = left == 1;

    for (int32_t i = 0; i < count; ++i)
        for (int32_t node = 0; node < trees[i].used; ++node) {
            stack[used] = trees[i].nodes[node];
            used = merge(trees[i].leaves, begin, end, stack, used + 1, --left == 0 ? sums : NULL);
        }
    assert(used <= 1);
    if (used == 1 && single)
        memcpy(sums, stack[0].values + begin, (size_t)(end - begin) * sizeof *sums);
}

double *normnet__tree_finish(struct tree *tree)
{
    merge_nodes(tree);
    assert(tree->used == 1);
    return tree->nodes[0].values;
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
