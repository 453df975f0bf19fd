/* SPDX-License-Identifier: MIT */
#include "train/weight_average.h"

double normnet__newest_share(const struct weight_average *average, int64_t step)
{
    if (step <= average->from)
        return 1.0;
    return average->decay < 1.0 ? 1.0 - average->decay : 1.0 / (double)(step - average->from + 1);
}

void normnet__alloc_average(struct arena *arena, const struct network *network, struct weight_average *average)
{
    if (normnet__is_averaging(average))
        average->weights = normnet__alloc_weights(arena, network);
}

void normnet__touch_average(struct weight_average *average)
{
    atomic_store(&average->begun, 0);
    atomic_store(&average->prepared, 0);
}

void normnet__prepare_average(const struct network *network, struct weight_average *average)
{
    int layer;

    if (atomic_load(&average->prepared) == network->layer_count)
        return;
    while ((layer = atomic_fetch_add(&average->begun, 1)) < network->layer_count) {
        normnet__prepare_layers(network, &average->weights, layer, layer + 1);
        atomic_fetch_add(&average->prepared, 1);
    }
    while (atomic_load(&average->prepared) < network->layer_count)
        ; /* the other readers are at their last layers */
}

void normnet__follow_weights(const struct network *network, struct weight_average *average, int64_t steps,
                             const struct weights *weights)
{
    if (!normnet__is_averaging(average) || steps > average->from)
        return;
    normnet__copy_weights(network, &average->weights, weights);
    normnet__touch_average(average);
}
