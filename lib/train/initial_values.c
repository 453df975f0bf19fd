/* SPDX-License-Identifier: MIT */
#include "train/initial_values.h"

#include "base/random.h"

/* A number in (-bound, bound); `index` counts within the layer, its weight first and then its bias. */
static float draw_uniform(uint64_t seed, int32_t layer, int64_t index, double bound)
{
    const struct random random = normnet__random(seed, NORMNET__STREAM_WEIGHTS, (uint32_t)layer, 0, (uint64_t)index);
    const double uniform = ((double)random.word[0] + 0.5) / 4294967296.0; /* in (0, 1) */

    return (float)(bound * (2.0 * uniform - 1.0));
}

static void set_parameter(const struct layer *layer, const struct parameter *parameter, uint64_t seed,
                          float *parameters)
{
    for (int64_t i = 0; i < parameter->count; ++i) {
        const int64_t index = parameter->offset + i;

        switch (parameter->initial) {
        case NORMNET__INITIAL_ZEROS:
            parameters[index] = 0.0f;
            break;
        case NORMNET__INITIAL_ONES:
            parameters[index] = 1.0f;
            break;
        case NORMNET__INITIAL_UNIFORM:
            parameters[index] = draw_uniform(seed, layer->index, index - layer->weight.offset, parameter->bound);
            break;
        }
    }
}

void normnet__set_initial_values(const struct network *network, uint64_t seed, float *parameters, float *statistics)
{
    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];

        set_parameter(layer, &layer->weight, seed, parameters);
        set_parameter(layer, &layer->bias, seed, parameters);
        if (layer->batch_norm < 0)
            continue;
        for (int32_t c = 0; c < layer->in.channels; ++c) {
            statistics[layer->statistics + c] = 0.0f;
            statistics[layer->statistics + layer->in.channels + c] = 1.0f;
        }
    }
}
