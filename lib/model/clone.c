/* SPDX-License-Identifier: MIT */
#include "model/config.h"
#include "model/model.h"

normnet_status normnet__clone_model(normnet_model **clone, const normnet_model *model, const normnet_config *host)
{
    normnet_config config, merged = model->config;
    normnet_model *created = NULL;
    normnet_status status = host != NULL ? normnet__merge_host(&merged, host) : NORMNET_OK;

    if (status == NORMNET_OK)
        status = normnet__read_config(&config, &merged, NULL);
    if (status == NORMNET_OK)
        status = normnet__begin_model(&created, &config, model->note);
    if (status == NORMNET_OK)
        status = normnet__finish_model(created);
    if (status != NORMNET_OK) {
        normnet__destroy_model(created);
        return status;
    }
    normnet__copy_state(&model->network, &created->state, &model->state);
    *clone = created;
    return NORMNET_OK;
}
