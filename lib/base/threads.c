/* SPDX-License-Identifier: MIT */
#include "base/threads.h"

#ifdef _OPENMP
#include <omp.h>
#endif

void normnet__parallel(int32_t threads, int64_t count, normnet__range_work *work, void *context)
{
    if (threads > count)
        threads = (int32_t)count;
#ifdef _OPENMP
    if (threads > 1 && !omp_in_parallel()) {
#pragma omp parallel num_threads(threads)
        {
            /* The runtime may grant fewer threads than asked for. */
            const int64_t team = omp_get_num_threads(), thread = omp_get_thread_num();
            work(context, (int32_t)thread, count * thread / team, count * (thread + 1) / team);
        }
        return;
    }
#endif
    if (count > 0)
        work(context, 0, 0, count);
}
