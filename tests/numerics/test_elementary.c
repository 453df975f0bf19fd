/* SPDX-License-Identifier: MIT */
/* What the library uses instead of libm, against libm; sums of nothing, and sizes that no number holds. */
#include "base/allocator.h"
#include "base/arena.h"
#include "base/elementary.h"
#include "base/tree.h"

#include "harness/check.h"

#include <float.h>

static void check_relative(const char *what, double x, double actual, double expected, double tolerance)
{
    if (!(fabs(actual - expected) <= tolerance * fabs(expected)))
        CHECK_FAIL("%s(%.17g) is %.17g, expected %.17g", what, x, actual, expected);
}

static void exponential(const void *argument)
{
    (void)argument;
    for (double x = -708; x <= 709; x += 0.37)
        check_relative("exp", x, normnet__exp(x), exp(x), 4e-16);
    CHECK(normnet__exp(0.0) == 1.0);
    CHECK(normnet__exp(709.5) == HUGE_VAL && normnet__exp((double)INFINITY) == HUGE_VAL);
    CHECK(normnet__exp(-708.5) == 0.0 && normnet__exp(-(double)INFINITY) == 0.0);
    CHECK(isnan(normnet__exp((double)NAN)));
}

static void logarithm(const void *argument)
{
    (void)argument;
    for (double x = DBL_MIN; x < DBL_MAX / 8; x *= 7.3)
        check_relative("log", x, normnet__log(x), log(x), 4e-16);
    for (double x = 0.5; x < 2.0; x += 0.003)
        CHECK_CLOSE(normnet__log(x), log(x), 2e-16);
    CHECK(normnet__log(1.0) == 0.0);
    CHECK(normnet__log((double)INFINITY) == (double)INFINITY);
    CHECK(isnan(normnet__log(-(double)INFINITY)) && isnan(normnet__log(-1.0)) && isnan(normnet__log(0.0)));
    CHECK(isnan(normnet__log(DBL_MIN / 2)) && isnan(normnet__log((double)NAN)));
}

/* Even, and of period 2: exactly, for numbers with few digits. */
static void cosine(const void *argument)
{
    const double pi = 3.14159265358979323846;

    (void)argument;
    for (int i = 0; i <= 256; ++i) {
        const double x = i / 128.0, value = normnet__cos_pi(x);

        if (x <= 0.5) /* beyond, pi x is not exact enough */
            CHECK_CLOSE(value, cos(pi * x), 4e-16);
        CHECK(normnet__cos_pi(-x) == value);
        CHECK(normnet__cos_pi(x + 2) == value && normnet__cos_pi(x + 1048576) == value);
        CHECK(normnet__cos_pi(2 - x) == value && normnet__cos_pi(1 - x) == -value);
    }
    CHECK(normnet__cos_pi(0) == 1 && normnet__cos_pi(0.5) == 0 && normnet__cos_pi(1) == -1);
}

static void power(const void *argument)
{
    (void)argument;
    for (int i = 0; i < 60; ++i)
        check_relative("power", i, normnet__power(0.9, i), pow(0.9, i), 2e-15);
    CHECK(normnet__power(0.0, 0) == 1.0 && normnet__power(2.0, 1000) == pow(2.0, 1000));
}

static void sums(const void *argument)
{
    static const double values[] = {1, 0.5, 2, 0.25, 4};

    (void)argument;
    CHECK(normnet__tree_sum(values, 0, 1) == 0.0);
    CHECK(normnet__tree_sum(values, 5, 1) == 7.75);
    CHECK(normnet__tree_sum(values, 3, 2) == 7.0);
}

/* Nothing is allocated, and an arena that has overflowed stays so. */
static void sizes(const void *argument)
{
    static const int64_t counts[][2] = {{INT64_MAX / 8 + 1, 8}, {INT64_MAX - 100, 1}, {INT64_MAX, 1}};
    const struct allocator allocator = normnet__default_allocator();
    int64_t untouched = 0;
    void *block = &untouched;

    (void)argument;
    CHECK_EQUAL(normnet__allocate(&allocator, INT64_MAX, &block), NORMNET_ENOMEM);
    normnet__deallocate(&allocator, NULL, INT64_MAX);
    for (int i = 0; i < CHECK_COUNT(counts); ++i) {
        struct arena arena = {0};

        CHECK(normnet__arena_alloc(&arena, 1, 1) == NULL && !arena.overflow);
        CHECK_EQUAL(arena.used, NORMNET__ALIGNMENT);
        CHECK(normnet__arena_alloc(&arena, counts[i][0], counts[i][1]) == NULL);
        CHECK(arena.overflow);
        CHECK(normnet__arena_alloc(&arena, 1, 1) == NULL && arena.overflow);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("exp", exponential, NULL);
    check_case("log", logarithm, NULL);
    check_case("cos of multiples of pi", cosine, NULL);
    check_case("powers", power, NULL);
    check_case("sums along the tree", sums, NULL);
    check_case("sizes that no number holds", sizes, NULL);
    return check_end();
}
