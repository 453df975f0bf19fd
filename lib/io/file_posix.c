/* SPDX-License-Identifier: MIT */
#if defined(__APPLE__)
#define _DARWIN_C_SOURCE /* F_FULLFSYNC */
#else
#define _POSIX_C_SOURCE 200809L
#endif
#include "io/file.h"

#include "base/message.h"
#include "io/source.h"

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

normnet_status normnet__refuse_file(const char *what, const char *path)
{
    const int error = errno;
    const char *why = reason(error);

    if (why != NULL)
        return normnet__fail(NORMNET_EIO, "cannot %s '%.255s': %s", what, path, why);
    return normnet__fail(NORMNET_EIO, "cannot %s '%.255s': system error %d", what, path, error);
}

/* ---- Reading ------------------------------------------------------------------------------------- */

int64_t normnet__read_source(const struct normnet__source *source, unsigned char *bytes, int64_t size)
{
    int64_t done = 0;

    while (done < size) {
        const int64_t left = size - done;
        const ssize_t count =
            read((int)source->handle, bytes + done, left < MOST_AT_ONCE ? (size_t)left : MOST_AT_ONCE);

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

normnet_status normnet__open_source(struct normnet__source *source, const char *path)
{
    /* Opening must not wait for the other end of a pipe. */
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat about;
    normnet_status status = NORMNET_OK;

    if (descriptor < 0)
        return normnet__refuse_file("open", path);
    if (fstat(descriptor, &about) != 0)
        status = normnet__refuse_file("read", path);
    else if (!S_ISREG(about.st_mode))
        status = normnet__fail(NORMNET_EIO, "cannot read '%.255s': it is not a regular file", path);
    *source = (struct normnet__source){descriptor, status == NORMNET_OK ? about.st_size : 0};
    if (status != NORMNET_OK)
        normnet__close_source(source);
    return status;
}

void normnet__close_source(const struct normnet__source *source)
{
    close((int)source->handle);
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
        return normnet__refuse_file("write", path);
    descriptor = create_temporary(directory, temporary);
    if (descriptor < 0) {
        status = normnet__refuse_file("write", path);
    } else if (!fill_temporary(directory, name, descriptor, bytes, size) ||
               renameat(directory, temporary, directory, name) != 0) {
        status = normnet__refuse_file("write", path);
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
