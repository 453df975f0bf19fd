/* SPDX-License-Identifier: MIT */
#ifndef NORMNET_MODEL_MODEL_H
#define NORMNET_MODEL_MODEL_H

#include "base/arena.h"
#include "net/evaluation.h"
#include "net/training_pass.h"
#include "train/step.h"

#include <stdatomic.h>

/* Memory of one of the simultaneous readers. */
struct reader {
    struct team team;
    atomic_flag taken;
};

/*
 * A model lies in two blocks: this struct with its layers and texts, whose sizes are known from the configuration,
 * and everything else, whose size is known from the plan.
 */
struct normnet_model {
    normnet_config config;
    struct allocator allocator;
    int64_t bytes; /* of this block */
    void *memory;  /* the second block */
    int64_t memory_bytes;

    struct network network;
    struct engine engine;
    struct state state;
    struct training_pass training;
    struct reader *readers;         /* [config.readers] */
    double *input_mean, *input_std; /* [channels]: config points here */
    float *mean, *std, *table;      /* of the scaling */
    const char *note;               /* of the file it came from, or "" */

    atomic_int users; /* readers at work, or -1 for a writer */
};

/*
 * A model comes in two steps, so that what a file holds can be compared with its network before memory is taken for it.
 * The first takes a configuration that has been checked, and a note, which is copied; the network and its plan are
 * known then. The second takes memory for what runs and clears it. End with normnet_model_destroy after either.
 */
normnet_status normnet__begin_model(normnet_model **begun, const normnet_config *config, const char *note);
normnet_status normnet__finish_model(normnet_model *model);

/* The functions of the configuration, or malloc and free. */
struct allocator normnet__allocator_of(const normnet_config *config);

/* What the functions of train/ work on. */
struct trainer normnet__trainer_of(normnet_model *model);

/* NORMNET_EBUSY if the model is in use; end with the same kind. */
normnet_status normnet__begin_writing(normnet_model *model);
void normnet__end_writing(normnet_model *model);
normnet_status normnet__begin_reading(normnet_model *model, struct reader **reader);
void normnet__end_reading(normnet_model *model, struct reader *reader);

/* NORMNET_EINVAL if a batch norm would see a single value per channel in these images. */
normnet_status normnet__check_batch_norms(const normnet_model *model, int64_t images);

/* A struct that cannot be written is found before anything is done; NULL is allowed in both. */
normnet_status normnet__check_metrics(const normnet_metrics *metrics);
normnet_status normnet__write_metrics(normnet_metrics *to, const normnet_metrics *from);

/* NORMNET_EINVAL, naming the argument, if `pointer` is NULL. */
normnet_status normnet__require(const void *pointer, const char *name);

#endif
