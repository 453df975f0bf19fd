/* SPDX-License-Identifier: MIT */
#include "net/sharing.h"

#include "base/clock.h"

/*
 * A trial is so long that a worker that was asleep takes part in most of it. Intervals double until what is faster
 * changes. Tried out, as the weights below: docs/performance.md.
 */
enum { TRIAL_PASSES = 8, MIN_INTERVAL = 32, MAX_INTERVAL = 1024 };

/* The weight of a new duration in the average, and how much of an outlier counts, in averages. */
static const double new_weight = 0.25, max_outlier = 2;

static int32_t next_interval(int32_t interval)
{
    if (interval == 0)
        return MIN_INTERVAL;
    return interval < MAX_INTERVAL ? 2 * interval : MAX_INTERVAL;
}

static void begin_interval(struct sharing *sharing, int32_t interval)
{
    sharing->tries_other = false;
    sharing->passes = sharing->interval = interval;
}

/* The very first passes are a trial of sharing. */
static void advance_trials(struct sharing *sharing)
{
    const bool shared_is_faster = sharing->seconds[1] < sharing->seconds[0];

    if (shared_is_faster != sharing->shared_is_faster) {
        sharing->shared_is_faster = shared_is_faster;
        begin_interval(sharing, MIN_INTERVAL);
    } else if (sharing->passes == 0 && !sharing->tries_other) {
        sharing->tries_other = true;
        sharing->passes = TRIAL_PASSES;
    } else if (sharing->passes == 0) {
        begin_interval(sharing, next_interval(sharing->interval));
    }
    --sharing->passes;
}

bool normnet__begin_sharing(struct sharing *sharing)
{
    bool shared;

    advance_trials(sharing);
    shared = sharing->shared_is_faster != sharing->tries_other;
    sharing->as_before = shared == sharing->shared;
    sharing->shared = shared;
    sharing->begin = normnet__seconds();
    return shared;
}

void normnet__end_sharing(struct sharing *sharing, int64_t blocks)
{
    const double seconds = (normnet__seconds() - sharing->begin) / (double)blocks;
    double *average = &sharing->seconds[sharing->shared];
    const double most = max_outlier * *average;

    if (!sharing->as_before)
        return;
    if (*average == 0)
        *average = seconds;
    else
        *average += new_weight * ((seconds < most ? seconds : most) - *average);
}
