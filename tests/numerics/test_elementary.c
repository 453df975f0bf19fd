/* SPDX-License-Identifier: MIT */
/* What the library uses instead of libm, against libm; sums of nothing, and sizes that no number holds. */
#include "base/allocator.h"
#include "base/arena.h"
#include "base/elementary.h"
#include "base/parallel.h"
#include "base/tree.h"
#include "net/engine.h"

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

/* Ranges of any number of items: each begins where the one before has ended. */
static void note_range(void *context, int32_t thread, int64_t begin, int64_t end)
{
    int64_t(*ranges)[2] = context;

    ranges[thread][0] = begin;
    ranges[thread][1] = end;
}

static void run_in_turn(void *user, int32_t count, void (*task)(void *context, int32_t index), void *context)
{
    (void)user;
    for (int32_t i = 0; i < count; ++i)
        task(context, i);
}

static void numbers_of_items(const void *argument)
{
    static const int64_t counts[] = {1024, 1025, 60000, INT64_MAX / 1024 + 1, INT64_MAX - 1, INT64_MAX};
    static int64_t ranges[NORMNET__MAX_THREADS][2];
    struct network network = {.lanes = 16};
    const struct engine engine = {.network = &network};

    (void)argument;
    for (int32_t threads_count = 2; threads_count <= NORMNET__MAX_THREADS; threads_count *= 2)
        for (int i = 0; i < CHECK_COUNT(counts); ++i) {
            const struct threads threads = {threads_count, run_in_turn, NULL, NULL};

            normnet__parallel(&threads, counts[i], note_range, ranges);
            for (int32_t j = 0; j < threads_count; ++j)
                CHECK(ranges[j][0] == (j == 0 ? 0 : ranges[j - 1][1]) && ranges[j][0] <= ranges[j][1]);
            CHECK_EQUAL(ranges[threads_count - 1][1], counts[i]);
        }
    CHECK_EQUAL(normnet__count_blocks(&engine, 1), 1);
    CHECK_EQUAL(normnet__count_blocks(&engine, 16), 1);
    CHECK_EQUAL(normnet__count_blocks(&engine, 17), 2);
    CHECK_EQUAL(normnet__count_blocks(&engine, INT64_MAX), INT64_MAX / 16 + 1);
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
    check_case("numbers of items that cannot be multiplied", numbers_of_items, NULL);
    return check_end();
}
