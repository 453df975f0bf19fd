/* SPDX-License-Identifier: MIT */
#include "model/config.h"
#include "model/model.h"

/* A model with the configuration and the note of another one, and with cleared state. */
static normnet_status create_like(normnet_model **created, const normnet_model *model, const normnet_config *host,
                                  bool averages)
{
    normnet_config config, merged = model->config;
    normnet_status status = host != NULL ? normnet__merge_host(&merged, host) : NORMNET_OK;

    *created = NULL;
    if (!averages) {
        merged.average_decay = 0.0;
        merged.average_from = 0;
    }
    if (status == NORMNET_OK)
        status = normnet__read_config(&config, &merged, NULL);
    if (status == NORMNET_OK)
        status = normnet__begin_model(created, &config, model->note);
    if (status == NORMNET_OK)
        status = normnet__finish_model(*created);
    if (status != NORMNET_OK)
        normnet__destroy_model(*created);
    return status;
}

normnet_status normnet__clone_model(normnet_model **clone, const normnet_model *model, const normnet_config *host)
{
    normnet_model *created;
    const normnet_status status = create_like(&created, model, host, true);

    if (status != NORMNET_OK)
        return status;
    normnet__copy_state(&created->network, &created->state, &model->state);
    *clone = created;
    return NORMNET_OK;
}

normnet_status normnet__clone_average(normnet_model **clone, const normnet_model *model, const normnet_config *host)
{
    normnet_model *created;
    normnet_status status = normnet__check_weights(model, NORMNET_WEIGHTS_AVERAGE);

    if (status == NORMNET_OK)
        status = create_like(&created, model, host, false);
    if (status != NORMNET_OK)
        return status;
    normnet__copy_weights(&created->network, &created->state.weights, &model->state.average.weights);
    created->state.step = model->state.step;
    normnet__refresh_state(&created->network, &created->state);
    *clone = created;
    return NORMNET_OK;
}
