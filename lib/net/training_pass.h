/* SPDX-License-Identifier: MIT */
/*
 * The way of a batch: pack, layers forward, loss, layers backward.
 *
 * A batch is cut into blocks of 16 samples. Without batch norm a block goes through the whole network and back on
 * its own, in memory that belongs to its thread. Each batch norm cuts the network: all blocks must have reached it
 * before any can go on, so blocks keep their memory and the threads meet once per batch norm each way.
 *
 *     section 0        batch norm 0      section 1        batch norm 1     section 2
 *     pack, layers --> observe | meet | normalize, layers --> observe | meet | normalize, layers, loss
 *              dx <-- differentiate | meet | collect <-- layers <-- ...                  <-- layers, collect
 */
#ifndef NORMNET_NET_TRAINING_PASS_H
#define NORMNET_NET_TRAINING_PASS_H

#include "base/arena.h"
#include "base/tree.h"
#include "layers/batch_norm.h"
#include "net/network.h"
#include "net/pack.h"

/* What a thread has to itself. */
struct worker {
    char *memory; /* a block's, unless blocks keep theirs */
    char *single; /* a single image's, of readers */
    float *scratch;
    int64_t correct; /* for the sink of an evaluation */
};

/* The threads of a pass: [engine.threads] each. */
struct team {
    struct worker *workers;
    struct tree *trees; /* sums over blocks: of parameter gradients in training, of losses in evaluation */
};

/* What a network needs to run: read only during a pass. */
struct engine {
    const struct network *network;
    const struct kernels *kernels;
    const float *parameters, *prepared;
    struct scaling scaling;
    int32_t threads;
};

/* ---- Evaluation ---------------------------------------------------------------------------------- */

/* Receives a block that has passed the last layer asked for; several threads call it at the same time. */
typedef void block_callback(void *context, int32_t thread, const struct block *block);

/* The memory of one reader, with trees of one sum. */
struct team normnet__alloc_reader(struct arena *arena, const struct engine *engine);

/* Once before the first use: lanes without a channel are computed with, to no avail, and must hold numbers. */
void normnet__begin_reader(const struct engine *engine, const struct team *team);

/* Runs layers 0, ..., last over all images with running statistics and without dropout. */
void normnet__evaluate(const struct engine *engine, const struct team *team, const struct images *images, int32_t last,
                       block_callback *callback, void *context);

/* ---- Training ------------------------------------------------------------------------------------ */

/* The fixed part of a training pass and its memory. */
struct training_pass {
    int64_t max_blocks;
    double smoothing;
    int64_t virtual_batch;
    struct reduction reduction;
    struct averaging averaging;

    struct team team;
    char *blocks;                   /* [max_blocks], if there is batch norm */
    struct batch_norm *batch_norms; /* [batch_norm_count] */
    double *losses;                 /* [max_blocks] */
    int32_t *correct;               /* [max_blocks] */
    double *gradient;               /* [parameter_count] of the last pass */
};

/* Everything from the arena, for batches of up to `max_batch` images; the fixed part is set by the caller. */
void normnet__alloc_training_pass(struct arena *arena, const struct engine *engine, int64_t max_batch,
                                  struct training_pass *training);

struct pass_result {
    double loss; /* sum over the images */
    int64_t correct;
};

/*
 * Forward and backward over 1 to max_batch images; the gradient, summed over the images, is left in
 * training->gradient. `running`, one entry per batch norm, follows the batch. Dropout draws from `source`, whose
 * first_sample is that of the first image.
 */
normnet_status normnet__forward_backward(const struct engine *engine, struct training_pass *training,
                                         const struct images *images, const struct labels *labels,
                                         struct dropout_source source, struct running *running,
                                         struct pass_result *result);

/*
 * Layers 0, ..., last over 1 to max_batch images with the batch's own statistics; `running` (NULL: nothing) follows
 * them, dropout draws from `source` (NULL: none), and `callback` (NULL: nobody) receives the blocks.
 */
normnet_status normnet__forward_batch(const struct engine *engine, struct training_pass *training,
                                      const struct images *images, const struct dropout_source *source,
                                      struct running *running, int32_t last, block_callback *callback, void *context);

#endif
