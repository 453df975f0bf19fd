/* SPDX-License-Identifier: MIT */
/* A training step of the library beside one of the reference: gradients, state, metrics, and what is computed then. */
#ifndef PARITY_STEP_H
#define PARITY_STEP_H

#include "parity_decisions.h"

/* ---- A step ---------------------------------------------------------------------------------- */

/* One entry of the state, as the equivalent state_dict has it. */
struct entry {
    char name[32];
    int trained, first, count; /* in the parameters or the statistics of the reference */
};

static inline int add_entry(struct entry *entries, int used, int layer, const char *name, int trained, int first,
                            int count)
{
    if (count > 0) {
        snprintf(entries[used].name, sizeof entries[used].name, "%d.%s", layer, name);
        entries[used].trained = trained;
        entries[used].first = first;
        entries[used].count = count;
        ++used;
    }
    return used;
}

static inline int list_entries(const struct reference_network *network, struct entry **list)
{
    struct entry *entries = *list = check_allocate((size_t)network->layer_count * 5, sizeof *entries);
    int used = 0;

    for (int i = 0; i < network->layer_count; ++i) {
        const struct reference_layer *layer = &network->layers[i];
        const int channels = layer->in.channels;

        used = add_entry(entries, used, i, "weight", 1, layer->weight, layer->weight_count);
        used = add_entry(entries, used, i, "bias", 1, layer->bias, layer->bias_count);
        if (layer->statistics >= 0) {
            used = add_entry(entries, used, i, "running_mean", 0, layer->statistics, channels);
            used = add_entry(entries, used, i, "running_var", 0, layer->statistics + channels, channels);
            used = add_entry(entries, used, i, "num_batches_tracked", 0, layer->statistics + 2 * channels, 1);
        }
    }
    return used;
}

/* Gradients, tensor by tensor. */
static inline void compare_gradients(struct parity_bench *bench)
{
    double *values = NULL;
    int64_t count = 0;
    struct entry *entries;
    int i, entry_count = list_entries(bench->network, &entries);
    char what[64];

    CHECK_OK(normnet_gradients(bench->model, &values, &count));
    if (CHECK_EQUAL(count, bench->network->parameter_count) && CHECK(values != NULL)) {
        for (i = 0; i < entry_count; ++i) {
            const struct entry *e = &entries[i];

            if (!e->trained)
                continue;
            snprintf(what, sizeof what, "gradient of %s", e->name);
            compare(what, values + e->first, bench->pass->gradient + e->first, e->count,
                    reference_largest(bench->typical + e->first, e->count), most_error);
        }
    }
    free(entries);
}

/*
 * An update is compared twice: the new weights, and how far they have moved in this step, where the rounding of
 * the weights (half a unit in their last place) comes on top.
 */
static inline void compare_parameters(const struct entry *e, const float *now, const double *before,
                                      const double *expected_now, const double *expected_before, double typical_move,
                                      int has_gradient)
{
    const double rounding = 1.01 / (1 << 24);
    double largest_move = 0, largest = reference_largest(expected_now + e->first, e->count), allowed;
    char what[64];

    snprintf(what, sizeof what, "updated %s", e->name);
    compare_floats(what, now + e->first, expected_now + e->first, e->count, slack > 1 ? typical_move : 0);
    for (int i = e->first; i < e->first + e->count; ++i)
        largest_move = fmax(largest_move, fabs(expected_now[i] - expected_before[i]));
    allowed =
        largest_move < counts_as_zero * typical_move ? most_error_of_zero * typical_move : most_error * largest_move;
    if (!has_gradient || slack > 1) /* a penalty moves it, and so do the rounding errors of a gradient that is 0 */
        allowed = fmax(allowed, most_error_of_zero * typical_move);
    for (int i = e->first; i < e->first + e->count; ++i) {
        double move = now[i] - before[i], expected = expected_now[i] - expected_before[i];

        if (!(fabs(move - expected) <= slack * allowed + rounding * largest))
            CHECK_FAIL("%s[%d] moved by %.9g, the reference by %.9g; allowed %.3g, largest move %.3g", e->name,
                       i - e->first, move, expected, slack * allowed + rounding * largest, largest_move);
    }
}

/* Names and order of the state, new weights and running statistics. */
static inline void compare_state(struct parity_bench *bench, const double *before, const double *expected_before,
                                 double lr)
{
    const struct reference_trainer *trainer = bench->trainer;
    const float *parameters = NULL;
    struct entry *entries;
    int i, entry_count = list_entries(bench->network, &entries);

    CHECK_EQUAL(normnet_state_count(bench->model), entry_count);
    for (i = 0; i < entry_count && i < normnet_state_count(bench->model); ++i) {
        const struct entry *e = &entries[i];
        const normnet_state_info info = state_info(bench->model, i);

        CHECK_TEXT(info.name, e->name);
        CHECK_EQUAL(info.trained, e->trained);
        if (!CHECK_EQUAL(state_length(&info), e->count))
            continue;
        if (e->trained && parameters == NULL)
            parameters = info.data;
        if (e->trained) {
            const double typical = reference_largest(bench->typical + e->first, e->count);
            const double gradient = reference_largest(bench->pass->gradient + e->first, e->count);

            CHECK((const float *)info.data == parameters + e->first);
            compare_parameters(e, parameters, before, trainer->parameters, expected_before,
                               lr * typical / bench->images, gradient >= counts_as_zero * typical);
        } else if (info.dtype == NORMNET_I64) {
            CHECK_EQUAL(*(const int64_t *)info.data, (int64_t)trainer->statistics[e->first]);
        } else {
            /* a running mean of zero is measured by the deviation that belongs to it */
            double typical = strstr(e->name, "mean") == NULL
                                 ? 0
                                 : sqrt(reference_largest(trainer->statistics + e->first + e->count, e->count));
            compare_floats(e->name, info.data, trainer->statistics + e->first, e->count, typical);
        }
    }
    free(entries);
}

/* The library's logits of the batch. To be freed. */
static inline float *library_logits(const struct parity_bench *bench, int statistics)
{
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, statistics);
    const int classes = bench->config.classes;
    float *scores = check_allocate((size_t)(bench->images * classes), sizeof *scores);
    normnet_tensor tensor = tensor_2d(NORMNET_F32, scores, bench->images, classes);

    CHECK_OK(normnet_predict(bench->model, &bench->image_tensor, &tensor, NULL, &options));
    return scores;
}

/* The pass is forward, in training or in evaluation. */
static inline void compare_logits(struct parity_bench *bench, int statistics)
{
    float *scores = library_logits(bench, statistics);

    compare_floats(statistics == NORMNET_STATISTICS_BATCH ? "logits with batch statistics" : "logits", scores,
                   reference_logits(bench->pass), bench->images * bench->config.classes,
                   typical_output(bench->pass, bench->network->layer_count - 1));
    free(scores);
}

/* The loss against that of the library's logits, which compare_logits holds to the reference. */
static inline void compare_evaluation(struct parity_bench *bench)
{
    const int classes = bench->config.classes, count = bench->images * classes;
    double *logits = check_allocate((size_t)count, sizeof *logits);
    double *dlogits = check_allocate((size_t)count, sizeof *dlogits);
    float *scores = library_logits(bench, NORMNET_STATISTICS_RUNNING);
    normnet_metrics metrics = metrics_init();

    for (int i = 0; i < count; ++i)
        logits[i] = scores[i];
    CHECK_OK(normnet_evaluate(bench->model, &bench->image_tensor, &bench->label_tensor, &metrics, NULL, NULL));
    CHECK_EQUAL(metrics.count, bench->images);
    compare_number(
        "loss in evaluation", metrics.loss,
        reference_loss(bench->images, classes, logits, bench->labels, bench->config.label_smoothing, dlogits) /
            bench->images,
        1e-12);
    free(scores);
    free(dlogits);
    free(logits);
}

/* compute_gradients and apply_gradients in the first step, train_step in the others. */
static inline void library_step(struct parity_bench *bench, int step, normnet_metrics *metrics)
{
    if (step > 0) {
        CHECK_OK(normnet_train_step(bench->model, &bench->image_tensor, &bench->label_tensor, metrics));
        return;
    }
    CHECK_OK(normnet_compute_gradients(bench->model, &bench->image_tensor, &bench->label_tensor, NULL, metrics));
    compare_gradients(bench);
    CHECK_OK(normnet_apply_gradients(bench->model, bench->images));
}

/* Images whose two highest logits are as good as equal. */
static inline int ambiguous_images(const struct parity_bench *bench)
{
    const int classes = bench->config.classes;
    const double *logits = reference_logits(bench->pass);
    const double near = most_error * typical_output(bench->pass, bench->network->layer_count - 1);
    int ambiguous = 0;

    for (int n = 0; n < bench->images; ++n) {
        double first = -INFINITY, second = -INFINITY;

        for (int k = 0; k < classes; ++k) {
            double value = logits[n * classes + k];

            second = fmax(second, fmin(first, value));
            first = fmax(first, value);
        }
        ambiguous += first - second <= near;
    }
    return ambiguous;
}

/* What is allowed to the norm of a mean gradient whose values may all be zero. */
static inline double typical_norm_error(const struct parity_bench *bench)
{
    double square = 0;

    for (int i = 0; i < bench->network->parameter_count; ++i)
        square += bench->typical[i] * bench->typical[i];
    return slack * most_error_of_zero * sqrt(square) / bench->images;
}

static inline void compare_metrics(const struct parity_bench *bench, int step, const normnet_metrics *metrics,
                                   const struct reference_metrics *expected)
{
    compare_number("loss", metrics->loss, expected->loss, most_error);
    CHECK_EQUAL(metrics->count, bench->images);
    if (labs((long)metrics->correct - bench->pass->correct) > ambiguous_images(bench))
        CHECK_FAIL("correct is %d, the reference %d", (int)metrics->correct, bench->pass->correct);
    if (step == 0) /* from compute_gradients */
        return;
    CHECK_EQUAL(metrics->step, step + 1);
    compare_number("penalty", metrics->penalty, expected->penalty, most_error);
    compare_number("lr", metrics->lr, expected->lr, 1e-14);
    compare_number("momentum", metrics->momentum, expected->momentum, 1e-14);
    if (slack == 1 || !(fabs(metrics->gradient_norm - expected->gradient_norm) <= typical_norm_error(bench)))
        compare_number("gradient norm", metrics->gradient_norm, expected->gradient_norm, most_error);
}

static inline void compare_step(struct parity_bench *bench, int step)
{
    const int count = bench->network->parameter_count;
    double *expected_before = check_allocate((size_t)count, sizeof *expected_before);
    double *before = library_parameters(bench);
    normnet_metrics metrics = metrics_init();
    struct reference_metrics expected;

    if (!bench->has_dropout) /* which a prediction never applies */
        compare_logits(bench, NORMNET_STATISTICS_BATCH);
    memcpy(expected_before, bench->trainer->parameters, (size_t)count * sizeof *expected_before);
    expected = reference_apply(bench->trainer, bench->pass);
    library_step(bench, step, &metrics);
    compare_metrics(bench, step, &metrics, &expected);
    compare_state(bench, before, expected_before, expected.lr);
    reference_forward(bench->pass, bench->trainer->parameters, bench->trainer->statistics, REFERENCE_EVALUATION);
    compare_logits(bench, NORMNET_STATISTICS_RUNNING);
    compare_evaluation(bench);
    free(before);
    free(expected_before);
}

/* Batch norm needs two values per statistic. */
static inline int one_value_per_statistic(const struct parity_bench *bench)
{
    for (int i = 0; i < bench->network->layer_count; ++i) {
        const struct reference_layer *layer = &bench->network->layers[i];

        for (int s = 0; layer->statistics >= 0 && s < layer->in.channels; ++s) {
            if (bench->pass->set_counts[i][s] == 1)
                return 1;
        }
    }
    return 0;
}

#endif
