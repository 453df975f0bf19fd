/* SPDX-License-Identifier: MIT */
#include "training/results.h"

#include "support/atomic_file.h"
#include "support/report.h"
#include "support/sha256.h"
#include "support/text.h"
#include "support/whole_file.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const char program_name[] = "normnet-mnist train";

/* ---- The weights ------------------------------------------------------------------------------- */

static uint64_t read_state_bits(const uint8_t *data, size_t bytes)
{
    uint32_t narrow;
    uint64_t wide;

    if (bytes == sizeof narrow) {
        memcpy(&narrow, data, sizeof narrow);
        return narrow;
    }
    memcpy(&wide, data, sizeof wide);
    return wide;
}

static void hash_state_entry(struct sha256 *hash, const normnet_state_info *entry, const void *data)
{
    const size_t bytes = entry->dtype == NORMNET_I64 ? 8 : 4;
    int64_t count = 1;

    for (int32_t i = 0; i < entry->rank; ++i)
        count *= entry->shape[i];
    for (int64_t i = 0; i < count; ++i) {
        uint64_t number = read_state_bits((const uint8_t *)data + (size_t)i * bytes, bytes);
        uint8_t little_endian[8];

        for (size_t k = 0; k < bytes; ++k)
            little_endian[k] = (uint8_t)(number >> (8 * k));
        sha256_update(hash, little_endian, bytes);
    }
}

static void hash_weights(const normnet_model *model, bool average, char hexadecimal[65])
{
    struct sha256 hash;

    sha256_init(&hash);
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        normnet_state_info entry = {.struct_size = sizeof entry};

        if (normnet_state(model, i, &entry) == NORMNET_OK)
            hash_state_entry(&hash, &entry, average ? entry.average : entry.data);
    }
    sha256_final(&hash, hexadecimal);
}

void results_hash_weights(const normnet_model *model, char hexadecimal[65])
{
    hash_weights(model, false, hexadecimal);
}

void results_hash_average(const normnet_model *model, char hexadecimal[65])
{
    hash_weights(model, true, hexadecimal);
}

/* ---- The file ---------------------------------------------------------------------------------- */

void results_begin(struct json_writer *json, const char *command)
{
    json_begin_object(json, NULL);
    json_text(json, "program", command);
    json_text(json, "version", normnet_version());
}

int results_check_written_by(const char *path, const char *command)
{
    char *mark = text_of("{\n  \"program\": \"%s\"", command);

    if (!mark)
        return report_error("not enough memory to write %s", path);
    int code = path ? atomic_file_check_older(path, mark, command) : 0;
    free(mark);
    return code;
}

void results_model(struct json_writer *json, const char *path, const normnet_model *model)
{
    char hexadecimal[65];

    results_hash_weights(model, hexadecimal);
    json_text(json, "model", path);
    json_text(json, "weights_sha256", hexadecimal);
}

static void write_configuration(struct json_writer *json, const struct settings *settings, const normnet_model *model,
                                const normnet_config *config)
{
    const bool one_cycle = config->schedule == NORMNET_SCHEDULE_ONE_CYCLE;
    const bool step = config->schedule == NORMNET_SCHEDULE_STEP;

    json_begin_object(json, "configuration");
    json_text(json, "norm", settings_norm_names[config->norm]);
    json_integer(json, "groups", config->groups);
    json_integer(json, "layer_dims", config->layer_dims);
    json_text(json, "affine", settings_affine_names[config->affine]);
    json_integer(json, "virtual_batch", config->virtual_batch);
    json_text(json, "architecture", config->architecture);
    json_real(json, "dropout", config->dropout);
    json_text(json, "preset", settings_preset_names[settings->preset]);
    json_integer(json, "limit", settings->limit);
    json_integer(json, "validate", settings->validate);
    json_text(json, "keep", settings_keep_names[settings->keep]);
    json_integer(json, "epochs", settings->epochs);
    json_integer(json, "batch", config->max_batch);
    json_text(json, "schedule", settings_schedule_names[config->schedule]);
    json_real(json, "lr", settings->lr);
    if (one_cycle && config->cycle_momentum) {
        json_real(json, "base_momentum", config->base_momentum);
        json_real(json, "max_momentum", config->max_momentum);
    } else {
        json_real(json, "momentum", config->momentum);
    }
    if (step) {
        json_integer(json, "step_size", settings->step_size);
        json_real(json, "step_gamma", config->step_gamma);
    }
    json_boolean(json, "nesterov", config->nesterov);
    json_real(json, "l1", config->l1);
    json_real(json, "l2", config->l2);
    json_real(json, "label_smoothing", config->label_smoothing);
    json_real(json, "average", settings->average);
    json_integer(json, "average_from", settings->average_from);
    json_text(json, "augment", settings->augment);
    json_integer(json, "seed", config->seed);
    json_integer(json, "threads", config->threads);
    json_text(json, "cpu", normnet_cpu_name(model));
    json_end_object(json);
}

void results_data(struct json_writer *json, const struct dataset *data)
{
    json_begin_object(json, "data");
    json_text(json, "source", data->directory ? data->directory : DATASET_GENERATED);
    json_integer(json, "training_images", data->train.count);
    json_integer(json, "validation_images", data->validation.count);
    json_integer(json, "test_images", data->test.count);
    json_integer(json, "channels", data->channels);
    json_integer(json, "height", data->height);
    json_integer(json, "width", data->width);
    json_integer(json, "classes", data->classes);
    json_begin_array(json, "mean");
    for (int32_t channel = 0; channel < data->channels; ++channel)
        json_real(json, NULL, data->mean[channel]);
    json_end_array(json);
    json_begin_array(json, "std");
    for (int32_t channel = 0; channel < data->channels; ++channel)
        json_real(json, NULL, data->std[channel]);
    json_end_array(json);
    json_end_object(json);
}

static void write_average_fields(struct json_writer *json, const struct epoch_result *result, bool validates)
{
    if (validates) {
        json_real(json, "average_validation_loss", result->average_validation_loss);
        json_real(json, "average_validation_accuracy", result->average_validation_accuracy);
    }
    json_real(json, "average_test_loss", result->average_test_loss);
    json_real(json, "average_test_accuracy", result->average_test_accuracy);
}

static void write_epoch_fields(struct json_writer *json, const struct epoch_result *result, bool validates)
{
    json_integer(json, "epoch", result->epoch);
    json_real(json, "train_loss", result->train_loss);
    json_real(json, "train_accuracy", result->train_accuracy);
    if (validates) {
        json_real(json, "validation_loss", result->validation_loss);
        json_real(json, "validation_accuracy", result->validation_accuracy);
    }
    json_real(json, "test_loss", result->test_loss);
    json_real(json, "test_accuracy", result->test_accuracy);
    json_real(json, "lr", result->lr);
    json_real(json, "images_per_second", result->images_per_second);
    json_real(json, "seconds", result->seconds);
}

static void write_history(struct json_writer *json, const struct training_state *training, bool validates,
                          bool averages)
{
    json_begin_array(json, "history");
    for (int64_t i = training->dropped; i < training->finished; ++i) {
        json_begin_object(json, NULL);
        write_epoch_fields(json, &training->history[i], validates);
        if (averages)
            write_average_fields(json, &training->history[i], validates);
        json_end_object(json);
    }
    json_end_array(json);
    if (training->best.epoch == 0)
        return;
    json_begin_object(json, "best");
    write_epoch_fields(json, &training->best, validates);
    json_text(json, "weights_sha256", training->best_weights);
    json_end_object(json);
}

/* ---- The older file ---------------------------------------------------------------------------- */

/* Reads the number after the next `key`. Returns the text after it; NULL if there is none. */
static const char *find_number(const char *text, const char *key, double *value)
{
    const char *place = text ? strstr(text, key) : NULL;
    char *end;

    if (!place)
        return NULL;
    *value = strtod(place + strlen(key), &end);
    return end;
}

/* Whether the file is that of a training that failed in its first epoch: there is nothing in it to be lost. */
static bool has_no_epochs(const char *text)
{
    static const char start[] = "{\n  \"program\": \"";
    const size_t length = strlen(start);

    return strncmp(text, start, length) == 0 && strncmp(text + length, program_name, strlen(program_name)) == 0 &&
           strstr(text, "\"history\": []") && strstr(text, "\"failure\": ");
}

/* Whether the epochs of the file, as far as they go, are those of the training: no two take the same time. */
static bool has_history_of(const char *text, const struct training_state *training)
{
    double loss = 0, seconds = 0;
    int64_t epoch = 0;

    for (text = strstr(text, "\"history\": ["); epoch < training->finished; ++epoch) {
        const struct epoch_result *result = &training->history[epoch];

        text = find_number(text, "\"train_loss\": ", &loss);
        if (!text)
            break;
        text = find_number(text, "\"seconds\": ", &seconds);
        if (!text || loss != result->train_loss || seconds != result->seconds)
            return false;
    }
    return epoch > 0;
}

int results_check_older(const char *path, const struct training_state *resumed)
{
    struct whole_file file;

    int code = whole_file_open(&file, path);
    if (code != 0)
        return code;
    char *text =
        text_of("%.*s", file.size < INT_MAX ? (int)file.size : INT_MAX, file.size ? (const char *)file.data : "");
    if (!text)
        code = report_error("not enough memory to read %s", path);
    else if (file.size > 0 && !has_history_of(text, resumed) && !has_no_epochs(text))
        code =
            report_error("%s exists and does not hold the history of this training; choose another file for --json, or "
                         "remove it",
                         path);
    free(text);
    whole_file_close(&file);
    return code;
}

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

void results_mark(const struct training_state *training, char mark[RESULTS_MARK_ROOM])
{
    const struct epoch_result *first = training->history;

    *mark = '\0';
    if (training->finished > 0 && training->dropped == 0)
        snprintf(mark, RESULTS_MARK_ROOM, "<meta name=\"training\" content=\"%016" PRIx64 "%016" PRIx64 "\">",
                 bits_of(first->train_loss), bits_of(first->seconds));
}

int results_check_older_page(const char *path, const struct training_state *resumed)
{
    char mark[RESULTS_MARK_ROOM];

    results_mark(resumed, mark);
    return atomic_file_check_older(path, *mark ? mark : "no page has this mark", "this training");
}

/* ---- Writing ----------------------------------------------------------------------------------- */

int results_write(const struct settings *settings, const struct dataset *data, const normnet_model *model,
                  const struct training_state *training, const char *failure)
{
    struct atomic_file file;
    normnet_config config = {.struct_size = sizeof config};
    char hexadecimal[65];

    int code = atomic_file_open(&file, settings->json);
    if (code != 0)
        return code;
    normnet_model_config(model, &config);
    results_hash_weights(model, hexadecimal);

    struct json_writer json = json_open(file.stream);
    results_begin(&json, program_name);
    json_integer(&json, "bits_version", normnet_bits_version());
    write_configuration(&json, settings, model, &config);
    results_data(&json, data);
    json_integer(&json, "parameters", normnet_parameter_count(model));
    if (training->dropped > 0)
        json_integer(&json, "forgotten_epochs", training->dropped);
    write_history(&json, training, data->validation.count > 0, config.average_decay > 0);
    if (*failure)
        json_text(&json, "failure", failure);
    json_text(&json, "weights_sha256", hexadecimal);
    if (config.average_decay > 0) {
        results_hash_average(model, hexadecimal);
        json_text(&json, "average_sha256", hexadecimal);
    }
    json_end_object(&json);
    return atomic_file_commit(&file);
}
