/* SPDX-License-Identifier: MIT */
/* The ranks of an MPI job, what they exchange during a training, and how: every rank makes the same calls in turn. */
#ifndef MPI_RANKS_H
#define MPI_RANKS_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

struct ranks {
    MPI_Comm all;
    int32_t rank, count;
    int32_t beside;   /* ranks on this machine, with this one */
    double *received; /* of ranks_sum() */
};

/* After MPI_Init(). Returns 0, or reports that there is not enough memory. */
int ranks_open(struct ranks *ranks);
void ranks_close(struct ranks *ranks);

/*
 * Replaces `values` by their sums over all ranks, the same in each. They are added along a binary tree, (rank 0 + rank
 * 1) + (rank 2 + rank 3), in which normnet_shard() cuts a batch: so the sums have the bits of one process.
 * MPI_Allreduce(MPI_SUM) may add in another order for each number of ranks and values.
 */
void ranks_sum(const struct ranks *ranks, double *values, int64_t count);

/* Rank 0's bytes, in all ranks. */
void ranks_copy(const struct ranks *ranks, void *bytes, int64_t size);

/*
 * The largest of the codes of all ranks, in each. If a rank fails, it reports why, and the others end with its code
 * without a word.
 */
int ranks_agree(const struct ranks *ranks, int code);

/* The first of the ranks whose code is the largest. */
int32_t ranks_find_worst(const struct ranks *ranks, int code);

/* Whether a text of up to 127 bytes is that of rank 0 in all ranks; the answer is the same in each. */
bool ranks_have_same(const struct ranks *ranks, const char *text);

#endif
