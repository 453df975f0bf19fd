/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "base/random.h"
#include "model/config.h"
#include "model/model.h"
#include "model/sized_struct.h"
#include "model/views.h"

#include <math.h>

/* Images and labels of one training call, checked before anything is computed. */
struct labeled_batch {
    struct images images;
    struct labels labels;
};

static normnet_status view_batch(const normnet_model *model, const normnet_tensor *images, const normnet_tensor *labels,
                                 struct labeled_batch *batch)
{
    normnet_status status = normnet__view_images(&batch->images, images, model->network.input, model->config.max_batch);

    if (status == NORMNET_OK)
        status = normnet__view_labels(&batch->labels, labels, batch->images.count, model->network.classes);
    if (status == NORMNET_OK && model->config.reduce == NULL)
        status = normnet__check_batch_norms(model, batch->images.count);
    return status;
}

static void fill_result(normnet_metrics *metrics, const struct pass_result *result, int64_t count, int64_t step)
{
    metrics->loss = result->loss / (double)count;
    metrics->count = count;
    metrics->correct = result->correct;
    metrics->step = step;
}

static normnet_status take_step(normnet_model *model, const struct labeled_batch *batch, normnet_metrics *metrics)
{
    const struct trainer trainer = normnet__trainer_of(model);
    struct pass_result result;
    struct update update;
    normnet_status status;

    if (model->state.pending)
        return normnet__fail(NORMNET_ESTATE, "gradients are pending: apply or discard them first");
    status = normnet__check_schedule(&trainer);
    if (status == NORMNET_OK)
        status = normnet__compute(&trainer, &batch->images, &batch->labels, 0, &result);
    if (status != NORMNET_OK)
        return status;
    status = normnet__apply(&trainer, batch->images.count, &update);
    if (status != NORMNET_OK) {
        normnet__clear_gradients(&model->network, &model->state);
        return status;
    }
    fill_result(metrics, &result, batch->images.count, model->state.step);
    metrics->penalty = update.penalty;
    metrics->lr = update.rate.lr;
    metrics->momentum = update.rate.momentum;
    metrics->gradient_norm = update.gradient_norm;
    return NORMNET_OK;
}

normnet_status normnet_train_step(normnet_model *model, const normnet_tensor *images, const normnet_tensor *labels,
                                  normnet_metrics *metrics)
{
    normnet_metrics filled = {0};
    struct labeled_batch batch;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__check_metrics(metrics);
    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = view_batch(model, images, labels, &batch);
    if (status == NORMNET_OK)
        status = take_step(model, &batch, &filled);
    if (status == NORMNET_OK)
        status = normnet__write_metrics(metrics, &filled);
    normnet__end_writing(model);
    return status;
}

static normnet_status read_batch(const normnet_batch *from, int64_t count, normnet_batch *batch)
{
    *batch = (normnet_batch){.struct_size = (int32_t)sizeof *batch};
    if (from != NULL) {
        const normnet_status status =
            normnet__read_struct(batch, (int32_t)sizeof *batch, NORMNET__BATCH_FIRST, from, "batch");
        if (status != NORMNET_OK)
            return status;
    }
    if (batch->reserved != 0)
        return normnet__fail(NORMNET_EINVAL, "batch.reserved is %d; expected 0", batch->reserved);
    /* Dropout numbers samples in 32 bits. */
    if (batch->first_sample < 0 || batch->first_sample > UINT32_MAX - count)
        return normnet__fail(NORMNET_EINVAL, "batch.first_sample is %lld; expected 0 to 2^32 - 1 less the images",
                             (long long)batch->first_sample);
    if (batch->images_in_all != 0 && batch->images_in_all < batch->first_sample + count)
        return normnet__fail(NORMNET_EINVAL, "batch.images_in_all is %lld; these images alone reach %lld",
                             (long long)batch->images_in_all, (long long)(batch->first_sample + count));
    return NORMNET_OK;
}

normnet_status normnet_compute_gradients(normnet_model *model, const normnet_tensor *images,
                                         const normnet_tensor *labels, const normnet_batch *from,
                                         normnet_metrics *metrics)
{
    normnet_metrics filled = {0};
    struct pass_result result;
    struct trainer trainer;
    struct labeled_batch labeled;
    normnet_batch batch;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__check_metrics(metrics);
    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    trainer = normnet__trainer_of(model);
    status = view_batch(model, images, labels, &labeled);
    if (status == NORMNET_OK)
        status = read_batch(from, labeled.images.count, &batch);
    if (status == NORMNET_OK)
        status = normnet__check_schedule(&trainer);
    if (status == NORMNET_OK)
        status = normnet__compute(&trainer, &labeled.images, &labeled.labels, batch.first_sample, &result);
    if (status == NORMNET_OK) {
        fill_result(&filled, &result, labeled.images.count, model->state.step);
        status = normnet__write_metrics(metrics, &filled);
    }
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
    struct trainer trainer;
    struct update update;
    normnet_status status = normnet__require(model, "model");

    if (status != NORMNET_OK)
        return status;
    if (images_in_all < 1)
        return normnet__fail(NORMNET_EINVAL, "images_in_all is %lld; expected at least 1", (long long)images_in_all);
    status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    trainer = normnet__trainer_of(model);
    if (!model->state.pending)
        status = normnet__fail(NORMNET_ESTATE, "no gradients have been computed");
    if (status == NORMNET_OK)
        status = normnet__check_schedule(&trainer);
    if (status == NORMNET_OK)
        status = normnet__apply(&trainer, images_in_all, &update);
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
    normnet__clear_gradients(&model->network, &model->state);
    normnet__end_writing(model);
    return NORMNET_OK;
}

static normnet_status set_rate(normnet_model *model, double lr, double momentum)
{
    char first[32], second[32];

    if (model->config.schedule != NORMNET_SCHEDULE_CONSTANT)
        return normnet__fail(NORMNET_ESTATE, "the schedule sets the learning rate; only a constant one can be changed");
    if (!(lr >= 0.0 && lr <= NORMNET__MAX_NUMBER && momentum >= 0.0 && momentum <= NORMNET__MAX_NUMBER))
        return normnet__fail(NORMNET_EVALUE, "lr is %s and momentum %s; expected numbers from 0 to 1e30",
                             normnet__decimal(first, lr), normnet__decimal(second, momentum));
    if (model->config.nesterov && momentum == 0.0)
        return normnet__fail(NORMNET_EINVAL, "momentum is 0; config.nesterov needs more");
    model->config.lr = lr;
    model->config.momentum = momentum;
    return NORMNET_OK;
}

normnet_status normnet_set_learning_rate(normnet_model *model, double lr, double momentum)
{
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = set_rate(model, lr, momentum);
    normnet__end_writing(model);
    return status;
}

/* ---- Running statistics on their own --------------------------------------------------------------- */

static void begin_statistics(normnet_model *model)
{
    for (int32_t i = 0; i < model->network.layer_count; ++i) {
        const struct layer *layer = &model->network.layers[i];
        struct running *running;

        if (layer->batch_norm < 0)
            continue;
        running = &model->state.running[layer->batch_norm];
        running->batches[0] = 0;
        for (int32_t c = 0; c < layer->in.channels; ++c) {
            running->mean[c] = 0.0f;
            running->variance[c] = 1.0f;
        }
    }
}

/* The statistics that wait serve as the scratch copy, and are then committed or put back. */
static normnet_status update_statistics(normnet_model *model, const struct images *images, bool reset)
{
    const struct network *network = &model->network;
    struct training_pass training = model->training;
    struct dropout_source source = {(uint64_t)model->config.seed, NORMNET__STREAM_STATISTICS, 0, 0};
    normnet_status status;

    if (model->state.pending)
        return normnet__fail(NORMNET_ESTATE, "gradients are pending: apply or discard them first");
    if (network->batch_norm_count == 0)
        return NORMNET_OK;
    training.averaging.cumulative = true;
    if (reset)
        begin_statistics(model);
    source.step = (uint64_t)model->state.next_batches[0];
    status = normnet__forward_batch(&model->engine, &training, images, &source, model->state.running,
                                    network->layer_count - 1, NULL, NULL);
    for (int64_t i = 0; status == NORMNET_OK && i < network->statistic_count; ++i)
        if (!isfinite(model->state.next_statistics[i]))
            status = normnet__fail(NORMNET_EVALUE, "a running statistic of batch norm would not be finite");
    if (status == NORMNET_OK)
        normnet__commit_statistics(network, &model->state);
    else
        normnet__clear_gradients(network, &model->state);
    return status;
}

normnet_status normnet_update_statistics(normnet_model *model, const normnet_tensor *tensor, int32_t reset)
{
    struct images images;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = normnet__view_images(&images, tensor, model->network.input, model->config.max_batch);
    if (status == NORMNET_OK && model->config.reduce == NULL)
        status = normnet__check_batch_norms(model, images.count);
    if (status == NORMNET_OK)
        status = update_statistics(model, &images, reset != 0);
    normnet__end_writing(model);
    return status;
}
