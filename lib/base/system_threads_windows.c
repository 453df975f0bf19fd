/* SPDX-License-Identifier: MIT */
#include "base/system_threads.h"

#include <stdint.h>

/* A worker's frames have 16 KiB at most: the build warns of larger ones. */
enum { STACK_BYTES = 256 * 1024 };

static DWORD WINAPI run(void *argument)
{
    const struct thread_start *start = argument;

    start->main(start->context);
    return 0;
}

bool normnet__start_thread(system_thread *thread, const struct thread_start *start)
{
    *thread = CreateThread(NULL, STACK_BYTES, run, (void *)(uintptr_t)start, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    return *thread != NULL;
}

void normnet__join_thread(system_thread thread)
{
    (void)WaitForSingleObject(thread, INFINITE);
    (void)CloseHandle(thread);
}

void normnet__init_mutex(system_mutex *mutex)
{
    InitializeSRWLock(mutex);
}

void normnet__destroy_mutex(system_mutex *mutex)
{
    (void)mutex; /* nothing to destroy */
}

void normnet__lock(system_mutex *mutex)
{
    AcquireSRWLockExclusive(mutex);
}

void normnet__unlock(system_mutex *mutex)
{
    ReleaseSRWLockExclusive(mutex);
}

void normnet__init_condition(system_condition *condition)
{
    InitializeConditionVariable(condition);
}

void normnet__destroy_condition(system_condition *condition)
{
    (void)condition;
}

void normnet__wait(system_condition *condition, system_mutex *mutex)
{
    (void)SleepConditionVariableSRW(condition, mutex, INFINITE, 0);
}

void normnet__wake_all(system_condition *condition)
{
    WakeAllConditionVariable(condition);
}
