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
#include "parity_step.h"

/* ---- A case ---------------------------------------------------------------------------------- */

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
            for (int step = 0; step < want->steps; ++step) {
                if (!draw_batch(&bench)) {
                    CHECK_FAIL("no batch of %d can be compared", bench.batches);
                    break;
                }
                compare_step(&bench, step);
            }
        }
    }
    bench_destroy(&bench);
}

/* ---- The cases ------------------------------------------------------------------------------- */

static void run(const struct network_case *network, const struct norm_case *norm, const struct recipe_case *recipe,
                const struct input_case *input, int images, int steps)
{
    const struct parity_case want = {network, norm, recipe, input, images, steps, 0, NULL, NULL};

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
