/* SPDX-License-Identifier: MIT */
#include "files/input_scaling.h"

#include "base/message.h"
#include "files/config_fields.h"
#include "files/number_text.h"
#include "model/config.h"

static const char *const keys[2] = {"normnet.input_mean", "normnet.input_std"};

static void put_channels(struct header *header, const char *key, const double *values, int32_t channels)
{
    normnet__begin_metadata(header, key);
    for (int32_t c = 0; c < channels; ++c) {
        if (c > 0)
            normnet__put_byte(header->output, ' ');
        normnet__put_number_bits(header->output, values[c]);
    }
    normnet__end_metadata(header);
}

void normnet__put_input_scaling(struct header *header, const normnet_config *config)
{
    put_channels(header, keys[0], config->input_mean, config->channels);
    put_channels(header, keys[1], config->input_std, config->channels);
}

static normnet_status read_channels(const char *key, const char *text, int32_t channels, double *values)
{
    for (int32_t c = 0; c < channels; ++c) {
        const char end = c + 1 < channels ? ' ' : '\0';

        if (!normnet__parse_number_bits(text, &values[c]) || text[NORMNET__NUMBER_DIGITS] != end)
            return normnet__fail(NORMNET_EFORMAT, "the metadata %s does not hold a number for each of %d channels", key,
                                 channels);
        text += NORMNET__NUMBER_DIGITS + 1;
    }
    return NORMNET_OK;
}

int64_t normnet__max_scaling_numbers(const struct safetensors *file)
{
    const int64_t max = 2 * NORMNET__MAX_CHANNELS, numbers = file->size / NORMNET__NUMBER_DIGITS + 1;

    return numbers < max ? numbers : max;
}

normnet_status normnet__read_input_scaling(const struct safetensors *file, bool required, int32_t host_channels,
                                           double *values, normnet_config *config)
{
    const double **const fields[2] = {&config->input_mean, &config->input_std};
    normnet_status status = NORMNET_OK;

    for (int i = 0; i < 2 && status == NORMNET_OK; ++i) {
        const char *text = normnet__find_metadata(file, keys[i]);

        if (text != NULL) {
            status = read_channels(keys[i], text, config->channels, values);
            *fields[i] = values;
            values += config->channels;
        } else if (required) {
            status = normnet__reject_missing_metadata(keys[i]);
        } else if (*fields[i] != NULL && config->channels != host_channels) {
            status = normnet__fail(NORMNET_EMISMATCH, "the host's mean or std has %d channels; the file has %d",
                                   host_channels, config->channels);
        }
    }
    return status;
}
