/* SPDX-License-Identifier: MIT */
/* Golden values through the public API: defaults and schedules of the learning rate. */
#include "golden_networks.h"

/* ---- Configuration and schedules -------------------------------------------------------------- */

static void defaults(const void *argument)
{
    normnet_config config, expected;

    (void)argument;
    for (int norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        memset(&config, 0xa5, sizeof config);
        reference_config_init(&expected, norm);
        CHECK_OK(normnet_config_init(&config, norm));
        CHECK(memcmp(&config, &expected, sizeof config) == 0);
    }
}

static void golden_schedules(const void *argument)
{
    normnet_config config;
    double lr, momentum;

    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    for (int i = 0; i < CHECK_COUNT(golden_one_cycles); ++i) {
        const struct golden_one_cycle *golden = &golden_one_cycles[i];

        config.total_steps = golden->total_steps;
        config.max_lr = golden->max_lr;
        config.anneal = golden->anneal;
        config.three_phase = golden->three_phase;
        CHECK_OK(normnet_one_cycle_lr(&config, golden->step, &lr, &momentum));
        CHECK_CLOSE(lr, golden->lr, golden_schedule_tolerance * golden->max_lr);
        if (golden->momentum > 0)
            CHECK_CLOSE(momentum, golden->momentum, golden_schedule_tolerance);
    }
    config.step_size = 6;
    for (int i = 0; i < CHECK_COUNT(golden_step); ++i) {
        CHECK_OK(normnet_step_lr(&config, golden_step[i], &lr, &momentum));
        CHECK_CLOSE(lr, golden_step_lr[i], 1e-17);
        CHECK_CLOSE(momentum, 0.9, 0);
    }
}

static void schedule_limits(const void *argument)
{
    normnet_config config;
    double lr = -1, momentum = -1;

    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.total_steps = 10;
    CHECK_STATUS(normnet_one_cycle_lr(&config, 10, &lr, &momentum), NORMNET_ESTATE);
    CHECK_STATUS(normnet_one_cycle_lr(&config, INT64_MAX, &lr, &momentum), NORMNET_ESTATE);
    CHECK_STATUS(normnet_one_cycle_lr(&config, -1, &lr, &momentum), NORMNET_EINVAL);
    CHECK_STATUS(normnet_step_lr(&config, -1, &lr, &momentum), NORMNET_EINVAL);
    CHECK_CLOSE(lr, -1, 0);
    CHECK_CLOSE(momentum, -1, 0);
    CHECK_OK(normnet_one_cycle_lr(&config, 9, &lr, NULL));
    CHECK_OK(normnet_one_cycle_lr(&config, 9, NULL, &momentum));
    CHECK_CLOSE(lr, 6e-8, 1e-22);
    CHECK_CLOSE(momentum, 0.95, 0);
    config.cycle_momentum = 0;
    CHECK_OK(normnet_one_cycle_lr(&config, 2, &lr, &momentum));
    CHECK_CLOSE(momentum, 0.9, 0);
}

/* Any one-cycle against the reference, among them rises of less than a step and peaks between steps. */
static void many_schedules(const void *argument)
{
    struct random_stream random = {3};

    (void)argument;
    for (int i = 0; i < 3000; ++i) {
        normnet_config config;
        double lr, momentum, expected_lr, expected_momentum, rise;
        int64_t step;

        CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
        config.total_steps = 1 + random_below(&random, i % 2 ? 12 : 100000);
        config.pct_start = random_below(&random, 8) == 0 ? 0 : random_uniform(&random, 0, 0.5);
        config.max_lr = random_uniform(&random, 1e-4, 2);
        config.div_factor = random_uniform(&random, 1, 100);
        config.final_div_factor = random_uniform(&random, 1, 1e5);
        config.anneal = random_below(&random, 2);
        config.three_phase = random_below(&random, 2);
        rise = config.pct_start * (double)config.total_steps;
        if (fabs(rise - 1) < 1e-6 || (config.three_phase && rise < 1))
            continue; /* a phase of no length */
        step = random_below(&random, (int)config.total_steps);
        reference_one_cycle(&config, step, &expected_lr, &expected_momentum);
        CHECK_OK(normnet_one_cycle_lr(&config, step, &lr, &momentum));
        CHECK_CLOSE(lr, expected_lr, 1e-13 * config.max_lr);
        CHECK_CLOSE(momentum, expected_momentum, 1e-13);
    }
}

/* pct_start * total_steps = 1 divides by zero in the formula, pct_start = 1 has no descent. */
static void schedules_without_a_phase(const void *argument)
{
    static const struct {
        int steps;
        double pct_start;
        int three_phase;
    } cases[] = {{10, 0.1, 0}, {10, 0.1, 1}, {1, 1, 0}, {1, 0, 0}, {1, 0.5, 1},
                 {2, 0.5, 0},  {4, 1, 0},    {4, 0, 1}, {4, 1, 1}, {3, 0.9, 1}};

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(cases); ++i)
        for (int anneal = 0; anneal < 2; ++anneal)
            for (int step = 0; step < cases[i].steps; ++step) {
                normnet_config config;
                double lr = -1, momentum = -1;

                CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
                config.total_steps = cases[i].steps;
                config.pct_start = cases[i].pct_start;
                config.three_phase = cases[i].three_phase;
                config.anneal = anneal;
                CHECK_OK(normnet_one_cycle_lr(&config, step, &lr, &momentum));
                if (!(lr >= 0 && lr <= config.max_lr * (1 + 1e-15) && momentum >= config.base_momentum - 1e-15 &&
                      momentum <= config.max_momentum + 1e-15))
                    CHECK_FAIL("step %d of %d, pct_start %g, %d phases: lr %g, momentum %g", step, cases[i].steps,
                               cases[i].pct_start, 2 + cases[i].three_phase, lr, momentum);
            }
}

/* 0 times a power that overflows is 0, and rates of one-cycle that are not finite are rejected. */
static void extreme_schedules(const void *argument)
{
    static const double factors[][2] = {{1e-300, 1e-300}, {1e-300, 1}, {5e-324, 1e-8}, {1e-200, 1e-200}};
    normnet_config config;
    double lr = -1, momentum;

    (void)argument;
    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_NONE));
    config.step_gamma = 10;
    config.step_size = 1;
    config.lr = 0;
    for (int64_t step = 0; step < 1000000; step = 7 * step + 1) {
        CHECK_OK(normnet_step_lr(&config, step, &lr, &momentum));
        CHECK(lr == 0);
    }
    config.total_steps = 10;
    config.max_lr = 1;
    for (int i = 0; i < CHECK_COUNT(factors); ++i) {
        config.div_factor = factors[i][0];
        config.final_div_factor = factors[i][1];
        for (int64_t step = 0; step < config.total_steps; ++step) {
            const normnet_status status = normnet_one_cycle_lr(&config, step, &lr, &momentum);

            if (status == NORMNET_OK ? !isfinite(lr) : status != NORMNET_EVALUE)
                CHECK_FAIL("div_factor %g, final_div_factor %g, step %d: %s, lr %g", factors[i][0], factors[i][1],
                           (int)step, normnet_status_string((int32_t)status), lr);
        }
    }
    config.div_factor = config.final_div_factor = 1e-300;
    CHECK_STATUS(normnet_one_cycle_lr(&config, 0, &lr, &momentum), NORMNET_EVALUE);
    CHECK(strstr(normnet_error_message(), "config.final_div_factor is inf") != NULL);
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("defaults", defaults, NULL);
    check_case("schedules", golden_schedules, NULL);
    check_case("limits of schedules", schedule_limits, NULL);
    check_case("many schedules", many_schedules, NULL);
    check_case("schedules without a phase", schedules_without_a_phase, NULL);
    check_case("schedules of extreme factors", extreme_schedules, NULL);
    return check_end();
}
