/* SPDX-License-Identifier: MIT */
/* Training steps, their two halves, and running statistics on their own. */
#include "api/arguments.h"
#include "base/message.h"
#include "model/lock.h"
#include "model/model_training.h"
#include "model/sized_struct.h"

static normnet_status train(normnet_model *model, const normnet_tensor *images, const normnet_tensor *labels,
                            normnet_metrics *metrics)
{
    struct labeled_batch batch;
    const normnet_status status = normnet__view_batch(model, images, labels, &batch);

    if (status == NORMNET_OK)
        return normnet__train_step(model, &batch, metrics);
    normnet__withdraw(model);
    return status;
}

normnet_status normnet_train_step(normnet_model *model, const normnet_tensor *images, const normnet_tensor *labels,
                                  normnet_metrics *metrics)
{
    normnet_metrics filled;
    int32_t metrics_size;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__read_metrics_size(metrics, &metrics_size);
    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = normnet__check_can_train(model);
    if (status == NORMNET_OK)
        status = train(model, images, labels, &filled);
    if (status == NORMNET_OK)
        normnet__write_metrics(metrics, metrics_size, &filled);
    normnet__end_writing(model);
    return status;
}

/* `count` is the number of images of the call, which without a batch follow those that the model has computed. */
static normnet_status read_batch(const normnet_batch *from, const normnet_model *model, int64_t count,
                                 normnet_batch *batch)
{
    *batch = (normnet_batch){.struct_size = (int32_t)sizeof *batch};
    if (from != NULL) {
        const normnet_status status =
            normnet__read_struct(batch, (int32_t)sizeof *batch, NORMNET__BATCH, from, "batch");

        if (status != NORMNET_OK)
            return status;
    }
    if (batch->reserved != 0)
        return normnet__fail(NORMNET_EINVAL, "batch.reserved is %d; expected 0", batch->reserved);
    if (batch->first_sample == 0 && batch->images_in_all == 0)
        batch->first_sample = model->state.next_sample;
    /* Dropout numbers samples in 32 bits. */
    if (batch->first_sample < 0 || batch->first_sample > UINT32_MAX - count)
        return normnet__fail(NORMNET_EINVAL, "batch.first_sample is %lld; expected 0 to 2^32 - 1 less the images",
                             (long long)batch->first_sample);
    if (batch->images_in_all < 0 || batch->images_in_all > UINT32_MAX)
        return normnet__fail(NORMNET_EINVAL, "batch.images_in_all is %lld; expected 0 to 2^32 - 1",
                             (long long)batch->images_in_all);
    if (batch->images_in_all != 0 && batch->images_in_all < batch->first_sample + count)
        return normnet__fail(NORMNET_EINVAL, "batch.images_in_all is %lld; these images alone reach %lld",
                             (long long)batch->images_in_all, (long long)(batch->first_sample + count));
    return NORMNET_OK;
}

static normnet_status compute(normnet_model *model, const normnet_tensor *images, const normnet_tensor *labels,
                              const normnet_batch *from, normnet_metrics *metrics)
{
    struct labeled_batch labeled;
    normnet_batch batch;
    normnet_status status = normnet__view_batch(model, images, labels, &labeled);

    if (status == NORMNET_OK)
        status = read_batch(from, model, labeled.images.count, &batch);
    if (status == NORMNET_OK)
        return normnet__compute_gradients(model, &labeled, batch.first_sample, metrics);
    normnet__withdraw(model);
    return status;
}

normnet_status normnet_compute_gradients(normnet_model *model, const normnet_tensor *images,
                                         const normnet_tensor *labels, const normnet_batch *from,
                                         normnet_metrics *metrics)
{
    normnet_metrics filled;
    int32_t metrics_size;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__read_metrics_size(metrics, &metrics_size);
    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = normnet__check_can_compute(model);
    if (status == NORMNET_OK)
        status = compute(model, images, labels, from, &filled);
    if (status == NORMNET_OK)
        normnet__write_metrics(metrics, metrics_size, &filled);
    normnet__end_writing(model);
    return status;
}

normnet_status normnet_gradients(normnet_model *model, double **values, int64_t *count)
{
    const normnet_status status = normnet__require(model, "model");

    if (status != NORMNET_OK)
        return status;
    if (values != NULL)
        *values = model->state.gradients;
    if (count != NULL)
        *count = model->network.parameter_count;
    return NORMNET_OK;
}

normnet_status normnet_apply_gradients(normnet_model *model, int64_t images_in_all)
{
    normnet_status status = normnet__require(model, "model");

    if (status != NORMNET_OK)
        return status;
    if (images_in_all < 1)
        return normnet__fail(NORMNET_EINVAL, "images_in_all is %lld; expected at least 1", (long long)images_in_all);
    status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = normnet__apply_gradients(model, images_in_all);
    normnet__end_writing(model);
    return status;
}

normnet_status normnet_discard_gradients(normnet_model *model)
{
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    normnet__discard_gradients(model);
    normnet__end_writing(model);
    return NORMNET_OK;
}

normnet_status normnet_set_learning_rate(normnet_model *model, double lr, double momentum)
{
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = normnet__set_learning_rate(model, lr, momentum);
    normnet__end_writing(model);
    return status;
}

static normnet_status update_from(normnet_model *model, int32_t which, const normnet_tensor *tensor, bool reset)
{
    struct images images;
    const normnet_status status = normnet__view_batch_images(model, tensor, &images);

    if (status == NORMNET_OK)
        return normnet__update_statistics(model, which, &images, reset);
    normnet__withdraw(model);
    return status;
}

static normnet_status update_statistics(normnet_model *model, int32_t which, const normnet_tensor *tensor,
                                        int32_t reset)
{
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = normnet__check_can_update_statistics(model, which);
    if (status == NORMNET_OK)
        status = update_from(model, which, tensor, reset != 0);
    normnet__end_writing(model);
    return status;
}

normnet_status normnet_update_statistics(normnet_model *model, const normnet_tensor *images, int32_t reset)
{
    return update_statistics(model, NORMNET_WEIGHTS_CURRENT, images, reset);
}

normnet_status normnet_update_average_statistics(normnet_model *model, const normnet_tensor *images, int32_t reset)
{
    return update_statistics(model, NORMNET_WEIGHTS_AVERAGE, images, reset);
}
