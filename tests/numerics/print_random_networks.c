/* SPDX-License-Identifier: MIT */
/*
 * The random configurations of test_random_configs as the reference computes them, for test_random_parity.py, which
 * computes them once more with PyTorch: one line of JSON per network that has no dropout.
 *
 *     print_random_networks FIRST LAST
 *
 * {"network": 17, "architecture": "...", "options": {fields of normnet_config}, "shape": [channels, height, width],
 *  "parameters": [...], "steps": [{"images": [...], "labels": [...], "loss": , "gradient": [...], "metrics": {...},
 *  "parameters": [...], "statistics": [...], "logits": [...]}, ...]}
 *
 * Images are scaled, gradients are sums over the images; parameters, statistics and logits (in evaluation) are those
 * after the step. Parameters and statistics are in the order of the state_dict.
 */
#include "parity_step.h"
#include "random_configs.h"

enum { STEPS = 2 };

static void print_numbers(const char *name, const double *values, int count)
{
    printf(", \"%s\": [", name);
    for (int i = 0; i < count; ++i)
        printf("%s%.17g", i > 0 ? ", " : "", values[i]);
    printf("]");
}

static void print_options(const normnet_config *config)
{
    static const char *const affines[] = {"default", "channel", "element", "none"};
    static const char *const schedules[] = {"constant", "step", "one_cycle"};

    printf("\"options\": {\"norm\": \"%s\", \"groups\": %d, \"layer_dims\": %d, \"affine\": \"%s\", \"eps\": %.17g, "
           "\"batchnorm_momentum\": %.17g, \"cumulative_statistics\": %d, \"virtual_batch\": %d, \"dropout\": %.17g}",
           norm_name(config->norm), config->groups, config->layer_dims, affines[config->affine], config->eps,
           config->batchnorm_momentum, config->cumulative_statistics, config->virtual_batch, config->dropout);
    printf(", \"recipe\": {\"schedule\": \"%s\", \"lr\": %.17g, \"momentum\": %.17g, \"dampening\": %.17g, "
           "\"nesterov\": %d, \"l1\": %.17g, \"l2\": %.17g, \"penalty_on\": \"%s\", \"label_smoothing\": %.17g, "
           "\"clip_norm\": %.17g, \"step_size\": %" PRId64 ", \"step_gamma\": %.17g",
           schedules[config->schedule], config->lr, config->momentum, config->dampening, config->nesterov, config->l1,
           config->l2, config->penalty_on == NORMNET_PENALTY_ALL ? "all" : "weights", config->label_smoothing,
           config->clip_norm, config->step_size, config->step_gamma);
    printf(", \"total_steps\": %" PRId64 ", \"max_lr\": %.17g, \"anneal\": \"%s\", \"three_phase\": %d, "
           "\"cycle_momentum\": %d, \"base_momentum\": %.17g, \"max_momentum\": %.17g, \"pct_start\": %.17g, "
           "\"div_factor\": %.17g, \"final_div_factor\": %.17g}",
           config->total_steps, config->max_lr, config->anneal == NORMNET_ANNEAL_COSINE ? "cosine" : "linear",
           config->three_phase, config->cycle_momentum, config->base_momentum, config->max_momentum, config->pct_start,
           config->div_factor, config->final_div_factor);
}

static void print_step(struct parity_bench *bench)
{
    struct reference_pass *pass = bench->pass;
    struct reference_trainer *trainer = bench->trainer;
    const int classes = bench->config.classes;
    struct reference_metrics metrics;

    draw_images(bench);
    draw_labels(bench);
    reference_forward(pass, trainer->parameters, trainer->statistics, REFERENCE_TRAINING);
    reference_backward(pass, trainer->parameters, bench->labels);
    printf("{\"loss\": %.17g, \"labels\": [", pass->loss);
    for (int i = 0; i < bench->images; ++i)
        printf("%s%d", i > 0 ? ", " : "", bench->labels[i]);
    printf("]");
    print_numbers("images", pass->outputs[0], reference_count(reference_input_shape(pass)));
    print_numbers("gradient", pass->gradient, bench->network->parameter_count);
    metrics = reference_apply(trainer, pass);
    printf(", \"metrics\": {\"lr\": %.17g, \"momentum\": %.17g, \"penalty\": %.17g, \"gradient_norm\": %.17g}",
           metrics.lr, metrics.momentum, metrics.penalty, metrics.gradient_norm);
    print_numbers("parameters", trainer->parameters, bench->network->parameter_count);
    print_numbers("statistics", trainer->statistics, bench->network->statistics_count);
    reference_forward(pass, trainer->parameters, trainer->statistics, REFERENCE_EVALUATION);
    print_numbers("logits", reference_logits(pass), bench->images * classes);
    printf("}");
}

static void print_network(struct parity_bench *bench, const struct random_config *self)
{
    const normnet_config *config = &bench->config;

    printf("{\"network\": %" PRIu64 ", \"architecture\": \"%s\", \"shape\": [%d, %d, %d], ", self->seed,
           self->architecture, config->channels, config->height, config->width);
    print_options(config);
    print_numbers("parameters", bench->trainer->parameters, bench->network->parameter_count);
    printf(", \"steps\": [");
    for (int step = 0; step < STEPS; ++step) {
        printf("%s", step > 0 ? ", " : "");
        print_step(bench);
    }
    printf("]}\n");
}

/* Without dropout, whose masks are the library's, and without statistics of a single value, which PyTorch refuses. */
static int has_twin(struct parity_bench *bench)
{
    draw_images(bench);
    reference_forward(bench->pass, bench->trainer->parameters, NULL, REFERENCE_TRAINING);
    for (int i = 0; i < bench->network->layer_count; ++i) {
        const struct reference_layer *layer = &bench->network->layers[i];
        const struct reference_shape in = reference_with_images(layer->in, bench->images);
        const int sets = layer->kind == REFERENCE_NORM ? reference_norm_sets(in, &layer->norm) : 0;

        for (int set = 0; set < sets; ++set)
            if (bench->pass->set_counts[i][set] == 1)
                return 0;
    }
    return !bench->has_dropout;
}

static void random_network(uint64_t number)
{
    static struct random_config config;
    struct parity_case want = {.network = &config.network,
                               .norm = &config.norm,
                               .recipe = &config.recipe,
                               .input = &config.input,
                               .steps = STEPS,
                               .seed = number,
                               .amend = amend_config,
                               .argument = &config};
    struct parity_bench bench;

    draw_config(&config, number);
    want.images = config.images;
    if (bench_create(&bench, &want) && has_twin(&bench))
        print_network(&bench, &config);
    bench_destroy(&bench);
}

int main(int argc, char **argv)
{
    const long first = argc == 3 ? strtol(argv[1], NULL, 10) : 0, last = argc == 3 ? strtol(argv[2], NULL, 10) : 0;

    if (first < 1 || last < first) {
        fprintf(stderr, "usage: %s FIRST LAST, numbers of networks from 1\n", argv[0]);
        return 2;
    }
    for (long number = first; number <= last; ++number)
        random_network((uint64_t)number);
    return check_state()->failures > 0;
}
