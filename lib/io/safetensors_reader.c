/* SPDX-License-Identifier: MIT */
#include "io/safetensors_reader.h"

#include "base/arena.h"
#include "base/checked.h"
#include "base/message.h"
#include "io/file_kind.h"
#include "io/json.h"
#include "io/safetensors_parser.h"

#include <string.h>

/* The shortest entries of a header: `"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}` and `"":""`. */
enum { MIN_TENSOR = 50, MIN_METADATA = 5 };

enum { FIRST_BYTES = 16 }; /* in a message */

/* The indexes of the tensors in the order of their data, which mostly is that of the header; there are at most 4096. */
static void sort_by_begin(const struct safetensors *file, int32_t *order)
{
    for (int32_t i = 0; i < file->tensor_count; ++i) {
        int32_t at = i;

        for (; at > 0 && file->tensors[order[at - 1]].begin > file->tensors[i].begin; --at)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* The tensors must cover the data without gaps and overlaps. */
static normnet_status check_cover(const struct safetensors *file, int32_t *order)
{
    const int64_t bytes = normnet__data_bytes(file);
    int64_t end = 0;

    sort_by_begin(file, order);
    for (int32_t i = 0; i < file->tensor_count; ++i) {
        const struct file_tensor *tensor = &file->tensors[order[i]];

        if (tensor->begin != end)
            return normnet__reject_tensor(NORMNET_EFORMAT, tensor, "there is a gap or an overlap before its data");
        end = tensor->end;
    }
    if (end > bytes)
        return normnet__fail(NORMNET_ETRUNCATED, "the file has %lld bytes; its tensors need %lld",
                             (long long)file->size, (long long)(file->size - bytes + end));
    if (end < bytes)
        return normnet__fail(NORMNET_EFORMAT, "byte %lld: %lld bytes that belong to no tensor",
                             (long long)(file->size - bytes + end), (long long)(bytes - end));
    return NORMNET_OK;
}

static normnet_status check_checksum(const struct safetensors *file)
{
    unsigned char digits[NORMNET__CHECKSUM_DIGITS];

    if (file->checksum_at > 0) {
        normnet__checksum_digits(file->bytes, file->size, file->checksum_at, digits);
        if (memcmp(file->bytes + file->checksum_at, digits, NORMNET__CHECKSUM_DIGITS) == 0)
            return NORMNET_OK;
        return normnet__fail(
            NORMNET_ECHECKSUM, "byte %lld: the file is damaged: its checksum normnet.crc32c is %.8s; expected %.8s",
            (long long)file->checksum_at, (const char *)file->bytes + file->checksum_at, (const char *)digits);
    }
    for (int32_t i = 0; i < file->metadata_count; ++i)
        if (strncmp(file->metadata[i].key, NORMNET__KEY_PREFIX, strlen(NORMNET__KEY_PREFIX)) == 0)
            return normnet__fail(NORMNET_ECHECKSUM, "the file is damaged: it has the metadata %.64s but no %s",
                                 file->metadata[i].key, NORMNET__CHECKSUM_KEY);
    return NORMNET_OK;
}

/* Memory for as many entries as the header can have, and for all strings. */
static void alloc_tables(struct arena *arena, int64_t header, struct safetensors *file, char **strings, int32_t **order)
{
    const int64_t tensors = normnet__min(header / MIN_TENSOR, NORMNET__MAX_TENSORS) + 1;

    file->tensors = normnet__arena_alloc(arena, tensors, sizeof *file->tensors);
    *order = normnet__arena_alloc(arena, tensors, sizeof **order);
    file->metadata = normnet__arena_alloc(arena, normnet__min(header / MIN_METADATA, NORMNET__MAX_METADATA) + 1,
                                          sizeof *file->metadata);
    *strings = normnet__arena_alloc(arena, header + 1, 1);
}

/* The { of a header, or white space before it. */
static bool is_header_start(unsigned char byte)
{
    return byte == '{' || byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/*
 * Rejects a file of another kind. One that may be safetensors, however damaged, has a possible length before the { of
 * its header, perhaps after white space.
 */
static normnet_status check_kind(const unsigned char *bytes, int64_t size)
{
    const bool long_enough = size > NORMNET__LENGTH_BYTES;
    const struct file_kind *kind;

    if (long_enough && normnet__read_little_endian(bytes, NORMNET__LENGTH_BYTES) <= NORMNET__MAX_HEADER &&
        is_header_start(bytes[NORMNET__LENGTH_BYTES]))
        return NORMNET_OK;
    kind = normnet__find_file_kind(bytes, size);
    if (kind == NULL)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EFORMAT, "the file is %s; expected safetensors%s%s", kind->name,
                         kind->advice != NULL ? ": " : "", kind->advice != NULL ? kind->advice : "");
}

/* The first bytes as text; a message has ? for what cannot be printed. */
static const char *first_bytes(const unsigned char *bytes, int64_t size, char text[FIRST_BYTES + 1])
{
    const int64_t count = normnet__min(size, FIRST_BYTES);

    memcpy(text, bytes, (size_t)count);
    text[count] = '\0';
    for (int64_t i = 0; i < count; ++i)
        if (bytes[i] < ' ' || bytes[i] > '~')
            text[i] = '?';
    return text;
}

static normnet_status check_length(const unsigned char *bytes, int64_t size, int64_t *header)
{
    char text[FIRST_BYTES + 1];
    uint64_t length;
    const normnet_status status = check_kind(bytes, size);

    if (status != NORMNET_OK)
        return status;
    if (size < NORMNET__LENGTH_BYTES)
        return normnet__fail(NORMNET_ETRUNCATED, "the file has %lld bytes; expected at least %d", (long long)size,
                             (int)NORMNET__LENGTH_BYTES);
    length = normnet__read_little_endian(bytes, NORMNET__LENGTH_BYTES);
    if (length < 2)
        return normnet__json_reject(0, "the header has fewer than 2 bytes");
    if (length > NORMNET__MAX_HEADER)
        return normnet__fail(
            NORMNET_ELIMIT,
            "the file begins with '%s' and not as safetensors: its header would have %llu bytes; expected "
            "up to %d",
            first_bytes(bytes, size, text), (unsigned long long)length, (int)NORMNET__MAX_HEADER);
    if (length > (uint64_t)size - NORMNET__LENGTH_BYTES)
        return normnet__fail(NORMNET_ETRUNCATED, "the file has %lld bytes; its header alone needs %llu",
                             (long long)size, (unsigned long long)length + NORMNET__LENGTH_BYTES);
    *header = (int64_t)length;
    return NORMNET_OK;
}

normnet_status normnet__open_safetensors(struct safetensors *file, const void *bytes, int64_t size,
                                         const struct allocator *allocator)
{
    struct arena arena = {0};
    int64_t header = 0;
    int32_t *order;
    char *strings;
    normnet_status status = check_length(bytes, size, &header);

    if (status != NORMNET_OK)
        return status;
    alloc_tables(&arena, header, file, &strings, &order);
    *file = (struct safetensors){
        .bytes = bytes, .data = (const unsigned char *)bytes + NORMNET__LENGTH_BYTES + header, .size = size};
    status = normnet__allocate(allocator, arena.used, &file->memory);
    if (status != NORMNET_OK)
        return status;
    file->memory_bytes = arena.used;
    arena = (struct arena){.memory = file->memory};
    alloc_tables(&arena, header, file, &strings, &order);

    status = normnet__parse_header(file, header, strings);
    if (status == NORMNET_OK)
        status = check_cover(file, order);
    if (status == NORMNET_OK)
        status = check_checksum(file);
    if (status != NORMNET_OK)
        normnet__close_safetensors(file, allocator);
    return status;
}

void normnet__close_safetensors(struct safetensors *file, const struct allocator *allocator)
{
    normnet__deallocate(allocator, file->memory, file->memory_bytes);
    file->memory = NULL;
}
