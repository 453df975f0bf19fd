/* SPDX-License-Identifier: MIT */
#include "io/safetensors.h"

#include "base/bits.h"
#include "base/checked.h"
#include "base/message.h"
#include "io/crc32c.h"
#include "io/json.h"

#include <string.h>

static const char checksum_key[] = "normnet.crc32c", own_prefix[] = "normnet.";

enum { LENGTH_BYTES = 8, CHECKSUM_DIGITS = 8, DATA_ALIGNMENT = 64 };
enum { MAX_METADATA = 256, MAX_NAME = 127, MAX_DIMENSION = 1 << 24 };

/* What the shortest entries of the header take: `"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}`, `"":""`. */
enum { MIN_TENSOR = 51, MIN_METADATA = 5 };

static int64_t element_size(int32_t dtype)
{
    return dtype == NORMNET_F32 ? 4 : 8;
}

static uint64_t read_little(const unsigned char *bytes, int size)
{
    uint64_t value = 0;

    for (int i = 0; i < size; ++i)
        value |= (uint64_t)bytes[i] << 8 * i;
    return value;
}

/* ---- Reading the header -------------------------------------------------------------------------- */

struct reader {
    struct json json;
    struct file *file;
    char *text; /* where the next string goes: strings without their quotation marks fit into the header's length */
};

static normnet_status refuse_tensor(normnet_status status, const struct file_tensor *tensor, const char *wrong)
{
    return normnet__fail(status, "byte %lld: tensor '%s': %s", (long long)tensor->at, tensor->name, wrong);
}

/* Is the string of this length at reader->text, which may hold zeros, the word? */
static bool is_word(const struct reader *reader, int64_t length, const char *word)
{
    return length == (int64_t)strlen(word) && memcmp(reader->text, word, (size_t)length) == 0;
}

/* Keeps a string that has been read to reader->text. */
static const char *keep(struct reader *reader, int64_t length)
{
    const char *saved = reader->text;

    reader->text += length + 1;
    return saved;
}

static normnet_status read_dtype(struct reader *reader, struct file_tensor *tensor)
{
    int64_t length;
    const normnet_status status = normnet__json_string(&reader->json, reader->text, &length);

    if (status != NORMNET_OK)
        return status;
    if (is_word(reader, length, "F32"))
        tensor->dtype = NORMNET_F32;
    else if (is_word(reader, length, "I64"))
        tensor->dtype = NORMNET_I64;
    else
        return refuse_tensor(NORMNET_EUNSUPPORTED, tensor, "its dtype is neither F32 nor I64");
    return NORMNET_OK;
}

static normnet_status read_shape(struct reader *reader, struct file_tensor *tensor)
{
    normnet_status status = normnet__json_expect(&reader->json, '[', "expected [ before a shape");

    tensor->rank = 0;
    tensor->count = 1;
    if (status != NORMNET_OK || normnet__json_take(&reader->json, ']'))
        return status;
    do {
        int64_t dimension;

        status = normnet__json_number(&reader->json, &dimension);
        if (status != NORMNET_OK)
            return status;
        if (tensor->rank == 8)
            return refuse_tensor(NORMNET_ELIMIT, tensor, "it has more than 8 dimensions");
        if (dimension < 1 || dimension > MAX_DIMENSION)
            return refuse_tensor(NORMNET_ELIMIT, tensor, "a dimension is not in 1 to 2^24");
        if (!normnet__multiply(tensor->count, dimension, &tensor->count) || tensor->count > INT32_MAX)
            return refuse_tensor(NORMNET_ELIMIT, tensor, "it has more than 2^31 - 1 elements");
        tensor->shape[tensor->rank++] = (int32_t)dimension;
    } while (normnet__json_take(&reader->json, ','));
    return normnet__json_expect(&reader->json, ']', "expected , or ] in a shape");
}

static normnet_status read_offsets(struct reader *reader, struct file_tensor *tensor)
{
    normnet_status status = normnet__json_expect(&reader->json, '[', "expected [ before two offsets");

    if (status == NORMNET_OK)
        status = normnet__json_number(&reader->json, &tensor->begin);
    if (status == NORMNET_OK)
        status = normnet__json_expect(&reader->json, ',', "expected , between two offsets");
    if (status == NORMNET_OK)
        status = normnet__json_number(&reader->json, &tensor->end);
    if (status == NORMNET_OK)
        status = normnet__json_expect(&reader->json, ']', "expected ] after two offsets");
    return status;
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}, each once, in any order. */
static normnet_status read_entry(struct reader *reader, struct file_tensor *tensor)
{
    static const char *const names[3] = {"dtype", "shape", "data_offsets"};
    static normnet_status (*const read[3])(struct reader *, struct file_tensor *) = {read_dtype, read_shape,
                                                                                     read_offsets};
    bool seen[3] = {false, false, false};
    normnet_status status = normnet__json_expect(&reader->json, '{', "expected { before a tensor's entry");

    for (int fields = 0; fields < 3 && status == NORMNET_OK; ++fields) {
        int64_t length;
        int field = 0;

        if (fields > 0)
            status = normnet__json_expect(&reader->json, ',', "expected another of dtype, shape and data_offsets");
        if (status == NORMNET_OK)
            status = normnet__json_string(&reader->json, reader->text, &length);
        if (status != NORMNET_OK)
            return status;
        while (field < 3 && !is_word(reader, length, names[field]))
            ++field;
        if (field == 3 || seen[field])
            return refuse_tensor(NORMNET_EFORMAT, tensor, "expected dtype, shape and data_offsets, each once");
        seen[field] = true;
        status = normnet__json_expect(&reader->json, ':', "expected : after a name");
        if (status == NORMNET_OK)
            status = read[field](reader, tensor);
    }
    if (status == NORMNET_OK)
        status = normnet__json_expect(&reader->json, '}', "expected } after a tensor's entry");
    if (status != NORMNET_OK)
        return status;
    /* count is below 2^31. */
    if (tensor->begin > tensor->end || tensor->end - tensor->begin != tensor->count * element_size(tensor->dtype))
        return refuse_tensor(NORMNET_EFORMAT, tensor, "its offsets do not hold what its shape says");
    return NORMNET_OK;
}

static normnet_status check_name(const struct reader *reader, const char *name, int64_t length, int64_t at)
{
    if (length > MAX_NAME)
        return normnet__fail(NORMNET_ELIMIT, "byte %lld: a tensor's name has %lld bytes; expected up to %d",
                             (long long)at, (long long)length, (int)MAX_NAME);
    if (length == 0)
        return normnet__json_reject(at, "a tensor's name is empty");
    for (int64_t i = 0; i < length; ++i)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
            return normnet__json_reject(at, "a tensor's name holds a control character");
    if (normnet__find_tensor(reader->file, name) != NULL)
        return normnet__fail(NORMNET_EFORMAT, "byte %lld: a second tensor '%s'", (long long)at, name);
    return NORMNET_OK;
}

static normnet_status read_tensor(struct reader *reader, int64_t at, int64_t name_length)
{
    struct file *file = reader->file;
    struct file_tensor *tensor = &file->tensors[file->tensor_count];
    normnet_status status = check_name(reader, reader->text, name_length, at);

    if (status != NORMNET_OK)
        return status;
    if (file->tensor_count == NORMNET__MAX_TENSORS)
        return normnet__fail(NORMNET_ELIMIT, "byte %lld: more than %d tensors", (long long)at,
                             (int)NORMNET__MAX_TENSORS);
    *tensor = (struct file_tensor){.name = keep(reader, name_length), .at = at};
    status = read_entry(reader, tensor);
    file->tensor_count += status == NORMNET_OK;
    return status;
}

/* A text without zeros. */
static normnet_status read_text(struct reader *reader, const char **text)
{
    const int64_t at = reader->json.at;
    int64_t length;
    const normnet_status status = normnet__json_string(&reader->json, reader->text, &length);

    if (status != NORMNET_OK)
        return status;
    if ((int64_t)strlen(reader->text) != length)
        return normnet__json_reject(at, "a value of __metadata__ holds U+0000");
    *text = keep(reader, length);
    return NORMNET_OK;
}

/* Right after the value: its digits are to stand between its quotation marks as they are. */
static normnet_status locate_checksum(struct reader *reader, const char *digits)
{
    const int64_t at = reader->json.at - 1 - CHECKSUM_DIGITS;

    /* Escapes make a value longer, so that no quotation mark is where eight digits would begin. */
    if (strlen(digits) != CHECKSUM_DIGITS || strspn(digits, "0123456789abcdef") != CHECKSUM_DIGITS ||
        reader->json.bytes[at - 1] != '"')
        return normnet__json_reject(reader->json.at, "normnet.crc32c is not eight lower-case hexadecimal digits");
    reader->file->checksum_at = at;
    return NORMNET_OK;
}

static normnet_status read_metadata(struct reader *reader)
{
    struct file *file = reader->file;
    struct json *json = &reader->json;
    normnet_status status = normnet__json_expect(json, '{', "expected { before __metadata__");

    if (status != NORMNET_OK || normnet__json_take(json, '}'))
        return status;
    do {
        struct file_text *entry = &file->metadata[file->metadata_count];
        const int64_t at = json->at;

        if (file->metadata_count == MAX_METADATA)
            return normnet__fail(NORMNET_ELIMIT, "byte %lld: more than %d texts in __metadata__", (long long)at,
                                 (int)MAX_METADATA);
        status = read_text(reader, &entry->key);
        if (status == NORMNET_OK)
            status = normnet__json_expect(json, ':', "expected : after a name");
        if (status == NORMNET_OK)
            status = read_text(reader, &entry->value);
        if (status != NORMNET_OK)
            return status;
        if (normnet__find_metadata(file, entry->key) != NULL)
            return normnet__json_reject(at, "__metadata__ has a name twice");
        if (strcmp(entry->key, checksum_key) == 0)
            status = locate_checksum(reader, entry->value);
        if (status != NORMNET_OK)
            return status;
        file->metadata_count += 1;
    } while (normnet__json_take(json, ','));
    return normnet__json_expect(json, '}', "expected , or } in __metadata__");
}

/* "name": entry, or "__metadata__": texts, once. */
static normnet_status read_member(struct reader *reader, bool *metadata)
{
    struct json *json = &reader->json;
    const int64_t at = json->at;
    int64_t length;
    normnet_status status = normnet__json_string(json, reader->text, &length);

    if (status == NORMNET_OK)
        status = normnet__json_expect(json, ':', "expected : after a name");
    if (status != NORMNET_OK)
        return status;
    if (!is_word(reader, length, "__metadata__"))
        return read_tensor(reader, at, length);
    if (*metadata)
        return normnet__json_reject(at, "a second __metadata__");
    *metadata = true;
    return read_metadata(reader);
}

static normnet_status read_members(struct reader *reader)
{
    bool metadata = false;

    if (normnet__json_take(&reader->json, '}'))
        return NORMNET_OK;
    do {
        const normnet_status status = read_member(reader, &metadata);

        if (status != NORMNET_OK)
            return status;
    } while (normnet__json_take(&reader->json, ','));
    return normnet__json_expect(&reader->json, '}', "expected , or } in the header");
}

static normnet_status read_header(struct reader *reader)
{
    normnet_status status = normnet__json_check_utf8(&reader->json);

    if (status == NORMNET_OK)
        status = normnet__json_expect(&reader->json, '{', "expected { at the beginning of the header");
    if (status == NORMNET_OK)
        status = read_members(reader);
    return status == NORMNET_OK ? normnet__json_finish(&reader->json) : status;
}

/* ---- Checking the file --------------------------------------------------------------------------- */

/* Indexes by begin. Tensors mostly lie in the order of the header, and there are 4096 at most. */
static void sort_by_begin(const struct file *file, int32_t *order)
{
    for (int32_t i = 0; i < file->tensor_count; ++i) {
        int32_t at = i;

        for (; at > 0 && file->tensors[order[at - 1]].begin > file->tensors[i].begin; --at)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* The tensors cover the data without holes and overlaps. */
static normnet_status check_cover(const struct file *file, int32_t *order)
{
    const int64_t bytes = normnet__data_bytes(file);
    int64_t end = 0;

    sort_by_begin(file, order);
    for (int32_t i = 0; i < file->tensor_count; ++i) {
        const struct file_tensor *tensor = &file->tensors[order[i]];

        if (tensor->begin != end)
            return refuse_tensor(NORMNET_EFORMAT, tensor, "there is a gap or an overlap before its data");
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

/* Of the whole file with zeros for the digits. */
static uint32_t compute_checksum(const unsigned char *bytes, int64_t size, int64_t digits_at)
{
    const int64_t after = digits_at + CHECKSUM_DIGITS;
    uint32_t checksum = normnet__crc32c(0, bytes, digits_at);

    checksum = normnet__crc32c(checksum, "00000000", CHECKSUM_DIGITS);
    return normnet__crc32c(checksum, bytes + after, size - after);
}

static void checksum_digits(uint32_t checksum, unsigned char digits[CHECKSUM_DIGITS])
{
    struct output output = {digits, 0};

    normnet__put_hexadecimal(&output, checksum, CHECKSUM_DIGITS);
}

static normnet_status check_checksum(const struct file *file)
{
    unsigned char digits[CHECKSUM_DIGITS];

    if (file->checksum_at > 0) {
        checksum_digits(compute_checksum(file->bytes, file->size, file->checksum_at), digits);
        if (memcmp(file->bytes + file->checksum_at, digits, CHECKSUM_DIGITS) == 0)
            return NORMNET_OK;
        return normnet__fail(NORMNET_ECHECKSUM, "byte %lld: normnet.crc32c is %.8s; the file's is %.8s",
                             (long long)file->checksum_at, (const char *)file->bytes + file->checksum_at,
                             (const char *)digits);
    }
    for (int32_t i = 0; i < file->metadata_count; ++i)
        if (strncmp(file->metadata[i].key, own_prefix, sizeof own_prefix - 1) == 0)
            return normnet__fail(NORMNET_ECHECKSUM, "the file has the metadata %.64s but no %s", file->metadata[i].key,
                                 checksum_key);
    return NORMNET_OK;
}

/* ---- Opening ------------------------------------------------------------------------------------- */

/* All strings, and as many entries as the header has room for. */
static void take_memory(struct arena *arena, int64_t header, struct file *file, char **text, int32_t **order)
{
    const int64_t tensors = normnet__min(header / MIN_TENSOR, NORMNET__MAX_TENSORS) + 1;

    file->tensors = normnet__arena_alloc(arena, tensors, sizeof *file->tensors);
    *order = normnet__arena_alloc(arena, tensors, sizeof **order);
    file->metadata =
        normnet__arena_alloc(arena, normnet__min(header / MIN_METADATA, MAX_METADATA) + 1, sizeof *file->metadata);
    *text = normnet__arena_alloc(arena, header + 1, 1);
}

static normnet_status check_length(const unsigned char *bytes, int64_t size, int64_t *header)
{
    uint64_t length;

    if (size < LENGTH_BYTES)
        return normnet__fail(NORMNET_ETRUNCATED, "the file has %lld bytes; expected at least %d", (long long)size,
                             (int)LENGTH_BYTES);
    length = read_little(bytes, LENGTH_BYTES);
    if (length < 2)
        return normnet__json_reject(0, "the header has less than 2 bytes");
    if (length > NORMNET__MAX_HEADER)
        return normnet__fail(NORMNET_ELIMIT, "byte 0: the header has %llu bytes; expected up to %d",
                             (unsigned long long)length, (int)NORMNET__MAX_HEADER);
    if (length > (uint64_t)size - LENGTH_BYTES)
        return normnet__fail(NORMNET_ETRUNCATED, "the file has %lld bytes; its header alone needs %llu",
                             (long long)size, (unsigned long long)length + LENGTH_BYTES);
    *header = (int64_t)length;
    return NORMNET_OK;
}

normnet_status normnet__open_safetensors(struct file *file, const void *bytes, int64_t size,
                                         const struct allocator *allocator)
{
    struct arena arena = {0};
    struct reader reader = {.json = {.bytes = bytes, .at = LENGTH_BYTES}, .file = file};
    int64_t header = 0;
    int32_t *order;
    normnet_status status = check_length(bytes, size, &header);

    if (status != NORMNET_OK)
        return status;
    reader.json.end = LENGTH_BYTES + header;
    take_memory(&arena, header, file, &reader.text, &order);
    *file = (struct file){.bytes = bytes, .data = reader.json.bytes + reader.json.end, .size = size};
    status = normnet__allocate(allocator, arena.used, &file->memory);
    if (status != NORMNET_OK)
        return status;
    file->memory_bytes = arena.used;
    arena = (struct arena){.memory = file->memory};
    take_memory(&arena, header, file, &reader.text, &order);

    status = read_header(&reader);
    if (status == NORMNET_OK)
        status = check_cover(file, order);
    if (status == NORMNET_OK)
        status = check_checksum(file);
    if (status != NORMNET_OK)
        normnet__close_safetensors(file, allocator);
    return status;
}

void normnet__close_safetensors(struct file *file, const struct allocator *allocator)
{
    normnet__deallocate(allocator, file->memory, file->memory_bytes);
    file->memory = NULL;
}

/* ---- What it holds ------------------------------------------------------------------------------- */

int64_t normnet__data_bytes(const struct file *file)
{
    return file->size - (file->data - file->bytes);
}

const char *normnet__find_metadata(const struct file *file, const char *key)
{
    for (int32_t i = 0; i < file->metadata_count; ++i)
        if (strcmp(file->metadata[i].key, key) == 0)
            return file->metadata[i].value;
    return NULL;
}

const struct file_tensor *normnet__find_tensor(const struct file *file, const char *name)
{
    for (int32_t i = 0; i < file->tensor_count; ++i)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    return NULL;
}

float normnet__file_float(const struct file *file, const struct file_tensor *tensor, int64_t index)
{
    return normnet__float_of_bits((uint32_t)read_little(file->data + tensor->begin + 4 * index, 4));
}

int64_t normnet__file_integer(const struct file *file, const struct file_tensor *tensor, int64_t index)
{
    const uint64_t bits = read_little(file->data + tensor->begin + 8 * index, 8);
    int64_t value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* ---- Writing ------------------------------------------------------------------------------------- */

struct header normnet__begin_header(struct output *output)
{
    struct header header = {.output = output};

    normnet__put_little(output, 0, LENGTH_BYTES);
    normnet__put_text(output, "{\"__metadata__\":{\"format\":\"pt\"");
    normnet__begin_metadata(&header, checksum_key);
    header.checksum_at = output->length;
    normnet__put_text(output, "00000000");
    normnet__end_metadata(&header);
    return header;
}

void normnet__begin_metadata(struct header *header, const char *key)
{
    normnet__put_text(header->output, ",\"");
    normnet__put_text(header->output, key);
    normnet__put_text(header->output, "\":\"");
}

void normnet__end_metadata(struct header *header)
{
    normnet__put_byte(header->output, '"');
}

void normnet__put_metadata(struct header *header, const char *key, const char *text)
{
    normnet__begin_metadata(header, key);
    for (; *text != '\0'; ++text) {
        const unsigned char byte = (unsigned char)*text;

        if (byte < 0x20) {
            normnet__put_text(header->output, "\\u");
            normnet__put_hexadecimal(header->output, byte, 4);
            continue;
        }
        if (byte == '"' || byte == '\\')
            normnet__put_byte(header->output, '\\');
        normnet__put_byte(header->output, byte);
    }
    normnet__end_metadata(header);
}

void normnet__end_all_metadata(struct header *header)
{
    normnet__put_byte(header->output, '}');
}

void normnet__put_tensor(struct header *header, const char *name, int32_t dtype, int32_t rank, const int64_t *shape,
                         int64_t count)
{
    struct output *output = header->output;
    const int64_t end = header->data_bytes + count * element_size(dtype);

    normnet__put_text(output, ",\"");
    normnet__put_text(output, name);
    normnet__put_text(output,
                      dtype == NORMNET_F32 ? "\":{\"dtype\":\"F32\",\"shape\":[" : "\":{\"dtype\":\"I64\",\"shape\":[");
    for (int32_t i = 0; i < rank; ++i) {
        if (i > 0)
            normnet__put_byte(output, ',');
        normnet__put_decimal(output, shape[i]);
    }
    normnet__put_text(output, "],\"data_offsets\":[");
    normnet__put_decimal(output, header->data_bytes);
    normnet__put_byte(output, ',');
    normnet__put_decimal(output, end);
    normnet__put_text(output, "]}");
    header->data_bytes = end;
}

void normnet__end_header(struct header *header)
{
    struct output *output = header->output;

    normnet__put_byte(output, '}');
    while (output->length % DATA_ALIGNMENT != 0)
        normnet__put_byte(output, ' ');
    if (output->bytes != NULL) {
        struct output length = {output->bytes, 0};

        normnet__put_little(&length, (uint64_t)(output->length - LENGTH_BYTES), LENGTH_BYTES);
    }
}

void normnet__finish_safetensors(struct header *header)
{
    const struct output *output = header->output;

    if (output->bytes != NULL)
        checksum_digits(compute_checksum(output->bytes, output->length, header->checksum_at),
                        output->bytes + header->checksum_at);
}
