/* SPDX-License-Identifier: MIT */
/*
 * Compares each kernel of each table that this machine and build have with the portable one of as many lanes, bit for
 * bit: with odd shapes, maps with gaps, and all kinds of values. That the number of lanes changes no bits is seen by
 * tests/numerics/test_bits.c.
 *
 * With --every N as the first arguments it runs one in N calls of each kernel, for emulators. Kinds of calls alternate
 * by 5, 7 and 11, so N should have no factor in common with these. With --bench it measures instead.
 */
#include "harness/check.h"

#include "bench/bench_kernels.h"
#include "bench/kernel_cases.h"
#include "kernel_calls.h"

#include "kernels/kernels.h"

#include <normnet.h>

struct kernel_test {
    const char *name;
    kernel_call *call;
    int cases;
};

/* Only every `step`th call of a kernel runs. */
static int step = 1;

/* The portable kernels with the lanes of AVX2: compiled for this test. */
extern const struct kernels normnet__kernels_portable8;

/* In the order of struct kernels. */
static const struct kernel_test tests[] = {
    {"convolve", call_convolve, 700},
    {"convolve_channels", call_convolve_channels, 770},
    {"weight_gradient", call_weight_gradient, 700},
    {"outer_products", call_outer_products, 200},
    {"moments", call_moments, 1000},
    {"normalize", call_normalize, 400},
    {"affine_elements", call_affine_elements, 200},
    {"gradient_moments", call_gradient_moments, 400},
    {"normalize_gradient", call_normalize_gradient, 400},
    {"multiply_elements", call_multiply_elements, 200},
    {"affine_gradient", call_affine_gradient, 400},
    {"sum_all", call_sum_all, 200},
    {"relu", call_relu, 200},
    {"leaky_relu", call_leaky_relu, 200},
    {"leaky_relu_gradient", call_leaky_relu_gradient, 200},
    {"copy_gradient", call_copy_gradient, 200},
    {"dropout_masks", call_dropout_masks, 200},
    {"dropout", call_dropout, 200},
    {"max_pool", call_max_pool, 400},
    {"max_pool_gradient", call_max_pool_gradient, 400},
    {"average_pool", call_average_pool, 400},
    {"average_pool_gradient", call_average_pool_gradient, 400},
    {"softmax", call_softmax, 400},
    {"softmax_gradient", call_softmax_gradient, 400},
    {"measure_update", call_measure_update, 400},
    {"update", call_update, 400},
    {"average", call_average, 400},
};

/* Runs a case with one table. */
static void run_case(const struct kernel_test *test, const struct kernels *kernels, int number, struct workspace *w)
{
    int64_t damage;

    begin_case(w, number, (int32_t)kernels->group_lanes);
    test->call(kernels, w);
    end_case(w);
    damage = find_damage(w);
    if (damage >= 0)
        CHECK_FAIL("%s, case %d: byte %lld of %zu is not an output, but was written (%s)", kernels->name, number,
                   (long long)damage, w->used, w->shape);
}

static void compare(const struct kernels *kernels, const struct workspace *actual, const struct workspace *expected)
{
    size_t i = 0;

    if (actual->used == expected->used && memcmp(actual->memory, expected->memory, actual->used) == 0)
        return;
    while (actual->memory[i] == expected->memory[i])
        ++i;
    i = i / sizeof(float) * sizeof(float);
    CHECK_FAIL("%s, case %d: byte %zu of %zu, role %d: the float is %a, portable %a (%s)", kernels->name,
               actual->number, i, actual->used, actual->roles[i],
               (double)*(const float *)(const void *)(actual->memory + i),
               (double)*(const float *)(const void *)(expected->memory + i), actual->shape);
}

/* Runs a case with all tables of as many lanes as a portable one, and with that one. */
static void run_tables(const struct kernel_test *test, const struct kernels *portable, int number,
                       struct workspace *expected, struct workspace *actual)
{
    run_case(test, portable, number, expected);
    for (int32_t cpu = NORMNET_CPU_PORTABLE + 1; cpu <= NORMNET_CPU_NEON; ++cpu) {
        const struct kernels *kernels = normnet__select_kernels(cpu);

        if (kernels == NULL || kernels->group_lanes != portable->group_lanes)
            continue;
        run_case(test, kernels, number, actual);
        compare(kernels, actual, expected);
    }
}

static void every_table(const void *argument)
{
    const struct kernel_test *test = argument;
    struct workspace expected, actual;

    open_workspace(&expected);
    open_workspace(&actual);
    for (int number = 0; number < test->cases; number += step) {
        run_tables(test, normnet__select_kernels(NORMNET_CPU_PORTABLE), number, &expected, &actual);
        run_tables(test, &normnet__kernels_portable8, number, &expected, &actual);
    }
    close_workspace(&expected);
    close_workspace(&actual);
}

/* A table has a name, its lanes and pointers to kernels, nothing else; none of them is NULL. */
static void every_kernel(const void *argument)
{
    const size_t end = offsetof(struct kernels, convolve) + CHECK_COUNT(tests) * sizeof(void (*)(void));
    const size_t alignment = _Alignof(struct kernels); /* to which the size is padded: of 8 bytes on 32-bit ARM */

    (void)argument;
    CHECK_EQUAL((end + alignment - 1) / alignment * alignment, sizeof(struct kernels));
    for (int32_t cpu = NORMNET_CPU_PORTABLE; cpu <= NORMNET_CPU_NEON; ++cpu) {
        const struct kernels *table = normnet__select_kernels(cpu);
        void (*entries[CHECK_COUNT(tests)])(void);

        if (table == NULL)
            continue;
        CHECK(table->group_lanes == 8 || table->group_lanes == NORMNET__MAX_LANES);
        memcpy(entries, &table->convolve, sizeof entries);
        for (int i = 0; i < CHECK_COUNT(tests); ++i)
            if (entries[i] == NULL)
                CHECK_FAIL("kernel_table.c has no %s", tests[i].name);
    }
}

/* --bench has a case for each kernel. */
static void every_kernel_measured(const void *argument)
{
    static struct kernel_case cases[MAX_KERNEL_CASES];
    const int count = create_kernel_cases(cases, NORMNET__MAX_LANES);

    (void)argument;
    for (int i = 0; i < CHECK_COUNT(tests); ++i) {
        int measured = 0;

        for (int j = 0; j < count; ++j)
            measured += strcmp(cases[j].kernel, tests[i].name) == 0;
        if (measured == 0)
            CHECK_FAIL("tests/bench/kernel_cases.c has no case of %s", tests[i].name);
    }
    for (int i = 0; i < count; ++i)
        destroy_kernel_case(&cases[i]);
}

int main(int argc, char **argv)
{
    const int skipped = argc > 2 && strcmp(argv[1], "--every") == 0 ? 2 : 0;

    if (argc > 1 && strcmp(argv[1], "--bench") == 0)
        return bench_kernels(argc - 2, argv + 2);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0))
        puts("With --every N as the first arguments, one in N calls of each kernel runs.\n--bench measures: --bench "
             "--help.");
    if (skipped > 0)
        step = atoi(argv[2]);
    if (step < 1) {
        fprintf(stderr, "test_kernels: --every %s: expected a number from 1\n", argv[2]);
        return 2;
    }
    if (!check_begin(argc - skipped, argv + skipped))
        return check_end();
    check_case("kernels: none is left out", every_kernel, NULL);
    for (int i = 0; i < CHECK_COUNT(tests); ++i)
        check_case_named(every_table, &tests[i], "kernels: %s", tests[i].name);
    check_case("kernels: each is measured by --bench", every_kernel_measured, NULL);
    return check_end();
}
