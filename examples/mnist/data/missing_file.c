/* SPDX-License-Identifier: MIT */
#include "data/missing_file.h"

#include "data/set_names.h"
#include "data/zip.h"
#include "support/edit_distance.h"
#include "support/file_kind.h"
#include "support/file_system.h"
#include "support/folder.h"
#include "support/nearest.h"
#include "support/report.h"
#include "support/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The name in the directory that is nearest to `name`, if at most a third of it differs; free() it. */
static char *nearest_name(const char *directory, const char *name)
{
    int least = (int)strlen(name) / 3 + 1;
    struct folder folder;
    char *nearest = NULL;

    folder_open(&folder, directory);
    for (size_t i = 0; i < folder.count; ++i) {
        const struct folder_entry *entry = &folder.entries[i];

        if (entry->is_folder || strlen(entry->name) >= SET_NAME_ROOM || set_name_part(entry->name) != NO_PART)
            continue;
        /* What downloads and copies append to a name is no difference. */
        const bool longer = strncmp(entry->name, name, strlen(name)) == 0;
        const int distance = longer ? 0 : edit_distance(name, (int)strlen(name), entry->name, (int)strlen(entry->name));
        if (distance >= least)
            continue;
        least = distance;
        free(nearest);
        nearest = text_of("%s", entry->name);
    }
    folder_close(&folder);
    return nearest;
}

/* The first bytes of a file; returns their number, 0 for what is no file that can be read. */
static size_t first_bytes(const char *path, uint8_t *bytes, size_t room)
{
    FILE *file = file_replaceable(path) ? fopen(path, "rb") : NULL;
    const size_t count = file ? fread(bytes, 1, room, file) : 0;

    if (file)
        fclose(file);
    return count;
}

/* "; the directory has a.bin (...), b.bin and 3 more", or "" for an empty directory; free() it. NULL without memory. */
static char *list_contents(const char *directory)
{
    enum { LISTED = 3, ENOUGH = 512 };
    struct folder folder;
    char *list = folder_open(&folder, directory) == ENOMEM ? NULL : text_of("%s", "");

    for (size_t i = 0; i < folder.count && i < LISTED && list; ++i) {
        const char *name = folder.entries[i].name, *kind = NULL;
        char *path = text_of("%s/%s", directory, name);
        uint8_t bytes[ENOUGH];
        const size_t count = path ? first_bytes(path, bytes, sizeof bytes) : 0;

        if (zip_begins(bytes, count))
            kind = "a zip archive, which can be named itself";
        else if (count > 0)
            kind = file_kind_name(bytes, count);
        char *longer =
            text_of("%s%s%s%s%s%s%s", list, i == 0 ? "; the directory has " : ", ", name,
                    folder.entries[i].is_folder ? "/" : "", kind ? " (" : "", kind ? kind : "", kind ? ")" : "");
        free(path);
        free(list);
        list = longer;
    }
    if (list && folder.count > LISTED) {
        char *longer = text_of("%s and %zu more", list, folder.count - LISTED);

        free(list);
        list = longer;
    }
    folder_close(&folder);
    return list;
}

int missing_file_report(const char *directory, const char *name)
{
    char *path = text_of("%s/%s", directory, name), *nearest = nearest_name(directory, name);
    char *contents = nearest ? text_of("; the nearest name there is %s", nearest) : list_contents(directory);
    struct folder folder;
    int code;

    if (path && folder_open(&folder, path) == 0) {
        folder_close(&folder);
        code = report_error("cannot read %s: it is a directory", path);
    } else {
        code = report_error("cannot open %s/%s: %s%s", directory, name, strerror(ENOENT), contents ? contents : "");
    }
    free(path);
    free(nearest);
    free(contents);
    return code;
}

int missing_place_report(const char *place)
{
    const char *slash = strrchr(place, '/'), *name = slash ? slash + 1 : place;
    char *parent = slash ? text_of("%.*s", slash > place ? (int)(slash - place) : 1, place) : text_of(".");
    struct nearest nearest = nearest_begin(name, strlen(name));
    char text[NEAREST_ROOM];
    struct folder folder = {0};

    if (parent)
        folder_open(&folder, parent);
    for (size_t i = 0; i < folder.count; ++i)
        nearest_try(&nearest, folder.entries[i].name);
    int code = report_error("cannot open %s: %s%s", place, strerror(ENOENT), nearest_text(&nearest, text));
    folder_close(&folder);
    free(parent);
    return code;
}
