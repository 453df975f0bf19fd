/* SPDX-License-Identifier: MIT */
#include "io/file.h"

#include "base/message.h"
#include "io/source.h"

#include <stdbool.h>
#include <stdio.h>
#include <windows.h>

/* The maximum for one call, and the maximum length of a path in characters. */
enum { MAX_BYTES_PER_CALL = 1 << 30, MAX_PATH_LENGTH = 2048 };

normnet_status normnet__reject_file(const char *what, const char *path)
{
    return normnet__fail(NORMNET_EIO, "cannot %s '%.255s': Windows error %lu", what, path, GetLastError());
}

/* Paths are UTF-8. */
static bool widen(const char *path, wchar_t wide[MAX_PATH_LENGTH])
{
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, MAX_PATH_LENGTH) > 0;
}

/* ---- Reading ------------------------------------------------------------------------------------- */

int64_t normnet__read_source(const struct source *source, unsigned char *bytes, int64_t size)
{
    int64_t done = 0;

    while (done < size) {
        const int64_t left = size - done;
        DWORD count;

        if (!ReadFile((HANDLE)source->handle, bytes + done,
                      left < MAX_BYTES_PER_CALL ? (DWORD)left : MAX_BYTES_PER_CALL, &count, NULL))
            return -1;
        if (count == 0)
            break;
        done += count;
    }
    return done;
}

normnet_status normnet__open_source(struct source *source, const char *path)
{
    wchar_t wide[MAX_PATH_LENGTH];
    LARGE_INTEGER size = {.QuadPart = 0};
    HANDLE file;
    normnet_status status = NORMNET_OK;

    if (!widen(path, wide))
        return normnet__reject_file("open", path);
    file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                       FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return normnet__reject_file("open", path);
    if (GetFileType(file) != FILE_TYPE_DISK)
        status = normnet__fail(NORMNET_EIO, "cannot read '%.255s': it is not a regular file", path);
    else if (!GetFileSizeEx(file, &size))
        status = normnet__reject_file("read", path);
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

        if (!WriteFile(file, bytes, size < MAX_BYTES_PER_CALL ? (DWORD)size : MAX_BYTES_PER_CALL, &count, NULL))
            return false;
        if (count == 0) {
            SetLastError(ERROR_DISK_FULL); /* a file system that takes nothing and does not say why */
            return false;
        }
        bytes += count;
        size -= count;
    }
    return true;
}

enum { MAX_TEMPORARIES = 1000 };

/* The characters of the path before its last part. */
static int directory_length(const wchar_t *wide)
{
    int length = (int)wcslen(wide);

    while (length > 0 && wide[length - 1] != L'/' && wide[length - 1] != L'\\' && wide[length - 1] != L':')
        --length;
    return length;
}

/* A new file in the directory of `wide` under a new name. */
static HANDLE create_temporary(const wchar_t *wide, wchar_t name[MAX_PATH_LENGTH])
{
    for (int i = 0; i < MAX_TEMPORARIES; ++i) {
        char last[NORMNET__TEMPORARY_NAME];
        HANDLE file;

        normnet__name_temporary(last, i);
        if (swprintf(name, MAX_PATH_LENGTH, L"%.*ls%hs", directory_length(wide), wide, last) < 0) {
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
    wchar_t wide[MAX_PATH_LENGTH], temporary[MAX_PATH_LENGTH];
    HANDLE file;
    bool written;

    if (!widen(path, wide))
        return normnet__reject_file("write", path);
    file = create_temporary(wide, temporary);
    if (file == INVALID_HANDLE_VALUE)
        return normnet__reject_file("write", path);
    written = write_all(file, bytes, size) && FlushFileBuffers(file);
    if (!CloseHandle(file) || !written ||
        !MoveFileExW(temporary, wide, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
        const normnet_status status = normnet__reject_file("write", path);

        DeleteFileW(temporary);
        return status;
    }
    return NORMNET_OK;
}
