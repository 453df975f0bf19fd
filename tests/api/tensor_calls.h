/* SPDX-License-Identifier: MIT */
/* The calls that take tensors, each with one argument to replace by a wrong one. */
#ifndef TENSOR_CALLS_H
#define TENSOR_CALLS_H

#include "harness/twins.h"

/* ---- The calls, each with one argument to corrupt ----------------------------------------------- */

typedef normnet_status tensor_call(struct twins *pair, const normnet_tensor *corrupted);

static inline normnet_status train_images(struct twins *pair, const normnet_tensor *images)
{
    return normnet_train_step(pair->model, images, &pair->labels, &pair->out.metrics);
}

static inline normnet_status compute_images(struct twins *pair, const normnet_tensor *images)
{
    return normnet_compute_gradients(pair->model, images, &pair->labels, NULL, &pair->out.metrics);
}

static inline normnet_status update_images(struct twins *pair, const normnet_tensor *images)
{
    return normnet_update_statistics(pair->model, images, 1);
}

static inline normnet_status evaluate_images(struct twins *pair, const normnet_tensor *images)
{
    return normnet_evaluate(pair->model, images, &pair->labels, &pair->out.metrics, pair->out.confusion, NULL);
}

static inline normnet_status evaluate_batch_images(struct twins *pair, const normnet_tensor *images)
{
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);

    return normnet_evaluate(pair->model, images, &pair->labels, &pair->out.metrics, pair->out.confusion, &options);
}

static inline normnet_status predict_images(struct twins *pair, const normnet_tensor *images)
{
    return normnet_predict(pair->model, images, &pair->scores, &pair->classes, NULL);
}

static inline normnet_status layer_images(struct twins *pair, const normnet_tensor *images)
{
    return normnet_layer_output(pair->model, images, 0, &pair->map, NULL);
}

static inline normnet_status train_labels(struct twins *pair, const normnet_tensor *labels)
{
    return normnet_train_step(pair->model, &pair->images, labels, &pair->out.metrics);
}

static inline normnet_status compute_labels(struct twins *pair, const normnet_tensor *labels)
{
    return normnet_compute_gradients(pair->model, &pair->images, labels, NULL, &pair->out.metrics);
}

static inline normnet_status evaluate_labels(struct twins *pair, const normnet_tensor *labels)
{
    return normnet_evaluate(pair->model, &pair->images, labels, &pair->out.metrics, pair->out.confusion, NULL);
}

static inline normnet_status evaluate_batch_labels(struct twins *pair, const normnet_tensor *labels)
{
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);

    return normnet_evaluate(pair->model, &pair->images, labels, &pair->out.metrics, pair->out.confusion, &options);
}

struct named_call {
    const char *name;
    tensor_call *run;
    int trains; /* takes max_batch images at most */
};

static const struct named_call image_calls[] = {
    {"train_step(images)", train_images, 1},         {"compute_gradients(images)", compute_images, 1},
    {"update_statistics(images)", update_images, 1}, {"evaluate(images, batch statistics)", evaluate_batch_images, 1},
    {"evaluate(images)", evaluate_images, 0},        {"predict(images)", predict_images, 0},
    {"layer_output(images)", layer_images, 0},
};

static const struct named_call label_calls[] = {
    {"train_step(labels)", train_labels, 1},
    {"compute_gradients(labels)", compute_labels, 1},
    {"evaluate(labels)", evaluate_labels, 0},
    {"evaluate(labels, batch statistics)", evaluate_batch_labels, 0},
};

static inline void reject_tensor(struct twins *pair, const struct named_call *call, const normnet_tensor *tensor,
                                 const char *how, normnet_status expected, const char *word)
{
    const char *const words[] = {word, NULL};
    char what[160];

    snprintf(what, sizeof what, "%s with %s", call->name, how);
    check_rejected(__FILE__, __LINE__, what, pair, call->run(pair, tensor), expected, words);
}

/* ---- The description -------------------------------------------------------------------------- */

enum part { SIZE, DTYPE, RANK, RESERVED, SHAPE, STRIDE, DATA };

struct corruption {
    const char *how;
    enum part part;
    int index;
    int64_t value;
    normnet_status status;
    const char *word;
};

static inline normnet_tensor corrupted(const normnet_tensor *tensor, const struct corruption *how)
{
    normnet_tensor result = *tensor;

    switch (how->part) {
    case SIZE:
        result.struct_size = (int32_t)how->value;
        break;
    case DTYPE:
        result.dtype = (int32_t)how->value;
        break;
    case RANK:
        result.rank = (int32_t)how->value;
        break;
    case RESERVED:
        result.reserved = (int32_t)how->value;
        break;
    case SHAPE:
        result.shape[how->index] = how->value;
        break;
    case STRIDE:
        result.strides[how->index] = how->value;
        break;
    case DATA:
        result.data = how->value == 0 ? NULL : (char *)result.data + how->value;
        break;
    }
    return result;
}

#endif
