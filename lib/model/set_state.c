/* SPDX-License-Identifier: MIT */
/* Weights and running statistics, read and written from outside. */
#include "base/message.h"
#include "model/config.h"
#include "model/model.h"
#include "model/sized_struct.h"
#include "model/views.h"

#include <math.h>
#include <string.h>

int32_t normnet_state_count(const normnet_model *model)
{
    return model != NULL ? model->state.entry_count : 0;
}

normnet_status normnet_state(const normnet_model *model, int32_t index, normnet_state_info *info)
{
    const struct entry *entry;
    normnet_state_info filled = {0};
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(info, "info");
    if (status != NORMNET_OK)
        return status;
    if (index < 0 || index >= model->state.entry_count)
        return normnet__fail(NORMNET_EINVAL, "index is %d; expected 0 to %d", index, model->state.entry_count - 1);
    entry = &model->state.entries[index];
    filled.dtype = entry->values != NULL ? NORMNET_F32 : NORMNET_I64;
    filled.rank = entry->rank;
    filled.trained = entry->trained;
    memcpy(filled.shape, entry->shape, sizeof filled.shape);
    filled.name = entry->name;
    filled.data = entry->values != NULL ? (const void *)entry->values : entry->batches;
    return normnet__write_struct(info, NORMNET__STATE_INFO_FIRST, &filled, (int32_t)sizeof filled, "info");
}

/* Element `index` of a tensor, counted in the order of its shape. */
static const char *element_at(const struct view *view, int64_t index)
{
    const normnet_tensor *tensor = &view->tensor;
    int64_t at = 0;

    for (int32_t i = tensor->rank - 1; i >= 0; --i) {
        at += index % tensor->shape[i] * tensor->strides[i];
        index /= tensor->shape[i];
    }
    return (const char *)tensor->data + at * view->element;
}

static normnet_status check_value(const struct entry *entry, int64_t index, double value)
{
    char number[32];

    if (normnet__entry_accepts(entry, value))
        return NORMNET_OK;
    return normnet__fail(NORMNET_EVALUE, "element %lld of '%s' is %s", (long long)index, entry->name,
                         normnet__decimal(number, value));
}

static normnet_status check_entry(const struct entry *entry, const struct view *view)
{
    const bool floats = entry->values != NULL;
    char own[NORMNET__DIMS_TEXT], given[NORMNET__DIMS_TEXT];

    if (view->tensor.dtype != (floats ? NORMNET_F32 : NORMNET_I64) ||
        !normnet__entry_has_shape(entry, view->tensor.rank, view->tensor.shape))
        return normnet__fail(NORMNET_EMISMATCH, "'%s' is %s of %s in the model; the tensor is %s of %s", entry->name,
                             normnet__dims_text(own, entry->rank, entry->shape), floats ? "f32" : "i64",
                             normnet__dims_text(given, view->tensor.rank, view->tensor.shape),
                             normnet__dtype_name(view->tensor.dtype));
    for (int64_t i = 0; i < entry->count; ++i) {
        const char *element = element_at(view, i);
        const normnet_status status = check_value(entry, i,
                                                  floats ? (double)*(const float *)(const void *)element
                                                         : (double)*(const int64_t *)(const void *)element);

        if (status != NORMNET_OK)
            return status;
    }
    return NORMNET_OK;
}

static struct entry *find_entry(normnet_model *model, const char *name)
{
    for (int32_t i = 0; i < model->state.entry_count; ++i)
        if (strcmp(model->state.entries[i].name, name) == 0)
            return &model->state.entries[i];
    return NULL;
}

static normnet_status set_entry(normnet_model *model, const char *name, const struct view *view)
{
    struct entry *entry = find_entry(model, name);
    normnet_status status;

    if (entry == NULL)
        return normnet__fail(NORMNET_EMISMATCH, "the model has no entry '%.127s'", name);
    status = check_entry(entry, view);
    if (status != NORMNET_OK)
        return status;
    for (int64_t i = 0; i < entry->count; ++i) {
        const char *element = element_at(view, i);

        if (entry->values != NULL)
            entry->values[i] = *(const float *)(const void *)element;
        else
            entry->batches[i] = *(const int64_t *)(const void *)element;
    }
    normnet__refresh_state(&model->network, &model->state);
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
    status = set_entry(model, name, &view);
    normnet__end_writing(model);
    return status;
}

normnet_status normnet_set_parameters(normnet_model *model, const float *values, int64_t count)
{
    normnet_status status = normnet__require(model, "model");
    char number[32];

    if (status == NORMNET_OK)
        status = normnet__require(values, "values");
    if (status != NORMNET_OK)
        return status;
    if (count != model->network.parameter_count)
        return normnet__fail(NORMNET_EMISMATCH, "count is %lld; the model has %lld parameters", (long long)count,
                             (long long)model->network.parameter_count);
    for (int64_t i = 0; i < count; ++i)
        if (!isfinite(values[i]))
            return normnet__fail(NORMNET_EVALUE, "values[%lld] is %s", (long long)i,
                                 normnet__decimal(number, (double)values[i]));
    status = normnet__begin_writing(model);
    if (status != NORMNET_OK)
        return status;
    memcpy(model->state.parameters, values, (size_t)count * sizeof *values);
    normnet__refresh_state(&model->network, &model->state);
    normnet__end_writing(model);
    return NORMNET_OK;
}
