/* SPDX-License-Identifier: MIT */
/* A training step of a whole network: running statistics, penalties, clipping and SGD. */
#include "reference.h"

#include <stdlib.h>
#include <string.h>

void reference_update_statistics(const struct reference_pass *pass, double *statistics)
{
    const normnet_config *config = &pass->network->config;
    const double momentum = config->cumulative_statistics ? -1 : config->batchnorm_momentum;

    for (int i = 0; i < pass->network->layer_count; ++i) {
        const struct reference_layer *layer = &pass->network->layers[i];
        const int channels = layer->in.channels;
        double *running = statistics + layer->statistics;
        int batches;

        if (layer->statistics < 0)
            continue;
        batches = reference_norm_sets(reference_with_images(layer->in, pass->images), &layer->norm) / channels;
        for (int batch = 0; batch < batches; ++batch)
            reference_running_statistics(channels, pass->means[i] + batch * channels,
                                         pass->variances[i] + batch * channels, pass->set_counts[i][batch * channels],
                                         momentum, running, running + channels, running + 2 * channels);
    }
}

struct reference_trainer *reference_trainer_create(const struct reference_network *network, const double *parameters)
{
    struct reference_trainer *trainer = reference_allocate(1, sizeof *trainer);
    size_t count = (size_t)network->parameter_count;

    trainer->network = network;
    trainer->parameters = reference_allocate(count, sizeof *parameters);
    trainer->buffer = reference_allocate(count, sizeof *parameters);
    trainer->statistics = reference_allocate((size_t)network->statistics_count, sizeof *parameters);
    memcpy(trainer->parameters, parameters, count * sizeof *parameters);
    reference_initial_statistics(network, trainer->statistics);
    return trainer;
}

void reference_trainer_destroy(struct reference_trainer *trainer)
{
    if (trainer == NULL)
        return;
    free(trainer->parameters);
    free(trainer->buffer);
    free(trainer->statistics);
    free(trainer);
}

/* l1 over everything that is punished first, then l2; the sum of both. */
static double add_penalties(const struct reference_trainer *trainer, double *gradient)
{
    const struct reference_network *network = trainer->network;
    const normnet_config *config = &network->config;
    double penalty = 0;

    if (config->penalty_on == NORMNET_PENALTY_ALL)
        return reference_l1(network->parameter_count, config->l1, trainer->parameters, gradient) +
               reference_l2(network->parameter_count, config->l2, trainer->parameters, gradient);
    for (int i = 0; i < network->layer_count; ++i) {
        const struct reference_layer *layer = &network->layers[i];
        const double *weight = trainer->parameters + layer->weight;

        if (layer->kind != REFERENCE_CONV && layer->kind != REFERENCE_FC)
            continue;
        penalty += reference_l1(layer->weight_count, config->l1, weight, gradient + layer->weight);
        penalty += reference_l2(layer->weight_count, config->l2, weight, gradient + layer->weight);
    }
    return penalty;
}

struct reference_metrics reference_apply(struct reference_trainer *trainer, const struct reference_pass *pass)
{
    const struct reference_network *network = trainer->network;
    const normnet_config *config = &network->config;
    const int count = network->parameter_count;
    double *gradient = reference_allocate((size_t)count, sizeof *gradient);
    struct reference_metrics metrics;
    struct reference_sgd sgd;

    for (int i = 0; i < count; ++i)
        gradient[i] = pass->gradient[i] / pass->images;
    metrics.loss = pass->loss / pass->images;
    metrics.penalty = add_penalties(trainer, gradient);
    metrics.gradient_norm = reference_clip(count, config->clip_norm, gradient);
    reference_schedule(config, trainer->step, &metrics.lr, &metrics.momentum);
    sgd.lr = metrics.lr;
    sgd.momentum = metrics.momentum;
    sgd.dampening = config->dampening;
    sgd.nesterov = config->nesterov;
    sgd.first = trainer->step == 0;
    reference_sgd_step(count, &sgd, gradient, trainer->buffer, trainer->parameters);
    reference_update_statistics(pass, trainer->statistics);
    ++trainer->step;
    free(gradient);
    return metrics;
}
