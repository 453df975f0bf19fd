/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include "bench_kernels.h"

#include "fma_chains.h"
#include "kernel_cases.h"

#include <normnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "usage: test_kernels --bench [--cpu NAME] [--rounds N] [-h | --help]\n"
                           "                            [PART OF A KERNEL'S NAME]...\n"
                           "\n"
                           "Measures kernels in one thread, for each instruction set of this machine. A\n"
                           "round has a turn of a millisecond for each kernel, shape and instruction set; a\n"
                           "slow one has at least three turns. Nothing is tested.\n"
                           "\n"
                           "  --cpu NAME   this instruction set only: portable, avx2, avx512 or neon\n"
                           "  --rounds N   1 to 1000, default 20\n"
                           "\n"
                           "  shape        height x width of the input, channels (inputs to outputs),\n"
                           "               kernel; * the algorithm that is used\n"
                           "  median       of the turns, in GFLOP/s or GB/s\n"
                           "  fastest      the speed that a tenth of the turns reached\n"
                           "  of peak      the median to the peak of multiply-adds in registers in the same\n"
                           "               rounds (multiplications and additions for portable, which\n"
                           "               computes fused multiply-adds in software)\n"
                           "\n"
                           "GFLOP/s count two operations per multiply-add of direct convolution: Winograd's\n"
                           "algorithm, which needs fewer, can exceed the peak. GB/s count all floats, masks\n"
                           "and indices that are read or written.\n"
                           "\n"
                           "examples:\n"
                           "  test_kernels --bench\n"
                           "  test_kernels --bench convolve weight_gradient\n"
                           "  test_kernels --bench --cpu avx2 --rounds 100 pool\n";

enum { CPUS = NORMNET_CPU_NEON + 1, MAX_ROUNDS = 1000, MIN_TURNS = 3 };
static const double turn_seconds = 1e-3, max_seconds = 0.1; /* of a turn; of a kernel's turns before it skips rounds */

/* The turns of one kernel, or of the peak, with one instruction set. */
struct measurement {
    double turns[MAX_ROUNDS]; /* operations or bytes per second */
    double seconds;           /* of all turns */
    int count, calls;
};

struct benchmark {
    const char *cpu; /* NULL for all */
    char **parts;
    int part_count, rounds;
    const struct kernels *tables[CPUS];               /* NULL for those not measured */
    struct kernel_case cases[CPUS][MAX_KERNEL_CASES]; /* with the lanes of each table */
    int case_count;
    struct measurement measurements[MAX_KERNEL_CASES][CPUS], peaks[CPUS], load_peaks[CPUS];
};

/* ---- Measuring ----------------------------------------------------------------------------------- */

static double time_calls(const struct kernel_case *kernel, const struct kernels *table, int calls)
{
    const double start = now();

    for (int i = 0; i < calls; ++i)
        kernel->call(table, kernel);
    return now() - start;
}

static void add_turn(struct measurement *measurement, double speed, double seconds)
{
    measurement->turns[measurement->count++] = speed;
    measurement->seconds += seconds;
}

/* One turn; the first determines the number of calls. A call that is not timed brings the memory into the caches. */
static void measure_kernel(const struct kernel_case *kernel, const struct kernels *table,
                           struct measurement *measurement)
{
    double seconds;

    if (measurement->seconds > max_seconds && measurement->count >= MIN_TURNS)
        return;
    if (measurement->calls != 1)
        seconds = time_calls(kernel, table, 1);
    if (measurement->calls == 0) {
        seconds = time_calls(kernel, table, 1);
        measurement->calls = seconds < turn_seconds ? (int)(turn_seconds / (seconds + 1e-9)) + 1 : 1;
    }
    seconds = time_calls(kernel, table, measurement->calls);
    add_turn(measurement, measurement->calls * (kernel->flops + kernel->bytes) / seconds, seconds);
}

static fma_flops_function *fma_flops(int cpu)
{
#if defined(__x86_64__)
    if (cpu == NORMNET_CPU_AVX512)
        return fma_flops_avx512;
    if (cpu == NORMNET_CPU_AVX2)
        return fma_flops_avx2;
#elif defined(__AARCH64EL__)
    if (cpu == NORMNET_CPU_NEON)
        return fma_flops_neon;
#endif
    (void)cpu;
    return fma_flops_portable;
}

static void run_round(struct benchmark *benchmark)
{
    for (int cpu = 0; cpu < CPUS; ++cpu)
        if (benchmark->tables[cpu] != NULL) {
            add_turn(&benchmark->peaks[cpu], fma_flops(cpu)(turn_seconds, false), turn_seconds);
            add_turn(&benchmark->load_peaks[cpu], fma_flops(cpu)(turn_seconds, true), turn_seconds);
        }
    for (int i = 0; i < benchmark->case_count; ++i)
        for (int cpu = 0; cpu < CPUS; ++cpu)
            if (benchmark->tables[cpu] != NULL)
                measure_kernel(&benchmark->cases[cpu][i], benchmark->tables[cpu], &benchmark->measurements[i][cpu]);
}

/* ---- Reporting ----------------------------------------------------------------------------------- */

static int compare_speeds(const void *a, const void *b)
{
    const double one = *(const double *)a, other = *(const double *)b;

    return one < other ? 1 : one > other ? -1 : 0;
}

/* Sorts the turns, the fastest first, and returns their median in units of 10^9. */
static double median(struct measurement *measurement)
{
    qsort(measurement->turns, (size_t)measurement->count, sizeof *measurement->turns, compare_speeds);
    return 1e-9 * measurement->turns[measurement->count / 2];
}

/* The speed that a tenth of the sorted turns reached, at least one. */
static double fastest_tenth(const struct measurement *measurement)
{
    return 1e-9 * measurement->turns[(measurement->count + 9) / 10 - 1];
}

static void print_row(const struct kernel_case *kernel, const char *cpu, struct measurement *measurement, double peak)
{
    const double speed = median(measurement);

    printf("%-22s %-32s %-8s %8.1f %8.1f %-7s", kernel->kernel, kernel->shape, cpu, speed, fastest_tenth(measurement),
           kernel->flops > 0 ? "GFLOP/s" : "GB/s");
    if (kernel->flops > 0)
        printf(" %7.0f%%", 100 * speed / peak);
    putchar('\n');
}

static void report(struct benchmark *benchmark)
{
    double peaks[CPUS] = {0};

    puts("peaks of multiply-adds in registers, and with one factor from the L1 cache, GFLOP/s:");
    for (int cpu = 0; cpu < CPUS; ++cpu)
        if (benchmark->tables[cpu] != NULL) {
            peaks[cpu] = median(&benchmark->peaks[cpu]);
            printf("  %-8s %8.1f %8.1f\n", benchmark->tables[cpu]->name, peaks[cpu],
                   median(&benchmark->load_peaks[cpu]));
        }
    printf("\n%-22s %-32s %-8s %8s %8s %16s\n", "kernel", "shape", "cpu", "median", "fastest", "of peak");
    for (int i = 0; i < benchmark->case_count; ++i)
        for (int cpu = 0; cpu < CPUS; ++cpu)
            if (benchmark->tables[cpu] != NULL)
                print_row(&benchmark->cases[cpu][i], benchmark->tables[cpu]->name, &benchmark->measurements[i][cpu],
                          peaks[cpu]);
}

/* ---- The arguments ------------------------------------------------------------------------------- */

static bool fail(const char *wrong, const char *value)
{
    fprintf(stderr, "test_kernels --bench: %s '%s'; try --help\n", wrong, value);
    return false;
}

static bool read_arguments(struct benchmark *benchmark, int count, char **arguments)
{
    benchmark->rounds = 20;
    benchmark->parts = arguments;
    for (int i = 0; i < count; ++i) {
        const char *argument = arguments[i];

        if (argument[0] != '-') {
            benchmark->parts[benchmark->part_count++] = arguments[i];
            continue;
        }
        if (strcmp(argument, "--cpu") != 0 && strcmp(argument, "--rounds") != 0)
            return fail("unknown option", argument);
        if (++i == count)
            return fail("no value for", argument);
        if (strcmp(argument, "--cpu") == 0) {
            benchmark->cpu = arguments[i];
        } else {
            benchmark->rounds = atoi(arguments[i]);
            if (benchmark->rounds < 1 || benchmark->rounds > MAX_ROUNDS)
                return fail("expected --rounds 1 to 1000, not", arguments[i]);
        }
    }
    return true;
}

static bool is_selected(const struct benchmark *benchmark, const char *kernel)
{
    for (int i = 0; i < benchmark->part_count; ++i)
        if (strstr(kernel, benchmark->parts[i]) != NULL)
            return true;
    return benchmark->part_count == 0;
}

static bool select_tables(struct benchmark *benchmark)
{
    bool any = false;

    for (int cpu = NORMNET_CPU_BEST + 1; cpu < CPUS; ++cpu) {
        const struct kernels *table = normnet__select_kernels(cpu);

        if (table != NULL && (benchmark->cpu == NULL || strcmp(benchmark->cpu, table->name) == 0)) {
            benchmark->tables[cpu] = table;
            any = true;
        }
    }
    return any || fail("this machine or build has no instruction set", benchmark->cpu);
}

/* The selected cases for one table; returns their number. */
static int select_table_cases(struct benchmark *benchmark, int cpu)
{
    struct kernel_case *cases = benchmark->cases[cpu];
    const int count = create_kernel_cases(cases, (int32_t)benchmark->tables[cpu]->group_lanes);
    int selected = 0;

    for (int i = 0; i < count; ++i)
        if (is_selected(benchmark, cases[i].kernel))
            cases[selected++] = cases[i];
        else
            destroy_kernel_case(&cases[i]);
    return selected;
}

static bool select_cases(struct benchmark *benchmark)
{
    for (int cpu = 0; cpu < CPUS; ++cpu)
        if (benchmark->tables[cpu] != NULL)
            benchmark->case_count = select_table_cases(benchmark, cpu);
    return benchmark->case_count > 0 || fail("no kernel has a name with", benchmark->parts[0]);
}

static void destroy_cases(struct benchmark *benchmark)
{
    for (int cpu = 0; cpu < CPUS; ++cpu)
        for (int i = 0; benchmark->tables[cpu] != NULL && i < benchmark->case_count; ++i)
            destroy_kernel_case(&benchmark->cases[cpu][i]);
}

int bench_kernels(int count, char **arguments)
{
    static struct benchmark benchmark; /* too large for the stack */

    for (int i = 0; i < count; ++i)
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)
            return fputs(help, stdout) < 0;
    if (!read_arguments(&benchmark, count, arguments) || !select_tables(&benchmark) || !select_cases(&benchmark))
        return 2;
    for (int round = 0; round < benchmark.rounds; ++round)
        run_round(&benchmark);
    report(&benchmark);
    destroy_cases(&benchmark);
    return 0;
}
