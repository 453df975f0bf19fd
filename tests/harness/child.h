/* SPDX-License-Identifier: MIT */
/* Part of a case in a child process, because it may end the process or hang. POSIX only, with _GNU_SOURCE defined. */
#ifndef CHILD_H
#define CHILD_H

#include "check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `use` in a child, and returns what it does, 0 to 255. A child that hangs is killed, which is a failure. */
static inline int result_of_child(int (*use)(void *context), void *context)
{
    pid_t child;
    int result = 0;

    fflush(NULL);
    child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        alarm(CHECK_HANG);
        _exit(use(context));
    }
    CHECK(child > 0 && waitpid(child, &result, 0) == child);
    if (WIFSIGNALED(result))
        CHECK_FAIL("the child ended with signal %d (%s)", WTERMSIG(result), strsignal(WTERMSIG(result)));
    return WIFSIGNALED(result) ? -1 : WEXITSTATUS(result);
}

/* The same where 0 means that all is well. */
static inline void in_child(int (*use)(void *context), void *context)
{
    const int result = result_of_child(use, context);

    if (result > 0)
        CHECK_FAIL("the child ended with %d, expected 0", result);
}

#endif
