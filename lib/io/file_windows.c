/* SPDX-License-Identifier: MIT */
#include "io/file.h"

#include "base/message.h"
#include "io/source.h"

#include <stdbool.h>
#include <stdio.h>
#include <windows.h>

/* What one call reads or writes at most, and the characters of a path. */
enum { MOST_AT_ONCE = 1 << 30, MOST_PATH = 2048 };

normnet_status normnet__refuse_file(const char *what, const char *path)
{
    return normnet__fail(NORMNET_EIO, "cannot %s '%.255s': Windows error %lu", what, path, GetLastError());
}

/* Paths are UTF-8. */
static bool widen(const char *path, wchar_t wide[MOST_PATH])
{
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, MOST_PATH) > 0;
}

/* ---- Reading ------------------------------------------------------------------------------------- */

int64_t normnet__read_source(const struct source *source, unsigned char *bytes, int64_t size)
{
    int64_t done = 0;

    while (done < size) {
        const int64_t left = size - done;
        DWORD count;

        if (!ReadFile((HANDLE)source->handle, bytes + done, left < MOST_AT_ONCE ? (DWORD)left : MOST_AT_ONCE, &count,
                      NULL))
            return -1;
        if (count == 0)
            break;
        done += count;
    }
    return done;
}

normnet_status normnet__open_source(struct source *source, const char *path)
{
    wchar_t wide[MOST_PATH];
    LARGE_INTEGER size = {.QuadPart = 0};
    HANDLE file;
    normnet_status status = NORMNET_OK;

    if (!widen(path, wide))
        return normnet__refuse_file("open", path);
    file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                       FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return normnet__refuse_file("open", path);
    if (GetFileType(file) != FILE_TYPE_DISK)
        status = normnet__fail(NORMNET_EIO, "cannot read '%.255s': it is not a regular file", path);
    else if (!GetFileSizeEx(file, &size))
        status = normnet__refuse_file("read", path);
    *source = (struct source){(intptr_t)file, size.QuadPart};
    if (status != NORMNET_OK)
        normnet__close_source(source);
    return status;
}

void normnet__close_source(const struct source *source)
{
    CloseHandle((HANDLE)source->handle);
}

/* ---- Replacing ----------------------------------------------------------------------------------- */

static bool write_all(HANDLE file, const unsigned char *bytes, int64_t size)
{
    while (size > 0) {
        DWORD count;

        if (!WriteFile(file, bytes, size < MOST_AT_ONCE ? (DWORD)size : MOST_AT_ONCE, &count, NULL))
            return false;
        bytes += count;
        size -= count;
    }
    return true;
}

enum { MOST_TEMPORARIES = 1000 };

/* A new file next to `wide` under a name that nobody has. */
static HANDLE create_temporary(const wchar_t *wide, wchar_t name[MOST_PATH])
{
    for (int i = 0; i < MOST_TEMPORARIES; ++i) {
        HANDLE file;

        if (swprintf(name, MOST_PATH, L"%ls.normnet-%lu-%d.tmp", wide, GetCurrentProcessId(), i) < 0) {
            SetLastError(ERROR_FILENAME_EXCED_RANGE);
            break;
        }
        file = CreateFileW(name, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
        if (file != INVALID_HANDLE_VALUE || GetLastError() != ERROR_FILE_EXISTS)
            return file;
    }
    return INVALID_HANDLE_VALUE;
}

normnet_status normnet__replace_file(const char *path, const void *bytes, int64_t size)
{
    wchar_t wide[MOST_PATH], temporary[MOST_PATH];
    HANDLE file;
    bool written;

    if (!widen(path, wide))
        return normnet__refuse_file("write", path);
    file = create_temporary(wide, temporary);
    if (file == INVALID_HANDLE_VALUE)
        return normnet__refuse_file("write", path);
    written = write_all(file, bytes, size) && FlushFileBuffers(file);
    if (!CloseHandle(file) || !written ||
        !MoveFileExW(temporary, wide, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
        const normnet_status status = normnet__refuse_file("write", path);

        DeleteFileW(temporary);
        return status;
    }
    return NORMNET_OK;
}
