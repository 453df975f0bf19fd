/* SPDX-License-Identifier: MIT */
/*
 * A type of layer: everything that the library knows about it, in one constant struct, listed in layer_type.c.
 * HACKING.md has the recipe for a new one.
 *
 * Layers work on a block (block.h). forward reads the layer's input and writes its output, both in the block's memory.
 * On the way back a gradient is stored over the values that it belongs to: backward finds dy where the output was and
 * stores dx where the input was. Nothing is lost: all that backward needs from the forward pass is the layer's own
 * input, which it reads before it overwrites it, and what forward has saved. Parameter gradients, summed over the
 * block's samples, are written to block->gradient, every entry exactly once.
 *
 * Lanes that are not in use (of a block with fewer samples than lanes; in the layout SINGLE, of channels beyond the
 * last) hold finite numbers that affect no result: forward may compute with them and write any finite numbers.
 * Gradients in them are 0 and must stay 0, since parameter gradients are summed over all lanes.
 */
#ifndef NORMNET_LAYERS_LAYER_TYPE_H
#define NORMNET_LAYERS_LAYER_TYPE_H

#include "base/text.h"
#include "layers/layer.h"
#include "layers/onnx_graph.h"
#include "layers/token.h"
#include "normnet.h"

/*
 * The patch of its input that one output of a layer depends on, and the stride between neighbouring patches (for gap,
 * the larger side).
 */
struct window {
    int32_t height, width, stride;
};

enum { NORMNET__MAX_OTHER_NAMES = 3 };

struct layer_type {
    const char *name;                                  /* with which a token begins: lower-case letters */
    const char *other_names[NORMNET__MAX_OTHER_NAMES]; /* what other libraries call it, to be told its name; or NULL */
    const char *example; /* a token with every number that the type reads; tests build networks with it */

    /*
     * Forward and backward can work in place. An output is positive only where its input is, so the relu_mask of a ReLU
     * before this layer may be applied after it: see relu.c.
     */
    bool can_be_in_place;
    bool in_place_in_evaluation; /* forward works in place where no backward follows */

    bool applies_relu_mask; /* backward applies layer->relu_mask; without it, a ReLU before the layer does its own
                               backward */
    bool defers_backward; /* ReLU only: if the layer is in place, its backward is done by the next layer that is not in
                             place, as that layer's relu_mask */
    bool averages;        /* a pool whose output is the mean of its window */

    /*
     * Reads the numbers of the token for the input layer->in; sets layer->out, layer->module and what the layer
     * requires. It may replace layer->type by the type that the configuration names.
     */
    normnet_status (*resolve)(struct layer *layer, const struct token *token, const normnet_config *config);
    /* NULL, like backward, if layers of this type are identities. */
    void (*forward)(const struct layer *layer, const struct block *block);
    /* Called only if this layer or an earlier one has parameters. dx is needed if layer->needs_dx. */
    void (*backward)(const struct layer *layer, const struct block *block);

    /*
     * Packs parameters and statistics for the kernels of forward and backward, at prepared + layer->prepared. NULL if
     * the layer has nothing to pack.
     */
    void (*prepare)(const struct layer *layer, const float *parameters, const float *statistics, float *prepared);

    /*
     * Whether both layers compute the same function of the same weights: all numbers in their tokens that affect it are
     * equal. Called for two layers with this function, the same module and equal counts of channels and parameters.
     */
    bool (*same)(const struct layer *one, const struct layer *other);

    /* Describes the layer in evaluation as ONNX nodes. */
    void (*to_onnx)(const struct layer *layer, struct onnx_graph *graph);

    /* NULL: 1 x 1 with stride 1. Norms count as that, although their statistics depend on more pixels. */
    struct window (*window)(const struct layer *layer);

    /* Appends lines that begin with "warning: " to a summary; `next` is the next layer that changes values, or NULL. */
    void (*warn)(const struct layer *layer, const struct layer *next, struct text *text);
};

/* `same` of types in which no number of the token changes what the weights compute. */
bool normnet__same_without_numbers(const struct layer *one, const struct layer *other);

/* The type of a name of `length` characters, e.g. "conv"; NULL if there is none. */
const struct layer_type *normnet__find_layer_type(const char *name, int32_t length);

/*
 * The type that a wrong name of `length` characters most likely means: about a quarter of its letters are wrong, it
 * abbreviates or extends the type's name, or other libraries use it. NULL if there is none.
 */
const struct layer_type *normnet__nearest_layer_type(const char *name, int32_t length);

/* All types; NULL after the last. */
extern const struct layer_type *const normnet__layer_types[];

#endif
