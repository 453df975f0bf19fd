/* SPDX-License-Identifier: MIT */
#include "model/inference.h"

#include "model/batch.h"
#include "model/lock.h"
#include "model/views.h"

void normnet__end_inference(struct inference *inference)
{
    if (inference->batch_statistics)
        normnet__end_writing(inference->model);
    else
        normnet__end_reading(inference->model, inference->reader);
}

static normnet_status lock(struct inference *inference)
{
    normnet_status status;

    if (!inference->batch_statistics)
        return normnet__begin_reading(inference->model, &inference->reader);
    status = normnet__begin_writing(inference->model);
    inference->reader = &inference->model->readers[0]; /* a writer is alone, so that all readers are free */
    return status;
}

static normnet_status view_images(struct inference *inference, const normnet_tensor *images)
{
    const normnet_model *model = inference->model;
    const int64_t max = inference->batch_statistics ? model->config.max_batch : INT64_MAX;
    const normnet_status status =
        normnet__view_images(&inference->images, &inference->images_view, images, model->network.input, max);

    if (status != NORMNET_OK || !inference->batch_statistics)
        return status;
    return normnet__check_batch_norms(model, inference->images.count);
}

normnet_status normnet__begin_inference(struct inference *inference, normnet_model *model, const normnet_tensor *images,
                                        const normnet_predict_options *options)
{
    normnet_status status = normnet__check_weights(model, options->weights);

    *inference =
        (struct inference){.model = model, .batch_statistics = options->statistics == NORMNET_STATISTICS_BATCH};
    inference->engine = normnet__engine_of(model, normnet__weights(model, options->weights));
    if (status == NORMNET_OK)
        status = lock(inference);
    if (status != NORMNET_OK)
        return status;
    status = view_images(inference, images);
    if (status != NORMNET_OK)
        normnet__end_inference(inference);
    else if (options->weights == NORMNET_WEIGHTS_AVERAGE)
        normnet__prepare_average(&model->network, &model->state.average);
    return status;
}

/* Cannot fail for images that have been checked: without a reduction, statistics are of these images alone. */
normnet_status normnet__run_inference(struct inference *inference, int32_t last, block_callback *callback,
                                      void *context)
{
    normnet_model *model = inference->model;
    struct training_workspace training = model->training;

    if (inference->batch_statistics) {
        training.reduction = (struct reduction){NULL, NULL};
        return normnet__forward_batch(&inference->engine, &training, &inference->images, NULL, NULL, last, callback,
                                      context);
    }
    normnet__evaluate(&inference->engine, &inference->reader->team, &inference->images, last, callback, context);
    return NORMNET_OK;
}

struct logits normnet__block_logits(const normnet_model *model, const struct block *block)
{
    const struct network *network = &model->network;

    return (struct logits){normnet__output(&network->layers[network->layer_count - 1], block), network->classes,
                           network->lanes};
}
