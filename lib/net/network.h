/* SPDX-License-Identifier: MIT */
/* A network: its layers, and the sizes of all arrays and memory that they use. */
#ifndef NORMNET_NET_NETWORK_H
#define NORMNET_NET_NETWORK_H

#include "layers/layer.h"
#include "normnet.h"

enum { NORMNET__MAX_ARCHITECTURE = 4096 }; /* bytes */

struct network {
    struct layer *layers;
    int32_t layer_count;
    struct shape input;
    int32_t classes;
    int32_t lanes; /* of the kernels */

    int64_t parameter_count; /* floats */
    int64_t statistic_count; /* floats of running statistics */
    int64_t prepared_count;  /* floats of prepared weights */
    int64_t sum_count;       /* sums of gradients over blocks */
    int64_t kept_count;      /* floats that a block keeps for the weight gradients of fully connected layers */
    int32_t batch_norm_count;
    int32_t first_trained; /* the first layer with parameters; layer_count if there is none */

    /* Bytes of a block's memory in each layout, and of a thread's scratch. */
    int64_t block_bytes[NORMNET__LAYOUTS];
    int64_t scratch_bytes;
};

/* Room for an architecture that is one byte too long, and its end. */
enum { NORMNET__ARCHITECTURE_BYTES = NORMNET__MAX_ARCHITECTURE + 2 };

/*
 * Writes the network of a configuration without one: 7,704 parameters for 10 classes of images with one channel. Below
 * 18x18 pixels its 3x3 convolutions pad. NORMNET_EARCH for images below 8x8 pixels.
 */
normnet_status normnet__default_architecture(const normnet_config *config, char *text);

/* Tokens in `text`; NORMNET_ELIMIT if it is too long, NORMNET_EARCH if there are none. */
normnet_status normnet__count_tokens(const char *text, int32_t *count);

/*
 * Reads the architecture of `config` into network->layers, which has room for all tokens. `tokens` has room for the
 * text, which is copied there and cut into tokens. `lanes` are those of the kernels. To be followed by normnet__plan().
 */
normnet_status normnet__read_architecture(struct network *network, const normnet_config *config, int32_t lanes,
                                          char *tokens);

/* Sets what the plan decides in every layer, and the sizes above. NORMNET_ELIMIT if they overflow. */
normnet_status normnet__plan(struct network *network);

/*
 * The first layer that would compute something else with the same weights and statistics in the other network, which
 * has an input of the same shape; -1 if there is none. Spelling, dropout and eps may differ.
 */
int32_t normnet__first_difference(const struct network *one, const struct network *other);

/* The size of the patch of input pixels that one output of `layer` depends on. */
int32_t normnet__receptive_field(const struct network *network, int32_t layer);

/*
 * The parameters of a network, or what belongs to each, that one thread works on at a time, where threads share them:
 * so many that small networks are left to one thread, and that they fit into the L2 cache with all that belongs to
 * them.
 */
enum { NORMNET__SPAN_PARAMETERS = 8192 };

static inline int64_t normnet__count_spans(int64_t parameters)
{
    return (parameters + NORMNET__SPAN_PARAMETERS - 1) / NORMNET__SPAN_PARAMETERS;
}

#endif
