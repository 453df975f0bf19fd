/* SPDX-License-Identifier: MIT */
#include "model/model_training.h"

#include "base/message.h"
#include "base/published.h"
#include "model/config.h"
#include "train/step.h"

static struct trainer trainer_of(normnet_model *model)
{
    return (struct trainer){&model->config, &model->engine, &model->training, &model->state};
}

normnet_status normnet__reject_pending(const normnet_model *model)
{
    if (!model->state.pending)
        return NORMNET_OK;
    return normnet__fail(NORMNET_ESTATE, "gradients are pending: apply or discard them first");
}

normnet_status normnet__check_can_compute(normnet_model *model)
{
    const struct trainer trainer = trainer_of(model);

    return normnet__check_schedule(&trainer);
}

normnet_status normnet__check_can_train(normnet_model *model)
{
    const normnet_status status = normnet__reject_pending(model);

    return status == NORMNET_OK ? normnet__check_can_compute(model) : status;
}

void normnet__withdraw(normnet_model *model)
{
    const struct network *network = &model->network;

    for (int32_t i = 0; model->config.reduce != NULL && i < network->layer_count; ++i)
        if (network->layers[i].batch_norm == 0)
            normnet__batch_norm_withdraw(model->training.reduction, &network->layers[i],
                                         &model->training.batch_norms[0]);
}

static normnet_metrics pass_metrics(const struct pass_result *result, int64_t count, int64_t step)
{
    return (normnet_metrics){
        .loss = result->loss / (double)count, .count = count, .correct = result->correct, .step = step};
}

normnet_status normnet__train_step(normnet_model *model, const struct labeled_batch *batch, normnet_metrics *metrics)
{
    const struct trainer trainer = trainer_of(model);
    struct pass_result result;
    struct update update;
    normnet_status status = normnet__compute(&trainer, &batch->images, batch->labels, 0, &result);

    if (status != NORMNET_OK)
        return status;
    status = normnet__apply(&trainer, batch->images.count, &update);
    if (status != NORMNET_OK) {
        normnet__discard_gradients(model);
        return status;
    }
    *metrics = pass_metrics(&result, batch->images.count, model->state.step);
    metrics->penalty = update.penalty;
    metrics->lr = update.rate.lr;
    metrics->momentum = update.rate.momentum;
    metrics->gradient_norm = update.gradient_norm;
    return NORMNET_OK;
}

normnet_status normnet__compute_gradients(normnet_model *model, const struct labeled_batch *batch, int64_t first_sample,
                                          normnet_metrics *metrics)
{
    const struct trainer trainer = trainer_of(model);
    struct pass_result result;
    const normnet_status status = normnet__compute(&trainer, &batch->images, batch->labels, first_sample, &result);

    if (status == NORMNET_OK)
        *metrics = pass_metrics(&result, batch->images.count, model->state.step);
    return status;
}

normnet_status normnet__apply_gradients(normnet_model *model, int64_t images_in_all)
{
    const struct trainer trainer = trainer_of(model);
    struct update update;
    normnet_status status;

    if (!model->state.pending)
        return normnet__fail(NORMNET_ESTATE, "no gradients have been computed");
    status = normnet__check_can_compute(model);
    return status == NORMNET_OK ? normnet__apply(&trainer, images_in_all, &update) : status;
}

void normnet__discard_gradients(normnet_model *model)
{
    normnet__clear_gradients(&model->network, &model->state);
}

normnet_status normnet__set_learning_rate(normnet_model *model, double lr, double momentum)
{
    char number[32];
    normnet_status status;

    if (model->config.schedule != NORMNET_SCHEDULE_CONSTANT)
        return normnet__fail(NORMNET_ESTATE,
                             "config.schedule is %d, which sets the learning rate; only that of a "
                             "constant schedule (%d) can be changed",
                             model->config.schedule, (int)NORMNET_SCHEDULE_CONSTANT);
    if (!(lr >= 0.0 && lr <= NORMNET__MAX_NUMBER))
        return normnet__fail(NORMNET_EVALUE, "lr is %s; expected a number from 0 to 1e30",
                             normnet__decimal(number, lr));
    status = normnet__check_momentum("momentum", momentum);
    if (status != NORMNET_OK)
        return status;
    if (model->config.nesterov && momentum == 0.0)
        return normnet__fail(NORMNET_EINVAL, "momentum is 0; config.nesterov needs more");
    normnet__publish(&model->config.lr, lr);
    normnet__publish(&model->config.momentum, momentum);
    return NORMNET_OK;
}
