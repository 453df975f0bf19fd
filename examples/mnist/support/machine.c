/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* strict C11 hides POSIX */
#define _DARWIN_C_SOURCE
#endif

#include "support/machine.h"

#include "support/text.h"

#include <stdlib.h>
#include <time.h>

#if defined(_WIN32)
#include <process.h>
#include <windows.h>
#else
#include <unistd.h>
#endif

int64_t process_id(void)
{
#if defined(_WIN32)
    return _getpid();
#else
    return getpid();
#endif
}

int32_t core_count(void)
{
#if defined(_WIN32)
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    long cores = (long)system.dwNumberOfProcessors;
#else
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return cores < 1 ? 1 : cores > 1024 ? 1024 : (int32_t)cores;
}

double seconds_now(void)
{
#if defined(_WIN32)
    return (double)GetTickCount64() * 1e-3;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
#endif
}

char *cache_directory(void)
{
    const char *base;
#if defined(_WIN32)
    base = getenv("LOCALAPPDATA");
    return base && *base ? text_of("%s\\normnet\\mnist", base) : NULL;
#else
    /* The XDG specification says to ignore a path that is not absolute. */
    base = getenv("XDG_CACHE_HOME");
    if (base && *base == '/')
        return text_of("%s/normnet/mnist", base);
    base = getenv("HOME");
    return base && *base ? text_of("%s/.cache/normnet/mnist", base) : NULL;
#endif
}
