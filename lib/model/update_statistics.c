/* SPDX-License-Identifier: MIT */
#include "base/message.h"
#include "base/random.h"
#include "model/model_training.h"

#include <math.h>

static void reset_statistics(normnet_model *model)
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

static normnet_status check_finite(const normnet_model *model)
{
    for (int64_t i = 0; i < model->network.statistic_count; ++i)
        if (!isfinite(model->state.next_statistics[i]))
            return normnet__fail(NORMNET_EVALUE, "a running statistic of batch norm would not be finite");
    return NORMNET_OK;
}

/* The pass writes to the pending statistics, which are then committed, or discarded if it fails. */
normnet_status normnet__update_statistics(normnet_model *model, const struct images *images, bool reset)
{
    const struct network *network = &model->network;
    struct training_workspace training = model->training;
    struct dropout_source source = {(uint64_t)model->config.seed, NORMNET__STREAM_STATISTICS, 0, 0};
    normnet_status status = normnet__reject_pending(model);

    if (status != NORMNET_OK || network->batch_norm_count == 0)
        return status;
    training.averaging.cumulative = true;
    if (reset)
        reset_statistics(model);
    source.step = (uint64_t)model->state.next_batches[0];
    status = normnet__forward_batch(&model->engine, &training, images, &source, model->state.running,
                                    network->layer_count - 1, NULL, NULL);
    if (status == NORMNET_OK)
        status = check_finite(model);
    if (status != NORMNET_OK) {
        normnet__discard_gradients(model);
        return status;
    }
    normnet__commit_statistics(network, &model->state);
    normnet__prepare_weights(network, &model->state);
    return NORMNET_OK;
}
