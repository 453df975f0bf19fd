/* SPDX-License-Identifier: MIT */
/*
 * What the processor can do at best: multiply-adds of floats that stay in registers, on several threads at once, and
 * what is left of it if each multiply-add reads one of its factors from the first-level cache.
 *
 *     cc -O3 -ffp-contract=fast -mavx2 -mfma -DVECTOR_BYTES=32 -DCHAINS=12 -pthread fma_peak.c -o fma_peak
 *     ./fma_peak 2 0.5
 *
 * prints both in GFLOP/s, of two threads, each over half a second.
 */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef VECTOR_BYTES
#define VECTOR_BYTES 16
#endif
#ifndef CHAINS
#define CHAINS 12 /* a multiply-add waits for the one before it in its chain: enough to keep the units busy */
#endif

/* Unrolled, so that the chains can live in registers; clang unrolls of its own accord. */
#define EACH_CHAIN(index) _Pragma("GCC unroll 32") for (int index = 0; index < CHAINS; ++index)

enum { LANES = VECTOR_BYTES / sizeof(float), PASSES = 20000, MAX_THREADS = 1024 };

typedef float vector __attribute__((vector_size(VECTOR_BYTES)));

/* Volatile, so that the compiler can neither compute the chains itself nor leave them out. */
static volatile float factor = 0.5f, addend = 0.5f, sink;

struct worker {
    pthread_t thread;
    bool loads;
    double seconds;
    double flops_per_second;
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Makes the compiler read `memory` anew. */
static void may_change(const void *memory)
{
    __asm__ volatile("" : : "r"(memory) : "memory");
}

static void run_chains(bool loads)
{
    const vector multiplier = (vector){0} + factor, summand = (vector){0} + addend;
    vector chain[CHAINS], multipliers[CHAINS], sum = {0};

    EACH_CHAIN (i)
        chain[i] = multipliers[i] = multiplier + (float)i / CHAINS;
    for (int pass = 0; pass < PASSES; ++pass) {
        if (loads)
            may_change(multipliers);
        EACH_CHAIN (i)
            chain[i] = chain[i] * (loads ? multipliers[i] : multiplier) + summand;
    }
    EACH_CHAIN (i)
        sum += chain[i];
    sink = sum[0];
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    const double start = now();
    double elapsed = 0, calls = 0;

    for (; elapsed < worker->seconds; elapsed = now() - start, ++calls)
        run_chains(worker->loads);
    worker->flops_per_second = calls * PASSES * CHAINS * LANES * 2 / elapsed;
    return NULL;
}

/* GFLOP/s of all threads, or 0 where one could not be started. */
static double measure(int threads, double seconds, bool loads)
{
    static struct worker workers[MAX_THREADS];
    double sum = 0;
    int started = 0;

    for (; started < threads; ++started) {
        workers[started] = (struct worker){.loads = loads, .seconds = seconds};
        if (pthread_create(&workers[started].thread, NULL, work, &workers[started]) != 0)
            break;
    }
    for (int i = 0; i < started; ++i) {
        pthread_join(workers[i].thread, NULL);
        sum += workers[i].flops_per_second;
    }
    return started == threads ? 1e-9 * sum : 0;
}

int main(int count, char **arguments)
{
    const int threads = count == 3 ? atoi(arguments[1]) : 0;
    const double seconds = count == 3 ? atof(arguments[2]) : 0;

    if (threads < 1 || threads > MAX_THREADS || !(seconds > 0))
        return fputs("usage: fma_peak THREADS SECONDS\n", stderr), 2;
    for (int loads = 0; loads < 2; ++loads) {
        const double peak = measure(threads, seconds, loads);

        if (!(peak > 0))
            return perror("fma_peak"), 1;
        printf("%.3f\n", peak);
    }
    return 0;
}
