/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _XOPEN_SOURCE 700 /* strict C11 hides sigaction and SIGXCPU */
#endif

#include "support/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

/* Atomic, because the handler may run in any thread of the process. */
static atomic_int first_signal;

static void remember_signal(int number)
{
    int none = 0;

    atomic_compare_exchange_strong(&first_signal, &none, number);
}

static void catch_signal(int number)
{
#if defined(_WIN32)
    signal(number, remember_signal); /* the system removes the handler when it calls it */
#else
    struct sigaction action = {.sa_handler = remember_signal, .sa_flags = (int)(SA_RESTART | SA_RESETHAND)}, before;

    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
#endif
}

void interrupt_catch(void)
{
    catch_signal(SIGINT);
    catch_signal(SIGTERM);
#if !defined(_WIN32)
    catch_signal(SIGHUP);
    catch_signal(SIGXCPU);
#endif
}

void interrupt_ignore_pipe(void)
{
#if !defined(_WIN32)
    signal(SIGPIPE, SIG_IGN);
#endif
}

void interrupt_ignore_size_limit(void)
{
#if !defined(_WIN32)
    signal(SIGXFSZ, SIG_IGN);
#endif
}

int interrupt_signal(void)
{
    return atomic_load(&first_signal);
}

int interrupt_exit_code(void)
{
    const int number = interrupt_signal();

    return number ? 128 + number : 0;
}
