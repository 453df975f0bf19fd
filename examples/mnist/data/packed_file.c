/* SPDX-License-Identifier: MIT */
#include "data/packed_file.h"

#include "data/inflate.h"
#include "data/zip.h"
#include "support/file_system.h"
#include "support/report.h"

#include <stdlib.h>
#include <string.h>

/* Puts the unpacked data in the place of the packed ones. */
static void replace_file(struct whole_file *file, struct whole_file unpacked)
{
    whole_file_close(file);
    *file = unpacked;
}

static int unpack_gzip(struct whole_file *file, const char *path)
{
    uint8_t *data = NULL;
    size_t size = 0;

    const char *wrong = inflate_data(INFLATE_GZIP, file->data, file->size, inflate_limit(file->size), &data, &size);
    if (wrong)
        return report_error("%s %s", path, wrong);
    replace_file(file, (struct whole_file){data, size});
    return 0;
}

static int unpack_zip(struct whole_file *file, const char *path)
{
    struct whole_file unpacked = {0};
    struct zip zip;

    int code = zip_open(&zip, file, path);
    if (code == 0 && zip.count == 1)
        code = zip_unpack(&zip, &zip.entries[0], path, &unpacked);
    if (code == 0 && zip.count == 1)
        replace_file(file, unpacked);
    zip_close(&zip);
    return code;
}

int packed_file_unpack(struct whole_file *file, const char *path)
{
    if (file->size >= 2 && file->data[0] == 0x1f && file->data[1] == 0x8b)
        return unpack_gzip(file, path);
    return zip_begins(file->data, file->size) ? unpack_zip(file, path) : 0;
}

static const struct zip_entry *find_entry(const struct zip *zip, const char *name)
{
    for (size_t i = 0; i < zip->count; ++i) {
        if (strcmp(zip->entries[i].name, name) == 0)
            return &zip->entries[i];
    }
    return NULL;
}

/* Unpacks a file of the archive `holder`. */
static int open_entry(struct whole_file *file, const char *holder, const char *name)
{
    struct whole_file archive;
    struct zip zip = {0};

    int code = whole_file_open(&archive, holder);
    if (code != 0)
        return code;
    if (!zip_begins(archive.data, archive.size))
        code = report_error("cannot open %s/%s: %s is no zip archive", holder, name, holder);
    if (code == 0)
        code = zip_open(&zip, &archive, holder);
    const struct zip_entry *entry = code == 0 ? find_entry(&zip, name) : NULL;
    if (entry)
        code = zip_unpack(&zip, entry, holder, file);
    else if (code == 0)
        code = report_error("%s has no file %s; the first of its %zu is %s", holder, name, zip.count,
                            zip.count > 0 ? zip.entries[0].name : "missing");
    zip_close(&zip);
    whole_file_close(&archive);
    return code;
}

int packed_file_find(struct whole_file *file, const char *path)
{
    char *holder = file_holder(path);

    *file = (struct whole_file){0};
    if (!holder)
        return report_error("not enough memory");
    const size_t length = strlen(holder);
    int code = path[length] == '/' ? open_entry(file, holder, path + length + 1) : whole_file_open(file, path);
    free(holder);
    return code;
}

int packed_file_open(struct whole_file *file, const char *path)
{
    int code = packed_file_find(file, path);

    if (code == 0)
        code = packed_file_unpack(file, path);
    if (code != 0)
        whole_file_close(file);
    return code;
}
