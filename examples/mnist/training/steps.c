/* SPDX-License-Identifier: MIT */
#include "training/steps.h"

normnet_status training_step(struct training_state *training, normnet_model *model, const struct dataset *data,
                             struct pipeline *pipeline, normnet_metrics *metrics)
{
    const uint8_t *batch_images, *batch_labels;
    normnet_tensor images, labels;

    const int64_t count = pipeline_next(pipeline, &batch_images, &batch_labels);
    dataset_tensors(data, batch_images, batch_labels, count, &images, &labels);
    const normnet_status status = normnet_train_step(model, &images, &labels, metrics);
    if (status != NORMNET_OK)
        return status;
    training->done += count;
    training->correct += metrics->correct;
    training->loss_sum += metrics->loss * (double)count;
    return NORMNET_OK;
}

void training_end_epoch(struct training_state *training, struct epoch_result *result)
{
    const double images = (double)training->images;

    result->train_loss = training->loss_sum / images;
    result->train_accuracy = 100.0 * (double)training->correct / images;
    result->seconds = training->seconds;
    result->images_per_second = result->seconds > 0 ? images / result->seconds : 0;
    ++training->finished;
    training->done = training->correct = 0;
    training->loss_sum = training->seconds = 0;
}

int64_t training_rejected_batch(normnet_model *model, const struct dataset *data, int64_t images)
{
    const struct image_set *set = &data->train;
    normnet_config config = {.struct_size = sizeof config};
    normnet_tensor tensor, labels;

    normnet_model_config(model, &config);
    const int64_t batch = config.max_batch < images ? config.max_batch : images, rest = images % batch;
    const int64_t count = rest > 0 ? rest : batch;
    dataset_tensors(data, set->images, set->labels, count, &tensor, &labels);
    const normnet_status status = normnet_compute_gradients(model, &tensor, &labels, NULL, NULL);
    normnet_discard_gradients(model);
    return status == NORMNET_EINVAL ? count : 0; /* the training reports other errors */
}
