/* SPDX-License-Identifier: MIT */
#include "model/batch.h"

#include "base/message.h"
#include "model/views.h"

normnet_status normnet__check_batch_norms(const normnet_model *model, int64_t images)
{
    for (int32_t i = 0; i < model->network.layer_count; ++i) {
        const struct layer *layer = &model->network.layers[i];

        if (layer->batch_norm >= 0 && images * layer->norm.chain_length < 2)
            return normnet__fail(NORMNET_EINVAL,
                                 "layer %d (%.64s): batch statistics need more than one value per channel; there is "
                                 "%lld image of %dx%d",
                                 i, layer->token, (long long)images, layer->in.height, layer->in.width);
    }
    return NORMNET_OK;
}

/* With config.reduce the statistics are those of all ranks, which may have more values. */
static normnet_status check_statistics(const normnet_model *model, int64_t images)
{
    return model->config.reduce == NULL ? normnet__check_batch_norms(model, images) : NORMNET_OK;
}

normnet_status normnet__view_batch_images(const normnet_model *model, const normnet_tensor *tensor,
                                          struct images *images)
{
    struct view view;
    const normnet_status status =
        normnet__view_images(images, &view, tensor, model->network.input, model->config.max_batch);

    return status == NORMNET_OK ? check_statistics(model, images->count) : status;
}

normnet_status normnet__view_batch(const normnet_model *model, const normnet_tensor *images,
                                   const normnet_tensor *labels, struct labeled_batch *batch)
{
    struct view view;
    struct labels given;
    normnet_status status =
        normnet__view_images(&batch->images, &view, images, model->network.input, model->config.max_batch);

    if (status == NORMNET_OK)
        status = normnet__view_labels(&given, labels, batch->images.count, model->network.classes);
    if (status == NORMNET_OK)
        status = normnet__copy_labels(&given, batch->images.count, model->training.labels);
    batch->labels = model->training.labels;
    return status == NORMNET_OK ? check_statistics(model, batch->images.count) : status;
}
