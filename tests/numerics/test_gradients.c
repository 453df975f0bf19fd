/* SPDX-License-Identifier: MIT */
/*
 * The library against the reference: from equal weights and images, logits, loss, every gradient, running
 * statistics and updated parameters of up to three steps. Through the public API.
 *
 * The error of a tensor is max |a - b| / max |b| with b the reference, at most 1e-5, and at most 2e-6 for the output of
 * one layer for the library's input of it. A tensor whose true value is (nearly) zero, since what normalization adds it
 * takes away again, has no such error; there max |a - b| is at most 1e-6 of what the tensor would hold if nothing
 * cancelled.
 *
 * Two kinds of batches prove nothing about the library and are replaced by others. Rounding may turn a ReLU or the
 * winner of a max pool, after which gradients differ for good: these decisions are compared first, and at most 2 %
 * of all batches may differ. And where the variances of a normalization nearly vanish, so does the meaning of the
 * digits after it: where a change of weights and pixels by 2^-23, in the reference alone, moves a gradient by more
 * than a quarter of what is allowed, no float arithmetic could be held to it.
 */
#include "harness/type_networks.h"
#include "parity_cases.h"
#include "parity_decisions.h"

/* ---- A step ---------------------------------------------------------------------------------- */

/* One entry of the state, as the equivalent state_dict has it. */
struct entry {
    char name[32];
    int trained, first, count; /* in the parameters or the statistics of the reference */
};

static int add_entry(struct entry *entries, int used, int layer, const char *name, int trained, int first, int count)
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

static int list_entries(const struct reference_network *network, struct entry **list)
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
static void compare_gradients(struct parity_bench *bench)
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
static void compare_parameters(const struct entry *e, const float *now, const double *before,
                               const double *expected_now, const double *expected_before, double typical_move,
                               int has_gradient)
{
    const double rounding = 1.01 / (1 << 24);
    double largest_move = 0, largest = reference_largest(expected_now + e->first, e->count), allowed;
    char what[64];

    snprintf(what, sizeof what, "updated %s", e->name);
    compare_floats(what, now + e->first, expected_now + e->first, e->count, 0);
    for (int i = e->first; i < e->first + e->count; ++i)
        largest_move = fmax(largest_move, fabs(expected_now[i] - expected_before[i]));
    allowed =
        largest_move < counts_as_zero * typical_move ? most_error_of_zero * typical_move : most_error * largest_move;
    if (!has_gradient) /* a penalty moves it, and so do the rounding errors of a gradient that is 0 */
        allowed = fmax(allowed, most_error_of_zero * typical_move);
    for (int i = e->first; i < e->first + e->count; ++i) {
        double move = now[i] - before[i], expected = expected_now[i] - expected_before[i];

        if (!(fabs(move - expected) <= allowed + rounding * largest))
            CHECK_FAIL("%s[%d] moved by %.9g, the reference by %.9g; largest move %.3g", e->name, i - e->first, move,
                       expected, largest_move);
    }
}

/* Names and order of the state, new weights and running statistics. */
static void compare_state(struct parity_bench *bench, const double *before, const double *expected_before, double lr)
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
static float *library_logits(const struct parity_bench *bench, int statistics)
{
    const normnet_predict_options options = options_init(NORMNET_SCORES_LOGITS, statistics);
    const int classes = bench->config.classes;
    float *scores = check_allocate((size_t)(bench->images * classes), sizeof *scores);
    normnet_tensor tensor = tensor_2d(NORMNET_F32, scores, bench->images, classes);

    CHECK_OK(normnet_predict(bench->model, &bench->image_tensor, &tensor, NULL, &options));
    return scores;
}

/* The pass is forward, in training or in evaluation. */
static void compare_logits(struct parity_bench *bench, int statistics)
{
    float *scores = library_logits(bench, statistics);

    compare_floats(statistics == NORMNET_STATISTICS_BATCH ? "logits with batch statistics" : "logits", scores,
                   reference_logits(bench->pass), bench->images * bench->config.classes,
                   typical_output(bench->pass, bench->network->layer_count - 1));
    free(scores);
}

/* The loss against that of the library's logits, which compare_logits holds to the reference. */
static void compare_evaluation(struct parity_bench *bench)
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
static void library_step(struct parity_bench *bench, int step, normnet_metrics *metrics)
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
static int ambiguous_images(const struct parity_bench *bench)
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

static void compare_metrics(const struct parity_bench *bench, int step, const normnet_metrics *metrics,
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
    compare_number("gradient norm", metrics->gradient_norm, expected->gradient_norm, most_error);
}

static void compare_step(struct parity_bench *bench, int step)
{
    const int count = bench->network->parameter_count;
    double *expected_before = check_allocate((size_t)count, sizeof *expected_before);
    double *before = library_parameters(bench);
    normnet_metrics metrics = metrics_init();
    struct reference_metrics expected;

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
static int one_value_per_statistic(const struct parity_bench *bench)
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

static void parity(const void *argument)
{
    const struct parity_case *want = argument;
    struct parity_bench bench;

    if (bench_create(&bench, want)) {
        draw_images(&bench);
        draw_labels(&bench);
        reference_forward(bench.pass, bench.trainer->parameters, NULL, REFERENCE_TRAINING);
        if (one_value_per_statistic(&bench)) {
            CHECK_STATUS(normnet_compute_gradients(bench.model, &bench.image_tensor, &bench.label_tensor, NULL, NULL),
                         NORMNET_EINVAL);
        } else {
            for (int step = 0; step < want->steps && draw_batch(&bench); ++step)
                compare_step(&bench, step);
        }
    }
    bench_destroy(&bench);
}

/* ---- The cases ------------------------------------------------------------------------------- */

static void run(const struct network_case *network, const struct norm_case *norm, const struct recipe_case *recipe,
                const struct input_case *input, int images, int steps)
{
    const struct parity_case want = {network, norm, recipe, input, images, steps};

    check_case_named(parity, &want, "%s, norm %s, %s, %s, batch %d", network->name, norm->name, recipe->name,
                     input->name, images);
}

static void run_type(const struct layer_type *type, int i)
{
    static const struct norm_case group = {"group", NORMNET_NORM_GROUP, 0, 0, 0, 0, 0, 0, 0};
    static struct type_network text;
    char name[64];
    struct network_case network = {name, text.architecture, TYPE_CHANNELS, TYPE_HEIGHT, TYPE_WIDTH, TYPE_CLASSES};

    if (!type_network_at(&text, type, i))
        return; /* test_layer_types fails if there is none at all */
    snprintf(name, sizeof name, "type %s, network %d", type->name, i);
    run(&network, &group, &recipes[0], &inputs[0], 7, 2);
    run(&network, &group, &recipes[0], &inputs[0], 33, 1);
}

/* Networks around every type of layer that the library lists. */
static void run_types(void)
{
    for (int i = 0; normnet__layer_types[i] != NULL; ++i) {
        if (strcmp(normnet__layer_types[i]->name, "dropout") == 0)
            continue; /* its masks are random: test_dropout */
        for (int k = 0; k < TYPE_NETWORKS; ++k)
            run_type(normnet__layer_types[i], k);
    }
}

static void run_all(void)
{
    static const int batches[] = {1, 2, 7, 15, 16, 17, 33, 128};

    run_types();
    for (int i = 0; i < CHECK_COUNT(token_networks); ++i)
        for (int k = 0; k < CHECK_COUNT(batches) - 1; ++k)
            run(&token_networks[i], &norms[0], &recipes[0], &inputs[k % 2], batches[k], 1 + k % 2);
    for (int i = 0; i < CHECK_COUNT(norms); ++i) {
        for (int k = 0; k < CHECK_COUNT(batches); ++k) {
            run(&norm_network, &norms[i], &recipes[0], &inputs[0], batches[k], 2);
            if (norms[i].norm != NORMNET_NORM_INSTANCE && (norms[i].layer_dims == 0 || norms[i].layer_dims == 3))
                run(&relu_network, &norms[i], &recipes[0], &inputs[0], batches[k], 1);
            run(&gap_network, &norms[i], &recipes[0], &inputs[0], batches[k], 1);
            run(&first_network, &norms[i], &recipes[0], &inputs[0], batches[k], 1);
            if (norms[i].norm != NORMNET_NORM_INSTANCE && (norms[i].layer_dims == 0 || norms[i].layer_dims == 3))
                run(&feature_network, &norms[i], &recipes[0], &inputs[0], batches[k], 2);
        }
    }
    for (int i = 1; i < CHECK_COUNT(recipes); ++i)
        for (int k = 0; k < CHECK_COUNT(usual_norms); ++k) {
            run(&norm_network, &usual_norms[k], &recipes[i], &inputs[0], 7, 3);
            run(&norm_network, &usual_norms[k], &recipes[i], &inputs[0], 33, 3);
        }
    for (int i = 0; i < CHECK_COUNT(inputs); ++i)
        for (int k = 0; k < 2; ++k) {
            run(&input_network, &norms[k], &recipes[0], &inputs[i], 5, 1);
            run(&input_network, &norms[k], &recipes[0], &inputs[i], 35, 1);
        }
    for (int i = 0; i < CHECK_COUNT(usual_norms); ++i) {
        run(&default_network, &usual_norms[i], &recipes[0], &inputs[3], 1, 1);
        run(&default_network, &usual_norms[i], &recipes[12], &inputs[3], 7, 3);
        run(&default_network, &usual_norms[i], &recipes[0], &inputs[3], 33, 1);
        for (int k = 0; k < CHECK_COUNT(seeds) && usual_norms[i].norm != NORMNET_NORM_INSTANCE; ++k)
            run(&seeds[k], &usual_norms[i], &recipes[0], &inputs[3], k % 2 ? 7 : 17, 1);
    }
    run(&seeds[2], &row_norm, &recipes[0], &inputs[3], 17, 1); /* its gradients are zero */
    run(&default_network, &usual_norms[1], &recipes[0], &inputs[3], 128, 1);
    run(&default_network, &usual_norms[2], &recipes[0], &inputs[3], 128, 1);
}

static void few_decided_otherwise(const void *argument)
{
    (void)argument;
    if (decided_otherwise > most_decided_otherwise * drawn)
        CHECK_FAIL("%d of %d batches decided otherwise than the reference, more than %g %%", decided_otherwise, drawn,
                   100 * most_decided_otherwise);
}

static void few_ill_conditioned(const void *argument)
{
    (void)argument;
    if (ill_conditioned > most_ill_conditioned * drawn)
        CHECK_FAIL("%d of %d batches are ill-conditioned, more than %g %%", ill_conditioned, drawn,
                   100 * most_ill_conditioned);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    run_all();
    if (!check_state()->list)
        printf("    of %d batches %d were ill-conditioned, %d decided otherwise\n", drawn, ill_conditioned,
               decided_otherwise);
    check_case("few batches are ill-conditioned", few_ill_conditioned, NULL);
    check_case("few batches decide otherwise", few_decided_otherwise, NULL);
    return check_end();
}
