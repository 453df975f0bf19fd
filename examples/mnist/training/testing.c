/* SPDX-License-Identifier: MIT */
#include "training/testing.h"

#include "support/machine.h"
#include "support/minmax.h"
#include "support/report.h"

#include <stdbool.h>
#include <stdlib.h>

enum { CHUNK = 1024 }; /* images per call of the library: enough work for many threads */

/* Tests the next `chunk` images of a set. result->loss is the sum of their losses until the end of the test. */
static normnet_status test_chunk(struct test_result *result, normnet_model *model, const struct dataset *data,
                                 const struct image_set *set, int64_t chunk, int64_t *confusion,
                                 const normnet_predict_options *options)
{
    const int64_t count = int64_min(set->count - result->images, chunk);
    const uint8_t *first = set->images + (size_t)result->images * dataset_image_bytes(data);
    normnet_metrics metrics = {.struct_size = sizeof metrics};
    normnet_tensor images, labels;

    dataset_tensors(data, first, set->labels + result->images, count, &images, &labels);
    const normnet_status status = normnet_evaluate(model, &images, &labels, &metrics, confusion, options);
    if (status != NORMNET_OK)
        return status;
    result->loss += metrics.loss * (double)count;
    result->images += count;
    result->correct += metrics.correct;
    return NORMNET_OK;
}

normnet_status testing_measure(struct test_result *result, normnet_model *model, const struct dataset *data,
                               const struct image_set *set, const normnet_predict_options *options)
{
    const bool of_batch = options && options->statistics == NORMNET_STATISTICS_BATCH;
    normnet_config config = {.struct_size = sizeof config};
    normnet_status status = normnet_model_config(model, &config);

    *result = (struct test_result){.confusion = NULL};
    while (status == NORMNET_OK && result->images < set->count)
        status = test_chunk(result, model, data, set, of_batch ? config.max_batch : CHUNK, NULL, options);
    result->loss /= (double)set->count;
    return status;
}

static int64_t *alloc_confusion(const normnet_model *model, size_t *size)
{
    normnet_config config = {.struct_size = sizeof config};

    normnet_model_config(model, &config);
    *size = (size_t)config.classes * (size_t)config.classes;
    return malloc(*size * sizeof(int64_t));
}

int testing_run(struct test_result *result, normnet_model *model, const struct dataset *data,
                const struct image_set *set, struct progress *progress, const char *name)
{
    const normnet_predict_options options = {.struct_size = sizeof options, .weights = result->weights};
    const double started = seconds_now();
    size_t size = 0;
    int64_t *part = result->confusion ? alloc_confusion(model, &size) : NULL;
    normnet_status status = NORMNET_OK;

    if (result->confusion && !part)
        return report_error("%s: not enough memory for a table of %zu counts", name, size);
    result->loss = 0;
    result->images = result->correct = 0;
    while (status == NORMNET_OK && result->images < set->count) {
        status = test_chunk(result, model, data, set, CHUNK, part, &options);
        for (size_t i = 0; status == NORMNET_OK && i < size; ++i)
            result->confusion[i] += part[i];
        progress_draw_test(progress, started, result->images, set->count);
    }
    progress_clear(progress);
    result->loss /= (double)set->count;
    free(part);
    return status == NORMNET_OK ? 0 : report_error("%s: %s", name, normnet_error_message());
}
