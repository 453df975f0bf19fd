/* SPDX-License-Identifier: MIT */
/*
 * The order of sums over samples: a binary tree over the index of the sample. A range of leaves is split at the largest
 * power of two below its length, so that subtrees are aligned intervals of lengths 1, 2, 4, ..., the last one cut off
 * at the end. Thirteen leaves:
 *
 *     0 1 2 3 4 5 6 7 8 9 10 11 12
 *     (((0 1)(2 3))((4 5)(6 7)))(((8 9)(10 11)) 12)
 *
 * Any thread or machine can therefore sum a range of leaves that is a subtree, and the whole sum has the same bits.
 * Sums are computed in double.
 */
#ifndef NORMNET_BASE_TREE_H
#define NORMNET_BASE_TREE_H

#include <stdbool.h>
#include <stdint.h>

/* The maximum number of nodes for `leaves` consecutive leaves: their maximal subtrees and one more leaf. */
int32_t normnet__tree_capacity(int64_t leaves);

struct tree_node {
    int64_t index; /* of the leaves [index << level, (index + 1) << level), cut off at the end */
    int32_t level;
    double *values;
};

/*
 * The partial sums of a contiguous range of leaves: a stack of subtrees. Two neighbours are merged when they are
 * complete and memory for the next one is needed. `nodes` has `capacity` entries whose `values` point to memory for the
 * sums, of which only values[first], ..., values[first + length - 1] take part.
 */
struct tree {
    struct tree_node *nodes;
    int32_t capacity, used;
    int64_t first, length;
    int64_t leaves; /* of the whole tree, not of the range */
};

/* Begins a sum for a tree with `leaves` leaves. */
void normnet__tree_begin(struct tree *tree, int64_t leaves, int64_t first, int64_t length);

/* Returns where to write the values of the next leaf or subtree. Then push it with its index in the whole tree. */
double *normnet__tree_next_leaf(struct tree *tree);
void normnet__tree_push(struct tree *tree, int64_t leaf);

/* The same for the sum of the leaves first, ..., normnet__tree_subtree_end(...) - 1. */
void normnet__tree_push_subtree(struct tree *tree, int64_t first, int64_t end);

/*
 * The end of the largest subtree that begins at leaf `first` and has up to `max` leaves, a power of two of which
 * `first` is a multiple; the tree has `leaves` leaves.
 */
int64_t normnet__tree_subtree_end(int64_t first, int64_t leaves, int64_t max);

/*
 * Combines `count` trees over consecutive ranges into the sums of the whole tree: of the values begin, ..., end - 1,
 * which are written to `sums`, so that threads can share the work. These values of all trees are overwritten.
 */
void normnet__tree_combine(const struct tree *trees, int32_t count, int64_t begin, int64_t end, double *sums);

/* Adds what is left to add of a tree over all leaves, and returns its sums: values[first], ... are set. */
double *normnet__tree_finish(struct tree *tree);

/* The sum of `count` values along the same tree. */
double normnet__tree_sum(const double *values, int64_t count, int64_t stride);

/* The largest power of two below `count`, for count > 1. */
int64_t normnet__tree_split(int64_t count);

#endif
