/* SPDX-License-Identifier: MIT */
#include "files/metadata.h"

#include "base/bits.h"
#include "base/message.h"
#include "model/config.h"
#include "model/enumerators.h"
#include "model/version.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { FORMAT_VERSION = 1, NUMBER_DIGITS = 16 };

/* ---- Numbers ------------------------------------------------------------------------------------- */

/* Numbers are the 16 hexadecimal digits of their bits, so that nothing is rounded on the way. */
static void put_number(struct output *output, double value)
{
    normnet__put_hexadecimal(output, normnet__double_bits(value), NUMBER_DIGITS);
}

static bool read_number(const char *text, double *value)
{
    uint64_t bits = 0;

    for (int i = 0; i < NUMBER_DIGITS; ++i) {
        const char digit = text[i];

        if (digit >= '0' && digit <= '9')
            bits = bits << 4 | (uint64_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            bits = bits << 4 | (uint64_t)(digit - 'a' + 10);
        else
            return false;
    }
    *value = normnet__double_of_bits(bits);
    return true;
}

/* A decimal without leading zeros, as normnet__put_decimal writes it. */
static bool read_integer(const char *text, int64_t *value)
{
    const bool negative = *text == '-';
    uint64_t left = 0;

    text += negative;
    if (*text == '\0' || (*text == '0' && (text[1] != '\0' || negative)))
        return false;
    for (; *text != '\0'; ++text) {
        if (*text < '0' || *text > '9' || left > ((uint64_t)INT64_MAX + negative - (uint64_t)(*text - '0')) / 10)
            return false;
        left = left * 10 + (uint64_t)(*text - '0');
    }
    *value = negative ? -(int64_t)(left - 1) - 1 : (int64_t)left;
    return true;
}

/* ---- The fields of normnet_config that a file holds -------------------------------------------------- */

enum setting_type { INT32, INT64, DOUBLE };

struct setting {
    const char *key;
    size_t offset; /* in normnet_config */
    enum setting_type type;
};

/* Which network it is: in every file of ours. */
static const struct setting network_settings[] = {
    {"normnet.norm", offsetof(normnet_config, norm), INT32},
    {"normnet.channels", offsetof(normnet_config, channels), INT32},
    {"normnet.height", offsetof(normnet_config, height), INT32},
    {"normnet.width", offsetof(normnet_config, width), INT32},
    {"normnet.classes", offsetof(normnet_config, classes), INT32},
    {"normnet.groups", offsetof(normnet_config, groups), INT32},
    {"normnet.layer_dims", offsetof(normnet_config, layer_dims), INT32},
    {"normnet.affine", offsetof(normnet_config, affine), INT32},
    {"normnet.eps", offsetof(normnet_config, eps), DOUBLE},
};

/* How it is trained: in checkpoints. */
static const struct setting training_settings[] = {
    {"normnet.virtual_batch", offsetof(normnet_config, virtual_batch), INT32},
    {"normnet.cumulative_statistics", offsetof(normnet_config, cumulative_statistics), INT32},
    {"normnet.penalty_on", offsetof(normnet_config, penalty_on), INT32},
    {"normnet.schedule", offsetof(normnet_config, schedule), INT32},
    {"normnet.anneal", offsetof(normnet_config, anneal), INT32},
    {"normnet.three_phase", offsetof(normnet_config, three_phase), INT32},
    {"normnet.cycle_momentum", offsetof(normnet_config, cycle_momentum), INT32},
    {"normnet.nesterov", offsetof(normnet_config, nesterov), INT32},
    {"normnet.seed", offsetof(normnet_config, seed), INT64},
    {"normnet.total_steps", offsetof(normnet_config, total_steps), INT64},
    {"normnet.step_size", offsetof(normnet_config, step_size), INT64},
    {"normnet.batchnorm_momentum", offsetof(normnet_config, batchnorm_momentum), DOUBLE},
    {"normnet.dropout", offsetof(normnet_config, dropout), DOUBLE},
    {"normnet.l1", offsetof(normnet_config, l1), DOUBLE},
    {"normnet.l2", offsetof(normnet_config, l2), DOUBLE},
    {"normnet.label_smoothing", offsetof(normnet_config, label_smoothing), DOUBLE},
    {"normnet.lr", offsetof(normnet_config, lr), DOUBLE},
    {"normnet.momentum", offsetof(normnet_config, momentum), DOUBLE},
    {"normnet.dampening", offsetof(normnet_config, dampening), DOUBLE},
    {"normnet.step_gamma", offsetof(normnet_config, step_gamma), DOUBLE},
    {"normnet.max_lr", offsetof(normnet_config, max_lr), DOUBLE},
    {"normnet.base_momentum", offsetof(normnet_config, base_momentum), DOUBLE},
    {"normnet.max_momentum", offsetof(normnet_config, max_momentum), DOUBLE},
    {"normnet.pct_start", offsetof(normnet_config, pct_start), DOUBLE},
    {"normnet.div_factor", offsetof(normnet_config, div_factor), DOUBLE},
    {"normnet.final_div_factor", offsetof(normnet_config, final_div_factor), DOUBLE},
    {"normnet.clip_norm", offsetof(normnet_config, clip_norm), DOUBLE},
};

enum {
    NETWORK_SETTINGS = sizeof network_settings / sizeof network_settings[0],
    TRAINING_SETTINGS = sizeof training_settings / sizeof training_settings[0]
};

static void put_setting(struct header *header, const struct setting *setting, const normnet_config *config)
{
    const char *field = (const char *)config + setting->offset;
    int32_t narrow;
    int64_t wide;
    double number;

    normnet__begin_metadata(header, setting->key);
    switch (setting->type) {
    case INT32:
        memcpy(&narrow, field, sizeof narrow);
        normnet__put_decimal(header->output, narrow);
        break;
    case INT64:
        memcpy(&wide, field, sizeof wide);
        normnet__put_decimal(header->output, wide);
        break;
    default:
        memcpy(&number, field, sizeof number);
        put_number(header->output, number);
    }
    normnet__end_metadata(header);
}

static normnet_status reject_text(const char *key, const char *text)
{
    return normnet__fail(NORMNET_EFORMAT, "the metadata %s is '%.64s', which this version cannot read", key, text);
}

static normnet_status reject_missing(const char *key)
{
    return normnet__fail(NORMNET_EFORMAT, "the checkpoint has no metadata %s", key);
}

static normnet_status read_setting(const struct setting *setting, const char *text, normnet_config *config)
{
    char *field = (char *)config + setting->offset;
    int64_t integer;
    double number;

    if (setting->type == DOUBLE) {
        if (!read_number(text, &number) || text[NUMBER_DIGITS] != '\0')
            return reject_text(setting->key, text);
        memcpy(field, &number, sizeof number);
        return NORMNET_OK;
    }
    if (!read_integer(text, &integer))
        return reject_text(setting->key, text);
    if (setting->type == INT64) {
        memcpy(field, &integer, sizeof integer);
    } else {
        const int32_t narrow = (int32_t)integer;

        if (narrow != integer)
            return reject_text(setting->key, text);
        memcpy(field, &narrow, sizeof narrow);
    }
    return NORMNET_OK;
}

/* A text that is missing leaves the field as it is, or is refused if it is `needed`. */
static normnet_status read_settings(const struct safetensors *file, const struct setting *settings, int count,
                                    bool needed, normnet_config *config)
{
    normnet_status status = NORMNET_OK;

    for (int i = 0; i < count && status == NORMNET_OK; ++i) {
        const char *text = normnet__find_metadata(file, settings[i].key);

        if (text != NULL)
            status = read_setting(&settings[i], text, config);
        else if (needed)
            status = reject_missing(settings[i].key);
    }
    return status;
}

/* ---- Mean and std of the input ------------------------------------------------------------------- */

static void put_channels(struct header *header, const char *key, const double *values, int32_t channels)
{
    normnet__begin_metadata(header, key);
    for (int32_t c = 0; c < channels; ++c) {
        if (c > 0)
            normnet__put_byte(header->output, ' ');
        put_number(header->output, values[c]);
    }
    normnet__end_metadata(header);
}

static normnet_status read_channels(const char *key, const char *text, int32_t channels, double *values)
{
    for (int32_t c = 0; c < channels; ++c) {
        const char end = c + 1 < channels ? ' ' : '\0';

        if (!read_number(text, &values[c]) || text[NUMBER_DIGITS] != end)
            return normnet__fail(NORMNET_EFORMAT, "the metadata %s does not hold a number for each of %d channels", key,
                                 channels);
        text += NUMBER_DIGITS + 1;
    }
    return NORMNET_OK;
}

int64_t normnet__max_numbers(const struct safetensors *file)
{
    const int64_t max = 2 * NORMNET__MAX_CHANNELS, numbers = file->size / NUMBER_DIGITS + 1;

    return numbers < max ? numbers : max;
}

/*
 * Mean and std to `values`, one after the other. Those that are missing are refused if they are `needed`, or are the
 * host's, who has given them for `given` channels.
 */
static normnet_status read_scaling(const struct safetensors *file, bool needed, int32_t given, double *values,
                                   normnet_config *config)
{
    static const char *const keys[2] = {"normnet.input_mean", "normnet.input_std"};
    const double **const fields[2] = {&config->input_mean, &config->input_std};
    normnet_status status = NORMNET_OK;

    for (int i = 0; i < 2 && status == NORMNET_OK; ++i) {
        const char *text = normnet__find_metadata(file, keys[i]);

        if (text != NULL) {
            status = read_channels(keys[i], text, config->channels, values);
            *fields[i] = values;
            values += config->channels;
        } else if (needed) {
            status = reject_missing(keys[i]);
        } else if (*fields[i] != NULL && config->channels != given) {
            status = normnet__fail(NORMNET_EMISMATCH, "the host gives a mean or std for %d channels; the file has %d",
                                   given, config->channels);
        }
    }
    return status;
}

const char *normnet__momentum_name(const struct entry *entry, char name[NORMNET__MOMENTUM_NAME])
{
    snprintf(name, NORMNET__MOMENTUM_NAME, "%s%s", NORMNET__OPTIMIZER_PREFIX, entry->name);
    return name;
}

/* ---- All of it ----------------------------------------------------------------------------------- */

static const char *const kinds[NORMNET__LAST_FILE + 1] = {"checkpoint", "weights"};

/* The layers' tokens with single blanks, spelled as the model's creator did. */
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

static void put_integer(struct header *header, const char *key, int64_t value)
{
    normnet__begin_metadata(header, key);
    normnet__put_decimal(header->output, value);
    normnet__end_metadata(header);
}

void normnet__put_model_metadata(struct header *header, const normnet_model *model, int32_t kind, const char *note)
{
    const normnet_config *config = &model->config;

    put_integer(header, "normnet.format_version", FORMAT_VERSION);
    normnet__put_metadata(header, "normnet.kind", kinds[kind]);
    normnet__put_metadata(header, "normnet.version", NORMNET__VERSION);
    put_integer(header, "normnet.bits_version", NORMNET_BITS_VERSION);
    put_architecture(header, &model->network);
    for (int i = 0; i < NETWORK_SETTINGS; ++i)
        put_setting(header, &network_settings[i], config);
    put_channels(header, "normnet.input_mean", config->input_mean, config->channels);
    put_channels(header, "normnet.input_std", config->input_std, config->channels);
    if (kind == NORMNET_FILE_CHECKPOINT) {
        for (int i = 0; i < TRAINING_SETTINGS; ++i)
            put_setting(header, &training_settings[i], config);
        put_integer(header, "normnet.step", model->state.step);
        put_integer(header, "normnet.has_momentum", model->state.has_momentum);
    }
    if (note != NULL)
        normnet__put_metadata(header, "normnet.note", note);
}

static normnet_status check_version(const struct safetensors *file)
{
    const char *text = normnet__find_metadata(file, "normnet.format_version");
    int64_t version = FORMAT_VERSION;

    if (text != NULL && !read_integer(text, &version))
        return reject_text("normnet.format_version", text);
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
    return strcmp(text, kinds[NORMNET_FILE_CHECKPOINT]) == 0 ? NORMNET_OK : reject_text("normnet.kind", text);
}

/* A number from 0 to `max` that a checkpoint must have. */
static normnet_status read_count(const struct safetensors *file, const char *key, int64_t max, int64_t *count)
{
    const char *text = normnet__find_metadata(file, key);

    if (text == NULL)
        return reject_missing(key);
    if (!read_integer(text, count))
        return reject_text(key, text);
    if (*count < 0 || *count > max)
        return normnet__fail(NORMNET_EVALUE, "the metadata %s is %lld; expected 0 to %lld", key, (long long)*count,
                             (long long)max);
    return NORMNET_OK;
}

static normnet_status read_progress(const struct safetensors *file, const normnet_config *config,
                                    struct file_info *info)
{
    const bool ends = config->schedule == NORMNET_SCHEDULE_ONE_CYCLE;
    int64_t has_momentum = 0;
    normnet_status status =
        read_count(file, "normnet.step", ends ? config->total_steps : (int64_t)1 << 52, &info->step);

    if (status == NORMNET_OK)
        status = read_count(file, "normnet.has_momentum", 1, &has_momentum);
    info->has_momentum = has_momentum != 0;
    return status;
}

normnet_status normnet__read_model_metadata(const struct safetensors *file, normnet_config *config, double *scaling,
                                            struct file_info *info)
{
    const char *note = normnet__find_metadata(file, "normnet.note");
    const int32_t given = config->channels;
    const bool checkpoint = info->kind == NORMNET_FILE_CHECKPOINT;
    normnet_status status;

    info->note = note != NULL ? note : "";
    info->step = 0;
    info->has_momentum = false;
    config->architecture = normnet__find_metadata(file, "normnet.architecture");
    if (config->architecture == NULL)
        return normnet__fail(NORMNET_EARCH,
                             "the file has no metadata normnet.architecture, so it can only fill an existing "
                             "model");
    status = read_settings(file, network_settings, NETWORK_SETTINGS, checkpoint, config);
    if (status == NORMNET_OK && (config->channels < 1 || config->channels > NORMNET__MAX_CHANNELS))
        status = normnet__fail(NORMNET_EVALUE, "the metadata normnet.channels is %d; expected 1 to %d",
                               config->channels, (int)NORMNET__MAX_CHANNELS);
    if (status == NORMNET_OK)
        status = read_scaling(file, checkpoint, given, scaling, config);
    if (status == NORMNET_OK && checkpoint)
        status = read_settings(file, training_settings, TRAINING_SETTINGS, true, config);
    if (status == NORMNET_OK && checkpoint)
        status = read_progress(file, config, info);
    return status;
}

/* ---- Another model's network --------------------------------------------------------------------- */

/* The file's network, as far as it says which, for the input and classes of the model. */
static normnet_status read_network_config(const struct safetensors *file, const normnet_model *model,
                                          normnet_config *config)
{
    const char *architecture = normnet__find_metadata(file, "normnet.architecture");
    normnet_config merged = model->config;
    const normnet_status status = read_settings(file, network_settings, NETWORK_SETTINGS, false, &merged);

    if (status != NORMNET_OK)
        return status;
    merged.channels = model->config.channels;
    merged.height = model->config.height;
    merged.width = model->config.width;
    merged.classes = model->config.classes;
    if (architecture != NULL)
        merged.architecture = architecture;
    return normnet__read_config(config, &merged);
}

static void alloc_network(struct arena *arena, const char *architecture, int32_t layers, struct network *network,
                          char **words)
{
    network->layers = normnet__arena_alloc(arena, layers, sizeof *network->layers);
    *words = normnet__arena_alloc(arena, (int64_t)strlen(architecture) + 1, 1);
}

static normnet_status compare_networks(const struct network *of_file, const normnet_config *config,
                                       const normnet_model *model)
{
    const struct network *own = &model->network;
    const int32_t layer = normnet__first_difference(of_file, own);

    if (layer < 0)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EMISMATCH,
                         "layer %d is %.64s in the file and %.64s in the model; norm, groups and layer_dims are %d, "
                         "%d, %d and %d, %d, %d",
                         layer, layer < of_file->layer_count ? of_file->layers[layer].token : "missing",
                         layer < own->layer_count ? own->layers[layer].token : "missing", config->norm, config->groups,
                         config->layer_dims, model->config.norm, model->config.groups, model->config.layer_dims);
}

normnet_status normnet__compare_model_metadata(const struct safetensors *file, const normnet_model *model)
{
    normnet_config config;
    struct network network;
    struct arena arena = {0};
    int32_t layers;
    char *words;
    void *block;
    normnet_status status = read_network_config(file, model, &config);

    if (status == NORMNET_OK)
        status = normnet__count_tokens(config.architecture, &layers);
    if (status != NORMNET_OK)
        return status;
    alloc_network(&arena, config.architecture, layers, &network, &words);
    status = normnet__allocate(&model->allocator, arena.used, &block);
    if (status != NORMNET_OK)
        return status;
    arena = (struct arena){.memory = block};
    alloc_network(&arena, config.architecture, layers, &network, &words);
    if (normnet__read_architecture(&network, &config, words) == NORMNET_OK)
        status = compare_networks(&network, &config, model);
    else
        status = normnet__fail(NORMNET_EMISMATCH, "the file is of the architecture '%.200s', the model is not",
                               config.architecture);
    normnet__deallocate(&model->allocator, block, arena.used);
    return status;
}
