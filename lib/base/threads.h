/* SPDX-License-Identifier: MIT */
/* Threads distribute ranges of independent work; what is computed never depends on how many there are. */
#ifndef NORMNET_BASE_THREADS_H
#define NORMNET_BASE_THREADS_H

#include <stdint.h>

/* Works on the items begin, ..., end - 1 as thread number `thread`, counted from 0. */
typedef void range_work(void *context, int32_t thread, int64_t begin, int64_t end);

/*
 * Cuts [0, count) into at most `threads` contiguous ranges, in thread order, and works on them at the
 * same time. Serial, as thread 0, without OpenMP, inside a parallel region of the host program,
 * and in a child forked after a parallel region.
 */
void normnet__parallel(int32_t threads, int64_t count, range_work *work, void *context);

#endif
