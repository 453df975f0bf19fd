/* SPDX-License-Identifier: MIT */
/* Every call that may stand between compute_gradients and apply_gradients, and what it then does: for test_pending. */
#ifndef WAITING_CALLS_H
#define WAITING_CALLS_H

#include "harness/twins.h"

enum {
    PARTS = 24,  /* images of a call */
    IN_ALL = 100 /* what apply divides by */
};

/* What a call returns besides its status. */
struct results {
    normnet_metrics metrics;
    float scores[PARTS * TWINS_CLASSES];
    int64_t confusion[TWINS_CLASSES * TWINS_CLASSES];
    float map[PARTS * TWINS_MAP];
    uint64_t hash;
};

/* What the calls take. */
struct bench {
    normnet_tensor images, labels, wrong_labels;
    unsigned char *weights; /* a file of another model of the same network */
    int64_t weights_size;
    const float *parameters; /* of that model */
};

/* ---- The calls -------------------------------------------------------------------------------- */

/* `model` may be replaced by another one. */
typedef normnet_status waiting_call(const struct bench *bench, normnet_model **model, struct results *results);

static inline normnet_status compute(const struct bench *bench, normnet_model **model, struct results *results)
{
    return normnet_compute_gradients(*model, &bench->images, &bench->labels, NULL, &results->metrics);
}

static inline normnet_status compute_by_zeros(const struct bench *bench, normnet_model **model, struct results *results)
{
    const normnet_batch batch = {.struct_size = sizeof batch};

    return normnet_compute_gradients(*model, &bench->images, &bench->labels, &batch, &results->metrics);
}

static inline normnet_status compute_wrongly(const struct bench *bench, normnet_model **model, struct results *results)
{
    return normnet_compute_gradients(*model, &bench->images, &bench->wrong_labels, NULL, &results->metrics);
}

static inline normnet_status apply(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    (void)results;
    return normnet_apply_gradients(*model, IN_ALL);
}

static inline normnet_status apply_to_none(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    (void)results;
    return normnet_apply_gradients(*model, 0);
}

static inline normnet_status discard(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    (void)results;
    return normnet_discard_gradients(*model);
}

static inline normnet_status train(const struct bench *bench, normnet_model **model, struct results *results)
{
    return normnet_train_step(*model, &bench->images, &bench->labels, &results->metrics);
}

static inline normnet_status update(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)results;
    return normnet_update_statistics(*model, &bench->images, 0);
}

static inline normnet_status update_anew(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)results;
    return normnet_update_statistics(*model, &bench->images, 1);
}

static inline normnet_status set(normnet_model *model, const char *name, float value)
{
    const float values[4] = {value, value + 0.5f, value + 1.0f, value + 0.25f};
    const normnet_tensor tensor = tensor_1d(NORMNET_F32, values, 4);

    return normnet_set_state(model, name, &tensor);
}

static inline normnet_status set_gamma(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    (void)results;
    return set(*model, "1.weight", 0.75f);
}

static inline normnet_status set_mean(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    (void)results;
    return set(*model, "1.running_mean", -0.5f);
}

static inline normnet_status set_variance(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    (void)results;
    return set(*model, "1.running_var", 2.0f);
}

static inline normnet_status set_batches(const struct bench *bench, normnet_model **model, struct results *results)
{
    const int64_t batches = 70;
    normnet_tensor tensor;

    (void)bench;
    (void)results;
    normnet_tensor_init(&tensor, NORMNET_I64, &batches, 0, NULL);
    return normnet_set_state(*model, "7.num_batches_tracked", &tensor);
}

static inline normnet_status set_wrongly(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    (void)results;
    return set(*model, "1.running_var", -3.0f);
}

static inline normnet_status set_parameters(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)results;
    return normnet_set_parameters(*model, bench->parameters, normnet_parameter_count(*model));
}

static inline normnet_status load(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)results;
    return normnet_deserialize_weights(*model, bench->weights, bench->weights_size);
}

static inline normnet_status load_half(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)results;
    return normnet_deserialize_weights(*model, bench->weights, bench->weights_size / 2);
}

static inline normnet_status set_rate(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    (void)results;
    return normnet_set_learning_rate(*model, 0.03, 0.5);
}

static inline normnet_status evaluate(const struct bench *bench, normnet_model **model, struct results *results)
{
    return normnet_evaluate(*model, &bench->images, &bench->labels, &results->metrics, results->confusion, NULL);
}

static inline normnet_status predict(const struct bench *bench, normnet_model **model, struct results *results)
{
    normnet_tensor scores = tensor_2d(NORMNET_F32, results->scores, PARTS, TWINS_CLASSES);

    return normnet_predict(*model, &bench->images, &scores, NULL, NULL);
}

static inline normnet_status predict_by_batch(const struct bench *bench, normnet_model **model, struct results *results)
{
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, NORMNET_STATISTICS_BATCH);
    normnet_tensor scores = tensor_2d(NORMNET_F32, results->scores, PARTS, TWINS_CLASSES);

    return normnet_predict(*model, &bench->images, &scores, NULL, &options);
}

static inline normnet_status layer_output(const struct bench *bench, normnet_model **model, struct results *results)
{
    const int64_t shape[] = {PARTS, 4, 10, 10};
    normnet_tensor map;

    normnet_tensor_init(&map, NORMNET_F32, results->map, 4, shape);
    return normnet_layer_output(*model, &bench->images, 1, &map, NULL);
}

static inline normnet_status serialize(normnet_model *model, int32_t kind, struct results *results)
{
    const normnet_save_options options = {.struct_size = sizeof options, .kind = kind};
    unsigned char *bytes;
    int64_t size = 0;
    normnet_status status = normnet_model_serialize(model, NULL, 0, &size, &options);

    if (status != NORMNET_OK)
        return status;
    bytes = check_allocate((size_t)size, 1);
    status = normnet_model_serialize(model, bytes, size, &size, &options);
    results->hash = hash_bytes(1, bytes, (size_t)size);
    free(bytes);
    return status;
}

static inline normnet_status save_weights(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    return serialize(*model, NORMNET_FILE_WEIGHTS, results);
}

static inline normnet_status save_checkpoint(const struct bench *bench, normnet_model **model, struct results *results)
{
    (void)bench;
    return serialize(*model, NORMNET_FILE_CHECKPOINT, results);
}

/* The clone goes on in the place of the model. */
static inline normnet_status clone(const struct bench *bench, normnet_model **model, struct results *results)
{
    normnet_model *copy = NULL;
    const normnet_status status = normnet_model_clone(&copy, *model, NULL);

    (void)bench;
    (void)results;
    if (status == NORMNET_OK) {
        normnet_model_destroy(*model);
        *model = copy;
    }
    return status;
}

enum kind {
    AS_EVER,  /* the same as without pending gradients; what it sets is set, see `statistics` */
    REJECTED, /* NORMNET_ESTATE while gradients are pending */
    COMPUTES,
    APPLIES,
    DISCARDS
};

struct row {
    const char *name;
    waiting_call *run;
    enum kind kind;
    const char *statistics; /* part of the names of those that it sets, or NULL */
};

static const struct row rows[] = {
    {"compute_gradients", compute, COMPUTES, NULL},
    {"compute_gradients by zeros", compute_by_zeros, COMPUTES, NULL},
    {"a failed compute_gradients", compute_wrongly, AS_EVER, NULL},
    {"apply_gradients", apply, APPLIES, NULL},
    {"apply_gradients of 0 images", apply_to_none, AS_EVER, NULL},
    {"discard_gradients", discard, DISCARDS, NULL},
    {"train_step", train, REJECTED, NULL},
    {"update_statistics", update, REJECTED, NULL},
    {"update_statistics anew", update_anew, REJECTED, NULL},
    {"set_state of a weight", set_gamma, AS_EVER, NULL},
    {"set_state of a mean", set_mean, AS_EVER, "1.running_mean"},
    {"set_state of a variance", set_variance, AS_EVER, "1.running_var"},
    {"set_state of a count", set_batches, AS_EVER, "7.num_batches_tracked"},
    {"a failed set_state", set_wrongly, AS_EVER, NULL},
    {"set_parameters", set_parameters, AS_EVER, NULL},
    {"deserialize_weights", load, AS_EVER, "."},
    {"a failed deserialize_weights", load_half, AS_EVER, NULL},
    {"set_learning_rate", set_rate, AS_EVER, NULL},
    {"evaluate", evaluate, AS_EVER, NULL},
    {"predict", predict, AS_EVER, NULL},
    {"predict with the batch's statistics", predict_by_batch, AS_EVER, NULL},
    {"layer_output", layer_output, AS_EVER, NULL},
    {"serialize weights", save_weights, AS_EVER, NULL},
    {"serialize a checkpoint", save_checkpoint, REJECTED, NULL},
    {"clone", clone, AS_EVER, NULL},
};

#endif
