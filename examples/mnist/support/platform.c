/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* strict C11 hides POSIX */
#define _DARWIN_C_SOURCE
#endif

#include "support/platform.h"

#include "support/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#if defined(_WIN32)
#include <io.h>
#include <process.h>
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#endif

/* ---- Files ----------------------------------------------------------------------------------- */

/* What a stream gives up to its end. */
static int read_whole(struct mapped_file *file, FILE *stream, const char *path)
{
    uint8_t *data = NULL;
    size_t size = 0, room = 0, got;
    int code = 0;

    do {
        if (size == room) {
            uint8_t *larger = realloc(data, room ? 2 * room : 1 << 16);
            if (!larger) {
                code = report_error("not enough memory to read %s", path);
                goto done;
            }
            data = larger;
            room = room ? 2 * room : 1 << 16;
        }
        got = fread(data + size, 1, room - size, stream);
        size += got;
    } while (got > 0);
    if (ferror(stream)) {
        code = report_error("cannot read %s: %s", path, strerror(errno));
        goto done;
    }
    *file = (struct mapped_file){data, size, false};
    data = NULL;

done:
    free(data);
    return code;
}

#if !defined(_WIN32)
/* False for what cannot be mapped, like a pipe. */
static bool map_whole(struct mapped_file *file, FILE *stream)
{
    struct stat status;

    if (fstat(fileno(stream), &status) != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0 ||
        (uintmax_t)status.st_size > SIZE_MAX)
        return false;
    void *data = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fileno(stream), 0);
    if (data == MAP_FAILED)
        return false;
    *file = (struct mapped_file){data, (size_t)status.st_size, true};
    return true;
}
#else
static bool map_whole(struct mapped_file *file, FILE *stream)
{
    (void)file, (void)stream;
    return false;
}
#endif

/* Once: what a pipe gave is gone. */
int mapped_file_open(struct mapped_file *file, const char *path)
{
    FILE *stream = fopen(path, "rb");

    *file = (struct mapped_file){NULL, 0, false};
    if (!stream)
        return report_error("cannot open %s: %s", path, strerror(errno));
    int code = map_whole(file, stream) ? 0 : read_whole(file, stream, path);
    fclose(stream);
    return code;
}

void mapped_file_close(struct mapped_file *file)
{
    void *data = (void *)(uintptr_t)file->data;
#if !defined(_WIN32)
    if (file->mapped) {
        munmap(data, file->size);
        data = NULL;
    }
#endif
    free(data);
    *file = (struct mapped_file){NULL, 0, false};
}

bool file_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

#if !defined(_WIN32)
enum { MAX_LINKS = 40, LONGEST_LINK = 4096 };

/* `name` as seen from the folder of `path`; free() it. */
static char *beside(const char *path, const char *name)
{
    const char *slash = *name == '/' ? NULL : strrchr(path, '/');
    return slash ? text_of("%.*s/%s", (int)(slash - path), path, name) : text_of("%s", name);
}

/* What realpath says of the folder, and the name in it; the path itself where there is no such folder. */
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

/* For what realpath does not find: links that lead to a file that is not there. */
static char *resolve_missing(const char *path, int links)
{
    char link[LONGEST_LINK];
    const ssize_t length = links < MAX_LINKS ? readlink(path, link, sizeof link - 1) : -1;

    if (length < 0)
        return resolve_folder(path);
    link[length] = '\0';
    char *next = beside(path, link);
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

bool file_replaceable(const char *path)
{
    struct stat status;
    return stat(path, &status) != 0 || (status.st_mode & S_IFMT) == S_IFREG;
}

bool file_is_output(const char *path)
{
#if !defined(_WIN32) /* where a file that is open cannot be replaced */
    struct stat status, output;

    if (stat(path, &status) != 0)
        return false;
    for (int descriptor = STDOUT_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
        if (fstat(descriptor, &output) == 0 && output.st_dev == status.st_dev && output.st_ino == status.st_ino)
            return true;
    }
#else
    (void)path;
#endif
    return false;
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

/* ---- The machine ----------------------------------------------------------------------------- */

int64_t process_id(void)
{
#if defined(_WIN32)
    return _getpid();
#else
    return getpid();
#endif
}

int32_t core_count(void)
{
#if defined(_WIN32)
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    long cores = (long)system.dwNumberOfProcessors;
#else
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
#endif
    return cores < 1 ? 1 : cores > 1024 ? 1024 : (int32_t)cores;
}

double seconds_now(void)
{
#if defined(_WIN32)
    return (double)GetTickCount64() * 1e-3;
#else
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
#endif
}

/* ---- The terminal ---------------------------------------------------------------------------- */

void open_standard_streams(void)
{
#if !defined(_WIN32)
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
        if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)
            open("/dev/null", O_RDWR); /* takes the least free number, this one */
    }
#endif
}

bool is_terminal(FILE *stream)
{
#if defined(_WIN32)
    return _isatty(_fileno(stream)) != 0;
#else
    const char *kind = getenv("TERM");
    return isatty(fileno(stream)) && kind && strcmp(kind, "dumb") != 0;
#endif
}

int terminal_width(FILE *stream)
{
#if !defined(_WIN32)
    struct winsize window;
    if (ioctl(fileno(stream), TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
#else
    (void)stream;
#endif
    return 80;
}

/* ---- Places and text ------------------------------------------------------------------------- */

void print_word(FILE *stream, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./:,@"
#if defined(_WIN32)
                                "\\";
    const char quote = '"'; /* which no file name holds */
#else
        ;
    const char quote = '\'';
#endif

    if (*word && !word[strspn(word, plain)]) {
        fputs(word, stream);
        return;
    }
    fputc(quote, stream);
    for (; *word; ++word) {
        if (*word == quote)
            fputs("'\\'", stream); /* closes, a quote, opens again */
        fputc(*word, stream);
    }
    fputc(quote, stream);
}

char *cache_directory(void)
{
    const char *base;
#if defined(_WIN32)
    base = getenv("LOCALAPPDATA");
    return base && *base ? text_of("%s\\normnet\\mnist", base) : NULL;
#else
    /* An XDG path that is not absolute is to be ignored, says its specification. */
    base = getenv("XDG_CACHE_HOME");
    if (base && *base == '/')
        return text_of("%s/normnet/mnist", base);
    base = getenv("HOME");
    return base && *base ? text_of("%s/.cache/normnet/mnist", base) : NULL;
#endif
}

char *text_of(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    int length = vsnprintf(NULL, 0, format, values);
    va_end(values);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (!text)
        return NULL;
    va_start(values, format);
    vsnprintf(text, (size_t)length + 1, format, values);
    va_end(values);
    return text;
}
