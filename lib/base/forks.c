/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L /* pthread_atfork */

#include "base/forks.h"

#include <pthread.h>

/* The library's only variables that all calls share. */
static atomic_int forks;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
    atomic_fetch_add(&forks, 1);
}

static void watch_forks(void)
{
    /* Fails for lack of memory only; then children must not use models of their parents with several threads. */
    (void)pthread_atfork(NULL, NULL, count_fork);
}

int normnet__count_forks(void)
{
    (void)pthread_once(&once, watch_forks);
    return atomic_load(&forks);
}
