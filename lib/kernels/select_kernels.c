/* SPDX-License-Identifier: MIT */
#include "kernels/kernels.h"

#include "normnet.h"

#include <stdbool.h>
#include <stddef.h>

#if defined(__x86_64__)
/* The compiler's run-time library also checks with XGETBV that the operating system saves the wide registers. */
static bool has_avx2(void)
{
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
#endif

const struct kernels *normnet__select_kernels(int32_t cpu)
{
#if defined(__x86_64__)
    if ((cpu == NORMNET_CPU_AVX512 || cpu == NORMNET_CPU_BEST) && has_avx512())
        return &normnet__kernels_avx512;
    if ((cpu == NORMNET_CPU_AVX2 || cpu == NORMNET_CPU_BEST) && has_avx2())
        return &normnet__kernels_avx2;
#elif defined(__AARCH64EL__)
    if (cpu == NORMNET_CPU_NEON || cpu == NORMNET_CPU_BEST) /* every AArch64 processor has it */
        return &normnet__kernels_neon;
#endif
    if (cpu == NORMNET_CPU_PORTABLE || cpu == NORMNET_CPU_BEST)
        return &normnet__kernels_portable;
    return NULL;
}
