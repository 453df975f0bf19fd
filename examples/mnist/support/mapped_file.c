/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* strict C11 hides POSIX */
#define _DARWIN_C_SOURCE
#endif

#include "support/mapped_file.h"

#include "support/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(_WIN32)
#include <fcntl.h>
#include <io.h>
#else
#include <sys/mman.h>
#include <sys/stat.h>
#endif

int mapped_file_read(struct mapped_file *file, FILE *stream, const char *name)
{
    uint8_t *data = NULL;
    size_t size = 0, room = 0, got;
    int code = 0;

    *file = (struct mapped_file){NULL, 0, false};
#if defined(_WIN32)
    _setmode(_fileno(stream), _O_BINARY);
#endif
    do {
        if (size == room) {
            uint8_t *larger = realloc(data, room ? 2 * room : 1 << 16);

            if (!larger) {
                code = report_error("not enough memory to read %s", name);
                goto done;
            }
            data = larger;
            room = room ? 2 * room : 1 << 16;
        }
        got = fread(data + size, 1, room - size, stream);
        size += got;
    } while (got > 0);
    if (ferror(stream)) {
        code = report_error("cannot read %s: %s", name, strerror(errno));
        goto done;
    }
    *file = (struct mapped_file){data, size, false};
    data = NULL;

done:
    free(data);
    return code;
}

#if !defined(_WIN32)
/* Returns false for something that cannot be mapped, such as a pipe. */
static bool map_file(struct mapped_file *file, FILE *stream)
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
static bool map_file(struct mapped_file *file, FILE *stream)
{
    (void)file, (void)stream;
    return false;
}
#endif

/* The file is opened once only, because a pipe cannot be read twice. */
int mapped_file_open(struct mapped_file *file, const char *path)
{
    FILE *stream = fopen(path, "rb");

    *file = (struct mapped_file){NULL, 0, false};
    if (!stream)
        return report_error("cannot open %s: %s", path, strerror(errno));
    int code = map_file(file, stream) ? 0 : mapped_file_read(file, stream, path);
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
