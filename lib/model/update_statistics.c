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

/* The pass with the weights; it updates the pending statistics, which are theirs at the beginning. */
static normnet_status run_pass(normnet_model *model, const struct weights *weights, const struct images *images)
{
    const struct network *network = &model->network;
    const struct engine engine = normnet__engine_of(model, weights);
    const struct dropout_source source = {(uint64_t)model->config.seed, NORMNET__STREAM_STATISTICS,
                                          (uint64_t)model->state.next_batches[0], 0};
    struct training_workspace training = model->training;
    normnet_status status;

    training.averaging.cumulative = true;
    status = normnet__forward_batch(&engine, &training, images, &source, model->state.running, network->layer_count - 1,
                                    NULL, NULL);
    return status == NORMNET_OK ? check_finite(model) : status;
}

/* After the statistics of these weights were changed. */
static void refresh(normnet_model *model, int32_t which)
{
    if (which == NORMNET_WEIGHTS_AVERAGE)
        normnet__touch_average(&model->state.average);
    else
        normnet__refresh_weights(&model->network, &model->state);
}

normnet_status normnet__check_can_update_statistics(const normnet_model *model, int32_t which)
{
    const normnet_status status = normnet__check_weights(model, which);

    return status == NORMNET_OK ? normnet__reject_pending(model) : status;
}

/* The pending statistics are lent to the pass, also for the average. */
normnet_status normnet__update_statistics(normnet_model *model, int32_t which, const struct images *images, bool reset)
{
    const struct network *network = &model->network;
    struct state *state = &model->state;
    const struct weights *weights = normnet__weights(model, which);
    normnet_status status;

    if (network->batch_norm_count == 0)
        return NORMNET_OK;
    if (which == NORMNET_WEIGHTS_AVERAGE)
        normnet__prepare_average(network, &state->average);
    normnet__restart_statistics(network, state, weights);
    if (reset)
        reset_statistics(model);
    status = run_pass(model, weights, images);
    if (status == NORMNET_OK)
        normnet__commit_statistics(network, state, weights);
    normnet__restart_statistics(network, state, &state->weights);
    if (status == NORMNET_OK)
        refresh(model, which);
    return status;
}
