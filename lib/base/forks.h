/* SPDX-License-Identifier: MIT */
/* A process that has been forked has none of its parent's threads: what these were doing, nobody ends. */
#ifndef NORMNET_BASE_FORKS_H
#define NORMNET_BASE_FORKS_H

#include <stdatomic.h>
#include <stdbool.h>

/* The number of forks between this process and its ancestor that called this first, so that it changes in a child. */
int normnet__count_forks(void);

/*
 * For an object that several threads use. `seen` is what normnet__count_forks() was when it was made. True after a
 * fork, for one of the calls, which puts the object in order and then calls normnet__end_after_fork; the others wait
 * for it.
 */
static inline bool normnet__begin_after_fork(atomic_int *seen)
{
    const int now = normnet__count_forks();
    /* Negative, and of this process: a fork meanwhile has a child in which nobody puts the object in order. */
    const int being_ordered = -1 - now;

    for (;;) {
        int then = atomic_load(seen);

        if (then == now)
            return false;
        if (then != being_ordered && atomic_compare_exchange_strong(seen, &then, being_ordered))
            return true;
    }
}

static inline void normnet__end_after_fork(atomic_int *seen)
{
    atomic_store(seen, normnet__count_forks());
}

#endif
