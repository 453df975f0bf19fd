/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L /* pthread_sigmask */

#include "base/system_threads.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

/* A worker's frames have 16 KiB at most (the build warns of larger ones), and sanitizers' twice that. */
enum { STACK_BYTES = 256 * 1024 };

static void *run(void *argument)
{
    const struct thread_start *start = argument;

    start->main(start->context);
    return NULL;
}

/* The system's default size if it takes no other: static thread-local storage, which is part of the stack, may not fit.
 */
static bool create_thread(pthread_t *thread, void *argument)
{
    pthread_attr_t attributes;
    bool created = false;

    if (pthread_attr_init(&attributes) == 0) {
        created = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
                  pthread_create(thread, &attributes, run, argument) == 0;
        (void)pthread_attr_destroy(&attributes);
    }
    return created || pthread_create(thread, NULL, run, argument) == 0;
}

bool normnet__start_thread(system_thread *thread, const struct thread_start *start)
{
    static const int faults[] = {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    sigset_t blocked, callers;
    bool created;

    /* A thread begins with the mask of the one that creates it. */
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; ++i)
        (void)sigdelset(&blocked, faults[i]);
    if (pthread_sigmask(SIG_BLOCK, &blocked, &callers) != 0)
        return false;
    created = create_thread(thread, (void *)(uintptr_t)start);
    (void)pthread_sigmask(SIG_SETMASK, &callers, NULL);
    return created;
}

void normnet__join_thread(system_thread thread)
{
    (void)pthread_join(thread, NULL);
}

/* None of the following fails for valid arguments and default attributes. */

void normnet__init_mutex(system_mutex *mutex)
{
    (void)pthread_mutex_init(mutex, NULL);
}

void normnet__destroy_mutex(system_mutex *mutex)
{
    (void)pthread_mutex_destroy(mutex);
}

void normnet__lock(system_mutex *mutex)
{
    (void)pthread_mutex_lock(mutex);
}

void normnet__unlock(system_mutex *mutex)
{
    (void)pthread_mutex_unlock(mutex);
}

void normnet__init_condition(system_condition *condition)
{
    (void)pthread_cond_init(condition, NULL);
}

void normnet__destroy_condition(system_condition *condition)
{
    (void)pthread_cond_destroy(condition);
}

void normnet__wait(system_condition *condition, system_mutex *mutex)
{
    (void)pthread_cond_wait(condition, mutex);
}

void normnet__wake_all(system_condition *condition)
{
    (void)pthread_cond_broadcast(condition);
}
