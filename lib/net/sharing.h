/* SPDX-License-Identifier: MIT */
/*
 * Whether all threads share every block of a batch of few images (layers/shared_convolution.h), or each block belongs
 * to one thread: what has taken less time lately. Sharing saves a third of the time on idle cores. But where the cores
 * have other work, a thread that is interrupted in the middle of its share holds up all others: docs/performance.md.
 * The results are the same either way.
 */
#ifndef NORMNET_NET_SHARING_H
#define NORMNET_NET_SHARING_H

#include <stdbool.h>
#include <stdint.h>

struct sharing {
    bool shared;       /* the current or last pass */
    bool as_before;    /* so was the one before it: no thread has been asleep meanwhile */
    double begin;      /* of the current one */
    double seconds[2]; /* per block, alone and shared, averaged over the last passes; 0 before any */

    bool shared_is_faster;
    bool tries_other; /* what is slower, or was when it was last tried */
    int32_t passes;   /* left until that changes */
    int32_t interval; /* passes between two trials: fewer after what is faster has changed */
};

/* Decides for a pass; returns sharing->shared. */
bool normnet__begin_sharing(struct sharing *sharing);

/* After a pass over so many blocks. */
void normnet__end_sharing(struct sharing *sharing, int64_t blocks);

#endif
