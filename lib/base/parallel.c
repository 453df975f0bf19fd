/* SPDX-License-Identifier: MIT */
#include "base/parallel.h"

#include "base/float_mode.h"

struct ranges {
    range_work *work;
    void *context;
    int64_t items;
    int32_t count;
};

/* Threads of the program or of OpenMP may be in any floating-point mode. */
static void run_range(void *context, int32_t index)
{
    const struct ranges *ranges = context;
    const struct float_mode callers = normnet__enter_float_mode();

    ranges->work(ranges->context, index, ranges->items * index / ranges->count,
                 ranges->items * (index + 1) / ranges->count);
    normnet__restore_float_mode(&callers);
}

void normnet__parallel(const struct threads *threads, int64_t count, range_work *work, void *context)
{
    struct ranges ranges = {work, context, count, count < threads->count ? (int32_t)count : threads->count};

    if (ranges.count == 1)
        work(context, 0, 0, count);
    else if (threads->parallel_for != NULL)
        threads->parallel_for(threads->user, ranges.count, run_range, &ranges);
    else if (ranges.count > 1)
        normnet__pool_run(threads->pool, ranges.count, run_range, &ranges);
}
