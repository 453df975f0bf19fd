/* SPDX-License-Identifier: MIT */
/*
 * A layer: what a token of the architecture becomes. Each type is one constant struct, listed in
 * layer.c by its word; parsing, planning, running and documentation go over that list.
 *
 * Layers work on a block: 16 samples side by side (kernels/kernels.h). forward reads the layer's input
 * and writes its output inside the block's memory. On the way back gradients take the places of the values that they
 * belong to: backward finds the gradient of its output in the output's place and leaves the gradient of its input in
 * the input's place, unless nobody needs it (needs_dx). Nothing is lost: what backward reads of the forward pass is its
 * layer's own input, and what it kept. Parameter gradients, summed over the block's samples, are written to
 * block->gradient, every entry exactly once.
 *
 * A ReLU works in place and leaves its backward to the layer after it, which overwrites the ReLU's output and so knows
 * where it is positive: it is gated.
 */
#ifndef NORMNET_LAYERS_LAYER_H
#define NORMNET_LAYERS_LAYER_H

#include "kernels/kernels.h"
#include "normnet.h"

#include <stdbool.h>
#include <stdint.h>

struct shape {
    int32_t channels, height, width;
    bool flat; /* after flatten: `channels` features */
};

static inline int64_t normnet__shape_size(struct shape shape)
{
    return (int64_t)shape.channels * shape.height * shape.width;
}

/* Its map in memory. Small planes, and so all features, lie dense. */
static inline struct map normnet__shape_map(struct shape shape)
{
    return normnet__spaced_map(shape.channels, shape.height, shape.width);
}

/* Which values of a sample share their statistics, and which a gamma and a beta: see norm.h. */
struct norm_spec {
    bool over_batch;       /* statistics per channel over the batch, with running averages */
    int32_t runs;          /* statistics per sample: runs of consecutive values, all of one length */
    int32_t chains;        /* a run is one or more chains, summed on their own first: channels or rows */
    int64_t chain_length;  /* values per chain */
    int32_t dims;          /* trailing dimensions normalized by layer norm: 3, 2 or 1; else 0 */
    int32_t affine;        /* normnet_affine, resolved: CHANNEL, ELEMENT or NONE */
    int64_t affine_length; /* gammas, and as many betas; 0 for NONE */
};

/* Byte offsets inside a block's memory; a layer that stays has output == input. */
struct offsets {
    int64_t input, output;
    int64_t saved; /* what forward leaves for backward: masks, winners, statistics */
};

/*
 * What a block's memory is for. In a block of a single image channels take the place of samples as lanes: 16 of them
 * share a plane. Only forward knows that layout.
 */
enum layout { NORMNET__LAYOUT_TRAINING, NORMNET__LAYOUT_EVALUATION, NORMNET__LAYOUT_SINGLE, NORMNET__LAYOUTS };

static inline int32_t normnet__channel_planes(int32_t channels)
{
    return (channels + NORMNET__LANES - 1) / NORMNET__LANES;
}

static inline struct map normnet__layout_map(struct shape shape, enum layout layout)
{
    if (layout == NORMNET__LAYOUT_SINGLE)
        shape.channels = normnet__channel_planes(shape.channels);
    return normnet__shape_map(shape);
}

struct layer_type;

struct layer {
    const struct layer_type *type;
    const char *token;  /* its text, owned by the network */
    int32_t column;     /* of the token in the architecture, from 1 */
    const char *module; /* the name of the equivalent torch.nn class */
    int32_t index;
    struct shape in, out;

    int32_t kernel, stride, padding; /* conv; pools use kernel alone */
    struct norm_spec norm;
    double eps;          /* norm */
    uint32_t threshold;  /* dropout: p in 65,536ths, rounded */
    float dropout_scale; /* 1 / (1 - p) for the rounded p */

    /* What the layer asks for, set by resolve. */
    int64_t weight_count, bias_count; /* trained scalars: weight or gamma, bias or beta */
    int64_t prepared_count;           /* floats in the kernels' order, see derive */
    int64_t saved_bytes;              /* per block */
    int64_t scratch_groups;           /* lane groups of a thread's scratch */
    bool identity;                    /* forward and backward do nothing */
    const struct layer_type *fusible; /* what it can do on the way if it follows */

    /* What the plan gives it. */
    int64_t weight, bias;     /* index into parameters and gradients; bias == weight + weight_count */
    int64_t statistics;       /* index into the running statistics: means, then variances */
    int32_t batch_norm;       /* which of the network's batch norms, or -1 */
    int64_t prepared;         /* index into derived weights: see derive */
    bool needs_dx;            /* false if no earlier layer has parameters */
    bool in_place;            /* the output is in the input's place */
    bool relu_mask;           /* the input is a ReLU's output: dx is 0 where it is not positive */
    int32_t fused;            /* the layer after it that it does on the way, or -1 */
    bool fused_into_previous; /* by the layer before it: this is that one */
    struct offsets offsets[NORMNET__LAYOUTS];
};

/* What batch norm shares between blocks: see batch_norm.h. */
struct batch_norm;

/* Names the random numbers of dropout. */
struct dropout_source {
    uint64_t seed;
    int stream;           /* enum stream */
    uint64_t step;        /* training step, or batch of update_statistics */
    int64_t first_sample; /* index in the whole batch of this block's first sample */
};

/* One block on its way through the network. */
struct block {
    const struct kernels *kernels;
    const float *parameters, *prepared;
    enum layout layout;
    int32_t last; /* layer of this pass */
    bool dropout; /* training */
    char *memory;
    float *scratch;
    double *gradient; /* [parameter] */
    int32_t count;    /* samples in use, 1 to 16; the lanes beyond repeat the last one and have no gradient */
    int64_t index;    /* of the block in its batch */
    struct dropout_source source;
    struct batch_norm *batch_norms; /* of a training pass */
};

/* A token on its way to a layer. */
struct token {
    const char *text; /* whole */
    const char *rest; /* after the word */
    int32_t column;   /* from 1 */
};

struct layer_type {
    const char *word;
    bool in_place;               /* the output takes the place of the input */
    bool in_place_in_evaluation; /* where backward does not need the input */
    bool defers_backward; /* leaves its backward to the next layer that does not stay; with none after it, it does not
                             stay */

    /* Reads the rest of the token, given layer->in; sets layer->out and what the layer asks for. */
    normnet_status (*resolve)(struct layer *layer, const struct token *token, const normnet_config *config);
    void (*forward)(const struct layer *layer, const struct block *block);
    void (*backward)(const struct layer *layer, const struct block *block);
    /* Brings parameters and statistics into the form that the kernels read, prepared_count floats at layer->derived. */
    void (*prepare)(const struct layer *layer, const float *parameters, const float *statistics, float *prepared);
};

/* The type of a word, e.g. "conv"; NULL if there is none. `length` characters. */
const struct layer_type *normnet__find_layer_type(const char *word, int32_t length);

/* NORMNET_EARCH (or `status`) with the token, its column, the shape that reached it and the reason. */
normnet_status normnet__reject_token(normnet_status status, const struct token *token, struct shape in,
                                     const char *reason);

/* "8x26x26", or "128" for features; `text` holds at least 40 bytes. */
const char *normnet__shape_text(char *text, struct shape shape);

/*
 * Reads digits at *text, moves it after them and stores the number; false without a digit or above
 * `limit`.
 */
bool normnet__read_number(const char **text, int32_t limit, int32_t *number);

enum { NORMNET__MAX_DIMENSION = 65536 }; /* channels, features, kernel sides */

static inline struct map normnet__input_map(const struct layer *layer, const struct block *block)
{
    return normnet__layout_map(layer->in, block->layout);
}

static inline struct map normnet__output_map(const struct layer *layer, const struct block *block)
{
    return normnet__layout_map(layer->out, block->layout);
}

/* The layer that this one does on its way in this pass, or NULL. */
static inline const struct layer *normnet__fused_layer(const struct layer *layer, const struct block *block)
{
    return layer->fused >= 0 && layer->fused <= block->last ? layer + (layer->fused - layer->index) : NULL;
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

#endif
