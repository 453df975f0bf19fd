/* SPDX-License-Identifier: MIT */
/*
 * What a program asks the system for, counted and refused on request: linked with the objects of the program and of the
 * library and ld's --wrap, their calls of malloc and of what allocates in libc arrive here, as does pthread_create. The
 * environment says which request fails:
 *
 *     SCARCE_AT      its number, from 1; 0 or nothing: none
 *     SCARCE_STICKY  if it is set, those after it fail, too
 *     SCARCE_COUNT   a file to which the number of all requests is written at the end
 */
#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE /* fopen64 */
#endif
#include "harness/refused_malloc.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__real_fopen64(const char *path, const char *mode);
FILE *__wrap_fopen64(const char *path, const char *mode);
FILE *__real_fdopen(int descriptor, const char *mode);
FILE *__wrap_fdopen(int descriptor, const char *mode);
DIR *__real_opendir(const char *path);
DIR *__wrap_opendir(const char *path);
char *__real_realpath(const char *path, char *resolved);
char *__wrap_realpath(const char *path, char *resolved);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument);

static long fail_at, sticky;
static atomic_long requests;

static void write_count(void)
{
    FILE *stream = __real_fopen(getenv("SCARCE_COUNT"), "w");

    if (stream == NULL)
        return;
    fprintf(stream, "%ld\n", requests);
    fclose(stream);
}

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("SCARCE_AT");

    fail_at = at != NULL ? strtol(at, NULL, 10) : 0;
    sticky = getenv("SCARCE_STICKY") != NULL;
    if (getenv("SCARCE_COUNT") != NULL)
        atexit(write_count);
}

static int refused(void)
{
    const long number = ++requests;

    if (fail_at == 0 || (number != fail_at && !(sticky && number > fail_at)))
        return 0;
    errno = ENOMEM;
    return 1;
}

void __wrap_free(void *block)
{
    __real_free(block);
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return refused() ? NULL : __real_fopen(path, mode);
}

FILE *__wrap_fopen64(const char *path, const char *mode)
{
    return refused() ? NULL : __real_fopen64(path, mode);
}

FILE *__wrap_fdopen(int descriptor, const char *mode)
{
    return refused() ? NULL : __real_fdopen(descriptor, mode);
}

DIR *__wrap_opendir(const char *path)
{
    return refused() ? NULL : __real_opendir(path);
}

char *__wrap_realpath(const char *path, char *resolved)
{
    return refused() ? NULL : __real_realpath(path, resolved);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    return refused() ? EAGAIN : __real_pthread_create(thread, attributes, start, argument);
}
