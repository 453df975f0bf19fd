/* SPDX-License-Identifier: MIT */
#include "model/shard.h"

#include "base/tree.h"
#include "kernels/algorithm.h"

/*
 * Halves the ranks and descends the tree of sums with them: the left half takes the left subtree. A leaf of fully
 * connected layers is not cut.
 */
static struct shard shard_by_tree(int64_t images, int32_t ranks, int32_t rank)
{
    struct shard shard = {0, images};

    for (int32_t half = ranks / 2; half > 0; half /= 2) {
        const int64_t left = shard.count > NORMNET__LEAF_SAMPLES ? normnet__tree_split(shard.count) : shard.count;

        if (rank < half) {
            shard.count = left;
        } else {
            shard.first += left;
            shard.count -= left;
            rank -= half;
        }
    }
    return shard;
}

static struct shard shard_evenly(int64_t images, int32_t ranks, int32_t rank)
{
    const int64_t share = images / ranks, rest = images % ranks;

    return (struct shard){share * rank + (rank < rest ? rank : rest), share + (rank < rest)};
}

struct shard normnet__shard(int64_t images, int32_t ranks, int32_t rank)
{
    const int is_power_of_two = (ranks & (ranks - 1)) == 0;

    return is_power_of_two ? shard_by_tree(images, ranks, rank) : shard_evenly(images, ranks, rank);
}
