/* SPDX-License-Identifier: MIT */
/* The life of a model, and its description. */
#include "api/arguments.h"
#include "base/calling_thread.h"
#include "model/config.h"
#include "model/model.h"
#include "model/sized_struct.h"
#include "model/summary.h"

normnet_status normnet_model_create(normnet_model **model, const normnet_config *from)
{
    const struct calling_thread caller = normnet__begin_call();
    char architecture[NORMNET__ARCHITECTURE_BYTES];
    normnet_config config;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__read_config(&config, from, architecture);
    if (status == NORMNET_OK)
        status = normnet__create_model(model, &config);
    normnet__end_call(&caller);
    return status;
}

void normnet_model_destroy(normnet_model *model)
{
    const struct calling_thread caller = normnet__begin_call();

    normnet__destroy_model(model);
    normnet__end_call(&caller);
}

normnet_status normnet_model_config(const normnet_model *model, normnet_config *config)
{
    normnet_config filled;
    int32_t size;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(config, "config");
    if (status == NORMNET_OK)
        status = normnet__read_struct_size(config, NORMNET__CONFIG, "config", &size);
    if (status != NORMNET_OK)
        return status;
    filled = normnet__describe_config(model);
    normnet__write_struct(config, size, &filled, (int32_t)sizeof filled);
    return NORMNET_OK;
}

const char *normnet_cpu_name(const normnet_model *model)
{
    return (model != NULL ? model->engine.kernels : normnet__select_kernels(NORMNET_CPU_BEST))->name;
}

int64_t normnet_model_summary(const normnet_model *model, char *text, int64_t size)
{
    const struct calling_thread caller = normnet__begin_call();
    const int64_t length = model != NULL ? normnet__summarize(model, text, size) : 0;

    normnet__end_call(&caller);
    return length;
}

int32_t normnet_layer_count(const normnet_model *model)
{
    return model != NULL ? model->network.layer_count : 0;
}

normnet_status normnet_layer(const normnet_model *model, int32_t index, normnet_layer_info *info)
{
    normnet_layer_info filled;
    int32_t size;
    normnet_status status = normnet__require(model, "model");

    if (status == NORMNET_OK)
        status = normnet__require(info, "info");
    if (status == NORMNET_OK)
        status = normnet__check_index(index, model->network.layer_count, "layer");
    if (status == NORMNET_OK)
        status = normnet__read_struct_size(info, NORMNET__LAYER_INFO, "info", &size);
    if (status != NORMNET_OK)
        return status;
    filled = normnet__describe_layer(model, index);
    normnet__write_struct(info, size, &filled, (int32_t)sizeof filled);
    return NORMNET_OK;
}
