/* SPDX-License-Identifier: MIT */
#include "io/file.h"

#include "base/message.h"

#include <stdio.h>
#include <windows.h>

/* What one call reads or writes at most, and the characters of a path. */
enum { MOST_AT_ONCE = 1 << 30, MOST_PATH = 2048 };

static normnet_status refuse(const char *what, const char *path)
{
    return normnet__fail(NORMNET_EIO, "cannot %s '%.255s': Windows error %lu", what, path, GetLastError());
}

/* Paths are UTF-8. */
static bool widen(const char *path, wchar_t wide[MOST_PATH])
{
    return MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, path, -1, wide, MOST_PATH) > 0;
}

/* ---- Reading ------------------------------------------------------------------------------------- */

static int64_t read_all(HANDLE file, unsigned char *bytes, int64_t size)
{
    int64_t done = 0;

    while (done < size) {
        const int64_t left = size - done;
        DWORD count;

        if (!ReadFile(file, bytes + done, left < MOST_AT_ONCE ? (DWORD)left : MOST_AT_ONCE, &count, NULL))
            return -1;
        if (count == 0)
            break;
        done += count;
    }
    return done;
}

static normnet_status read_exactly(HANDLE file, const char *path, unsigned char *bytes, int64_t size)
{
    unsigned char more;
    const int64_t count = read_all(file, bytes, size);
    const int64_t behind = count == size ? read_all(file, &more, 1) : 0;

    if (count < 0 || behind < 0)
        return refuse("read", path);
    if (count < size)
        return normnet__fail(NORMNET_ETRUNCATED, "'%.255s' shrank from %lld to %lld bytes while it was read", path,
                             (long long)size, (long long)count);
    if (behind > 0)
        return normnet__fail(NORMNET_EFORMAT, "'%.255s' grew while it was read", path);
    return NORMNET_OK;
}

static normnet_status read_handle(HANDLE file, const char *path, int64_t limit,
                                  const struct normnet__allocator *allocator, unsigned char **bytes, int64_t *size)
{
    LARGE_INTEGER length;
    unsigned char *block = NULL;
    normnet_status status;

    if (GetFileType(file) != FILE_TYPE_DISK)
        return normnet__fail(NORMNET_EIO, "cannot read '%.255s': it is not a regular file", path);
    if (!GetFileSizeEx(file, &length))
        return refuse("read", path);
    if (limit > 0 && length.QuadPart > limit)
        return normnet__fail(NORMNET_ELIMIT, "'%.255s' has %lld bytes; config.memory_limit is %lld", path,
                             (long long)length.QuadPart, (long long)limit);
    if (length.QuadPart > 0) {
        block = allocator->allocate(allocator->user, length.QuadPart, NORMNET__ALIGNMENT);
        if (block == NULL)
            return normnet__fail(NORMNET_ENOMEM, "the allocator returned no block of %lld bytes",
                                 (long long)length.QuadPart);
    }
    status = read_exactly(file, path, block, length.QuadPart);
    if (status != NORMNET_OK) {
        if (block != NULL)
            allocator->deallocate(allocator->user, block, length.QuadPart);
        return status;
    }
    *bytes = block;
    *size = length.QuadPart;
    return NORMNET_OK;
}

normnet_status normnet__read_file(const char *path, int64_t limit, const struct normnet__allocator *allocator,
                                  unsigned char **bytes, int64_t *size)
{
    wchar_t wide[MOST_PATH];
    HANDLE file;
    normnet_status status;

    if (!widen(path, wide))
        return refuse("open", path);
    file = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                       FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return refuse("open", path);
    status = read_handle(file, path, limit, allocator, bytes, size);
    CloseHandle(file);
    return status;
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

/* A name next to `wide` that no other process takes. */
static bool name_temporary(const wchar_t *wide, wchar_t name[MOST_PATH])
{
    return swprintf(name, MOST_PATH, L"%ls.normnet-%lu-%lu.tmp", wide, GetCurrentProcessId(), GetCurrentThreadId()) > 0;
}

normnet_status normnet__replace_file(const char *path, const void *bytes, int64_t size)
{
    wchar_t wide[MOST_PATH], temporary[MOST_PATH];
    HANDLE file;
    bool written;

    if (!widen(path, wide) || !name_temporary(wide, temporary))
        return refuse("write", path);
    file = CreateFileW(temporary, GENERIC_WRITE, 0, NULL, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE)
        return refuse("write", path);
    written = write_all(file, bytes, size) && FlushFileBuffers(file);
    if (!CloseHandle(file) || !written ||
        !MoveFileExW(temporary, wide, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
        const normnet_status status = refuse("write", path);

        DeleteFileW(temporary);
        return status;
    }
    return NORMNET_OK;
}
