/* SPDX-License-Identifier: MIT */
#include "model/config.h"

#include "base/message.h"
#include "model/sized_struct.h"
#include "net/network.h"

static const normnet_config defaults = {
    .struct_size = (int32_t)sizeof(normnet_config),
    .channels = 1,
    .height = 28,
    .width = 28,
    .classes = 10,
    .layer_dims = 3,
    .cycle_momentum = 1,
    .threads = 1,
    .readers = 1,
    .max_batch = 128,
    .seed = 1,
    .step_size = 1,
    .memory_limit = (int64_t)1 << 30,
    .eps = 1e-5,
    .batchnorm_momentum = 0.1,
    .dropout = 0.03,
    .lr = 0.01,
    .momentum = 0.9,
    .step_gamma = 0.1,
    .max_lr = 0.015,
    .base_momentum = 0.85,
    .max_momentum = 0.95,
    .pct_start = 0.3,
    .div_factor = 25.0,
    .final_div_factor = 1e4,
};

normnet_config normnet__default_config(int32_t norm)
{
    normnet_config config = defaults;

    config.norm = norm;
    return config;
}

/* A struct of zeros, of which struct_size and perhaps a few fields have been set, has not been initialized. */
static normnet_status read_fields(normnet_config *config, const normnet_config *from, const char *name)
{
    const normnet_status status = normnet__read_struct(config, (int32_t)sizeof *config, NORMNET__CONFIG, from, name);

    if (status != NORMNET_OK || config->channels != 0 || config->height != 0 || config->width != 0)
        return status;
    return normnet__fail(NORMNET_EINVAL,
                         "%s.channels, height and width are 0: call normnet_config_init before you set fields", name);
}

/* The caller's string may change while it is read. One that is too long stays so. */
static void copy_architecture(const char *from, char *architecture)
{
    size_t length = 0;

    while (length < NORMNET__MAX_ARCHITECTURE + 1 && (architecture[length] = from[length]) != '\0')
        ++length;
    architecture[length] = '\0';
}

normnet_status normnet__read_config(normnet_config *config, const normnet_config *from, char *architecture)
{
    normnet_status status = NORMNET_OK;

    *config = defaults;
    if (from != NULL)
        status = read_fields(config, from, "config");
    if (status == NORMNET_OK)
        status = normnet__check_config(config);
    if (status != NORMNET_OK || architecture == NULL)
        return status;
    if (config->architecture == NULL)
        status = normnet__default_architecture(config, architecture);
    else
        copy_architecture(config->architecture, architecture);
    config->architecture = architecture;
    return status;
}

normnet_status normnet__read_schedule(normnet_config *config, const normnet_config *from, int32_t schedule)
{
    normnet_status status;

    *config = defaults;
    status = normnet__read_struct(config, (int32_t)sizeof *config, NORMNET__CONFIG, from, "config");
    config->schedule = schedule;
    return status == NORMNET_OK ? normnet__check_schedule_config(config) : status;
}

normnet_status normnet__merge_host(normnet_config *config, const normnet_config *host)
{
    normnet_config fields = defaults;
    const normnet_status status = read_fields(&fields, host, "host");

    if (status != NORMNET_OK)
        return status;
    config->threads = fields.threads;
    config->readers = fields.readers;
    config->max_batch = fields.max_batch;
    config->cpu = fields.cpu;
    config->memory_limit = fields.memory_limit;
    config->allocate = fields.allocate;
    config->deallocate = fields.deallocate;
    config->allocator_user = fields.allocator_user;
    config->reduce = fields.reduce;
    config->reduce_user = fields.reduce_user;
    config->parallel_for = fields.parallel_for;
    config->parallel_user = fields.parallel_user;
    return NORMNET_OK;
}

struct allocator normnet__configured_allocator(const normnet_config *config)
{
    if (config->allocate == NULL)
        return normnet__default_allocator();
    return (struct allocator){config->allocate, config->deallocate, config->allocator_user};
}
