/* SPDX-License-Identifier: MIT */
#include "study/run_line.h"

#include "support/json.h"
#include "support/text.h"
#include "training/results.h"

#include <stdlib.h>
#include <string.h>

/* Without the folders above the data, so that the lines of two machines are equal. */
static void write_data(struct json_writer *json, const struct seed_run *run, const char *data_key)
{
    struct dataset data = run->data;

    if (data.directory)
        data.directory += text_base_name(data.directory) - data.directory;
    results_data(json, &data);
    json_integer(json, "validation_images", run->data.validation.count);
    json_text(json, "data_sha256", data_key);
}

static void write_score(struct json_writer *json, const char *key, const struct score *score)
{
    json_begin_object(json, key);
    json_real(json, "test_loss", score->loss);
    json_real(json, "test_accuracy", score->accuracy);
    json_end_object(json);
}

static void write_tests(struct json_writer *json, const struct seed_run *run, const struct score *test,
                        const struct score *validation)
{
    if (run->experiment->validate > 0) {
        json_real(json, "validation_loss", validation->loss);
        json_real(json, "validation_accuracy", validation->accuracy);
    }
    json_real(json, "test_loss", test->loss);
    json_real(json, "test_accuracy", test->accuracy);
}

static void write_average_tests(struct json_writer *json, const struct seed_run *run, const struct score *test,
                                const struct score *validation)
{
    if (!(run->experiment->average > 0))
        return;
    if (run->experiment->validate > 0) {
        json_real(json, "average_validation_loss", validation->loss);
        json_real(json, "average_validation_accuracy", validation->accuracy);
    }
    json_real(json, "average_test_loss", test->loss);
    json_real(json, "average_test_accuracy", test->accuracy);
}

static void write_epoch(struct json_writer *json, const struct seed_run *run, const struct study_epoch *epoch)
{
    const struct epoch_result *result = &epoch->result;

    json_begin_object(json, NULL);
    json_integer(json, "epoch", result->epoch);
    json_real(json, "train_loss", result->train_loss);
    json_real(json, "train_accuracy", result->train_accuracy);
    write_tests(json, run, &epoch->test, &epoch->validation);
    write_average_tests(json, run, &epoch->average_test, &epoch->average_validation);
    if (run->experiment->statistics) {
        write_score(json, "batch_statistics", &epoch->batch);
        write_score(json, "new_statistics", &epoch->updated);
        json_real(json, "parameter_norm", epoch->parameter_norm);
    }
    json_real(json, "lr", result->lr);
    json_real(json, "momentum", epoch->momentum);
    json_real(json, "images_per_second", result->images_per_second);
    json_real(json, "seconds", result->seconds);
    json_end_object(json);
}

static void write_tta(struct json_writer *json, const struct seed_run *run)
{
    if (run->experiment->tta == 0 || run->failure[0])
        return;
    json_begin_object(json, "tta");
    write_tests(json, run, &run->tta_test, &run->tta_validation);
    write_average_tests(json, run, &run->tta_average_test, &run->tta_average_validation);
    json_end_object(json);
}

static void write_summary(struct json_writer *json, const normnet_model *model)
{
    const int64_t length = normnet_model_summary(model, NULL, 0);
    char *text = malloc((size_t)length + 1);

    if (text) {
        normnet_model_summary(model, text, length + 1);
        json_text(json, "summary", text);
    }
    free(text);
}

void run_line_write(FILE *stream, const struct seed_run *run, const char *key, const char *data_key)
{
    struct json_writer json = json_open_line(stream);
    char hexadecimal[65];

    results_hash_weights(run->model, hexadecimal);
    json_begin_object(&json, NULL);
    json_integer(&json, "format", RUN_LINE_FORMAT);
    json_text(&json, "key", key);
    json_text(&json, "experiment", run->experiment->id);
    json_text(&json, "study", run->experiment->study);
    json_integer(&json, "seed", run->seed);
    json_text(&json, "version", normnet_version());
    json_integer(&json, "bits_version", normnet_bits_version());
    json_begin_object(&json, "configuration");
    experiment_write_run(&json, run->experiment);
    json_end_object(&json);
    write_data(&json, run, data_key);
    json_integer(&json, "parameters", normnet_parameter_count(run->model));
    json_text(&json, "cpu", normnet_cpu_name(run->model));
    if (run->failure[0])
        json_text(&json, "failure", run->failure);
    json_begin_array(&json, "history");
    for (int64_t i = 0; i < run->epochs; ++i)
        write_epoch(&json, run, &run->history[i]);
    json_end_array(&json);
    write_tta(&json, run);
    json_text(&json, "weights_sha256", hexadecimal);
    if (run->experiment->average > 0) {
        results_hash_average(run->model, hexadecimal);
        json_text(&json, "average_sha256", hexadecimal);
    }
    json_real(&json, "seconds", run->seconds);
    portrait_write(&json, &run->portrait);
    write_summary(&json, run->model);
    json_end_object(&json);
}
