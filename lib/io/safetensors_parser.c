/* SPDX-License-Identifier: MIT */
#include "io/safetensors_parser.h"

#include "base/checked.h"
#include "base/message.h"
#include "io/json.h"

#include <string.h>

enum { MAX_NAME = 127, MAX_RANK = 8, MAX_DIMENSION = 1 << 24 };

struct parser {
    struct json json;
    struct safetensors *file;
    /*
     * Memory for the next string. The strings fit in the header's length: each final 0 takes the place of a quotation
     * mark.
     */
    char *text;
};

normnet_status normnet__reject_tensor(normnet_status status, const struct file_tensor *tensor, const char *problem)
{
    return normnet__fail(status, "byte %lld: tensor '%s': %s", (long long)tensor->at, tensor->name, problem);
}

/* Compares the string at parser->text, which may contain NUL bytes. */
static bool text_equals(const struct parser *parser, int64_t length, const char *word)
{
    return length == (int64_t)strlen(word) && memcmp(parser->text, word, (size_t)length) == 0;
}

/* Keeps the string just read: the next one is stored after it. */
static const char *keep_string(struct parser *parser, int64_t length)
{
    const char *kept = parser->text;

    parser->text += length + 1;
    return kept;
}

static normnet_status parse_dtype(struct parser *parser, struct file_tensor *tensor)
{
    int64_t length;
    const normnet_status status = normnet__json_string(&parser->json, parser->text, &length);

    if (status != NORMNET_OK)
        return status;
    tensor->type = normnet__find_element_type(parser->text, length);
    if (tensor->type != NULL)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EUNSUPPORTED,
                         "byte %lld: tensor '%s': its dtype is '%.32s'; expected F32, F64, F16, BF16, I64 or another "
                         "type of real numbers",
                         (long long)tensor->at, tensor->name, parser->text);
}

static normnet_status parse_shape(struct parser *parser, struct file_tensor *tensor)
{
    normnet_status status = normnet__json_expect(&parser->json, '[', "expected [ before a shape");

    tensor->rank = 0;
    tensor->count = 1;
    if (status != NORMNET_OK || normnet__json_accept(&parser->json, ']'))
        return status;
    do {
        int64_t dimension;

        status = normnet__json_number(&parser->json, &dimension);
        if (status != NORMNET_OK)
            return status;
        if (tensor->rank == MAX_RANK)
            return normnet__reject_tensor(NORMNET_ELIMIT, tensor, "it has more than 8 dimensions");
        if (dimension < 1 || dimension > MAX_DIMENSION)
            return normnet__reject_tensor(NORMNET_ELIMIT, tensor, "a dimension is not in 1 to 2^24");
        if (!normnet__multiply(tensor->count, dimension, &tensor->count) || tensor->count > INT32_MAX)
            return normnet__reject_tensor(NORMNET_ELIMIT, tensor, "it has more than 2^31 - 1 elements");
        tensor->shape[tensor->rank++] = (int32_t)dimension;
    } while (normnet__json_accept(&parser->json, ','));
    return normnet__json_expect(&parser->json, ']', "expected , or ] in a shape");
}

static normnet_status parse_offsets(struct parser *parser, struct file_tensor *tensor)
{
    normnet_status status = normnet__json_expect(&parser->json, '[', "expected [ before two offsets");

    if (status == NORMNET_OK)
        status = normnet__json_number(&parser->json, &tensor->begin);
    if (status == NORMNET_OK)
        status = normnet__json_expect(&parser->json, ',', "expected , between two offsets");
    if (status == NORMNET_OK)
        status = normnet__json_number(&parser->json, &tensor->end);
    if (status == NORMNET_OK)
        status = normnet__json_expect(&parser->json, ']', "expected ] after two offsets");
    return status;
}

/* {"dtype": ..., "shape": ..., "data_offsets": ...}, each once, in any order. */
static normnet_status parse_entry(struct parser *parser, struct file_tensor *tensor)
{
    static const char *const names[3] = {"dtype", "shape", "data_offsets"};
    static normnet_status (*const parse[3])(struct parser *, struct file_tensor *) = {parse_dtype, parse_shape,
                                                                                      parse_offsets};
    bool seen[3] = {false, false, false};
    normnet_status status = normnet__json_expect(&parser->json, '{', "expected { before a tensor's entry");

    for (int count = 0; count < 3 && status == NORMNET_OK; ++count) {
        int64_t length;
        int field = 0;

        if (count > 0)
            status = normnet__json_expect(&parser->json, ',', "expected another of dtype, shape and data_offsets");
        if (status == NORMNET_OK)
            status = normnet__json_string(&parser->json, parser->text, &length);
        if (status != NORMNET_OK)
            return status;
        while (field < 3 && !text_equals(parser, length, names[field]))
            ++field;
        if (field == 3 || seen[field])
            return normnet__reject_tensor(NORMNET_EFORMAT, tensor, "expected dtype, shape and data_offsets, each once");
        seen[field] = true;
        status = normnet__json_expect(&parser->json, ':', "expected : after a key");
        if (status == NORMNET_OK)
            status = parse[field](parser, tensor);
    }
    if (status == NORMNET_OK)
        status = normnet__json_expect(&parser->json, '}', "expected } after a tensor's entry");
    if (status != NORMNET_OK)
        return status;
    /* No overflow: count is below 2^31. */
    if (tensor->begin > tensor->end || tensor->end - tensor->begin != tensor->count * tensor->type->bytes)
        return normnet__reject_tensor(NORMNET_EFORMAT, tensor, "its data_offsets do not match its dtype and shape");
    return NORMNET_OK;
}

static normnet_status check_name(const struct parser *parser, const char *name, int64_t length, int64_t at)
{
    if (length > MAX_NAME)
        return normnet__fail(NORMNET_ELIMIT, "byte %lld: a tensor's name has %lld bytes; expected up to %d",
                             (long long)at, (long long)length, (int)MAX_NAME);
    if (length == 0)
        return normnet__json_reject(at, "a tensor's name is empty");
    for (int64_t i = 0; i < length; ++i)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7F)
            return normnet__json_reject(at, "a tensor's name holds a control character");
    if (normnet__find_tensor(parser->file, name) != NULL)
        return normnet__fail(NORMNET_EFORMAT, "byte %lld: a second tensor '%s'", (long long)at, name);
    return NORMNET_OK;
}

static normnet_status parse_tensor(struct parser *parser, int64_t at, int64_t name_length)
{
    struct safetensors *file = parser->file;
    struct file_tensor *tensor = &file->tensors[file->tensor_count];
    normnet_status status = check_name(parser, parser->text, name_length, at);

    if (status != NORMNET_OK)
        return status;
    if (file->tensor_count == NORMNET__MAX_TENSORS)
        return normnet__fail(NORMNET_ELIMIT, "byte %lld: more than %d tensors", (long long)at,
                             (int)NORMNET__MAX_TENSORS);
    *tensor = (struct file_tensor){.name = keep_string(parser, name_length), .at = at};
    status = parse_entry(parser, tensor);
    if (status == NORMNET_OK)
        ++file->tensor_count;
    return status;
}

/* Reads and keeps a string, which must not contain U+0000. */
static normnet_status parse_string(struct parser *parser, const char **text)
{
    const int64_t at = parser->json.at;
    int64_t length;
    const normnet_status status = normnet__json_string(&parser->json, parser->text, &length);

    if (status != NORMNET_OK)
        return status;
    if ((int64_t)strlen(parser->text) != length)
        return normnet__json_reject(at, "a value of __metadata__ holds U+0000");
    *text = keep_string(parser, length);
    return NORMNET_OK;
}

/* Called right after the value: its eight digits must be between the quotation marks, unescaped. */
static normnet_status locate_checksum(struct parser *parser, const char *digits)
{
    const int64_t at = parser->json.at - 1 - NORMNET__CHECKSUM_DIGITS;

    /* A value with escapes is longer, so the byte before the last eight is not a quotation mark. */
    if (strlen(digits) != NORMNET__CHECKSUM_DIGITS || strspn(digits, "0123456789abcdef") != NORMNET__CHECKSUM_DIGITS ||
        parser->json.bytes[at - 1] != '"')
        return normnet__json_reject(parser->json.at, "normnet.crc32c is not eight lower-case hexadecimal digits");
    parser->file->checksum_at = at;
    return NORMNET_OK;
}

static normnet_status parse_metadata(struct parser *parser)
{
    struct safetensors *file = parser->file;
    struct json *json = &parser->json;
    normnet_status status = normnet__json_expect(json, '{', "expected { before __metadata__");

    if (status != NORMNET_OK || normnet__json_accept(json, '}'))
        return status;
    do {
        struct metadata_entry *entry = &file->metadata[file->metadata_count];
        const int64_t at = json->at;

        if (file->metadata_count == NORMNET__MAX_METADATA)
            return normnet__fail(NORMNET_ELIMIT, "byte %lld: more than %d entries in __metadata__", (long long)at,
                                 (int)NORMNET__MAX_METADATA);
        status = parse_string(parser, &entry->key);
        if (status == NORMNET_OK)
            status = normnet__json_expect(json, ':', "expected : after a key");
        if (status == NORMNET_OK)
            status = parse_string(parser, &entry->value);
        if (status != NORMNET_OK)
            return status;
        if (normnet__find_metadata(file, entry->key) != NULL)
            return normnet__json_reject(at, "a key occurs twice in __metadata__");
        if (strcmp(entry->key, NORMNET__CHECKSUM_KEY) == 0)
            status = locate_checksum(parser, entry->value);
        if (status != NORMNET_OK)
            return status;
        file->metadata_count += 1;
    } while (normnet__json_accept(json, ','));
    return normnet__json_expect(json, '}', "expected , or } in __metadata__");
}

/* "name": entry, or once "__metadata__": {"key": "value", ...}. */
static normnet_status parse_member(struct parser *parser, bool *seen_metadata)
{
    struct json *json = &parser->json;
    const int64_t at = json->at;
    int64_t length;
    normnet_status status = normnet__json_string(json, parser->text, &length);

    if (status == NORMNET_OK)
        status = normnet__json_expect(json, ':', "expected : after a key");
    if (status != NORMNET_OK)
        return status;
    if (!text_equals(parser, length, "__metadata__"))
        return parse_tensor(parser, at, length);
    if (*seen_metadata)
        return normnet__json_reject(at, "a second __metadata__");
    *seen_metadata = true;
    return parse_metadata(parser);
}

static normnet_status parse_members(struct parser *parser)
{
    bool seen_metadata = false;

    if (normnet__json_accept(&parser->json, '}'))
        return NORMNET_OK;
    do {
        const normnet_status status = parse_member(parser, &seen_metadata);

        if (status != NORMNET_OK)
            return status;
    } while (normnet__json_accept(&parser->json, ','));
    return normnet__json_expect(&parser->json, '}', "expected , or } in the header");
}

normnet_status normnet__parse_header(struct safetensors *file, int64_t length, char *strings)
{
    struct parser parser = {
        .json = {file->bytes, NORMNET__LENGTH_BYTES, NORMNET__LENGTH_BYTES + length}, .file = file, .text = strings};
    normnet_status status = normnet__json_check_utf8(&parser.json);

    if (status == NORMNET_OK)
        status = normnet__json_expect(&parser.json, '{', "expected { at the beginning of the header");
    if (status == NORMNET_OK)
        status = parse_members(&parser);
    return status == NORMNET_OK ? normnet__json_expect_end(&parser.json) : status;
}
