/* SPDX-License-Identifier: MIT */
/* The monotonic clock of the system, in seconds. Include it first: strict C11 hides the clock of POSIX. */
#ifndef NORMNET_BENCH_CLOCK_H
#define NORMNET_BENCH_CLOCK_H

#if defined(_WIN32)
#include <windows.h>

static inline double now(void)
{
    LARGE_INTEGER ticks, per_second;

    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (double)ticks.QuadPart / (double)per_second.QuadPart;
}
#else
#define _POSIX_C_SOURCE 200809L
#include <time.h>

static inline double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}
#endif

#endif
