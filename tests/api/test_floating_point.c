/* SPDX-License-Identifier: MIT */
/* The floating-point mode, the program's and that of its functions, changes no bit. POSIX only. */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* fegetexcept */
#endif
#include "harness/allocator.h"
#include "model_use.h"
#include "thread_results.h"

#include <fenv.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* The part of the floating-point environment that programs set: rounding, traps, flushing; not the sticky flags. */
struct mode {
    int rounding, traps;
    unsigned control;
};

static struct mode current_mode(void)
{
    struct mode now = {fegetround(), 0, 0};
#if defined(__GLIBC__)
    now.traps = fegetexcept();
#endif
#if defined(__x86_64__)
    now.control = _mm_getcsr() & ~0x3Fu;
#endif
    return now;
}

static int mode_is(const struct mode *expected)
{
    const struct mode now = current_mode();

    return now.rounding == expected->rounding && now.traps == expected->traps && now.control == expected->control;
}

/* ---- The same bits ---------------------------------------------------------------------------------- */

/* The caller's mode when the model is created, and during the calls if `argument` is not NULL. */
static void same_bits_in_any_mode(const void *argument)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    const int during_calls = argument != NULL;

    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        const uint64_t expected = expected_results(norm);

        for (int i = 0; i < CHECK_COUNT(modes); ++i)
            for (int32_t threads = 1; threads <= THREADS; ++threads) {
                const normnet_config config = config_with(norm, threads);
                normnet_model *model;
                uint64_t found;

                fesetround(modes[i]);
                model = CHECK_CREATE(&config);
                if (!during_calls)
                    fesetround(FE_TONEAREST);
                found = use_model(model, &config);
                normnet_model_destroy(model);
                CHECK_EQUAL(fegetround(), during_calls ? modes[i] : FE_TONEAREST);
                fesetround(FE_TONEAREST);
                CHECK(found == expected);
            }
    }
}

/* Functions of the program that return in another mode than they were called in. */
static void leave_another_mode(void)
{
    fesetround(FE_UPWARD);
#if defined(__x86_64__)
    _mm_setcsr(_mm_getcsr() | 0x8040u);
#endif
}

static void *allocate(void *user, int64_t size, int64_t alignment)
{
    void *block = allocator_allocate(user, size, alignment);

    leave_another_mode();
    return block;
}

static void deallocate(void *user, void *block, int64_t size)
{
    allocator_deallocate(user, block, size);
    leave_another_mode();
}

static int32_t reduce(void *user, double *values, int64_t count)
{
    (void)user;
    (void)values;
    (void)count;
    leave_another_mode();
    return 0;
}

static void lend(void *user, int32_t count, normnet_task *task, void *context)
{
    (void)user;
    for (int32_t i = 0; i < count; ++i)
        task(context, i);
    leave_another_mode();
}

/* Of a model of the configuration, and of one that is read from its file, which allocates in between. */
static uint64_t results_of_copies(const normnet_config *config)
{
    static const char path[] = "test_floating_point.ckpt";
    normnet_model *model = CHECK_CREATE(config), *read = NULL;
    uint64_t hash;

    CHECK_OK(normnet_model_save(model, path, NULL));
    CHECK_OK(normnet_model_load(&read, path, config));
    hash = use_model(model, config);
    CHECK(use_model(read, config) == hash);
    normnet_model_destroy(model);
    normnet_model_destroy(read);
    remove(path);
    return hash;
}

static void functions_that_change_the_mode(const void *argument)
{
    const struct mode before = current_mode();

    (void)argument;
    for (int32_t norm = NORMNET_NORM_NONE; norm < NORM_COUNT; ++norm) {
        struct allocator allocator = {0};
        normnet_config config = config_with(norm, THREADS);
        const uint64_t expected = results_of_copies(&config);

        allocator_use(&allocator, &config);
        config.allocate = allocate;
        config.deallocate = deallocate;
        CHECK(results_of_copies(&config) == expected);
        config.parallel_for = lend;
        CHECK(results_of_copies(&config) == expected);
        config.reduce = reduce;
        CHECK(results_of_copies(&config) == expected);
        fesetround(before.rounding); /* of the x87, which the library does not use */
        CHECK(mode_is(&before));
        CHECK_ALL_FREED(&allocator);
    }
}

int main(int argc, char **argv)
{
    if (!check_begin(argc, argv))
        return check_end();
    check_case("floating point: the mode at creation changes no bit", same_bits_in_any_mode, NULL);
    check_case("floating point: the caller's mode changes no bit", same_bits_in_any_mode, "");
    check_case("floating point: the program's functions may leave another mode", functions_that_change_the_mode, NULL);
    return check_end();
}
