/* SPDX-License-Identifier: MIT */
/*
 * A layer of a network: a token of the architecture, resolved for the input that reaches it, and its place in the
 * network's arrays and memory. What it computes is defined by its type (layer_type.h).
 */
#ifndef NORMNET_LAYERS_LAYER_H
#define NORMNET_LAYERS_LAYER_H

#include "layers/block.h"
#include "layers/shape.h"

#include <stddef.h>

struct layer_type;

enum initial { NORMNET__INITIAL_ZEROS, NORMNET__INITIAL_ONES, NORMNET__INITIAL_UNIFORM };

/* A trainable array of a layer: an entry of the state_dict. */
struct parameter {
    int64_t count; /* 0: the layer has none; else the product of the shape */
    int32_t rank;
    int64_t shape[4];
    enum initial initial;
    double bound;   /* INITIAL_UNIFORM draws from (-bound, bound) */
    bool is_weight; /* not a bias, gamma or beta: what NORMNET_PENALTY_WEIGHTS penalizes */

    /* Set by the plan. */
    int64_t offset; /* into the network's parameters and gradients */
    int64_t sum;    /* into the sums of gradients over blocks; not of the weights of fully connected layers */
};

/* Which values of a sample share their statistics, and which share a gamma and a beta: see norm.h. */
struct norm_spec {
    bool over_batch; /* statistics per channel over the batch, with running averages */
    int32_t runs;    /* statistics per sample: runs of consecutive values, all of one length */
    int32_t chains;  /* chains in all; a run is chains / runs of them, summed separately and then combined: channels
                        or rows */
    int64_t chain_length; /* values per chain */
    int32_t dims;         /* trailing dimensions normalized by layer and RMS norm: 3, 2 or 1; else 0 */
    bool rms;             /* the mean counts as 0, and the mean square as the variance */
    int32_t affine;       /* normnet_affine, resolved: CHANNEL, ELEMENT or NONE */
};

/* The three convolutions of a layer: see convolution.c. */
struct layer_convolutions {
    struct convolution forward;
    struct convolution input_gradient;
    struct convolution weight_gradient;
};

/* Byte offsets inside a block's memory. */
struct offsets {
    int64_t input, output; /* equal where the layer works in place */
    int64_t saved;         /* what forward saves for backward: masks, positions of maxima, statistics */
};

struct layer {
    const struct layer_type *type;
    const char *token;  /* its text, owned by the network */
    int32_t column;     /* of the token in the architecture, from 1 */
    const char *module; /* the name of the equivalent torch.nn class */
    int32_t index;
    int32_t lanes; /* of the kernels that run the network */
    struct shape in, out;

    /* The numbers of the types; each type sets its own. */
    int32_t kernel_size, stride, padding; /* conv; pools use only kernel_size */
    struct layer_convolutions convolutions;
    struct norm_spec norm;
    double eps;          /* of norms */
    uint32_t threshold;  /* dropout: p in 65,536ths, rounded */
    float dropout_scale; /* 1 / (1 - p) for the rounded p */
    float slope;         /* leakyrelu */

    /* What the layer requires, set by resolve. */
    struct parameter weight, bias;         /* or gamma, beta */
    int64_t prepared_count;                /* floats of prepared weights */
    int64_t saved_bytes;                   /* per block */
    int64_t scratch_groups;                /* lane groups of a thread's scratch */
    int64_t multiply_adds;                 /* per image, for the summary */
    bool identity;                         /* forward and backward do nothing */
    bool fully_connected;                  /* backward keeps x and dy, for the weight gradient of the whole batch */
    const struct layer_type *fusible_type; /* the type of a following layer that this one can compute while storing its
                                              output, or NULL */

    /* What the plan decides. */
    int64_t statistics; /* index into the running statistics: means, then variances */
    int32_t batch_norm; /* which of the network's batch norms, or -1 */
    int64_t prepared;   /* index into the prepared weights */
    int64_t first_sum;  /* of this layer and later ones: index as `sum` */
    int64_t kept;       /* index into what a block keeps: x, then dy */
    bool needs_dx;      /* an earlier layer has parameters */
    bool in_place;      /* the output is stored over the input */
    bool relu_mask; /* the input comes from a ReLU, perhaps through layers in place: dx is 0 where it is not positive */
    int32_t fused;  /* index of the later layer that is fused into this one, or -1 */
    bool fused_into_previous; /* this layer is fused into an earlier one */
    struct offsets offsets[NORMNET__LAYOUTS];
};

static inline struct map normnet__input_map(const struct layer *layer, const struct block *block)
{
    return normnet__layout_map(layer->in, block->layout, layer->lanes);
}

static inline struct map normnet__output_map(const struct layer *layer, const struct block *block)
{
    return normnet__layout_map(layer->out, block->layout, layer->lanes);
}

static inline float *normnet__input(const struct layer *layer, const struct block *block)
{
    return (float *)(void *)(block->memory + layer->offsets[block->layout].input);
}

static inline float *normnet__output(const struct layer *layer, const struct block *block)
{
    return (float *)(void *)(block->memory + layer->offsets[block->layout].output);
}

static inline void *normnet__saved(const struct layer *layer, const struct block *block)
{
    return block->memory + layer->offsets[block->layout].saved;
}

/* The layer fused into this one, or NULL; NULL also if the pass ends before it. */
static inline const struct layer *normnet__fused_layer(const struct layer *layer, const struct block *block)
{
    return layer->fused >= 0 && layer->fused <= block->last_layer ? layer + (layer->fused - layer->index) : NULL;
}

#endif
