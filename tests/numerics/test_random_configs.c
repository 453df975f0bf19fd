/* SPDX-License-Identifier: MIT */
/*
 * Random configurations: architectures, images, norms and options that nobody thought of, each drawn from its number.
 * A model trains for two steps, and all that test_gradients.c compares of its networks is compared with the reference,
 * each within a bound; the masks of dropout and the averages of the weights besides.
 *
 * A batch is compared if roundings of every weight, pixel and output of a layer, in the reference alone, move no
 * gradient by more than a quarter of the bound of test_gradients.c, MOVES times; the library, which rounds several
 * times for each value, may be off by SLACK times that bound. SLACK is no derivation: with 1, 71 of the 10,000 networks
 * fail, with 4 the three that docs/reliability.md names; planted faults are noticed all the same.
 *
 * The bounds hold for batches that are well conditioned: of others, which the reference itself recognizes
 * (test_gradients.c), new ones are drawn. A network may have none, since something in it always vanishes. These are
 * counted, and may be few.
 *
 *     test_random_configs                     the first 150
 *     test_random_configs "network 4711"      any other of the 10,000: the case that failed, with its configuration
 *     test_random_configs network             all
 */
#include "parity_step.h"
#include "random_configs.h"

enum { FEW = 150, ALL = 10000, BATCHES = 12, MOVES = 4, SLACK = 4 };

static const double most_not_comparable = 0.1;

static int networks, not_comparable;

/* ---- Averages -------------------------------------------------------------------------------- */

/* The average as it has to be after a step, from what it was and the library's weights; the error of a float. */
static void compare_average(const struct parity_bench *bench, float *average, int64_t step)
{
    const normnet_config *config = &bench->config;
    const int64_t averaged = step - config->average_from; /* steps before this one that are in the average */
    const double decay = config->average_decay < 1 ? config->average_decay : (double)averaged / (double)(averaged + 1);
    double *now = library_parameters(bench);
    const float *actual = NULL;

    for (int i = 0; actual == NULL && i < normnet_state_count(bench->model); ++i) {
        const normnet_state_info info = state_info(bench->model, i);

        if (info.trained)
            actual = info.average;
    }
    for (int i = 0; CHECK(actual != NULL) && i < bench->network->parameter_count; ++i) {
        const double expected = averaged <= 0 ? now[i] : decay * average[i] + (1 - decay) * now[i];

        if (!(fabs(actual[i] - expected) <= 1.01 / (1 << 24) * fabs(expected) + 1e-44))
            CHECK_FAIL("average[%d] is %.9g, expected %.9g", i, actual[i], expected);
        average[i] = actual[i];
    }
    free(now);
}

/* Logits with the averaged weights; the statistics are the model's after a step. */
static void compare_averaged_logits(struct parity_bench *bench, const float *average)
{
    const normnet_predict_options options = {
        .struct_size = sizeof options, .scores = NORMNET_SCORES_LOGITS, .weights = NORMNET_WEIGHTS_AVERAGE};
    const int classes = bench->config.classes, count = bench->network->parameter_count;
    double *parameters = check_allocate((size_t)count, sizeof *parameters);
    float *scores = check_allocate((size_t)(bench->images * classes), sizeof *scores);
    normnet_tensor tensor = tensor_2d(NORMNET_F32, scores, bench->images, classes);

    for (int i = 0; i < count; ++i)
        parameters[i] = average[i];
    CHECK_OK(normnet_predict(bench->model, &bench->image_tensor, &tensor, NULL, &options));
    reference_forward(bench->pass, parameters, bench->trainer->statistics, REFERENCE_EVALUATION);
    compare_floats("logits with averaged weights", scores, reference_logits(bench->pass), bench->images * classes,
                   typical_output(bench->pass, bench->network->layer_count - 1));
    free(parameters);
    free(scores);
}

/* ---- A configuration ------------------------------------------------------------------------- */

static void compare_steps(struct parity_bench *bench, int steps)
{
    float *average = check_allocate((size_t)bench->network->parameter_count, sizeof *average);

    for (int step = 0; step < steps && check_state()->failures == 0; ++step) {
        if (!draw_batch(bench)) {
            ++not_comparable;
            break;
        }
        compare_step(bench, step);
        if (bench->config.average_decay > 0) {
            compare_average(bench, average, step);
            compare_averaged_logits(bench, average);
        }
    }
    free(average);
}

static void random_network(const void *argument)
{
    const struct random_config *self = argument;
    const struct parity_case want = {.network = &self->network,
                                     .norm = &self->norm,
                                     .recipe = &self->recipe,
                                     .input = &self->input,
                                     .images = self->images,
                                     .steps = 2,
                                     .seed = self->seed,
                                     .amend = amend_config,
                                     .argument = self};
    struct parity_bench bench;

    if (bench_create(&bench, &want)) {
        bench.batches = BATCHES;
        bench.moves = MOVES;
        bench.moves_outputs = 1;
        ++networks;
        draw_images(&bench);
        draw_labels(&bench);
        reference_forward(bench.pass, bench.trainer->parameters, NULL, REFERENCE_TRAINING);
        if (one_value_per_statistic(&bench))
            CHECK_STATUS(normnet_train_step(bench.model, &bench.image_tensor, &bench.label_tensor, NULL),
                         NORMNET_EINVAL);
        else
            compare_steps(&bench, want.steps);
    }
    bench_destroy(&bench);
    if (check_state()->failures > 0)
        print_config(self);
}

static void most_are_comparable(const void *argument)
{
    (void)argument;
    if (not_comparable > most_not_comparable * networks)
        CHECK_FAIL("%d of %d networks have no batch that can be compared, more than %g %%", not_comparable, networks,
                   100 * most_not_comparable);
}

int main(int argc, char **argv)
{
    static struct random_config config;
    int all;

    if (!check_begin(argc, argv))
        return check_end();
    slack = SLACK;
    all = check_state()->filters > 0;
    for (int i = 1; i <= (all ? ALL : FEW); ++i) {
        draw_config(&config, (uint64_t)i);
        check_case_named(random_network, &config, "network %d of norm %s, batch %d", i, config.norm.name,
                         config.images);
    }
    check_case("most networks can be compared", most_are_comparable, NULL);
    if (!check_state()->list)
        printf("    of %d networks %d cannot be compared; of %d batches %d were ill-conditioned, %d near a kink\n",
               networks, not_comparable, drawn, ill_conditioned, decided_otherwise);
    return check_end();
}
