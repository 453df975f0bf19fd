/* SPDX-License-Identifier: MIT */
/* Weights and running statistics, read and set from outside. */
#include "api/arguments.h"
#include "base/message.h"
#include "model/lock.h"
#include "model/sized_struct.h"
#include "model/state_entries.h"

int64_t normnet_parameter_count(const normnet_model *model)
{
    return model != NULL ? model->network.parameter_count : 0;
}

int32_t normnet_state_count(const normnet_model *model)
{
    return model != NULL ? model->state.entry_count : 0;
}

normnet_status normnet_state(const normnet_model *model, int32_t index, normnet_state_info *info)
{
    normnet_state_info filled;
    int32_t size;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(info, "info");
    if (status == NORMNET_OK)
        status = normnet__check_index(index, model->state.entry_count, "index");
    if (status == NORMNET_OK)
        status = normnet__read_struct_size(info, NORMNET__STATE_INFO, "info", &size);
    if (status != NORMNET_OK)
        return status;
    filled = normnet__describe_entry(&model->state, index);
    normnet__write_struct(info, size, &filled, (int32_t)sizeof filled);
    return NORMNET_OK;
}

normnet_status normnet_set_state(normnet_model *model, const char *name, const normnet_tensor *tensor)
{
    struct view view;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(name, "name");
    if (status == NORMNET_OK)
        status = normnet__view_tensor(&view, tensor, "tensor", false);
    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = normnet__set_entry(model, name, &view);
    normnet__end_writing(model);
    return status;
}

static normnet_status check_parameter_count(const normnet_model *model, int64_t count)
{
    if (count == model->network.parameter_count)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EMISMATCH, "count is %lld; the model has %lld parameters", (long long)count,
                         (long long)model->network.parameter_count);
}

normnet_status normnet_set_parameters(normnet_model *model, const float *values, int64_t count)
{
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(values, "values");
    if (status == NORMNET_OK)
        status = check_parameter_count(model, count);
    if (status == NORMNET_OK)
        status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    status = normnet__set_parameters(model, values);
    normnet__end_writing(model);
    return status;
}
