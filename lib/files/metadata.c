/* SPDX-License-Identifier: MIT */
#include "files/metadata.h"

#include "base/message.h"
#include "files/config_fields.h"
#include "files/input_scaling.h"
#include "files/number_text.h"
#include "model/config.h"
#include "model/enumerators.h"
#include "model/version.h"

#include <string.h>

enum { FORMAT_VERSION = 1 };

static const char *const kinds[NORMNET__LAST_FILE + 1] = {
    [NORMNET_FILE_CHECKPOINT] = "checkpoint", [NORMNET_FILE_WEIGHTS] = "weights"};

/* ---- Writing --------------------------------------------------------------------------------------- */

/* The layers' tokens, as in config.architecture, but with one space between two. */
static void put_architecture(struct header *header, const struct network *network)
{
    normnet__begin_metadata(header, "normnet.architecture");
    for (int32_t i = 0; i < network->layer_count; ++i) {
        if (i > 0)
            normnet__put_byte(header->output, ' ');
        normnet__put_text(header->output, network->layers[i].token);
    }
    normnet__end_metadata(header);
}

static void put_text(struct header *header, const char *key, const char *text)
{
    normnet__put_metadata(header, key, text, (int64_t)strlen(text));
}

static void put_integer(struct header *header, const char *key, int64_t value)
{
    normnet__begin_metadata(header, key);
    normnet__put_decimal(header->output, value);
    normnet__end_metadata(header);
}

void normnet__put_model_metadata(struct header *header, const normnet_model *model, const struct saving *saving)
{
    const normnet_config *config = &model->config;

    put_integer(header, "normnet.format_version", FORMAT_VERSION);
    put_text(header, "normnet.kind", kinds[saving->kind]);
    put_text(header, "normnet.version", NORMNET__VERSION);
    put_integer(header, "normnet.bits_version", NORMNET_BITS_VERSION);
    put_architecture(header, &model->network);
    normnet__put_fields(header, NORMNET__NETWORK_FIELDS, config);
    normnet__put_input_scaling(header, config);
    if (saving->kind == NORMNET_FILE_CHECKPOINT) {
        normnet__put_fields(header, NORMNET__TRAINING_FIELDS, config);
        if (normnet__is_averaging(&model->state.average))
            normnet__put_fields(header, NORMNET__AVERAGE_FIELDS, config);
        put_integer(header, "normnet.step", model->state.step);
        put_integer(header, "normnet.has_momentum", model->state.has_momentum);
    }
    if (saving->note != NULL)
        normnet__put_metadata(header, "normnet.note", saving->note, saving->note_length);
}

/* ---- Reading --------------------------------------------------------------------------------------- */

static normnet_status check_version(const struct safetensors *file)
{
    const char *text = normnet__find_metadata(file, "normnet.format_version");
    int64_t version = FORMAT_VERSION;

    if (text != NULL && !normnet__parse_decimal(text, &version))
        return normnet__reject_metadata("normnet.format_version", text);
    if (version != FORMAT_VERSION)
        return normnet__fail(NORMNET_EUNSUPPORTED, "the file has format version %lld; this library reads %d",
                             (long long)version, (int)FORMAT_VERSION);
    return NORMNET_OK;
}

normnet_status normnet__read_file_kind(const struct safetensors *file, int32_t *kind)
{
    const char *text = normnet__find_metadata(file, "normnet.kind");
    const normnet_status status = check_version(file);

    if (status != NORMNET_OK)
        return status;
    *kind = NORMNET_FILE_WEIGHTS;
    if (text == NULL || strcmp(text, kinds[NORMNET_FILE_WEIGHTS]) == 0)
        return NORMNET_OK;
    *kind = NORMNET_FILE_CHECKPOINT;
    return strcmp(text, kinds[NORMNET_FILE_CHECKPOINT]) == 0 ? NORMNET_OK
                                                             : normnet__reject_metadata("normnet.kind", text);
}

/* Reads an integer of a checkpoint and checks that it is 0 to `max`. */
static normnet_status read_count(const struct safetensors *file, const char *key, int64_t max, int64_t *count)
{
    const char *text = normnet__find_metadata(file, key);

    if (text == NULL)
        return normnet__reject_missing_metadata(key);
    if (!normnet__parse_decimal(text, count))
        return normnet__reject_metadata(key, text);
    if (*count < 0 || *count > max)
        return normnet__fail(NORMNET_EVALUE, "the metadata %s is %lld; expected 0 to %lld", key, (long long)*count,
                             (long long)max);
    return NORMNET_OK;
}

static normnet_status read_progress(const struct safetensors *file, const normnet_config *config,
                                    struct model_metadata *metadata)
{
    const int64_t max_step = config->schedule == NORMNET_SCHEDULE_ONE_CYCLE ? config->total_steps : NORMNET__MAX_STEPS;
    int64_t has_momentum = 0;
    normnet_status status = read_count(file, "normnet.step", max_step, &metadata->step);

    if (status == NORMNET_OK)
        status = read_count(file, "normnet.has_momentum", 1, &has_momentum);
    metadata->has_momentum = has_momentum != 0;
    return status;
}

normnet_status normnet__read_model_metadata(const struct safetensors *file, normnet_config *config, double *scaling,
                                            struct model_metadata *metadata)
{
    const char *note = normnet__find_metadata(file, "normnet.note");
    const int32_t host_channels = config->channels;
    const bool checkpoint = metadata->kind == NORMNET_FILE_CHECKPOINT;
    normnet_status status;

    metadata->note = note != NULL ? note : "";
    metadata->step = 0;
    metadata->has_momentum = false;
    config->architecture = normnet__find_metadata(file, "normnet.architecture");
    if (config->architecture == NULL)
        return normnet__fail(NORMNET_EARCH,
                             "the file has no metadata normnet.architecture: it can only be loaded into a model");
    status = normnet__read_fields(file, NORMNET__NETWORK_FIELDS, checkpoint, config);
    if (status == NORMNET_OK && (config->channels < 1 || config->channels > NORMNET__MAX_CHANNELS))
        status = normnet__fail(NORMNET_EVALUE, "the metadata normnet.channels is %d; expected 1 to %d",
                               config->channels, (int)NORMNET__MAX_CHANNELS);
    if (status == NORMNET_OK)
        status = normnet__read_input_scaling(file, checkpoint, host_channels, scaling, config);
    if (status == NORMNET_OK && checkpoint)
        status = normnet__read_fields(file, NORMNET__TRAINING_FIELDS, true, config);
    if (status == NORMNET_OK && checkpoint)
        status = normnet__read_fields(file, NORMNET__AVERAGE_FIELDS,
                                      normnet__find_metadata(file, "normnet.average_decay") != NULL, config);
    if (status == NORMNET_OK && checkpoint)
        status = read_progress(file, config, metadata);
    return status;
}
