/* SPDX-License-Identifier: MIT */
/* How a batch is divided among ranks. */
#ifndef NORMNET_MODEL_SHARD_H
#define NORMNET_MODEL_SHARD_H

#include <stdint.h>

struct shard {
    int64_t first, count; /* images */
};

/*
 * The share of rank `rank`. A power of two ranks take whole subtrees of the order of sums, so that the sum over the
 * ranks has the same bits as on one machine; other numbers of ranks take shares that differ by at most one image.
 */
struct shard normnet__shard(int64_t images, int32_t ranks, int32_t rank);

#endif
