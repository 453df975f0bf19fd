/* SPDX-License-Identifier: MIT */
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE /* F_FULLFSYNC */
#else
#define _POSIX_C_SOURCE 200809L
#endif
#include "io/file.h"

#include "base/message.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What one call reads or writes at most: some systems refuse more than 2^31 - 1 bytes. */
enum { MOST_AT_ONCE = 1 << 30 };

/* In plain English whatever the locale, and without strerror, which threads may not share. */
static const char *reason(int error)
{
    switch (error) {
    case ENOENT:
        return "there is no such file or directory";
    case EACCES:
    case EPERM:
        return "permission denied";
    case EISDIR:
        return "it is a directory";
    case ENOTDIR:
        return "a part of the path is not a directory";
    case ENOSPC:
        return "no space is left on the device";
#ifdef EDQUOT
    case EDQUOT:
        return "the disk quota is used up";
#endif
    case EFBIG:
        return "the file would be larger than allowed";
    case EROFS:
        return "the file system is read-only";
    case EMFILE:
    case ENFILE:
        return "too many files are open";
    case ENAMETOOLONG:
        return "the name is too long";
    case ELOOP:
        return "too many symbolic links";
    case EIO:
        return "the device failed";
    default:
        return NULL;
    }
}

static normnet_status refuse(const char *what, const char *path, int error)
{
    const char *why = reason(error);

    if (why != NULL)
        return normnet__fail(NORMNET_EIO, "cannot %s '%.255s': %s", what, path, why);
    return normnet__fail(NORMNET_EIO, "cannot %s '%.255s': system error %d", what, path, error);
}

/* ---- Reading ------------------------------------------------------------------------------------- */

/* As many bytes as there are, up to `size`; -1 on an error. */
static int64_t read_all(int descriptor, unsigned char *bytes, int64_t size)
{
    int64_t done = 0;

    while (done < size) {
        const int64_t left = size - done;
        const ssize_t count = read(descriptor, bytes + done, left < MOST_AT_ONCE ? (size_t)left : MOST_AT_ONCE);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        if (count == 0)
            break;
        done += count;
    }
    return done;
}

/* `size` bytes and no more. */
static normnet_status read_exactly(int descriptor, const char *path, unsigned char *bytes, int64_t size)
{
    unsigned char more;
    const int64_t count = read_all(descriptor, bytes, size);
    const int64_t behind = count == size ? read_all(descriptor, &more, 1) : 0;

    if (count < 0 || behind < 0)
        return refuse("read", path, errno);
    if (count < size)
        return normnet__fail(NORMNET_ETRUNCATED, "'%.255s' shrank from %lld to %lld bytes while it was read", path,
                             (long long)size, (long long)count);
    if (behind > 0)
        return normnet__fail(NORMNET_EFORMAT, "'%.255s' grew while it was read", path);
    return NORMNET_OK;
}

static normnet_status read_descriptor(int descriptor, const char *path, int64_t limit,
                                      const struct normnet__allocator *allocator, unsigned char **bytes, int64_t *size)
{
    struct stat about;
    unsigned char *block = NULL;
    normnet_status status;

    if (fstat(descriptor, &about) != 0)
        return refuse("read", path, errno);
    if (!S_ISREG(about.st_mode))
        return normnet__fail(NORMNET_EIO, "cannot read '%.255s': it is not a regular file", path);
    if (limit > 0 && about.st_size > limit)
        return normnet__fail(NORMNET_ELIMIT, "'%.255s' has %lld bytes; config.memory_limit is %lld", path,
                             (long long)about.st_size, (long long)limit);
    if (about.st_size > 0) {
        block = allocator->allocate(allocator->user, about.st_size, NORMNET__ALIGNMENT);
        if (block == NULL)
            return normnet__fail(NORMNET_ENOMEM, "the allocator returned no block of %lld bytes",
                                 (long long)about.st_size);
    }
    status = read_exactly(descriptor, path, block, about.st_size);
    if (status != NORMNET_OK) {
        if (block != NULL)
            allocator->deallocate(allocator->user, block, about.st_size);
        return status;
    }
    *bytes = block;
    *size = about.st_size;
    return NORMNET_OK;
}

normnet_status normnet__read_file(const char *path, int64_t limit, const struct normnet__allocator *allocator,
                                  unsigned char **bytes, int64_t *size)
{
    /* Opening must not wait for the other end of a pipe. */
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    normnet_status status;

    if (descriptor < 0)
        return refuse("open", path, errno);
    status = read_descriptor(descriptor, path, limit, allocator, bytes, size);
    close(descriptor);
    return status;
}

/* ---- Replacing ----------------------------------------------------------------------------------- */

static bool write_all(int descriptor, const unsigned char *bytes, int64_t size)
{
    while (size > 0) {
        const ssize_t count = write(descriptor, bytes, size < MOST_AT_ONCE ? (size_t)size : MOST_AT_ONCE);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        bytes += count;
        size -= count;
    }
    return true;
}

static bool synchronize(int descriptor)
{
#ifdef F_FULLFSYNC
    if (fcntl(descriptor, F_FULLFSYNC) == 0)
        return true; /* fsync alone leaves the bytes in the drive's own memory */
#endif
    return fsync(descriptor) == 0;
}

/* The directory that holds the file, opened; where its own name begins. */
static int open_directory(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    char directory[4096];
    size_t length;

    *name = slash != NULL ? slash + 1 : path;
    if (slash == NULL)
        return open(".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
    length = slash > path ? (size_t)(slash - path) : 1; /* "/" itself */
    if (length >= sizeof directory) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(directory, path, length);
    directory[length] = '\0';
    return open(directory, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
}

enum { TEMPORARY_NAME = 64, MOST_TEMPORARIES = 1000 };

/* A new file under a name that nobody has. */
static int create_temporary(int directory, char name[TEMPORARY_NAME])
{
    for (int i = 0; i < MOST_TEMPORARIES; ++i) {
        int descriptor;

        snprintf(name, TEMPORARY_NAME, ".normnet-%lld-%d.tmp", (long long)getpid(), i);
        /* The system takes away what the process's umask says. */
        descriptor = openat(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (descriptor >= 0 || errno != EEXIST)
            return descriptor;
    }
    return -1;
}

/* The permissions of the file that is to be replaced, if there is one; false with errno if it is no regular file. */
static bool take_permissions(int directory, const char *name, int descriptor)
{
    struct stat about;

    if (fstatat(directory, name, &about, 0) != 0)
        return errno == ENOENT;
    if (!S_ISREG(about.st_mode)) {
        errno = S_ISDIR(about.st_mode) ? EISDIR : EACCES;
        return false;
    }
    return fchmod(descriptor, about.st_mode & 0777) == 0;
}

static bool fill_temporary(int directory, const char *name, int descriptor, const void *bytes, int64_t size)
{
    const bool written =
        take_permissions(directory, name, descriptor) && write_all(descriptor, bytes, size) && synchronize(descriptor);
    const int error = errno;

    if (close(descriptor) != 0 && written)
        return false;
    errno = error;
    return written;
}

normnet_status normnet__replace_file(const char *path, const void *bytes, int64_t size)
{
    const char *name;
    char temporary[TEMPORARY_NAME];
    const int directory = open_directory(path, &name);
    int descriptor;
    normnet_status status = NORMNET_OK;

    if (directory < 0)
        return refuse("write", path, errno);
    descriptor = create_temporary(directory, temporary);
    if (descriptor < 0) {
        status = refuse("write", path, errno);
    } else if (!fill_temporary(directory, name, descriptor, bytes, size) ||
               renameat(directory, temporary, directory, name) != 0) {
        status = refuse("write", path, errno);
        unlinkat(directory, temporary, 0);
    } else if (!synchronize(directory) && errno != EINVAL) { /* some file systems know no such thing */
        status = normnet__fail(NORMNET_EIO,
                               "'%.255s' has been written, but its directory entry may not have reached the disk: "
                               "system error %d",
                               path, errno);
    }
    close(directory);
    return status;
}
