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
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The maximum for one call: some systems refuse more than 2^31 - 1 bytes. */
enum { MAX_BYTES_PER_CALL = 1 << 30 };

/* In English in every locale. strerror is not thread-safe. */
static const char *reason(int error, char other[32])
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
    case EEXIST:
        return "all names that were tried for its temporary file are in use";
    default:
        snprintf(other, 32, "system error %d", error);
        return other;
    }
}

/*
 * A signal that the host program handles may interrupt any call that waits for a device. Such a call is repeated,
 * except close: the descriptor may be closed already.
 */
static int open_at(int directory, const char *path, int flags, mode_t mode)
{
    int descriptor;

    do
        descriptor = openat(directory, path, flags | O_CLOEXEC | O_NOCTTY, mode);
    while (descriptor < 0 && errno == EINTR);
    return descriptor;
}

static bool close_file(int descriptor)
{
    return close(descriptor) == 0 || errno == EINTR;
}

normnet_status normnet__reject_file(const char *what, const char *path)
{
    char other[32];

    return normnet__fail(NORMNET_EIO, "cannot %s '%.255s': %s", what, path, reason(errno, other));
}

/* ---- Reading ------------------------------------------------------------------------------------- */

int64_t normnet__read_source(const struct source *source, unsigned char *bytes, int64_t size)
{
    int64_t done = 0;

    while (done < size) {
        const int64_t left = size - done;
        const ssize_t count =
            read((int)source->handle, bytes + done, left < MAX_BYTES_PER_CALL ? (size_t)left : MAX_BYTES_PER_CALL);

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

normnet_status normnet__open_source(struct source *source, const char *path)
{
    /* O_NONBLOCK: do not wait for the other end of a pipe. */
    const int descriptor = open_at(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, 0);
    struct stat about;
    normnet_status status = NORMNET_OK;

    if (descriptor < 0)
        return normnet__reject_file("open", path);
    if (fstat(descriptor, &about) != 0)
        status = normnet__reject_file("read", path);
    else if (!S_ISREG(about.st_mode))
        status = normnet__fail(NORMNET_EIO, "cannot read '%.255s': it is not a regular file", path);
    *source = (struct source){descriptor, status == NORMNET_OK ? about.st_size : 0};
    if (status != NORMNET_OK)
        normnet__close_source(source);
    return status;
}

void normnet__close_source(const struct source *source)
{
    close((int)source->handle);
}

/* ---- Replacing ----------------------------------------------------------------------------------- */

static bool write_all(int descriptor, const unsigned char *bytes, int64_t size)
{
    while (size > 0) {
        const ssize_t count = write(descriptor, bytes, size < MAX_BYTES_PER_CALL ? (size_t)size : MAX_BYTES_PER_CALL);

        if (count < 0 && errno == EINTR)
            continue;
        if (count == 0)
            errno = ENOSPC; /* a file system that takes nothing and does not say why: never wait for it */
        if (count <= 0)
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
        return true; /* fsync alone leaves the bytes in the cache of the drive */
#endif
    while (fsync(descriptor) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

/* Opens the directory of the file; `name` is the last part of the path. */
static int open_directory(const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    char directory[4096];
    size_t length;

    /* Files are opened in their directory: without this, one could be saved whose whole path the system does not open.
     */
    if (strlen(path) >= sizeof directory) {
        errno = ENAMETOOLONG;
        return -1;
    }
    *name = slash != NULL ? slash + 1 : path;
    if (slash == NULL)
        return open_at(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY, 0);
    length = slash > path ? (size_t)(slash - path) : 1; /* "/" itself */
    memcpy(directory, path, length);
    directory[length] = '\0';
    return open_at(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY, 0);
}

/* The permissions of a new file: those of the file that it replaces, or the default according to the umask. */
struct permissions {
    bool inherited;
    mode_t mode;
};

static normnet_status find_permissions(int directory, const char *name, const char *path,
                                       struct permissions *permissions)
{
    struct stat about;

    *permissions = (struct permissions){false, 0666};
    if (fstatat(directory, name, &about, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? NORMNET_OK : normnet__reject_file("write", path);
    if (S_ISDIR(about.st_mode)) {
        errno = EISDIR;
        return normnet__reject_file("write", path);
    }
    if (S_ISREG(about.st_mode))
        *permissions = (struct permissions){true, about.st_mode & 0777};
    else if (!S_ISLNK(about.st_mode))
        return normnet__fail(NORMNET_EIO, "cannot write '%.255s': it is not a regular file", path);
    return NORMNET_OK;
}

enum { MAX_TEMPORARIES = 1000 };

/* A new file under a new name. It must never have more permissions than the final file. */
static int create_temporary(int directory, mode_t mode, char name[NORMNET__TEMPORARY_NAME])
{
    for (int i = 0; i < MAX_TEMPORARIES; ++i) {
        int descriptor;

        normnet__name_temporary(name, i);
        /* The system applies the umask to the mode. */
        descriptor = open_at(directory, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode);
        if (descriptor >= 0 || errno != EEXIST)
            return descriptor;
    }
    return -1;
}

static bool set_permissions(int descriptor, mode_t mode)
{
    while (fchmod(descriptor, mode) != 0)
        if (errno != EINTR)
            return false;
    return true;
}

static bool fill_temporary(int descriptor, const struct permissions *permissions, const void *bytes, int64_t size)
{
    const bool written = (!permissions->inherited || set_permissions(descriptor, permissions->mode)) &&
                         write_all(descriptor, bytes, size) && synchronize(descriptor);
    const int error = errno;

    if (!close_file(descriptor) && written)
        return false;
    errno = error;
    return written;
}

static normnet_status replace_in(int directory, const char *name, const char *path, const void *bytes, int64_t size)
{
    struct permissions permissions;
    char temporary[NORMNET__TEMPORARY_NAME], other[32];
    int descriptor;
    normnet_status status = find_permissions(directory, name, path, &permissions);

    if (status != NORMNET_OK)
        return status;
    descriptor = create_temporary(directory, permissions.mode, temporary);
    if (descriptor < 0)
        return normnet__reject_file("write", path);
    if (!fill_temporary(descriptor, &permissions, bytes, size) ||
        renameat(directory, temporary, directory, name) != 0) {
        status = normnet__reject_file("write", path);
        unlinkat(directory, temporary, 0);
        return status;
    }
    if (synchronize(directory) || errno == EINVAL) /* some file systems do not support it */
        return NORMNET_OK;
    return normnet__fail(NORMNET_EIO, "'%.255s' was replaced, but its directory could not be synced: %s", path,
                         reason(errno, other));
}

normnet_status normnet__replace_file(const char *path, const void *bytes, int64_t size)
{
    const char *name;
    const int directory = open_directory(path, &name);
    normnet_status status;

    if (directory < 0)
        return normnet__reject_file("write", path);
    status = replace_in(directory, name, path, bytes, size);
    close(directory);
    return status;
}
