/* SPDX-License-Identifier: MIT */
/* A block: up to as many samples as lanes on their way through the layers, with everything that a layer reads and
 * writes. */
#ifndef NORMNET_LAYERS_BLOCK_H
#define NORMNET_LAYERS_BLOCK_H

#include "layers/shape.h"

/* What batch norm shares between blocks: see batch_norm.h. */
struct batch_norm;

/* base/parallel.h */
struct threads;

/* Which random numbers dropout draws. */
struct dropout_source {
    uint64_t seed;
    int stream;           /* enum stream */
    uint64_t step;        /* training step, or batch of update_statistics */
    int64_t first_sample; /* index in the whole batch of this block's first sample */
};

/* The threads that share the convolutions of a block, if there are fewer blocks than threads. */
struct helpers {
    const struct threads *threads;
    float *const *scratch; /* of each thread */
};

struct block {
    const struct kernels *kernels;
    const float *parameters, *prepared; /* of the whole network */
    enum layout layout;
    int32_t last_layer; /* of this pass */
    bool dropout;       /* training: dropout is on */
    char *memory;       /* activations and what is saved for backward, at the layers' offsets */
    float *scratch;
    const struct helpers *helpers; /* or NULL */
    double *gradient;              /* [parameter.sum]: of this block, every entry is written once */
    float *kept;                   /* x and dy of fully connected layers, for their weight gradient */
    int32_t count; /* samples in use, at least 1; the lanes beyond repeat the last one and have no gradient */
    int64_t index; /* of the block in its batch */
    struct dropout_source source;
    struct batch_norm *batch_norms; /* of a training pass, else NULL */
};

#endif
