/* SPDX-License-Identifier: MIT */
/*
 * The state of the process and of the thread that a call of the library could change by mistake. POSIX only, with
 * _GNU_SOURCE defined.
 *
 *     struct host host = {0};
 *     KEEPS(&host, normnet_train_step(model, &images, &labels, NULL) == NORMNET_OK);
 *
 * checks the condition, and that everything of `host_parts` is afterwards what it was before.
 */
#ifndef HOST_STATE_H
#define HOST_STATE_H

#include "harness/process.h"
#include "harness/twins.h"

#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#define HAS_MXCSR 1
#else
#define HAS_MXCSR 0
#endif

extern char **environ;

static inline uint64_t host_errno(void)
{
    return (uint64_t)errno;
}

static inline uint64_t host_rounding(void)
{
    return (uint64_t)fegetround();
}

static inline uint64_t host_traps(void)
{
#if defined(__GLIBC__)
    return (uint64_t)fegetexcept();
#else
    return 0;
#endif
}

static inline uint64_t host_exception_flags(void)
{
    return (uint64_t)fetestexcept(FE_ALL_EXCEPT);
}

/* Also whether denormal numbers are flushed. */
static inline uint64_t host_control_register(void)
{
#if HAS_MXCSR && defined(__SSE__)
    return _mm_getcsr();
#else
    return 0;
#endif
}

static inline uint64_t host_locale(void)
{
    const char *name = setlocale(LC_ALL, NULL);

    return hash_bytes(1, name, strlen(name));
}

static inline uint64_t host_environment(void)
{
    uint64_t hash = 1;

    for (char **variable = environ; *variable != NULL; ++variable)
        hash = hash_bytes(hash_bytes(hash, variable, sizeof *variable), *variable, strlen(*variable));
    return hash;
}

static inline uint64_t host_signal_handlers(void)
{
    uint64_t hash = 1;

    for (int number = 1; number < 65; ++number) {
        struct sigaction action;

        memset(&action, 0, sizeof action);
        if (sigaction(number, NULL, &action) == 0) {
            hash = hash_bytes(hash, &action.sa_handler, sizeof action.sa_handler);
            hash = hash_bytes(hash, &action.sa_flags, sizeof action.sa_flags);
        }
    }
    return hash;
}

static inline uint64_t host_blocked_signals(void)
{
    sigset_t blocked;
    uint64_t hash = 1;

    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    for (int number = 1; number < 65; ++number)
        hash = 2 * hash + (uint64_t)sigismember(&blocked, number);
    return hash;
}

static inline uint64_t host_signal_stack(void)
{
    stack_t stack;

    memset(&stack, 0, sizeof stack);
    sigaltstack(NULL, &stack);
    return hash_bytes(hash_bytes(1, &stack.ss_sp, sizeof stack.ss_sp), &stack.ss_flags, sizeof stack.ss_flags);
}

/* Which are open, how, and where they are in their file. */
static inline uint64_t host_descriptors(void)
{
    uint64_t hash = 1;

    for (int number = 0; number < 64; ++number) {
        const int flags[] = {fcntl(number, F_GETFD), fcntl(number, F_GETFL)};
        const off_t place = lseek(number, 0, SEEK_CUR);

        hash = hash_bytes(hash_bytes(hash, flags, sizeof flags), &place, sizeof place);
    }
    return hash;
}

static inline uint64_t host_working_directory(void)
{
    char path[4096];

    return getcwd(path, sizeof path) == NULL ? 0 : hash_bytes(1, path, strlen(path));
}

static inline uint64_t host_file_mode(void)
{
    const mode_t mask = umask(0);

    umask(mask);
    return (uint64_t)mask;
}

static inline uint64_t host_limits(void)
{
    struct rlimit limits[6];

    memset(limits, 0, sizeof limits);
    getrlimit(RLIMIT_AS, &limits[0]);
    getrlimit(RLIMIT_CORE, &limits[1]);
    getrlimit(RLIMIT_CPU, &limits[2]);
    getrlimit(RLIMIT_FSIZE, &limits[3]);
    getrlimit(RLIMIT_NOFILE, &limits[4]);
    getrlimit(RLIMIT_STACK, &limits[5]);
    return hash_bytes(1, limits, sizeof limits);
}

/* The processors that the thread may run on, and its priority. */
static inline uint64_t host_scheduling(void)
{
    uint64_t hash = (uint64_t)getpriority(PRIO_PROCESS, 0);
#if defined(__linux__)
    cpu_set_t processors;

    memset(&processors, 0, sizeof processors);
    sched_getaffinity(0, sizeof processors, &processors);
    hash = hash_bytes(hash, &processors, sizeof processors);
#endif
    return hash;
}

/* errno first, before reading another part changes it. */
static const struct {
    const char *name;
    uint64_t (*read)(void);
} host_parts[] = {
    {"errno", host_errno},
    {"the rounding mode", host_rounding},
    {"the floating-point traps", host_traps},
    {"the floating-point exception flags", host_exception_flags},
    {"the floating-point control register", host_control_register},
    {"the locale", host_locale},
    {"the environment", host_environment},
    {"the signal handlers", host_signal_handlers},
    {"the blocked signals", host_blocked_signals},
    {"the stack for signals", host_signal_stack},
    {"the open files", host_descriptors},
    {"the working directory", host_working_directory},
    {"the mode of new files", host_file_mode},
    {"the limits of resources", host_limits},
    {"the scheduling", host_scheduling},
};

enum { HOST_PARTS = CHECK_COUNT(host_parts), HOST_ERRNO = 12345, HOST_MAX_CALLS = 256 };

struct host {
    uint64_t before[HOST_PARTS];
    int threads;                        /* before the call */
    int started;                        /* by the next call, which the test announces; negative if it ends some */
    int counts_threads;                 /* 0 where threads are those of a runtime */
    const char *called[HOST_MAX_CALLS]; /* the expressions of the calls so far */
    int calls;
};

static inline void host_begin(struct host *host)
{
    host->threads = count_threads();
    errno = HOST_ERRNO;
    for (int i = 0; i < HOST_PARTS; ++i) {
        host->before[i] = host_parts[i].read();
        errno = HOST_ERRNO;
    }
}

static inline void host_end(const char *file, int line, const char *expression, struct host *host, int keeps_errno,
                            int condition)
{
    uint64_t after[HOST_PARTS];

    for (int i = 0; i < HOST_PARTS; ++i)
        after[i] = host_parts[i].read();
    if (!condition)
        check_fail(file, line, "not so: %s; the message is \"%s\"", expression, normnet_error_message());
    for (int i = keeps_errno ? 0 : 1; i < HOST_PARTS; ++i)
        if (after[i] != host->before[i])
            check_fail(file, line, "%s changes %s", expression, host_parts[i].name);
    if (host->counts_threads && host->threads > 0) {
        const int expected = host->threads + host->started, threads = count_threads_after(expected);

        if (threads != expected)
            check_fail(file, line, "%s: %d threads became %d; expected %d", expression, host->threads, threads,
                       expected);
    }
    host->started = 0;
    if (host->calls < HOST_MAX_CALLS)
        host->called[host->calls++] = expression;
}

/* The condition, which contains one call, holds, and the host is as it was. */
#define KEEPS(host, condition)                                                                                         \
    (host_begin(host), host_end(__FILE__, __LINE__, #condition, (host), /* keeps_errno */ 1, (condition)))

/* The same for a call that fails, which may set errno. */
#define KEEPS_BUT_ERRNO(host, condition)                                                                               \
    (host_begin(host), host_end(__FILE__, __LINE__, #condition, (host), /* keeps_errno */ 0, (condition)))

#endif
