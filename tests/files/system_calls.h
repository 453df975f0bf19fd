/* SPDX-License-Identifier: MIT */
/*
 * The calls that save and read a file, in place of the system's: the linker replaces them (--wrap). Each call is an
 * event; a test decides what happens at which event. Included by one source of a program, with FOLDER as the name of a
 * directory that it may fill.
 */
#ifndef SYSTEM_CALLS_H
#define SYSTEM_CALLS_H

#if !defined(__APPLE__)
#define _GNU_SOURCE
#endif
#include "harness/allocator.h"
#include "harness/check_normnet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Before the system ------------------------------------------------------------------------ */

static struct {
    int on, events;
    int kill_at;             /* the process ends before this event */
    int fail_at, error;      /* this event fails with errno == error */
    int taken;               /* there are files of all names that are tried for new ones */
    int interrupt;           /* every other call is interrupted by a signal */
    int64_t most;            /* bytes that a read or write moves at once; 0 = all */
    int64_t room;            /* bytes after which writes write nothing; 0 = any number */
    int64_t after;           /* bytes that reads find after the file, or that are missing from it if negative */
    const char *last_failed; /* the name of the call that failed */
    mode_t created;          /* the mode of the last file that openat created */
    char order[256];         /* the names of the events, each once where it repeats */
    const char *last;        /* of these */
    int64_t synchronized;    /* bytes that the file had when it was brought to the disk */
} system_calls;

static inline void keep_order(const char *name)
{
    const size_t length = strlen(system_calls.order);

    if (system_calls.last == NULL || strcmp(system_calls.last, name) != 0)
        snprintf(system_calls.order + length, sizeof system_calls.order - length, "%s%s", length > 0 ? ", " : "", name);
    system_calls.last = name;
}

/* Whether this call is to fail. */
static inline int event(const char *name)
{
    if (!system_calls.on)
        return 0;
    keep_order(name);
    system_calls.events += 1;
    if (system_calls.events == system_calls.kill_at)
        kill(getpid(), SIGKILL);
    if (system_calls.events != system_calls.fail_at)
        return 0;
    system_calls.last_failed = name;
    errno = system_calls.error;
    return 1;
}

static inline int interrupted(void)
{
    static int calls;

    if (!system_calls.on || !system_calls.interrupt || ++calls % 2 == 0)
        return 0;
    errno = EINTR;
    return 1;
}

static inline size_t at_once(size_t count)
{
    return system_calls.on && system_calls.most > 0 && (int64_t)count > system_calls.most ? (size_t)system_calls.most
                                                                                          : count;
}

int __real_openat(int directory, const char *path, int flags, ...);

int __wrap_openat(int directory, const char *path, int flags, ...);

int __real_openat64(int directory, const char *path, int flags, ...);

int __wrap_openat64(int directory, const char *path, int flags, ...);

int __real_fstat(int descriptor, struct stat *about);

int __wrap_fstat(int descriptor, struct stat *about);

int __real_fstat64(int descriptor, struct stat *about);

int __wrap_fstat64(int descriptor, struct stat *about);

ssize_t __real_read(int descriptor, void *bytes, size_t count);

ssize_t __wrap_read(int descriptor, void *bytes, size_t count);

ssize_t __real_write(int descriptor, const void *bytes, size_t count);

ssize_t __wrap_write(int descriptor, const void *bytes, size_t count);

int __real_fsync(int descriptor);

int __wrap_fsync(int descriptor);

int __real_fchmod(int descriptor, mode_t mode);

int __wrap_fchmod(int descriptor, mode_t mode);

int __real_close(int descriptor);

int __wrap_close(int descriptor);

int __real_renameat(int from_directory, const char *from, int to_directory, const char *to);

int __wrap_renameat(int from_directory, const char *from, int to_directory, const char *to);

int __real_unlinkat(int directory, const char *path, int flags);

int __wrap_unlinkat(int directory, const char *path, int flags);

static inline int open_with(int (*open_in)(int directory, const char *path, int flags, ...), int directory,
                            const char *path, int flags, mode_t mode)
{
    if (interrupted() || event("openat"))
        return -1;
    if (system_calls.on && system_calls.taken && (flags & O_EXCL)) {
        errno = EEXIST;
        return -1;
    }
    if (flags & O_CREAT)
        system_calls.created = mode;
    return open_in(directory, path, flags, mode);
}

/* The library passes a mode with every call. */
int __wrap_openat(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return open_with(__real_openat, directory, path, flags, mode);
}

int __wrap_openat64(int directory, const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
    return open_with(__real_openat64, directory, path, flags, mode);
}

int __wrap_fstat(int descriptor, struct stat *about)
{
    return event("fstat") ? -1 : __real_fstat(descriptor, about);
}

int __wrap_fstat64(int descriptor, struct stat *about)
{
    return event("fstat") ? -1 : __real_fstat64(descriptor, about);
}

ssize_t __wrap_read(int descriptor, void *bytes, size_t count)
{
    ssize_t done;

    if (interrupted() || event("read"))
        return -1;
    done = __real_read(descriptor, bytes, at_once(count));
    if (system_calls.on && system_calls.after < 0 && done > 0) { /* the file has shrunk */
        system_calls.after += 1;
        return done - 1;
    }
    if (system_calls.on && system_calls.after > 0 && done == 0 && count > 0) { /* it has grown */
        system_calls.after -= 1;
        *(char *)bytes = 'x';
        return 1;
    }
    return done;
}

ssize_t __wrap_write(int descriptor, const void *bytes, size_t count)
{
    ssize_t done;

    if (interrupted() || event("write"))
        return -1;
    if (system_calls.on && system_calls.room < 0)
        return 0;
    done = __real_write(descriptor, bytes, at_once(count));
    if (system_calls.on && system_calls.room > 0)
        system_calls.room = system_calls.room > done ? system_calls.room - done : -1;
    return done;
}

int __wrap_fsync(int descriptor)
{
    struct stat about;
    const int on = system_calls.on;
    int is_file;

    system_calls.on = 0; /* this call is the test's */
    is_file = fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode);
    system_calls.on = on;
    if (interrupted() || event(is_file ? "fsync of the file" : "fsync of the directory"))
        return -1;
    if (is_file)
        system_calls.synchronized = about.st_size;
    return __real_fsync(descriptor);
}

int __wrap_fchmod(int descriptor, mode_t mode)
{
    return interrupted() || event("fchmod") ? -1 : __real_fchmod(descriptor, mode);
}

/* A close that fails has closed all the same. */
int __wrap_close(int descriptor)
{
    const int fails = event("close");
    const int result = __real_close(descriptor);

    if (fails)
        errno = system_calls.error;
    return fails || interrupted() ? -1 : result;
}

int __wrap_renameat(int from_directory, const char *from, int to_directory, const char *to)
{
    return event("renameat") ? -1 : __real_renameat(from_directory, from, to_directory, to);
}

int __wrap_unlinkat(int directory, const char *path, int flags)
{
    return event("unlinkat") ? -1 : __real_unlinkat(directory, path, flags);
}

static inline void calls_on(void)
{
    memset(&system_calls, 0, sizeof system_calls);
    system_calls.on = 1;
}

static inline void calls_off(void)
{
    system_calls.on = 0;
}

/* ---- Models and folders ----------------------------------------------------------------------- */

static const char folder[] = FOLDER, path[] = FOLDER "/model";

/* The n-th of some models that differ. */
static inline normnet_model *draw_model(int64_t n)
{
    normnet_config config;

    CHECK_OK(normnet_config_init(&config, NORMNET_NORM_BATCH));
    config.architecture = "conv3-4 norm relu gap conv1-3";
    config.height = config.width = 6;
    config.classes = 3;
    config.seed = n;
    return CHECK_CREATE(&config);
}

/* The seed of the model in the file, or -1 and a failure. */
static inline int64_t seed_in_file(void)
{
    normnet_config config = {.struct_size = sizeof config};
    normnet_model *model = NULL;

    if (!CHECK_OK(normnet_model_load(&model, path, NULL)) || !CHECK_OK(normnet_model_config(model, &config)))
        config.seed = -1;
    normnet_model_destroy(model);
    return config.seed;
}

static inline int files_in_folder(void)
{
    DIR *directory = opendir(folder);
    int count = 0;
    const struct dirent *entry;

    if (directory == NULL)
        return -1;
    while ((entry = readdir(directory)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

static inline void empty_folder(void)
{
    DIR *directory;
    const struct dirent *entry;

    mkdir(folder, 0777);
    directory = opendir(folder);
    while ((entry = readdir(directory)) != NULL) {
        char name[512];

        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        if (entry->d_name[0] != '.' || entry->d_name[1] == 'n') /* ours among the hidden ones */
            remove(name);
    }
    closedir(directory);
}

/* Files, folders and pipes that this process has open. */
static inline int open_descriptors(void)
{
    int count = 0;

    for (int descriptor = 0; descriptor < 256; ++descriptor)
        count += fcntl(descriptor, F_GETFD) >= 0;
    return count;
}

/* ---- All of them ------------------------------------------------------------------------------ */

struct saving_case {
    const char *name;
    void (*function)(const void *argument);
    const void *argument;
};

/* No descriptor is left open, whether the case passes or fails. */
static inline void leaves_nothing_open(const void *argument)
{
    const struct saving_case *want = argument;
    const int before = open_descriptors();

    want->function(want->argument);
    CHECK_EQUAL(open_descriptors(), before);
}

#endif
