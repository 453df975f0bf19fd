/* SPDX-License-Identifier: MIT */
/* A model, and its life: network, state and memory for training and for each reader. */
#ifndef NORMNET_MODEL_MODEL_H
#define NORMNET_MODEL_MODEL_H

#include "base/arena.h"
#include "base/calling_thread.h"
#include "net/evaluation.h"
#include "net/training_pass.h"
#include "train/state.h"

#include <stdatomic.h>

/* Memory of one of the simultaneous readers. */
struct reader {
    struct team team;
    struct calling_thread caller; /* while taken */
    int forks;                    /* when it was taken */
    atomic_flag taken;
};

/*
 * A model is allocated in two parts: the model part, which is this struct with its layers and strings and whose size
 * follows from the configuration, and the array part, whose size follows from the plan of the network.
 */
struct normnet_model {
    normnet_config config; /* with pointers to this model's copies of strings and arrays */
    struct allocator allocator;
    int64_t model_bytes; /* of this part */
    void *memory;        /* the array part */
    int64_t array_bytes;

    struct network network;
    struct engine engine;
    struct state state;
    struct training_workspace training;
    struct reader *readers;    /* [config.readers] */
    float *mean, *std, *table; /* of the input scaling: see struct scaling */
    const char *note;          /* of the file that the model was loaded from, or "" */

    struct calling_thread caller; /* while a writer is at work */
    atomic_int users;             /* the number of readers, or -1 while a writer is at work: see model/lock.h */
    atomic_int forks;             /* when `users` was last in order: see base/forks.h */
};

/* A model with initial weights. `config` has been checked. */
normnet_status normnet__create_model(normnet_model **model, const normnet_config *config);

/*
 * The same in two steps, so that a file can be compared with the network before memory is allocated for its arrays. The
 * first step reads and plans the network of a checked configuration, and copies `note`. The second allocates all arrays
 * and clears the state. End with normnet__destroy_model after either, unless the first fails.
 */
normnet_status normnet__begin_model(normnet_model **begun, const normnet_config *config, const char *note);
normnet_status normnet__finish_model(normnet_model *model);

/* The configuration, at any time: normnet__set_learning_rate() changes its lr and momentum. */
normnet_config normnet__describe_config(const normnet_model *model);

/* The weights, or their average (`which` is a normnet_weights): NORMNET_ESTATE if the model keeps none. */
normnet_status normnet__check_weights(const normnet_model *model, int32_t which);
const struct weights *normnet__weights(const normnet_model *model, int32_t which);

/* The engine that computes with them. */
struct engine normnet__engine_of(const normnet_model *model, const struct weights *weights);

/* NULL is allowed. */
void normnet__destroy_model(normnet_model *model);

/* Creates a model with the same state. The host's settings come from `host`, or from `model` if `host` is NULL. */
normnet_status normnet__clone_model(normnet_model **clone, const normnet_model *model, const normnet_config *host);

/* The same with the average in place of the weights, without momentum and an average of its own. */
normnet_status normnet__clone_average(normnet_model **clone, const normnet_model *model, const normnet_config *host);

#endif
