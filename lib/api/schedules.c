/* SPDX-License-Identifier: MIT */
/* The pure functions: schedules and shards. */
#include "base/message.h"
#include "base/tree.h"
#include "model/config.h"
#include "train/schedule.h"

#include <stddef.h>

static normnet_status rate_at(const normnet_config *from, int32_t schedule, int64_t step, double *lr, double *momentum)
{
    normnet_config config;
    struct rate rate;
    const normnet_status status = normnet__read_schedule(&config, from, schedule);

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

normnet_status normnet_one_cycle_lr(const normnet_config *config, int64_t step, double *lr, double *momentum)
{
    return rate_at(config, NORMNET_SCHEDULE_ONE_CYCLE, step, lr, momentum);
}

normnet_status normnet_step_lr(const normnet_config *config, int64_t step, double *lr, double *momentum)
{
    return rate_at(config, NORMNET_SCHEDULE_STEP, step, lr, momentum);
}

/* Halves the ranks and walks down the tree of sums with them: the left half takes the left subtree. */
static void shard_by_tree(int64_t images, int32_t ranks, int32_t rank, int64_t *first, int64_t *count)
{
    *first = 0;
    *count = images;
    for (int32_t half = ranks / 2; half > 0; half /= 2) {
        const int64_t left = *count > 1 ? normnet__tree_split(*count) : *count;

        if (rank < half) {
            *count = left;
        } else {
            *first += left;
            *count -= left;
            rank -= half;
        }
    }
}

normnet_status normnet_shard(int64_t images, int32_t ranks, int32_t rank, int64_t *first, int64_t *count)
{
    if (first == NULL || count == NULL)
        return normnet__fail(NORMNET_EINVAL, "%s is NULL", first == NULL ? "first" : "count");
    if (images < 0 || ranks < 1 || rank < 0 || rank >= ranks)
        return normnet__fail(NORMNET_EINVAL,
                             "images is %lld, ranks %d and rank %d; expected images >= 0 and 0 <= rank < ranks",
                             (long long)images, ranks, rank);
    if ((ranks & (ranks - 1)) == 0) {
        shard_by_tree(images, ranks, rank, first, count);
    } else {
        const int64_t share = images / ranks, rest = images % ranks;

        *first = share * rank + (rank < rest ? rank : rest);
        *count = share + (rank < rest);
    }
    return NORMNET_OK;
}
