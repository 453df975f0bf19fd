/* SPDX-License-Identifier: MIT */
/* Whether threads share a batch of few images: what is faster on a clock that this program moves. */
#include "base/clock.h"
#include "net/sharing.h"

#include "harness/check.h"

static double clock_seconds;

double normnet__seconds(void)
{
    return clock_seconds;
}

/* Passes that take so long per block, alone and shared; the share of those that were shared. */
static double run(struct sharing *sharing, int passes, double alone, double shared)
{
    int count = 0;

    for (int i = 0; i < passes; ++i) {
        const int64_t blocks = 1 + i % 3;
        const bool is_shared = normnet__begin_sharing(sharing);

        count += is_shared;
        clock_seconds += (double)blocks * (is_shared ? shared : alone);
        normnet__end_sharing(sharing, blocks);
    }
    return (double)count / passes;
}

static void begins_shared(const void *argument)
{
    struct sharing sharing = {0};

    (void)argument;
    CHECK(run(&sharing, 4, 1, 1) == 1);
}

static void faster(const void *argument)
{
    struct sharing sharing = {0};

    (void)argument;
    CHECK(run(&sharing, 100000, 600e-6, 400e-6) > 0.98);
    sharing = (struct sharing){0};
    CHECK(run(&sharing, 100000, 600e-6, 700e-6) < 0.02);
}

/* The cores get other work, and then are idle again. */
static void changes(const void *argument)
{
    struct sharing sharing = {0};

    (void)argument;
    run(&sharing, 10000, 600e-6, 400e-6);
    CHECK(run(&sharing, 100, 600e-6, 1500e-6) < 0.2);
    run(&sharing, 10000, 600e-6, 1500e-6);
    run(&sharing, 4000, 600e-6, 400e-6);
    CHECK(run(&sharing, 1000, 600e-6, 400e-6) > 0.9);
}

/* Single passes that are interrupted change nothing. */
static void outliers(const void *argument)
{
    struct sharing sharing = {0};

    (void)argument;
    run(&sharing, 1000, 600e-6, 400e-6);
    for (int i = 0; i < 100; ++i) {
        run(&sharing, 1, 600e-6, 100e-3);
        CHECK(run(&sharing, 20, 600e-6, 400e-6) >= 0.6);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("sharing: the first passes are shared", begins_shared, NULL);
    check_case("sharing: what is faster is done, but for a few trials", faster, NULL);
    check_case("sharing: it follows the load of the cores", changes, NULL);
    check_case("sharing: single slow passes change nothing", outliers, NULL);
    return check_end();
}
