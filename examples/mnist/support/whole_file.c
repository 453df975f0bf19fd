/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* strict C11 hides POSIX */
#define _DARWIN_C_SOURCE
#endif

#include "support/whole_file.h"

#include "support/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#endif

/* Data sets of this program are far smaller; a sparse file of any size takes no room on the disk. */
static const int64_t max_file = (int64_t)4 << 30;

/* What has no size may have no end, such as /dev/zero. */
static const int64_t max_stream = (int64_t)1 << 30;

/* 0 for anything but a regular file, and for files of the system that have no size, such as those of /proc. */
static int64_t regular_size(FILE *stream)
{
#if defined(_WIN32)
    struct _stat64 status;

    return _fstat64(_fileno(stream), &status) == 0 && (status.st_mode & _S_IFMT) == _S_IFREG ? status.st_size : 0;
#else
    struct stat status;

    return fstat(fileno(stream), &status) == 0 && S_ISREG(status.st_mode) ? (int64_t)status.st_size : 0;
#endif
}

/* Makes room for more bytes. */
static int grow(uint8_t **data, size_t *room, const char *name)
{
    enum { FIRST = 1 << 16 };
    const size_t larger = *room > 0 ? 2 * *room : FIRST;
    uint8_t *grown = larger > *room ? realloc(*data, larger) : NULL;

    if (!grown)
        return report_error("not enough memory to read %s", name);
    *data = grown;
    *room = larger;
    return 0;
}

/* Reads up to the end, or `most` bytes. */
static int read_bytes(struct whole_file *file, FILE *stream, size_t room, size_t most, const char *name)
{
    uint8_t *data = room > 0 ? malloc(room) : NULL;
    size_t size = 0, got = 0;
    int code = room > 0 && !data ? report_error("not enough memory to read %s", name) : 0;

    while (code == 0 && size < most) {
        if (size == room)
            code = grow(&data, &room, name);
        got = code == 0 ? fread(data + size, 1, (room < most ? room : most) - size, stream) : 0;
        size += got;
        if (got == 0)
            break;
    }
    if (code == 0 && ferror(stream))
        code = report_error("cannot read %s: %s", name, strerror(errno));
    if (code != 0) {
        free(data);
        return code;
    }
    *file = (struct whole_file){data, size};
    return 0;
}

/* Those that the file has now: another program may write more to its end meanwhile, as a study to the file of its runs.
 */
static int read_regular(struct whole_file *file, FILE *stream, int64_t size, const char *name)
{
    if (size > max_file || (uint64_t)size > SIZE_MAX / 2)
        return report_error("%s has %" PRId64 " bytes; expected up to %" PRId64, name, size, max_file);
    int code = read_bytes(file, stream, (size_t)size, (size_t)size, name);
    if (code != 0 || regular_size(stream) >= size)
        return code;
    whole_file_close(file);
    return report_error("%s became shorter while it was read", name);
}

static int read_stream(struct whole_file *file, FILE *stream, const char *name)
{
    int code = read_bytes(file, stream, 0, (size_t)max_stream, name);

    if (code != 0 || (int64_t)file->size < max_stream)
        return code;
    whole_file_close(file);
    return report_error("%s has no end within %" PRId64 " bytes; only regular files may be longer", name, max_stream);
}

int whole_file_read(struct whole_file *file, FILE *stream, const char *name)
{
    const int64_t size = regular_size(stream);

    *file = (struct whole_file){NULL, 0};
#if defined(_WIN32)
    _setmode(_fileno(stream), _O_BINARY);
#endif
    return size > 0 ? read_regular(file, stream, size, name) : read_stream(file, stream, name);
}

/* The file is opened once only, because a pipe cannot be read twice. */
int whole_file_open(struct whole_file *file, const char *path)
{
    FILE *stream = fopen(path, "rb");

    *file = (struct whole_file){NULL, 0};
    if (!stream)
        return report_error("cannot open %s: %s", path, strerror(errno));
    int code = whole_file_read(file, stream, path);
    fclose(stream);
    return code;
}

void whole_file_close(struct whole_file *file)
{
    free((void *)(uintptr_t)file->data);
    *file = (struct whole_file){NULL, 0};
}
