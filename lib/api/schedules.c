/* SPDX-License-Identifier: MIT */
/* The pure functions: schedules and shards. */
#include "api/arguments.h"
#include "base/calling_thread.h"
#include "base/message.h"
#include "model/config.h"
#include "model/shard.h"
#include "train/schedule.h"

#include <stddef.h>

static normnet_status find_rate(const normnet_config *from, int32_t schedule, int64_t step, double *lr,
                                double *momentum)
{
    normnet_config config;
    struct rate rate;
    normnet_status status = normnet__require(from, "config");

    if (status == NORMNET_OK)
        status = normnet__read_schedule(&config, from, schedule);
    if (status != NORMNET_OK)
        return status;
    if (step < 0)
        return normnet__fail(NORMNET_EINVAL, "step is %lld; expected at least 0", (long long)step);
    if (schedule == NORMNET_SCHEDULE_ONE_CYCLE && step >= config.total_steps)
        return normnet__fail(NORMNET_ESTATE, "step is %lld; the one-cycle schedule ends after its %lld steps",
                             (long long)step, (long long)config.total_steps);
    rate = normnet__scheduled_rate(&config, step);
    if (lr != NULL)
        *lr = rate.lr;
    if (momentum != NULL)
        *momentum = rate.momentum;
    return NORMNET_OK;
}

static normnet_status rate_at(const normnet_config *from, int32_t schedule, int64_t step, double *lr, double *momentum)
{
    const struct calling_thread caller = normnet__begin_call();
    const normnet_status status = find_rate(from, schedule, step, lr, momentum);

    normnet__end_call(&caller);
    return status;
}

normnet_status normnet_one_cycle_lr(const normnet_config *config, int64_t step, double *lr, double *momentum)
{
    return rate_at(config, NORMNET_SCHEDULE_ONE_CYCLE, step, lr, momentum);
}

normnet_status normnet_step_lr(const normnet_config *config, int64_t step, double *lr, double *momentum)
{
    return rate_at(config, NORMNET_SCHEDULE_STEP, step, lr, momentum);
}

normnet_status normnet_shard(int64_t images, int32_t ranks, int32_t rank, int64_t *first, int64_t *count)
{
    struct shard shard;
    normnet_status status = normnet__require(first, "first");

    if (status == NORMNET_OK)
        status = normnet__require(count, "count");
    if (status != NORMNET_OK)
        return status;
    if (images < 0 || ranks < 1 || rank < 0 || rank >= ranks)
        return normnet__fail(NORMNET_EINVAL,
                             "images is %lld, ranks %d and rank %d; expected images >= 0 and 0 <= rank < ranks",
                             (long long)images, ranks, rank);
    shard = normnet__shard(images, ranks, rank);
    *first = shard.first;
    *count = shard.count;
    return NORMNET_OK;
}
