/* SPDX-License-Identifier: MIT */
/*
 * The peak of multiply-adds of floats in one thread. fma_chains.c is compiled once per instruction set: with its flags,
 * with -ffp-contract=fast, and with NORMNET_ISA defined to its name.
 */
#ifndef NORMNET_BENCH_FMA_CHAINS_H
#define NORMNET_BENCH_FMA_CHAINS_H

#include <stdbool.h>

/* fma_flops_avx2 for avx2. */
#define FMA_FLOPS_JOIN(isa) fma_flops_##isa
#define FMA_FLOPS(isa) FMA_FLOPS_JOIN(isa)

/*
 * Floating-point operations per second, measured over `seconds`: of multiply-adds that stay in registers, or, if
 * `loads`, that each read one factor from the L1 cache. An instruction set without fused multiply-adds multiplies and
 * adds.
 */
typedef double fma_flops_function(double seconds, bool loads);

fma_flops_function fma_flops_portable, fma_flops_avx2, fma_flops_avx512, fma_flops_neon;

#endif
