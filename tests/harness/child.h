/* SPDX-License-Identifier: MIT */
/* Part of a case in a child process, because it may end the process or hang. POSIX only, with _GNU_SOURCE defined. */
#ifndef CHILD_H
#define CHILD_H

#include "check.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `use` in a child; what it returns is 0 if all is well. A child that hangs is killed. */
static inline void in_child(int (*use)(void *context), void *context)
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
    else
        CHECK_EQUAL(WEXITSTATUS(result), 0);
}

#endif
