/* SPDX-License-Identifier: MIT */
#include "api/config.h"
#include "api/model.h"

normnet_status normnet_model_clone(normnet_model **copy, normnet_model *model, const normnet_config *host)
{
    normnet_config config, joined;
    struct normnet__reader *reader;
    normnet_model *created;
    normnet_status status = normnet__require(copy, "copy");

    if (status == NORMNET_OK)
        status = normnet__require(model, "model");
    if (status == NORMNET_OK)
        status = normnet__begin_reading(model, &reader);
    if (status != NORMNET_OK)
        return status;
    joined = model->config;
    if (host != NULL)
        status = normnet__join_host(&joined, host);
    if (status == NORMNET_OK)
        status = normnet__read_config(&config, &joined);
    if (status == NORMNET_OK)
        status = normnet__create_model(&created, &config, model->note);
    if (status == NORMNET_OK) {
        normnet__copy_state(&model->network, &created->state, &model->state);
        *copy = created;
    }
    normnet__end_reading(model, reader);
    return status;
}
