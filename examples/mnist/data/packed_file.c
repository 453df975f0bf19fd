/* SPDX-License-Identifier: MIT */
#include "data/packed_file.h"

#include "data/inflate.h"
#include "data/zip.h"
#include "support/report.h"

/* Puts the unpacked data in the place of the packed ones. */
static void replace_file(struct mapped_file *file, struct mapped_file unpacked)
{
    mapped_file_close(file);
    *file = unpacked;
}

static int unpack_gzip(struct mapped_file *file, const char *path)
{
    uint8_t *data = NULL;
    size_t size = 0;

    const char *wrong = inflate_data(INFLATE_GZIP, file->data, file->size, inflate_limit(file->size), &data, &size);
    if (wrong)
        return report_error("%s %s", path, wrong);
    replace_file(file, (struct mapped_file){data, size, false});
    return 0;
}

static int unpack_zip(struct mapped_file *file, const char *path)
{
    struct mapped_file unpacked = {0};
    struct zip zip;

    int code = zip_open(&zip, file, path);
    if (code == 0 && zip.count == 1)
        code = zip_unpack(&zip, &zip.entries[0], path, &unpacked);
    if (code == 0 && zip.count == 1)
        replace_file(file, unpacked);
    zip_close(&zip);
    return code;
}

int packed_file_unpack(struct mapped_file *file, const char *path)
{
    if (file->size >= 2 && file->data[0] == 0x1f && file->data[1] == 0x8b)
        return unpack_gzip(file, path);
    return zip_begins(file->data, file->size) ? unpack_zip(file, path) : 0;
}

int packed_file_open(struct mapped_file *file, const char *path)
{
    int code = mapped_file_open(file, path);

    if (code == 0)
        code = packed_file_unpack(file, path);
    if (code != 0)
        mapped_file_close(file);
    return code;
}
