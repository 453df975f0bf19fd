/* SPDX-License-Identifier: MIT */
#include "train/state_dict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static struct entry begin_entry(const struct layer *layer, const char *role)
{
    struct entry entry = {.layer = layer->index, .count = 1};

    snprintf(entry.name, sizeof entry.name, "%d.%s", layer->index, role);
    return entry;
}

static struct entry parameter_entry(const struct layer *layer, const char *role, const struct parameter *parameter,
                                    float *parameters)
{
    struct entry entry = begin_entry(layer, role);

    entry.trained = true;
    entry.is_weight = parameter->is_weight;
    entry.rank = parameter->rank;
    entry.count = parameter->count;
    memcpy(entry.shape, parameter->shape, (size_t)parameter->rank * sizeof *parameter->shape);
    entry.offset = parameter->offset;
    entry.values = parameters + parameter->offset;
    return entry;
}

static struct entry running_entry(const struct layer *layer, const char *role, int64_t offset, float *statistics)
{
    struct entry entry = begin_entry(layer, role);

    entry.rank = 1;
    entry.count = entry.shape[0] = layer->in.channels;
    entry.offset = offset;
    entry.values = statistics + offset;
    return entry;
}

float *normnet__values_of(const struct entry *entry, const struct weights *weights)
{
    return (entry->trained ? weights->parameters : weights->statistics) + entry->offset;
}

int64_t *normnet__batches_of(const struct entry *entry, const struct weights *weights)
{
    return weights->batches + entry->offset;
}

/* running_mean, running_var and num_batches_tracked of a batch norm. */
static int32_t fill_running_entries(const struct layer *layer, const struct weights *weights, struct entry *entries)
{
    entries[0] = running_entry(layer, "running_mean", layer->statistics, weights->statistics);
    entries[1] = running_entry(layer, "running_var", layer->statistics + layer->in.channels, weights->statistics);
    entries[1].variance = true;
    entries[2] = begin_entry(layer, "num_batches_tracked");
    entries[2].offset = layer->batch_norm;
    entries[2].batches = normnet__batches_of(&entries[2], weights);
    return 3;
}

int32_t normnet__fill_entries(const struct network *network, const struct weights *weights, struct entry *entries)
{
    int32_t count = 0;

    for (int32_t i = 0; i < network->layer_count; ++i) {
        const struct layer *layer = &network->layers[i];

        if (layer->weight.count > 0)
            entries[count++] = parameter_entry(layer, "weight", &layer->weight, weights->parameters);
        if (layer->bias.count > 0)
            entries[count++] = parameter_entry(layer, "bias", &layer->bias, weights->parameters);
        if (layer->batch_norm >= 0)
            count += fill_running_entries(layer, weights, entries + count);
    }
    return count;
}

bool normnet__entry_accepts(const struct entry *entry, double value)
{
    return isfinite(value) && (value >= 0.0 || (entry->batches == NULL && !entry->variance));
}

const char *normnet__entry_range(const struct entry *entry)
{
    if (entry->batches != NULL)
        return "0 to 2^63 - 1";
    return entry->variance ? "0 to 3.4e38" : "a number from -3.4e38 to 3.4e38";
}

bool normnet__entry_has_shape(const struct entry *entry, int32_t rank, const int64_t *shape)
{
    return rank == entry->rank && memcmp(shape, entry->shape, (size_t)rank * sizeof *shape) == 0;
}
