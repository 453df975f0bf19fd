/* SPDX-License-Identifier: MIT */
/* A process that has been forked has none of its parent's threads: what these were doing, nobody ends. */
#ifndef NORMNET_BASE_FORKS_H
#define NORMNET_BASE_FORKS_H

#include <stdatomic.h>
#include <stdbool.h>

/* The number of forks between this process and its ancestor that called this first, so that it changes in a child. */
int normnet__count_forks(void);

/* Negative, and of this process: a fork meanwhile has a child in which nobody puts the object in order. */
static inline int normnet__being_ordered(int forks)
{
    return -1 - forks;
}

/*
 * For an object that several threads use. `seen` is what normnet__count_forks() was when it was made. True after a
 * fork, for one of the calls, which puts the object in order and then calls normnet__end_after_fork; the others wait
 * for it.
 */
static inline bool normnet__begin_after_fork(atomic_int *seen)
{
    const int now = normnet__count_forks();
    int then = atomic_load(seen);

    while (then != now) {
        const int mine = normnet__being_ordered(now);

        if (then != mine && atomic_compare_exchange_strong(seen, &then, mine))
            return true;
        then = atomic_load(seen);
    }
    return false;
}

static inline void normnet__end_after_fork(atomic_int *seen)
{
    atomic_store(seen, normnet__count_forks());
}

#endif
