/* SPDX-License-Identifier: MIT */
#include "training/average.h"

#include "support/minmax.h"
#include "support/report.h"
#include "training/pipeline.h"

#include <inttypes.h>

enum { STATISTICS_IMAGES = 10000 };

bool average_is_kept(const normnet_model *model)
{
    normnet_config config = {.struct_size = sizeof config};

    return normnet_model_config(model, &config) == NORMNET_OK && config.average_decay > 0;
}

bool average_has_begun(const normnet_model *model)
{
    normnet_config config = {.struct_size = sizeof config};

    return normnet_model_config(model, &config) == NORMNET_OK && config.average_decay > 0 &&
           normnet_steps_taken(model) > config.average_from;
}

static bool has_statistics(const normnet_model *model)
{
    for (int32_t i = 0; i < normnet_state_count(model); ++i) {
        normnet_state_info entry = {.struct_size = sizeof entry};

        if (normnet_state(model, i, &entry) == NORMNET_OK && !entry.trained)
            return true;
    }
    return false;
}

/* The first batches of the epoch, in the same order and with the same augmentation as in the training. */
static int open_batches(struct pipeline **pipeline, const normnet_model *model, const struct dataset *data,
                        const struct settings *settings, int64_t epoch)
{
    normnet_config config = {.struct_size = sizeof config};

    normnet_model_config(model, &config);
    const int64_t batches = pipeline_batches(data->train.count, config.max_batch);
    const int64_t used = pipeline_batches(STATISTICS_IMAGES, config.max_batch);
    const struct pipeline_options options = {
        .data = data,
        .augment = &settings->augment_list,
        .batch = config.max_batch,
        .seed = settings->seed,
        .first_batch = (epoch - 1) * batches,
        .last_batch = (epoch - 1) * batches + int64_min(batches, used),
    };
    return pipeline_open(pipeline, &options);
}

int average_try_update(normnet_model *model, const struct dataset *data, const struct settings *settings, int64_t epoch,
                       normnet_status *status)
{
    struct pipeline *pipeline = NULL;
    const uint8_t *batch_images, *batch_labels;
    normnet_tensor images, labels;
    int64_t count;
    int32_t reset = 1;

    *status = NORMNET_OK;
    if (!average_has_begun(model) || !has_statistics(model))
        return 0;
    const int code = open_batches(&pipeline, model, data, settings, epoch);
    while (code == 0 && *status == NORMNET_OK && (count = pipeline_next(pipeline, &batch_images, &batch_labels)) > 0) {
        dataset_tensors(data, batch_images, batch_labels, count, &images, &labels);
        *status = normnet_update_average_statistics(model, &images, reset);
        reset = 0;
    }
    pipeline_close(pipeline);
    return code;
}

int average_update(normnet_model *model, const struct dataset *data, const struct settings *settings, int64_t epoch)
{
    normnet_status status;
    const int code = average_try_update(model, data, settings, epoch, &status);

    if (code != 0 || status == NORMNET_OK)
        return code;
    return report_error("epoch %" PRId64 ", statistics of the averaged weights: %s", epoch, normnet_error_message());
}
