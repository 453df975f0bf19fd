/* SPDX-License-Identifier: MIT */
#include "data/zip.h"

#include "data/inflate.h"
#include "support/checksums.h"
#include "support/report.h"
#include "support/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Sizes of the records without their variable parts (APPNOTE.TXT, 4.3). */
enum { LOCAL = 30, CENTRAL = 46, END = 22, END_64 = 56, LOCATOR_64 = 20, MAX_COMMENT = 65535 };

static uint32_t get_16(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

static uint32_t get_32(const uint8_t *bytes)
{
    return get_16(bytes) | get_16(bytes + 2) << 16;
}

static uint64_t get_64(const uint8_t *bytes)
{
    return get_32(bytes) | (uint64_t)get_32(bytes + 4) << 32;
}

bool zip_begins(const uint8_t *data, size_t size)
{
    return size >= 4 && (memcmp(data, "PK\3\4", 4) == 0 || memcmp(data, "PK\5\6", 4) == 0);
}

/* The record at the end of the archive, before its comment; NULL if there is none. */
static const uint8_t *find_end(const struct zip *zip)
{
    for (size_t after = END; after <= zip->size && after <= END + MAX_COMMENT; ++after) {
        const uint8_t *end = zip->data + zip->size - after;

        if (memcmp(end, "PK\5\6", 4) == 0 && get_16(end + 20) == after - END)
            return end;
    }
    return NULL;
}

/* Where the list of files begins, and their number; those of large archives are in another record. */
static bool find_list(const struct zip *zip, const uint8_t *end, uint64_t *offset, uint64_t *count)
{
    *count = get_16(end + 10);
    *offset = get_32(end + 16);
    if (*count != 0xffff && *offset != UINT32_MAX)
        return true;
    if (end - zip->data < LOCATOR_64 || memcmp(end - LOCATOR_64, "PK\6\7", 4) != 0)
        return false;
    const uint64_t place = get_64(end - LOCATOR_64 + 8);
    if (zip->size < END_64 || place > zip->size - END_64 || memcmp(zip->data + place, "PK\6\6", 4) != 0)
        return false;
    *count = get_64(zip->data + place + 32);
    *offset = get_64(zip->data + place + 48);
    return true;
}

/* Takes the 64-bit numbers in place of those that are too large for 32 bits. */
static bool take_64(struct zip_entry *entry, const uint8_t *extra, size_t length)
{
    uint64_t *const numbers[] = {&entry->size, &entry->packed_size, &entry->offset};
    bool complete = true;

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i)
        complete = complete && *numbers[i] != UINT32_MAX;
    while (!complete && length >= 4) {
        const size_t field = get_16(extra + 2), left = length - 4 < field ? length - 4 : field;

        if (get_16(extra) == 1) {
            size_t used = 0;

            for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; ++i) {
                if (*numbers[i] != UINT32_MAX)
                    continue;
                if (used + 8 > left)
                    return false;
                *numbers[i] = get_64(extra + 4 + used);
                used += 8;
            }
            return true;
        }
        extra += 4 + left;
        length -= 4 + left;
    }
    return complete;
}

/* A directory, or what macOS puts beside the files. */
static bool is_no_file(const char *name)
{
    const size_t length = strlen(name);

    return length == 0 || name[length - 1] == '/' || strncmp(name, "__MACOSX/", 9) == 0;
}

/* Appends the entry at the offset and moves the offset behind it. Returns false if it is damaged. */
static bool take_entry(struct zip *zip, uint64_t *offset)
{
    if (*offset > zip->size || zip->size - *offset < CENTRAL)
        return false;
    const uint8_t *record = zip->data + *offset;
    const size_t name = get_16(record + 28), extra = get_16(record + 30), comment = get_16(record + 32);
    if (memcmp(record, "PK\1\2", 4) != 0 || zip->size - *offset - CENTRAL < name + extra + comment)
        return false;
    struct zip_entry entry = {
        .name = text_of("%.*s", (int)name, (const char *)record + CENTRAL),
        .flags = get_16(record + 8),
        .method = get_16(record + 10),
        .crc = get_32(record + 16),
        .packed_size = get_32(record + 20),
        .size = get_32(record + 24),
        .offset = get_32(record + 42),
    };
    *offset += CENTRAL + name + extra + comment;
    if (!entry.name || !take_64(&entry, record + CENTRAL + name, extra)) {
        free(entry.name);
        return false;
    }
    if (is_no_file(entry.name))
        free(entry.name);
    else
        zip->entries[zip->count++] = entry;
    return true;
}

int zip_open(struct zip *zip, const struct whole_file *archive, const char *path)
{
    uint64_t offset = 0, count = 0;

    *zip = (struct zip){.data = archive->data, .size = archive->size};
    const uint8_t *end = find_end(zip);
    if (!end)
        return report_error("%s is cut off: its list of files is missing at the end", path);
    if (!find_list(zip, end, &offset, &count) || count > zip->size / CENTRAL)
        return report_error("%s is damaged: its list of files is wrong", path);
    zip->entries = calloc((size_t)count + 1, sizeof *zip->entries);
    if (!zip->entries)
        return report_error("not enough memory for %s", path);
    for (uint64_t i = 0; i < count; ++i) {
        if (!take_entry(zip, &offset))
            return report_error("%s is damaged: file %" PRIu64 " in its list is wrong", path, i + 1);
    }
    return 0;
}

/* The packed bytes of an entry; NULL if they are not in the archive. */
static const uint8_t *packed_bytes(const struct zip *zip, const struct zip_entry *entry)
{
    if (zip->size < LOCAL || entry->offset > zip->size - LOCAL)
        return NULL;
    const uint8_t *local = zip->data + entry->offset;
    const uint64_t skipped = entry->offset + LOCAL + get_16(local + 26) + get_16(local + 28);
    if (memcmp(local, "PK\3\4", 4) != 0 || skipped > zip->size || entry->packed_size > zip->size - skipped)
        return NULL;
    return zip->data + skipped;
}

/* Returns NULL, or what is wrong. */
static const char *unpack_entry(const struct zip_entry *entry, const uint8_t *packed, struct whole_file *file)
{
    enum { STORED = 0, DEFLATED = 8, ENCRYPTED = 1 };
    uint8_t *data = NULL;
    size_t size = 0;

    if (entry->flags & ENCRYPTED)
        return "is encrypted";
    if (entry->method != STORED && entry->method != DEFLATED)
        return "is packed in a way that cannot be read; only stored and deflated files can";
    if (entry->method == DEFLATED) {
        if (entry->size > inflate_limit((size_t)entry->packed_size))
            return "would unpack to more than 100 times its packed size";
        const char *wrong =
            inflate_data(INFLATE_RAW, packed, (size_t)entry->packed_size, (size_t)entry->size, &data, &size);
        if (wrong)
            return wrong;
    } else if (entry->packed_size > 0) {
        size = (size_t)entry->packed_size;
        data = malloc(size);
        if (!data)
            return "needs more memory to unpack than there is";
        memcpy(data, packed, size);
    }
    *file = (struct whole_file){data, size};
    if (size != entry->size)
        return "is damaged: its length is wrong";
    return crc32_of(data, size) == entry->crc ? NULL : "is damaged: its checksum is wrong";
}

int zip_unpack(const struct zip *zip, const struct zip_entry *entry, const char *path, struct whole_file *file)
{
    const uint8_t *packed = packed_bytes(zip, entry);
    const char *wrong = "is cut off or damaged";

    *file = (struct whole_file){0};
    if (packed)
        wrong = unpack_entry(entry, packed, file);
    if (!wrong)
        return 0;
    whole_file_close(file);
    return report_error("%s: %s %s", path, entry->name, wrong);
}

void zip_close(struct zip *zip)
{
    for (size_t i = 0; i < zip->count; ++i)
        free(zip->entries[i].name);
    free(zip->entries);
    *zip = (struct zip){0};
}
