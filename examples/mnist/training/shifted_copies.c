/* SPDX-License-Identifier: MIT */
#include "training/shifted_copies.h"

#include "data/shift.h"
#include "support/logarithm.h"
#include "support/machine.h"
#include "support/minmax.h"
#include "support/report.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

int64_t shifted_count(int64_t radius)
{
    return (2 * radius + 1) * (2 * radius + 1);
}

int shifted_open(struct shifted_copies *copies, normnet_model *model, int64_t radius)
{
    normnet_config *config = &copies->config;

    *copies =
        (struct shifted_copies){.model = model, .config = {.struct_size = sizeof *config}, .radius = (int32_t)radius};
    normnet_model_config(model, config);
    normnet_predict_options_init(&copies->options);
    const size_t pixels = (size_t)config->channels * (size_t)config->height * (size_t)config->width;
    const size_t classes = (size_t)config->classes;
    copies->images = pixels <= SIZE_MAX / SHIFTED_CHUNK ? malloc(SHIFTED_CHUNK * pixels) : NULL;
    copies->scores = calloc(classes, SHIFTED_CHUNK * sizeof *copies->scores);
    copies->probabilities = calloc(classes, SHIFTED_CHUNK * sizeof *copies->probabilities);
    if (!copies->images || !copies->scores || !copies->probabilities)
        return report_error("not enough memory for %d shifted images of %zu pixels and %zu classes", SHIFTED_CHUNK,
                            pixels, classes);
    return 0;
}

void shifted_close(struct shifted_copies *copies)
{
    free(copies->images);
    free(copies->scores);
    free(copies->probabilities);
    *copies = (struct shifted_copies){.model = NULL};
}

/* ---- Probabilities ----------------------------------------------------------------------------- */

/* Adds the weighted probabilities of the images shifted by `right` and `down`. */
static int add_shift(struct shifted_copies *copies, const uint8_t *images, int64_t count, int32_t right, int32_t down,
                     const char *name)
{
    const normnet_config *config = &copies->config;
    const int32_t side = copies->radius + 1;
    const double weight = (double)((side - abs(right)) * (side - abs(down))) / ((double)side * side * side * side);
    const int64_t shape[4] = {count, config->channels, config->height, config->width};
    normnet_tensor image_tensor, score_tensor;

    shift_planes(copies->images, images, count * config->channels, config->height, config->width, right, down);
    normnet_tensor_init(&image_tensor, NORMNET_U8, copies->images, 4, shape);
    normnet_tensor_init(&score_tensor, NORMNET_F32, copies->scores, 2, (const int64_t[]){count, config->classes});
    if (normnet_predict(copies->model, &image_tensor, &score_tensor, NULL, &copies->options) != NORMNET_OK)
        return report_error("%s: %s", name, normnet_error_message());
    for (int64_t i = 0; i < count * config->classes; ++i)
        copies->probabilities[i] += weight * (double)copies->scores[i];
    return 0;
}

int shifted_predict(struct shifted_copies *copies, const uint8_t *images, int64_t count, const char *name)
{
    int code = 0;

    for (int64_t i = 0; i < count * copies->config.classes; ++i)
        copies->probabilities[i] = 0;
    for (int32_t down = -copies->radius; down <= copies->radius && code == 0; ++down) {
        for (int32_t right = -copies->radius; right <= copies->radius && code == 0; ++right)
            code = add_shift(copies, images, count, right, down, name);
    }
    return code;
}

static const double *probabilities_of(const struct shifted_copies *copies, int64_t place)
{
    return copies->probabilities + (size_t)place * (size_t)copies->config.classes;
}

int32_t shifted_class(const struct shifted_copies *copies, int64_t place)
{
    const double *probabilities = probabilities_of(copies, place);
    int32_t best = 0;

    for (int32_t i = 1; i < copies->config.classes; ++i) {
        if (probabilities[i] > probabilities[best] || isnan(probabilities[best]))
            best = i;
    }
    return best;
}

/* Whether no copy has made floats overflow. */
static bool all_are_numbers(const struct shifted_copies *copies, int64_t place)
{
    const double *probabilities = probabilities_of(copies, place);
    bool numbers = true;

    for (int32_t i = 0; i < copies->config.classes; ++i)
        numbers = numbers && !isnan(probabilities[i]);
    return numbers;
}

/* ---- The test ---------------------------------------------------------------------------------- */

/* The library's loss: the cross-entropy with the label smoothing of the training. */
static double image_loss(const struct shifted_copies *copies, int64_t place, int32_t label)
{
    const double *probabilities = probabilities_of(copies, place);
    const double smoothing = copies->config.label_smoothing, classes = copies->config.classes;
    double loss = 0;

    for (int32_t i = 0; i < copies->config.classes; ++i) {
        const double target = smoothing / classes + (i == label ? 1 - smoothing : 0);

        if (target > 0)
            loss -= target * logarithm(double_max(probabilities[i], (double)FLT_MIN));
    }
    return loss;
}

static void count_image(struct test_result *result, const struct shifted_copies *copies, int64_t place, int32_t label)
{
    const int32_t predicted = shifted_class(copies, place);

    if (!all_are_numbers(copies, place)) { /* wrong and of no class, as for normnet_evaluate() */
        result->loss = (double)NAN;
        return;
    }
    result->loss += image_loss(copies, place, label);
    result->correct += predicted == label;
    if (result->confusion)
        ++result->confusion[(size_t)label * (size_t)copies->config.classes + (size_t)predicted];
}

int shifted_test(struct test_result *result, struct shifted_copies *copies, const struct dataset *data,
                 const struct image_set *set, struct progress *progress, const char *name)
{
    const double started = seconds_now();
    int code = 0;

    copies->options.weights = result->weights;
    result->loss = 0;
    result->images = result->correct = 0;
    while (code == 0 && result->images < set->count) {
        const int64_t count = int64_min(set->count - result->images, SHIFTED_CHUNK);
        const uint8_t *images = set->images + (size_t)result->images * dataset_image_bytes(data);

        code = shifted_predict(copies, images, count, name);
        for (int64_t i = 0; i < count && code == 0; ++i)
            count_image(result, copies, i, set->labels[result->images + i]);
        result->images += count;
        progress_draw_test(progress, started, result->images, set->count);
    }
    progress_clear(progress);
    result->loss /= (double)set->count;
    return code;
}
