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

#if defined(_WIN32)
static void remember_signal(int number)
{
    int none = 0;

    atomic_compare_exchange_strong(&first_signal, &none, number);
}

static void catch_signal(int number)
{
    signal(number, remember_signal); /* the system removes the handler when it calls it */
}
#else
static void (*_Atomic clean_up)(void);

/* The handler is already removed: when it returns, the signal that it raises ends the process as it always would. */
static void end_process(int number)
{
    void (*function)(void) = atomic_load(&clean_up);

    if (function)
        function();
    raise(number);
}

static void set_end(int number)
{
    const struct sigaction action = {.sa_handler = end_process, .sa_flags = (int)SA_RESETHAND};

    sigaction(number, &action, NULL);
}

static void remember_signal(int number)
{
    int none = 0;

    atomic_compare_exchange_strong(&first_signal, &none, number);
    set_end(number);
}

static void catch_signal(int number)
{
    struct sigaction action = {.sa_handler = remember_signal, .sa_flags = SA_RESTART}, before;

    if (sigaction(number, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
        sigaction(number, &action, NULL);
}

void interrupt_clean_up(void (*function)(void))
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU, SIGPIPE, SIGQUIT};

    atomic_store(&clean_up, function);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; ++i) {
        struct sigaction before;

        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            set_end(signals[i]);
    }
}
#endif

void interrupt_catch(void)
{
    catch_signal(SIGINT);
    catch_signal(SIGTERM);
#if !defined(_WIN32)
    catch_signal(SIGHUP);
    catch_signal(SIGXCPU);
#endif
}

#if defined(_WIN32)
void interrupt_block(void)
{
}

void interrupt_unblock(void)
{
}
#else
static _Thread_local sigset_t unblocked;

void interrupt_block(void)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &unblocked);
}

void interrupt_unblock(void)
{
    pthread_sigmask(SIG_SETMASK, &unblocked, NULL);
}
#endif

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
