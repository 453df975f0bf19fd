/* SPDX-License-Identifier: MIT */
#include "support/json_reader.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 32, MAX_VALUES = 2000000 }; /* a value of two bytes takes a hundred: 200 MB at most */

struct parser {
    const char *start, *next, *end;
    struct json_problem *problem;
    int depth, values;
};

static bool fail(struct parser *parser, const char *expected)
{
    *parser->problem = (struct json_problem){(size_t)(parser->next - parser->start), expected, false};
    return false;
}

static bool fail_without_memory(struct parser *parser)
{
    fail(parser, "memory");
    parser->problem->memory = true;
    return false;
}

static void skip_blanks(struct parser *parser)
{
    while (parser->next < parser->end && strchr(" \t\r\n", *parser->next) && *parser->next)
        ++parser->next;
}

/* The next character, or 0 at the end. */
static char peek(const struct parser *parser)
{
    if (parser->next == parser->end)
        return '\0';
    return *parser->next;
}

static bool take(struct parser *parser, char c)
{
    if (peek(parser) != c || !c)
        return false;
    ++parser->next;
    return true;
}

/* ---- Numbers and words ------------------------------------------------------------------------- */

static void skip_digits(struct parser *parser)
{
    while (peek(parser) >= '0' && peek(parser) <= '9')
        ++parser->next;
}

static bool skip_number(struct parser *parser)
{
    take(parser, '-');
    const char *digits = parser->next;
    skip_digits(parser);
    if (parser->next == digits || (*digits == '0' && parser->next > digits + 1))
        return false;
    if (take(parser, '.')) {
        digits = parser->next;
        skip_digits(parser);
        if (parser->next == digits)
            return false;
    }
    if (take(parser, 'e') || take(parser, 'E')) {
        if (!take(parser, '-'))
            take(parser, '+');
        digits = parser->next;
        skip_digits(parser);
        return parser->next > digits;
    }
    return true;
}

static bool parse_number(struct parser *parser, struct json_value *value)
{
    const char *begin = parser->next;

    if (!skip_number(parser))
        return fail(parser, "a number");
    const size_t length = (size_t)(parser->next - begin);
    value->text = malloc(length + 1);
    if (!value->text)
        return fail_without_memory(parser);
    memcpy(value->text, begin, length);
    value->text[length] = '\0';
    value->kind = JSON_NUMBER;
    value->number = strtod(value->text, NULL);
    return true;
}

static bool parse_word(struct parser *parser, struct json_value *value)
{
    static const struct {
        const char *word;
        enum json_kind kind;
    } words[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE}};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; ++i) {
        const size_t length = strlen(words[i].word);

        if ((size_t)(parser->end - parser->next) >= length && memcmp(parser->next, words[i].word, length) == 0) {
            parser->next += length;
            value->kind = words[i].kind;
            return true;
        }
    }
    return fail(parser, "a value");
}

/* ---- Texts ------------------------------------------------------------------------------------- */

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *digit = c ? strchr(digits, c) : NULL;

    return digit ? (int)((digit - digits) % 16) : -1;
}

/* The four digits after \u; -1 if there are others. */
static int32_t take_unit(struct parser *parser)
{
    int32_t unit = 0;

    for (int i = 0; i < 4; ++i) {
        const int digit = hex_value(peek(parser));

        if (digit < 0)
            return -1;
        unit = 16 * unit + digit;
        ++parser->next;
    }
    return unit;
}

static char *write_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    if (code < 0x800)
        *to++ = (char)(0xc0 | code >> 6);
    else {
        if (code < 0x10000)
            *to++ = (char)(0xe0 | code >> 12);
        else {
            *to++ = (char)(0xf0 | code >> 18);
            *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (code & 0x3f));
    return to;
}

/* After "\u": a character, or a pair of surrogates for one. NULL for half of a pair, and for 0. */
static char *take_unicode(struct parser *parser, char *to)
{
    const int32_t first = take_unit(parser);

    if (first <= 0 || (first >= 0xdc00 && first < 0xe000))
        return NULL;
    if (first < 0xd800 || first >= 0xe000)
        return write_utf8(to, (uint32_t)first);
    const bool escaped = take(parser, '\\') && take(parser, 'u');
    const int32_t second = escaped ? take_unit(parser) : -1;
    if (second < 0xdc00 || second >= 0xe000)
        return NULL;
    return write_utf8(to, 0x10000 + ((uint32_t)(first - 0xd800) << 10) + (uint32_t)(second - 0xdc00));
}

static char *take_escape(struct parser *parser, char *to)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char c = peek(parser);
    const char *escape = c ? strchr(escapes, c) : NULL;

    if (c == 'u') {
        ++parser->next;
        return take_unicode(parser, to);
    }
    if (!escape)
        return NULL;
    ++parser->next;
    *to++ = meanings[escape - escapes];
    return to;
}

/* A text never becomes longer. Returns NULL after a failure. */
static char *parse_text(struct parser *parser)
{
    if (!take(parser, '"')) {
        fail(parser, "a key in quotes");
        return NULL;
    }
    const char *closing = parser->next;
    while (closing < parser->end && *closing != '"')
        closing += *closing == '\\' && closing + 1 < parser->end ? 2 : 1;
    char *text = malloc((size_t)(closing - parser->next) + 1), *to = text;
    while (to && peek(parser) != '"') {
        const char c = peek(parser);

        if ((unsigned char)c < 0x20) /* also at the end */
            to = NULL;
        else {
            ++parser->next;
            if (c == '\\')
                to = take_escape(parser, to);
            else
                *to++ = c;
        }
    }
    if (!text) {
        fail_without_memory(parser);
        return NULL;
    }
    if (!to) {
        fail(parser, "a character of a text");
        free(text);
        return NULL;
    }
    ++parser->next;
    *to = '\0';
    return text;
}

/* ---- Arrays and objects ------------------------------------------------------------------------ */

static struct json_value *parse_value(struct parser *parser);

static bool parse_member(struct parser *parser, bool keyed, struct json_value ***end)
{
    char *key = NULL;

    skip_blanks(parser);
    if (keyed) {
        key = parse_text(parser);
        if (!key)
            return false;
        skip_blanks(parser);
        if (!take(parser, ':')) {
            free(key);
            return fail(parser, "a colon");
        }
    }
    struct json_value *value = parse_value(parser);
    if (!value) {
        free(key);
        return false;
    }
    value->key = key;
    **end = value;
    *end = &value->next;
    return true;
}

static bool parse_members(struct parser *parser, struct json_value *value, bool keyed)
{
    const char closing = keyed ? '}' : ']';
    struct json_value **end = &value->first;

    ++parser->next;
    value->kind = keyed ? JSON_OBJECT : JSON_ARRAY;
    skip_blanks(parser);
    if (take(parser, closing))
        return true;
    for (;;) {
        if (!parse_member(parser, keyed, &end))
            return false;
        skip_blanks(parser);
        if (take(parser, closing))
            return true;
        if (!take(parser, ','))
            return fail(parser, keyed ? "a comma or }" : "a comma or ]");
    }
}

static bool parse_kind(struct parser *parser, struct json_value *value)
{
    const char c = peek(parser);

    if (c == '{' || c == '[')
        return parse_members(parser, value, c == '{');
    if (c == '"') {
        value->kind = JSON_TEXT;
        value->text = parse_text(parser);
        return value->text != NULL;
    }
    return c == '-' || (c >= '0' && c <= '9') ? parse_number(parser, value) : parse_word(parser, value);
}

static struct json_value *parse_value(struct parser *parser)
{
    struct json_value *value = calloc(1, sizeof *value);

    skip_blanks(parser);
    if (!value)
        fail_without_memory(parser);
    else if (parser->depth == MAX_DEPTH)
        fail(parser, "fewer levels");
    else if (++parser->values > MAX_VALUES)
        fail(parser, "fewer values, 2000000 at most");
    else {
        ++parser->depth;
        const bool good = parse_kind(parser, value);
        --parser->depth;
        if (good)
            return value;
    }
    json_free(value);
    return NULL;
}

struct json_value *json_parse(const char *text, size_t size, struct json_problem *problem)
{
    struct parser parser = {text, text, text + size, problem, 0, 0};
    struct json_value *value = parse_value(&parser);

    skip_blanks(&parser);
    if (value && parser.next < parser.end) {
        fail(&parser, "the end");
        json_free(value);
        return NULL;
    }
    return value;
}

void json_free(struct json_value *value)
{
    while (value) {
        struct json_value *next = value->next;

        json_free(value->first);
        free(value->text);
        free(value->key);
        free(value);
        value = next;
    }
}

/* ---- Reading values ---------------------------------------------------------------------------- */

const struct json_value *json_member(const struct json_value *object, const char *key)
{
    const struct json_value *member = object && object->kind == JSON_OBJECT ? object->first : NULL;

    while (member && strcmp(member->key, key) != 0)
        member = member->next;
    return member;
}

const struct json_value *json_find(const struct json_value *object, const char *key, enum json_kind kind)
{
    const struct json_value *member = json_member(object, key);

    return member && member->kind == kind ? member : NULL;
}

double json_number(const struct json_value *value)
{
    return value && value->kind == JSON_NUMBER ? value->number : NAN;
}

const char *json_string(const struct json_value *value)
{
    return value && value->kind == JSON_TEXT ? value->text : NULL;
}
