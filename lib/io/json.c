/* SPDX-License-Identifier: MIT */
#include "io/json.h"

#include "base/message.h"
#include "base/utf8.h"

/* The maximum of a number in the JSON schema of the safetensors format: 2^48 - 1. */
static const int64_t max_whole_number = ((int64_t)1 << 48) - 1;

normnet_status normnet__json_reject(int64_t at, const char *problem)
{
    return normnet__fail(NORMNET_EFORMAT, "byte %lld: %s", (long long)at, problem);
}

/* The byte `ahead` bytes after the next one; -1 after the end. */
static int peek(const struct json *json, int64_t ahead)
{
    return json->at + ahead < json->end ? json->bytes[json->at + ahead] : -1;
}

normnet_status normnet__json_check_utf8(const struct json *json)
{
    for (int64_t at = json->at; at < json->end;) {
        const int length = normnet__utf8_length(json->bytes + at, json->end - at);

        if (length == 0)
            return normnet__json_reject(at, "the header is not well-formed UTF-8");
        at += length;
    }
    return NORMNET_OK;
}

static void skip_spaces(struct json *json)
{
    while (peek(json, 0) == ' ' || peek(json, 0) == '\t' || peek(json, 0) == '\r' || peek(json, 0) == '\n')
        json->at += 1;
}

bool normnet__json_accept(struct json *json, char character)
{
    skip_spaces(json);
    if (peek(json, 0) != character)
        return false;
    json->at += 1;
    return true;
}

normnet_status normnet__json_expect(struct json *json, char character, const char *problem)
{
    return normnet__json_accept(json, character) ? NORMNET_OK : normnet__json_reject(json->at, problem);
}

/* Four hexadecimal digits. */
static bool read_unit(struct json *json, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; ++i) {
        const int digit = peek(json, 0);

        if (digit >= '0' && digit <= '9')
            *unit = *unit * 16 + (uint32_t)(digit - '0');
        else if ((digit | 0x20) >= 'a' && (digit | 0x20) <= 'f')
            *unit = *unit * 16 + (uint32_t)((digit | 0x20) - 'a' + 10);
        else
            return false;
        json->at += 1;
    }
    return true;
}

/* What follows \u: one unit of UTF-16, or two that are a pair of surrogates. */
static bool read_code(struct json *json, uint32_t *code)
{
    uint32_t low;

    if (!read_unit(json, code))
        return false;
    if (*code < 0xD800 || *code > 0xDFFF)
        return true;
    if (*code > 0xDBFF || peek(json, 0) != '\\' || peek(json, 1) != 'u')
        return false;
    json->at += 2;
    if (!read_unit(json, &low) || low < 0xDC00 || low > 0xDFFF)
        return false;
    *code = 0x10000 + ((*code - 0xD800) << 10) + (low - 0xDC00);
    return true;
}

/* What follows a backslash. */
static bool read_escape(struct json *json, uint32_t *code)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    const int name = peek(json, 0);

    json->at += 1;
    if (name == 'u')
        return read_code(json, code);
    for (int i = 0; names[i] != '\0'; ++i)
        if (name == names[i]) {
            *code = (uint32_t)values[i];
            return true;
        }
    return false;
}

normnet_status normnet__json_string(struct json *json, char *text, int64_t *length)
{
    const normnet_status status = normnet__json_expect(json, '"', "expected a string");

    if (status != NORMNET_OK)
        return status;
    *length = 0;
    for (;;) {
        const int byte = peek(json, 0);
        const int64_t at = json->at;
        uint32_t code;

        if (byte < 0x20) /* -1 at the end as well */
            return normnet__json_reject(at, "a string with a control character or without an end");
        json->at += 1;
        if (byte == '"')
            break;
        if (byte != '\\')
            text[(*length)++] = (char)byte;
        else if (read_escape(json, &code))
            *length += normnet__utf8_encode(code, text + *length);
        else
            return normnet__json_reject(at, "an invalid escape or unpaired surrogates");
    }
    text[*length] = '\0';
    return NORMNET_OK;
}

normnet_status normnet__json_number(struct json *json, int64_t *number)
{
    int64_t begin;

    skip_spaces(json);
    begin = json->at;
    *number = 0;
    for (int digit = peek(json, 0); digit >= '0' && digit <= '9'; digit = peek(json, 0)) {
        if (json->at > begin && *number == 0)
            return normnet__json_reject(begin, "a number with a leading zero");
        *number = *number * 10 + (digit - '0');
        if (*number > max_whole_number)
            return normnet__json_reject(begin, "a number above 2^48 - 1");
        json->at += 1;
    }
    return json->at > begin ? NORMNET_OK : normnet__json_reject(begin, "expected a whole number of decimal digits");
}

normnet_status normnet__json_expect_end(struct json *json)
{
    skip_spaces(json);
    return json->at == json->end ? NORMNET_OK
                                 : normnet__json_reject(json->at, "something other than spaces after the header");
}
