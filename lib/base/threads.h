/* SPDX-License-Identifier: MIT */
/* Independent work, distributed over threads. Results never depend on the number of threads. */
#ifndef NORMNET_BASE_THREADS_H
#define NORMNET_BASE_THREADS_H

#include <stdint.h>

/* Works on the items begin, ..., end - 1. Threads are numbered from 0. */
typedef void range_work(void *context, int32_t thread, int64_t begin, int64_t end);

/*
 * Cuts [0, count) into up to `threads` contiguous ranges, in the order of the threads, and calls `work` for all of them
 * in parallel. It calls `work` once, as thread 0, if the library has been built without OpenMP, inside a parallel
 * region of the host program, and in a child process forked after a parallel region.
 */
void normnet__parallel(int32_t threads, int64_t count, range_work *work, void *context);

#endif
