/* SPDX-License-Identifier: MIT */
/*
 * A training pass over a batch: pack, layers forward, loss, layers backward.
 *
 * A batch is divided into blocks of as many samples as lanes. Without batch norm a block goes through the whole network
 * and back in one piece of work, in memory that belongs to its thread. Each batch norm divides the network into
 * sections: all blocks must have reached it before any can go on, so blocks keep memory of their own, and the threads
 * wait for each other once per batch norm forward, and once backward. With two batch norms, forward is read from left
 * to right and backward from right to left:
 *
 *     section 0      |  batch norm 0     section 1      |  batch norm 1     section 2
 *     pack, layers   |  normalize        layers         |  normalize        layers, loss
 *     block moments  |                   block moments  |
 *                    |                                  |
 *     layers         |  dx               layers         |  dx               layers
 *                    |                   block sums     |                   block sums
 *              combine moments, sums              combine moments, sums
 */
#ifndef NORMNET_NET_TRAINING_PASS_H
#define NORMNET_NET_TRAINING_PASS_H

#include "layers/batch_norm.h"
#include "net/engine.h"
#include "net/sharing.h"

/* What all passes of a model have in common, and their memory. */
struct training_workspace {
    int64_t max_blocks;
    double smoothing;
    int64_t virtual_batch;
    struct reduction reduction;
    struct averaging averaging;

    struct sharing sharing;
    struct team team;
    char *blocks;                   /* [max_blocks], if there is batch norm, else NULL */
    float *kept;                    /* [max_blocks][kept_count] */
    struct batch_norm *batch_norms; /* [batch_norm_count] */
    int32_t *labels;                /* [max_batch]: memory for those of a pass, which no one else can change */
    double *losses;                 /* [max_blocks] */
    int32_t *correct;               /* [max_blocks] */
    double *gradient;               /* [parameter_count]: memory for that of a pass */
};

/* All of the memory, for batches of up to `max_batch` images; the caller sets the other fields. */
void normnet__alloc_training_workspace(struct arena *arena, const struct engine *engine, int64_t max_batch,
                                       struct training_workspace *training);

struct pass_result {
    double loss; /* sum over the images */
    int64_t correct;
};

/*
 * Forward and backward over 1 to max_batch images, whose labels are below the classes; writes the gradient of all
 * parameters, summed over the images, to `gradient`, also if it fails. Updates `running`, one entry per batch norm.
 * Dropout draws from `source`, whose first_sample is that of the first image.
 */
normnet_status normnet__forward_backward(const struct engine *engine, struct training_workspace *training,
                                         const struct images *images, const int32_t *labels,
                                         struct dropout_source source, struct running *running, double *gradient,
                                         struct pass_result *result);

/*
 * Layers 0, ..., last_layer over 1 to max_batch images with the batch's own statistics. Updates `running` (NULL:
 * nothing), dropout draws from `source` (NULL: off), and `callback` (NULL: none) receives the blocks.
 */
normnet_status normnet__forward_batch(const struct engine *engine, struct training_workspace *training,
                                      const struct images *images, const struct dropout_source *source,
                                      struct running *running, int32_t last_layer, block_callback *callback,
                                      void *context);

#endif
