/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include "fma_chains.h"

#if defined(__AVX512F__)
enum { VECTOR_BYTES = 64 };
#elif defined(__AVX2__)
enum { VECTOR_BYTES = 32 };
#else
enum { VECTOR_BYTES = 16 };
#endif

/* A multiply-add waits for the one before it in its chain: enough chains to keep the units busy, all in registers. */
#if defined(__aarch64__)
#define CHAINS 20
#else
#define CHAINS 12
#endif

/* Unrolled, so that the chains can live in registers. clang unrolls without a pragma. */
#define EACH_CHAIN(index) _Pragma("GCC unroll 32") for (int index = 0; index < CHAINS; ++index)

enum { LANES = VECTOR_BYTES / sizeof(float), PASSES = 20000 };

typedef float vector __attribute__((vector_size(VECTOR_BYTES)));

/* Volatile, so that the compiler can neither compute the chains itself nor leave them out. */
static volatile float factor = 0.5f, addend = 0.5f, sink;

/* Makes the compiler read `memory` again. */
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

double FMA_FLOPS(NORMNET_ISA)(double seconds, bool loads)
{
    const double start = now();
    double elapsed = 0, calls = 0;

    for (; elapsed < seconds; elapsed = now() - start, ++calls)
        run_chains(loads);
    return calls * PASSES * CHAINS * LANES * 2 / elapsed;
}
