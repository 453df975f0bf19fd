/* SPDX-License-Identifier: MIT */
/*
 * Batch norm: the one layer whose blocks need each other. Forward and backward have three parts each. The first and the
 * last run per block, in parallel; between them all threads wait, and one combines the results of the blocks:
 *
 *     forward     block_moments     combine_forward     forward (normalize)
 *     backward    block_sums        combine_backward    backward (dx)
 *
 * Ghost batch norm divides the batch into groups of whole blocks, each with its own statistics.
 */
#ifndef NORMNET_LAYERS_BATCH_NORM_H
#define NORMNET_LAYERS_BATCH_NORM_H

#include "layers/layer_type.h"
#include "layers/moments.h"

extern const struct layer_type normnet__batchnorm;

/*
 * The groups of blocks: each has `blocks_per_group`, the last one also the rest. Moments are computed for leaves of
 * NORMNET__LEAF_SAMPLES samples, which no instruction set and no normnet_shard cuts.
 */
struct grouping {
    int64_t blocks, groups, blocks_per_group, leaves, leaves_per_block;
};

/* `virtual_batch` is a multiple of NORMNET__MAX_LANES, or 0 for one group. */
struct grouping normnet__group_blocks(int64_t images, int64_t virtual_batch, int32_t lanes);

/* What the blocks of a training pass share in one batch norm. C channels. */
struct batch_norm {
    struct grouping grouping;
    struct moments *moments; /* [leaf][C] */
    double *leaf_terms;      /* [leaf][C]: of the sum that is being computed */
    double *sums;            /* [block][C][2]: of dy and dy (x - center) power */
    /* [group][C] each: */
    struct norm_statistics *statistics;
    double *count;                                /* values of the statistics */
    struct norm_coefficients *coefficients;       /* of y */
    struct norm_gradient_coefficients *gradients; /* of dx */
    struct moments *combined;                     /* [C] of a group, over all ranks */
    double *totals;                               /* [2 C + 2] sums of a group, then of all ranks */
    double ranks;                                 /* how many have been summed; 1 without a reduction */
};

/* Running statistics of one layer: C means, C variances, and the batches that went into them. */
struct running {
    float *mean, *variance;
    int64_t *batches;
};

/* How running statistics are updated: the newest batch has the weight `momentum`, or all batches the same. */
struct averaging {
    double momentum;
    bool cumulative;
};

/* normnet_config.reduce, which sums values over all ranks, and its user pointer. NULL: there is one rank. */
struct reduction {
    int32_t (*reduce)(void *user, double *values, int64_t count);
    void *user;
};

void normnet__batch_norm_block_moments(const struct layer *layer, const struct block *block);

/*
 * Combines the blocks' moments to mean and invstd of each group and updates `running` (NULL: none) once per group, in
 * order. NORMNET_EINVAL for a single value per channel, NORMNET_EVALUE for a running variance below the range of float
 * that eps does not cover or if another rank has withdrawn, NORMNET_EIO if the reduction fails.
 */
normnet_status normnet__batch_norm_combine_forward(const struct layer *layer, struct batch_norm *norm,
                                                   const float *parameters, struct reduction reduction,
                                                   struct averaging averaging, struct running *running);

/*
 * In place of a pass over a batch that cannot be used: tells the other ranks, which wait for this one in their first
 * batch norm.
 */
void normnet__batch_norm_withdraw(struct reduction reduction, const struct layer *layer, struct batch_norm *norm);

/* Normalizes with the group's statistics in training, with the running ones in evaluation. */
void normnet__batch_norm_forward(const struct layer *layer, const struct block *block);

void normnet__batch_norm_block_sums(const struct layer *layer, const struct block *block);

/*
 * Combines the blocks' sums: dgamma and dbeta into `gradient`, and the coefficients of dx. NORMNET_EIO as above. The
 * caller sums gradients over the ranks, so each has the same part of dgamma and dbeta, which is exact if the number of
 * ranks is a power of two.
 */
normnet_status normnet__batch_norm_combine_backward(const struct layer *layer, struct batch_norm *norm,
                                                    const float *parameters, struct reduction reduction,
                                                    double *gradient);

/* Only for a layer that needs dx. */
void normnet__batch_norm_backward(const struct layer *layer, const struct block *block);

#endif
