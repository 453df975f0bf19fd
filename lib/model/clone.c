/* SPDX-License-Identifier: MIT */
#include "model/config.h"
#include "model/model.h"

static normnet_status copy_model(normnet_model **copy, const normnet_model *model, const normnet_config *host)
{
    normnet_config config, fused = model->config;
    normnet_model *created = NULL;
    normnet_status status = host != NULL ? normnet__merge_host(&fused, host) : NORMNET_OK;

    if (status == NORMNET_OK)
        status = normnet__read_config(&config, &fused);
    if (status == NORMNET_OK)
        status = normnet__begin_model(&created, &config, model->note);
    if (status == NORMNET_OK)
        status = normnet__finish_model(created);
    if (status != NORMNET_OK) {
        normnet_model_destroy(created);
        return status;
    }
    normnet__copy_state(&model->network, &created->state, &model->state);
    *copy = created;
    return NORMNET_OK;
}

normnet_status normnet_model_clone(normnet_model **copy, normnet_model *model, const normnet_config *host)
{
    struct reader *reader;
    normnet_status status = normnet__require(copy, "copy");

    if (status == NORMNET_OK)
        status = normnet__require(model, "model");
    if (status == NORMNET_OK)
        status = normnet__begin_reading(model, &reader);
    if (status != NORMNET_OK)
        return status;
    status = copy_model(copy, model, host);
    normnet__end_reading(model, reader);
    return status;
}
