/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <windows.h>

double normnet__seconds(void)
{
    LARGE_INTEGER ticks, per_second;

    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (double)ticks.QuadPart / (double)per_second.QuadPart;
}
