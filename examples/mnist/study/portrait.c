/* SPDX-License-Identifier: MIT */
#include "study/portrait.h"

#include "support/minmax.h"
#include "support/report.h"
#include "training/testing.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double small_weight = 1e-3;
enum {
    CHUNK = 500,         /* images per prediction */
    OUTPUT_IMAGES = 200, /* whose outputs are measured */
    MAX_MISTAKES = 300   /* listed: the mistakes of a network that has learned little say little */
};

/* ---- Histograms -------------------------------------------------------------------------------- */

/* Of the values that are finite. */
static void fill_histogram(struct histogram *histogram, const float *values, int64_t count)
{
    *histogram = (struct histogram){.low = INFINITY, .high = -INFINITY};
    for (int64_t i = 0; i < count; ++i) {
        if (isfinite(values[i])) {
            histogram->low = double_min(histogram->low, values[i]);
            histogram->high = double_max(histogram->high, values[i]);
        }
    }
    const double width = (histogram->high - histogram->low) / HISTOGRAM_BINS;
    for (int64_t i = 0; i < count; ++i) {
        if (isfinite(values[i])) {
            const double place = width > 0 ? (values[i] - histogram->low) / width : 0;

            ++histogram->counts[place < HISTOGRAM_BINS ? (int)place : HISTOGRAM_BINS - 1];
        }
    }
}

/* ---- Weights ----------------------------------------------------------------------------------- */

static int64_t count_values(const normnet_state_info *entry)
{
    int64_t count = 1;

    for (int32_t i = 0; i < entry->rank; ++i)
        count *= entry->shape[i];
    return count;
}

static void measure_weights(struct weight_portrait *weights, const normnet_state_info *entry)
{
    const float *values = entry->data;

    *weights = (struct weight_portrait){.name = entry->name, .count = count_values(entry)};
    for (int64_t i = 0; i < weights->count; ++i) {
        weights->small += fabs((double)values[i]) < small_weight;
        weights->norm += (double)values[i] * (double)values[i];
    }
    weights->norm = sqrt(weights->norm);
    fill_histogram(&weights->histogram, values, weights->count);
}

static int take_weights(struct portrait *portrait, const normnet_model *model)
{
    const int32_t entries = normnet_state_count(model);

    portrait->weights = calloc((size_t)entries, sizeof *portrait->weights);
    if (!portrait->weights)
        return report_error("not enough memory to describe the weights");
    for (int32_t i = 0; i < entries; ++i) {
        normnet_state_info entry = {.struct_size = sizeof entry};

        if (normnet_state(model, i, &entry) == NORMNET_OK && entry.trained)
            measure_weights(&portrait->weights[portrait->weight_count++], &entry);
    }
    return 0;
}

/* Sets small weights to 0 in a copy of the parameters; returns their number and that of all such weights. */
static int64_t prune_parameters(float *parameters, const normnet_model *model, int64_t *weights)
{
    int64_t pruned = 0;

    *weights = 0;
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        normnet_state_info entry = {.struct_size = sizeof entry};

        if (normnet_state(model, i, &entry) != NORMNET_OK || !entry.trained)
            continue;
        const int64_t count = count_values(&entry);
        memcpy(parameters, entry.data, (size_t)count * sizeof *parameters);
        for (int64_t k = 0; k < count && entry.rank > 1; ++k) { /* gammas, betas and biases have rank 1 */
            if (fabs((double)parameters[k]) < small_weight) {
                parameters[k] = 0;
                ++pruned;
            }
        }
        *weights += entry.rank > 1 ? count : 0;
        parameters += count;
    }
    return pruned;
}

static int test_pruned(struct portrait *portrait, normnet_model *model, const struct dataset *data)
{
    const int64_t count = normnet_parameter_count(model);
    float *parameters = malloc((size_t)count * sizeof *parameters);
    normnet_model *copy = NULL;
    struct test_result tested;
    int64_t weights = 0;

    if (!parameters)
        return report_error("not enough memory for %d parameters", (int)count);
    const int64_t pruned = prune_parameters(parameters, model, &weights);
    normnet_status status = normnet_model_clone(&copy, model, NULL);
    if (status == NORMNET_OK)
        status = normnet_set_parameters(copy, parameters, count);
    if (status == NORMNET_OK)
        status = testing_measure(&tested, copy, data, &data->test, NULL);
    normnet_model_destroy(copy);
    free(parameters);
    if (status != NORMNET_OK)
        return report_error("the test without small weights: %s", normnet_error_message());
    portrait->pruned_share = weights > 0 ? (double)pruned / (double)weights : 0;
    portrait->pruned_loss = tested.loss;
    portrait->pruned_accuracy = 100.0 * (double)tested.correct / (double)tested.images;
    return 0;
}

/* ---- Outputs ----------------------------------------------------------------------------------- */

static void measure_outputs(struct output_portrait *output, const float *values, int64_t count)
{
    double sum = 0, squares = 0, zeros = 0;

    for (int64_t i = 0; i < count; ++i) {
        sum += values[i];
        zeros += values[i] == 0;
    }
    output->mean = sum / (double)count;
    for (int64_t i = 0; i < count; ++i)
        squares += (values[i] - output->mean) * (values[i] - output->mean);
    output->sd = sqrt(squares / (double)count);
    output->zero_share = zeros / (double)count;
    fill_histogram(&output->histogram, values, count);
}

static normnet_status take_output(struct output_portrait *output, normnet_model *model, const normnet_tensor *images,
                                  int32_t layer)
{
    normnet_layer_info info;
    normnet_tensor tensor;
    normnet_predict_options options;

    normnet_layer_info_init(&info);
    normnet_predict_options_init(&options);
    normnet_status status = normnet_layer(model, layer, &info);
    if (status != NORMNET_OK)
        return status;
    const int64_t whole[4] = {images->shape[0], info.channels, info.height, info.width};
    const int64_t count = whole[0] * whole[1] * whole[2] * whole[3];
    float *values = calloc((size_t)count, sizeof *values);
    if (!values)
        return NORMNET_ENOMEM;
    normnet_tensor_init(&tensor, NORMNET_F32, values, 4, whole);
    status = normnet_layer_output(model, images, layer, &tensor, &options);
    if (status == NORMNET_EINVAL) { /* after flatten */
        normnet_tensor_init(&tensor, NORMNET_F32, values, 2, whole);
        status = normnet_layer_output(model, images, layer, &tensor, &options);
    }
    output->token = info.token;
    if (status == NORMNET_OK)
        measure_outputs(output, values, count);
    free(values);
    return status;
}

static int take_outputs(struct portrait *portrait, normnet_model *model, const struct dataset *data)
{
    const int32_t layers = normnet_layer_count(model);
    normnet_tensor images, labels;
    normnet_status status = NORMNET_OK;

    portrait->outputs = calloc((size_t)layers, sizeof *portrait->outputs);
    if (!portrait->outputs)
        return report_error("not enough memory to describe the layers");
    dataset_tensors(data, data->test.images, data->test.labels, int64_min(data->test.count, OUTPUT_IMAGES), &images,
                    &labels);
    for (int32_t i = 0; i < layers && status == NORMNET_OK; ++i)
        status = take_output(&portrait->outputs[i], model, &images, i);
    portrait->output_count = layers;
    if (status == NORMNET_ENOMEM) /* of this program: the library's functions allocate nothing here */
        return report_error("not enough memory to describe the layers");
    return status == NORMNET_OK ? 0 : report_error("the outputs of the layers: %s", normnet_error_message());
}

/* ---- Mistakes ---------------------------------------------------------------------------------- */

static void count_predictions(struct portrait *portrait, int64_t first, int64_t count, const uint8_t *labels,
                              const int32_t *predicted, const float *scores)
{
    for (int64_t i = 0; i < count; ++i) {
        const int32_t actual = labels[first + i], found = predicted[i];
        const float *probabilities = scores + i * portrait->classes;

        ++portrait->confusion[actual * portrait->classes + found];
        if (found != actual && portrait->mistake_count < MAX_MISTAKES)
            portrait->mistakes[portrait->mistake_count++] =
                (struct mistake){first + i, actual, found, probabilities[found], probabilities[actual]};
    }
}

static normnet_status predict_chunk(struct portrait *portrait, normnet_model *model, const struct dataset *data,
                                    int64_t first, int32_t *predicted, float *scores)
{
    const int64_t count = int64_min(data->test.count - first, CHUNK);
    const int64_t rows[2] = {count, portrait->classes};
    normnet_tensor images, labels, score_tensor, class_tensor;

    dataset_tensors(data, data->test.images + (size_t)first * dataset_image_bytes(data), data->test.labels + first,
                    count, &images, &labels);
    normnet_tensor_init(&score_tensor, NORMNET_F32, scores, 2, rows);
    normnet_tensor_init(&class_tensor, NORMNET_I32, predicted, 1, rows);
    const normnet_status status = normnet_predict(model, &images, &score_tensor, &class_tensor, NULL);
    if (status == NORMNET_OK)
        count_predictions(portrait, first, count, data->test.labels, predicted, scores);
    return status;
}

static int predict_all(struct portrait *portrait, normnet_model *model, const struct dataset *data, int32_t *predicted,
                       float *scores)
{
    for (int64_t first = 0; first < data->test.count; first += CHUNK) {
        if (predict_chunk(portrait, model, data, first, predicted, scores) != NORMNET_OK)
            return report_error("the predictions: %s", normnet_error_message());
    }
    return 0;
}

static int take_mistakes(struct portrait *portrait, normnet_model *model, const struct dataset *data)
{
    const size_t classes = (size_t)portrait->classes;
    int32_t *predicted = calloc(CHUNK, sizeof *predicted);
    float *scores = calloc(CHUNK * classes, sizeof *scores);
    int code;

    portrait->confusion = calloc(classes * classes, sizeof *portrait->confusion);
    portrait->mistakes = calloc(MAX_MISTAKES, sizeof *portrait->mistakes);
    if (predicted && scores && portrait->confusion && portrait->mistakes)
        code = predict_all(portrait, model, data, predicted, scores);
    else
        code = report_error("not enough memory for the mistakes");
    free(predicted);
    free(scores);
    return code;
}

int portrait_take(struct portrait *portrait, normnet_model *model, const struct dataset *data)
{
    *portrait = (struct portrait){.classes = data->classes};
    int code = take_mistakes(portrait, model, data);
    if (code == 0)
        code = take_weights(portrait, model);
    if (code == 0)
        code = take_outputs(portrait, model, data);
    return code == 0 ? test_pruned(portrait, model, data) : code;
}

void portrait_free(struct portrait *portrait)
{
    free(portrait->confusion);
    free(portrait->mistakes);
    free(portrait->weights);
    free(portrait->outputs);
    *portrait = (struct portrait){0};
}

/* ---- JSON -------------------------------------------------------------------------------------- */

/* Four digits are enough for a figure, and the file has many. */
static double rounded(double value)
{
    char text[32];

    snprintf(text, sizeof text, "%.4g", value);
    return strtod(text, NULL);
}

static void write_histogram(struct json_writer *json, const struct histogram *histogram)
{
    json_real(json, "low", rounded(histogram->low));
    json_real(json, "high", rounded(histogram->high));
    json_begin_array(json, "counts");
    for (int i = 0; i < HISTOGRAM_BINS; ++i)
        json_integer(json, NULL, histogram->counts[i]);
    json_end_array(json);
}

static void write_weights(struct json_writer *json, const struct portrait *portrait)
{
    json_real(json, "small_weight", small_weight);
    json_begin_array(json, "weights");
    for (int32_t i = 0; i < portrait->weight_count; ++i) {
        const struct weight_portrait *weights = &portrait->weights[i];

        json_begin_object(json, NULL);
        json_text(json, "name", weights->name);
        json_integer(json, "count", weights->count);
        json_integer(json, "small", weights->small);
        json_real(json, "norm", rounded(weights->norm));
        write_histogram(json, &weights->histogram);
        json_end_object(json);
    }
    json_end_array(json);
    json_begin_object(json, "pruned");
    json_real(json, "share", rounded(portrait->pruned_share));
    json_real(json, "test_loss", portrait->pruned_loss);
    json_real(json, "test_accuracy", portrait->pruned_accuracy);
    json_end_object(json);
}

static void write_outputs(struct json_writer *json, const struct portrait *portrait)
{
    json_begin_array(json, "outputs");
    for (int32_t i = 0; i < portrait->output_count; ++i) {
        const struct output_portrait *output = &portrait->outputs[i];

        json_begin_object(json, NULL);
        json_integer(json, "layer", i);
        json_text(json, "token", output->token);
        json_real(json, "mean", rounded(output->mean));
        json_real(json, "sd", rounded(output->sd));
        json_real(json, "zero_share", rounded(output->zero_share));
        write_histogram(json, &output->histogram);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_mistakes(struct json_writer *json, const struct portrait *portrait)
{
    json_begin_array(json, "confusion");
    for (int32_t i = 0; i < portrait->classes; ++i) {
        json_begin_array(json, NULL);
        for (int32_t k = 0; k < portrait->classes; ++k)
            json_integer(json, NULL, portrait->confusion[i * portrait->classes + k]);
        json_end_array(json);
    }
    json_end_array(json);
    json_begin_array(json, "mistakes");
    for (int64_t i = 0; i < portrait->mistake_count; ++i) {
        const struct mistake *mistake = &portrait->mistakes[i];

        json_begin_array(json, NULL);
        json_integer(json, NULL, mistake->image);
        json_integer(json, NULL, mistake->actual);
        json_integer(json, NULL, mistake->predicted);
        json_real(json, NULL, rounded(mistake->probability));
        json_real(json, NULL, rounded(mistake->actual_probability));
        json_end_array(json);
    }
    json_end_array(json);
}

void portrait_write(struct json_writer *json, const struct portrait *portrait)
{
    write_weights(json, portrait);
    write_outputs(json, portrait);
    write_mistakes(json, portrait);
}
