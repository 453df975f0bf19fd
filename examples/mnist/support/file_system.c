/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* strict C11 hides POSIX */
#define _DARWIN_C_SOURCE
#endif

#include "support/file_system.h"

#include "support/machine.h"
#include "support/random.h"
#include "support/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#if defined(_WIN32)
#include <io.h>
#include <windows.h>
#else
#include <unistd.h>
#endif

#if defined(_WIN32)
#define FOLDER_ENDS "/\\:"
#else
#define FOLDER_ENDS "/"
#endif

bool file_exists(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0;
}

static bool is_regular(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && (status.st_mode & S_IFMT) == S_IFREG;
}

char *file_holder(const char *path)
{
    char *holder = text_of("%s", path);

    if (!holder || file_exists(path))
        return holder;
    for (size_t end = strlen(path); end > 0; --end) {
        if (path[end] != '/')
            continue;
        holder[end] = '\0';
        if (is_regular(holder))
            return holder;
    }
    strcpy(holder, path);
    return holder;
}

#if !defined(_WIN32)
enum { MAX_LINKS = 40, MAX_LINK_LENGTH = 4096 };

/* The target `name` of the symbolic link `path`, relative to the folder of the link; free() it. */
static char *link_target(const char *path, const char *name)
{
    const char *slash = *name == '/' ? NULL : strrchr(path, '/');

    return slash ? text_of("%.*s/%s", (int)(slash - path), path, name) : text_of("%s", name);
}

/* The path with its folder resolved by realpath(); `path` itself if there is no such folder. free() it. */
static char *resolve_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = text_of("%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    char *folder = name ? realpath(name, NULL) : NULL;
    char *resolved = !folder ? text_of("%s", path)
                             : text_of("%s/%s", strcmp(folder, "/") == 0 ? "" : folder, slash ? slash + 1 : path);

    free(folder);
    free(name);
    return resolved;
}

/* For a path that realpath() does not find, because a symbolic link leads to a file that does not exist. */
static char *resolve_missing(const char *path, int links)
{
    char link[MAX_LINK_LENGTH];
    const ssize_t length = links < MAX_LINKS ? readlink(path, link, sizeof link - 1) : -1;

    if (length < 0)
        return resolve_folder(path);
    link[length] = '\0';
    char *next = link_target(path, link);
    char *resolved = next ? resolve_missing(next, links + 1) : NULL;
    free(next);
    return resolved;
}
#endif

char *file_resolve(const char *path)
{
#if defined(_WIN32)
    char *resolved = _fullpath(NULL, path, 0);
    return resolved ? resolved : text_of("%s", path);
#else
    char *resolved = realpath(path, NULL);
    return resolved ? resolved : resolve_missing(path, 0);
#endif
}

bool file_same(const char *a, const char *b)
{
    char *first = file_resolve(a), *second = file_resolve(b);
#if defined(_WIN32)
    bool same = first && second && _stricmp(first, second) == 0;
#else
    bool same = first && second && strcmp(first, second) == 0;
#endif

    free(first);
    free(second);
    return same;
}

bool file_is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && (status.st_mode & S_IFMT) == S_IFDIR;
}

bool file_replaceable(const char *path)
{
    struct stat status;

    return stat(path, &status) != 0 || (status.st_mode & S_IFMT) == S_IFREG;
}

struct file_stamp file_stamp(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return (struct file_stamp){0};
    return (struct file_stamp){(uint64_t)status.st_dev, (uint64_t)status.st_ino, status.st_size,
                               (int64_t)status.st_mtime};
}

#if !defined(_WIN32) /* Windows does not replace an open file */
static bool is_open_as(const char *path, int descriptor)
{
    struct stat status, opened;

    return stat(path, &status) == 0 && fstat(descriptor, &opened) == 0 && opened.st_dev == status.st_dev &&
           opened.st_ino == status.st_ino;
}

bool file_has_name(int descriptor, const char *name)
{
    struct stat opened, named;

    return fstat(descriptor, &opened) == 0 && lstat(name, &named) == 0 && opened.st_dev == named.st_dev &&
           opened.st_ino == named.st_ino;
}
#endif

bool file_is_output(const char *path)
{
#if !defined(_WIN32)
    return is_open_as(path, STDOUT_FILENO) || is_open_as(path, STDERR_FILENO);
#else
    (void)path;
    return false;
#endif
}

bool file_is_input(const char *path)
{
#if !defined(_WIN32)
    return is_open_as(path, STDIN_FILENO);
#else
    (void)path;
    return false;
#endif
}

int file_folder_length(const char *path)
{
    int length = (int)strlen(path);

    while (length > 0 && !strchr(FOLDER_ENDS, path[length - 1]))
        --length;
    return length;
}

/* Never opens what is there already, not even through a link. */
static FILE *create_new(const char *path, int permissions)
{
#if defined(_WIN32)
    (void)permissions;
    const int descriptor = _open(path, _O_WRONLY | _O_CREAT | _O_EXCL | _O_BINARY, _S_IREAD | _S_IWRITE);
    FILE *file = descriptor < 0 ? NULL : _fdopen(descriptor, "wb");

    if (descriptor >= 0 && !file)
        _close(descriptor);
#else
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, permissions);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "wb");

    if (descriptor >= 0 && !file)
        close(descriptor);
#endif
    if (descriptor >= 0 && !file) {
        const int error = errno;

        remove(path);
        errno = error;
    }
    return file;
}

/* Those of the file that will be replaced: nobody may read the new one meanwhile who may not read the old one. */
static int permissions_of(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (int)(status.st_mode & 0777) : 0666;
}

FILE *file_create_beside(const char *path, char **name)
{
    enum { MAX_ATTEMPTS = 100 };
    const uint64_t place = (uint64_t)(uintptr_t)&path, moment = (uint64_t)(1e9 * seconds_now());
    struct random_stream names = random_open(moment, RANDOM_NAME, (uint64_t)process_id(), place);
    const int permissions = permissions_of(path);
    FILE *file = NULL;

    *name = NULL;
    for (int i = 0; i < MAX_ATTEMPTS && !file && (i == 0 || errno == EEXIST); ++i) {
        free(*name);
        *name = text_of("%.*s.normnet-mnist-%016" PRIx64 ".tmp", file_folder_length(path), path, random_bits(&names));
        if (!*name)
            return NULL;
        file = create_new(*name, permissions);
    }
    return file;
}

bool file_take_permissions(FILE *file, const char *path)
{
#if !defined(_WIN32)
    struct stat status;

    if (stat(path, &status) != 0)
        return errno == ENOENT;
    return fchmod(fileno(file), status.st_mode & 0777) == 0;
#else
    (void)file, (void)path;
    return true;
#endif
}

bool file_sync(FILE *file)
{
    if (fflush(file) != 0)
        return false;
#if defined(_WIN32)
    return _commit(_fileno(file)) == 0;
#else
    return fsync(fileno(file)) == 0;
#endif
}

bool file_rename(const char *from, const char *to)
{
#if defined(_WIN32)
    if (MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING))
        return true;
    errno = EACCES;
    return false;
#else
    return rename(from, to) == 0;
#endif
}
