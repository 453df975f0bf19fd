/* SPDX-License-Identifier: MIT */
/*
 * The order of sums over samples: a binary tree over the index that splits at the largest power of
 * two below the count, which is to say over aligned intervals of lengths 1, 2, 4, ... cut off at the
 * count. Thirteen leaves:
 *
 *     0 1 2 3 4 5 6 7 8 9 10 11 12
 *     (((0 1)(2 3))((4 5)(6 7)))(((8 9)(10 11)) 12)
 *
 * A range of leaves that is a subtree can therefore be summed anywhere, by any thread or machine,
 * and the whole keeps its bits. Sums are taken in double.
 */
#ifndef NORMNET_BASE_TREE_H
#define NORMNET_BASE_TREE_H

#include <stdbool.h>
#include <stdint.h>

/* The most nodes that a range of `leaves` consecutive leaves needs at once: its maximal subtrees and one leaf more. */
int32_t normnet__tree_capacity(int64_t leaves);

struct tree_node {
    int64_t index; /* covers the leaves [index << level, (index + 1) << level), cut off at the count */
    int32_t level;
    double *values;
};

/*
 * The partial sums of one contiguous range of leaves: a stack of subtrees, merged as soon as two
 * neighbours are complete. `nodes` has `capacity` entries whose values point to the sums; those from `first` on,
 * `length` of them, are added.
 */
struct tree {
    struct tree_node *nodes;
    int32_t capacity, used;
    int64_t first, length;
    int64_t leaves; /* of the whole tree, not of the range */
};

/* Begins a sum over `leaves` leaves of values[first], ..., values[first + length - 1]. */
void normnet__tree_begin(struct tree *tree, int64_t leaves, int64_t first, int64_t length);

/* Where to write the values of the next leaf; then push it with its index, counted over the whole tree. */
double *normnet__tree_leaf(struct tree *tree);
void normnet__tree_push(struct tree *tree, int64_t leaf);

/*
 * Joins what `count` trees over consecutive ranges hold into the sums of the whole tree; the trees' values are
 * used up. Returns the sums, which lie inside one of the trees and are indexed as its values.
 */
const double *normnet__tree_combine(struct tree *trees, int32_t count);

/* The sum of `count` values by the same tree. */
double normnet__tree_sum(const double *values, int64_t count, int64_t stride);

/* The largest power of two below `count`, for count > 1. */
int64_t normnet__tree_split(int64_t count);

#endif
