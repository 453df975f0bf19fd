/* SPDX-License-Identifier: MIT */
/*
 * Batch norm: the one layer whose blocks need each other. Each way has three parts, and between the parts all threads
 * meet once:
 *
 *     forward    observe (a block's moments)      meet         normalize (a block)
 *     backward   collect (a block's sums)         meet         differentiate (a block)
 *
 * Ghost batch norm cuts the batch into groups of whole blocks with statistics of their own.
 */
#ifndef NORMNET_LAYERS_BATCH_NORM_H
#define NORMNET_LAYERS_BATCH_NORM_H

#include "layers/layer.h"
#include "layers/moments.h"

/* How blocks fall into groups: groups of `blocks_per_group`, the rest joins the last. */
struct grouping {
    int64_t blocks, groups, blocks_per_group;
};

/* `virtual_batch` is a multiple of 16, or 0 for one group. */
struct grouping normnet__group_blocks(int64_t images, int64_t virtual_batch);

/* What the blocks of a training pass share in one batch norm. C channels. */
struct batch_norm {
    struct grouping grouping;
    struct moments *moments;       /* [block][C] */
    double *sums;                  /* [block][C][2]: of dy and dy (x - center) */
    double *mean, *invstd, *count; /* [group][C] of the statistics */
    float *center, *scale, *shift; /* [group][C] of the forward form */
    float *a, *b, *c;              /* [group][C] of the backward form */
    double *exchange;              /* [2 C] for reduce */
};

/* Running statistics of one layer: C means, C variances, and the batches that went into them. */
struct running {
    float *mean, *variance;
    int64_t *batches;
};

/* How running statistics follow: the newest batch weighs `momentum`, or all weigh the same. */
struct averaging {
    double momentum;
    bool cumulative;
};

/* Sums values over ranks (normnet_config.reduce), or NULL. */
struct reduction {
    int32_t (*reduce)(void *user, double *values, int64_t count);
    void *user;
};

void normnet__batch_norm_block_moments(const struct layer *layer, const struct block *block);

/*
 * Joins the blocks' moments to mean and invstd of each group and updates `running` (NULL: not) once per group, in
 * order. NORMNET_EINVAL for a single value per channel, NORMNET_EIO if the reduction fails.
 */
normnet_status normnet__batch_norm_combine_forward(const struct layer *layer, struct batch_norm *norm,
                                                   const float *parameters, struct reduction reduction,
                                                   struct averaging averaging, struct running *running);

/* Normalizes with the group's statistics in training, with the running ones in evaluation. */
void normnet__batch_norm_forward(const struct layer *layer, const struct block *block);

void normnet__batch_norm_block_sums(const struct layer *layer, const struct block *block);

/* Joins the blocks' sums: dgamma and dbeta into `gradient`, and what the blocks need for dx. NORMNET_EIO as above. */
normnet_status normnet__batch_norm_combine_backward(const struct layer *layer, struct batch_norm *norm,
                                                    const float *parameters, struct reduction reduction,
                                                    double *gradient);

void normnet__batch_norm_backward(const struct layer *layer, const struct block *block);

/* The evaluation form of running statistics: center, scale and shift, [3][C]. */
void normnet__batch_norm_prepare(const struct layer *layer, const float *parameters, const float *statistics,
                                 float *prepared);

#endif
