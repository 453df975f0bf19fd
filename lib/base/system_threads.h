/* SPDX-License-Identifier: MIT */
/* Threads of the operating system: POSIX's, or those of Windows. */
#ifndef NORMNET_BASE_SYSTEM_THREADS_H
#define NORMNET_BASE_SYSTEM_THREADS_H

#include <stdbool.h>

#if defined(_WIN32)
#include <windows.h>
typedef HANDLE system_thread;
typedef SRWLOCK system_mutex;
typedef CONDITION_VARIABLE system_condition;
#else
#include <pthread.h>
typedef pthread_t system_thread;
typedef pthread_mutex_t system_mutex;
typedef pthread_cond_t system_condition;
#endif

/* What a thread runs; it must exist as long as the thread. */
struct thread_start {
    void (*main)(void *context);
    void *context;
};

/*
 * False if the system has no thread to give. The thread handles no signals but those of its own faults, so that the
 * program's handlers run in the program's own threads.
 */
bool normnet__start_thread(system_thread *thread, const struct thread_start *start);
void normnet__join_thread(system_thread thread);

void normnet__init_mutex(system_mutex *mutex);
void normnet__destroy_mutex(system_mutex *mutex);
void normnet__lock(system_mutex *mutex);
void normnet__unlock(system_mutex *mutex);

void normnet__init_condition(system_condition *condition);
void normnet__destroy_condition(system_condition *condition);
/* With the mutex locked, which it is again on return. May return without having been woken. */
void normnet__wait(system_condition *condition, system_mutex *mutex);
void normnet__wake_all(system_condition *condition);

#endif
