/* SPDX-License-Identifier: MIT */
#include "base/parallel.h"

#include "base/float_mode.h"

#include <stdatomic.h>

struct ranges {
    range_work *work;
    void *context;
    int64_t items;
    int32_t count;
};

/* items * index / count, without its overflow. */
static int64_t range_begin(const struct ranges *ranges, int32_t index)
{
    const int64_t whole = ranges->items / ranges->count, rest = ranges->items % ranges->count;

    return whole * index + rest * index / ranges->count;
}

/* Threads of the program or of OpenMP may be in any floating-point mode. */
static void run_range(void *context, int32_t index)
{
    const struct ranges *ranges = context;
    const struct float_mode callers = normnet__enter_float_mode();

    ranges->work(ranges->context, index, range_begin(ranges, index), range_begin(ranges, index + 1));
    normnet__restore_float_mode(&callers);
}

/* ---- The program's threads ---------------------------------------------------------------------- */

/* What the program is given: whatever it does with the tasks, each is run once. */
struct lent_ranges {
    struct ranges *ranges;
    atomic_uchar begun[NORMNET__MAX_THREADS];
};

static void run_lent_range(void *context, int32_t index)
{
    struct lent_ranges *lent = context;

    if (index >= 0 && index < lent->ranges->count && atomic_exchange(&lent->begun[index], 1) == 0)
        run_range(lent->ranges, index);
}

static void run_lent(const struct threads *threads, struct ranges *ranges)
{
    struct lent_ranges lent = {.ranges = ranges};

    for (int32_t i = 0; i < ranges->count; ++i)
        atomic_init(&lent.begun[i], 0);
    threads->parallel_for(threads->user, ranges->count, run_lent_range, &lent);
    normnet__reset_float_mode();
    for (int32_t i = 0; i < ranges->count; ++i) /* those that it has left out */
        run_lent_range(&lent, i);
}

/* ------------------------------------------------------------------------------------------------ */

void normnet__parallel(const struct threads *threads, int64_t count, range_work *work, void *context)
{
    struct ranges ranges = {work, context, count, count < threads->count ? (int32_t)count : threads->count};

    if (ranges.count <= 1) {
        if (count > 0)
            work(context, 0, 0, count);
    } else if (threads->parallel_for != NULL) {
        run_lent(threads, &ranges);
    } else {
        normnet__pool_run(threads->pool, ranges.count, run_range, &ranges);
    }
}
