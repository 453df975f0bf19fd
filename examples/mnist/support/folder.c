/* SPDX-License-Identifier: MIT */
#if !defined(_WIN32)
#define _DEFAULT_SOURCE /* strict C11 hides POSIX */
#define _DARWIN_C_SOURCE
#endif

#include "support/folder.h"

#include "support/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#if defined(_WIN32)
#include <direct.h>
#endif

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct folder_entry *)a)->name, ((const struct folder_entry *)b)->name);
}

/* Returns false without memory. */
static bool append_entry(struct folder *folder, size_t *room, const char *path, const char *name)
{
    struct stat status;

    if (folder->count == *room) {
        const size_t larger = *room ? 2 * *room : 16;
        struct folder_entry *entries = realloc(folder->entries, larger * sizeof *entries);

        if (!entries)
            return false;
        folder->entries = entries;
        *room = larger;
    }
    char *whole = text_of("%s/%s", path, name);
    char *copy = whole ? text_of("%s", name) : NULL;
    if (copy) {
        const bool is_folder = stat(whole, &status) == 0 && (status.st_mode & S_IFMT) == S_IFDIR;

        folder->entries[folder->count++] = (struct folder_entry){copy, is_folder};
    }
    free(whole);
    return copy != NULL;
}

int folder_open(struct folder *folder, const char *path)
{
    size_t room = 0;
    bool memory = true;
    DIR *directory = opendir(path);

    *folder = (struct folder){0};
    if (!directory)
        return errno ? errno : ENOENT;
    for (const struct dirent *entry = readdir(directory); entry && memory; entry = readdir(directory)) {
        if (entry->d_name[0] != '.')
            memory = append_entry(folder, &room, path, entry->d_name);
    }
    closedir(directory);
    if (folder->count > 0)
        qsort(folder->entries, folder->count, sizeof *folder->entries, compare_entries);
    return memory ? 0 : ENOMEM;
}

void folder_close(struct folder *folder)
{
    for (size_t i = 0; i < folder->count; ++i)
        free(folder->entries[i].name);
    free(folder->entries);
    *folder = (struct folder){0};
}

int folder_create(const char *path)
{
    struct stat status;

#if defined(_WIN32)
    const int failed = _mkdir(path);
#else
    const int failed = mkdir(path, 0777);
#endif
    const int error = errno;
    if (failed == 0 || (error == EEXIST && stat(path, &status) == 0 && (status.st_mode & S_IFMT) == S_IFDIR))
        return 0;
    return error == EEXIST ? ENOTDIR : error;
}
