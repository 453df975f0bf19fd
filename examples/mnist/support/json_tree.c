/* SPDX-License-Identifier: MIT */
#include "support/json_tree.h"

#include "support/report.h"
#include "support/utf8_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64 };

struct parser {
    char *start, *cursor;
    const char *path;
    int depth;
};

static int reject(const struct parser *parser, const char *expected)
{
    int line = 1, column = 1;

    for (const char *c = parser->start; c < parser->cursor; ++c) {
        column = *c == '\n' ? 1 : column + 1;
        line += *c == '\n';
    }
    return report_error("%s is not valid JSON: expected %s at line %d, column %d", parser->path, expected, line,
                        column);
}

static void skip_space(struct parser *parser)
{
    parser->cursor += strspn(parser->cursor, " \t\r\n");
}

/* ---- Texts and numbers ------------------------------------------------------------------------- */

/* The number of \uXXXX at `text`; -1 if these are not four hexadecimal digits. */
static long hexadecimal(const char *text)
{
    char digits[5] = "";

    if (strspn(text, "0123456789abcdefABCDEF") < 4)
        return -1;
    memcpy(digits, text, 4);
    return strtol(digits, NULL, 16);
}

static char *write_utf8(char *out, long code)
{
    if (code < 0x80) {
        *out++ = (char)code;
    } else if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
        *out++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *out++ = (char)(0xe0 | code >> 12);
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    } else {
        *out++ = (char)(0xf0 | code >> 18);
        *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
        *out++ = (char)(0x80 | (code & 0x3f));
    }
    return out;
}

/* A character after \u, of two escapes if it is a pair of surrogates. The cursor is after the u. */
static int parse_escaped_code(struct parser *parser, char **out)
{
    long code = hexadecimal(parser->cursor);

    if (code > 0xd7ff && code < 0xdc00 && parser->cursor[4] == '\\' && parser->cursor[5] == 'u') {
        const long low = hexadecimal(parser->cursor + 6);

        if (low < 0xdc00 || low > 0xdfff)
            return reject(parser, "a pair of surrogates");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        parser->cursor += 6;
    }
    if (code <= 0 || (code > 0xd7ff && code < 0xe000)) /* no text here has the character 0 */
        return reject(parser, "the four digits of a character");
    parser->cursor += 4;
    *out = write_utf8(*out, code);
    return 0;
}

/* Replaces the escapes where the text stands, which becomes shorter. The cursor is at the quote. */
static int parse_text(struct parser *parser, char **text)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char *out = ++parser->cursor;

    *text = out;
    while (*parser->cursor != '"') {
        const int length = utf8_length(parser->cursor);

        if ((unsigned char)*parser->cursor < 0x20 || length == 0)
            return reject(parser, "a character or the quote at the end of a text");
        if (*parser->cursor != '\\') {
            memmove(out, parser->cursor, (size_t)length);
            out += length;
            parser->cursor += length;
            continue;
        }
        const char escape = *++parser->cursor;
        const char *name = escape ? strchr(names, escape) : NULL;
        if (!name && escape != 'u')
            return reject(parser, "an escaped character");
        ++parser->cursor;
        if (name)
            *out++ = values[name - names];
        const int code = name ? 0 : parse_escaped_code(parser, &out);
        if (code != 0)
            return code;
    }
    ++parser->cursor;
    *out = '\0';
    return 0;
}

static int parse_number(struct parser *parser, struct json_value *value)
{
    const size_t length = strspn(parser->cursor, "+-.0123456789eE");
    char *end;

    if (length == 0 || *parser->cursor == '+' || *parser->cursor == '.')
        return reject(parser, "a value");
    value->kind = JSON_NUMBER;
    value->number = strtod(parser->cursor, &end);
    if (end != parser->cursor + length)
        return reject(parser, "a number");
    value->text = text_of("%.*s", (int)length, parser->cursor);
    if (!value->text)
        return report_error("not enough memory to read %s", parser->path);
    parser->cursor = end;
    return 0;
}

/* ---- Values ------------------------------------------------------------------------------------ */

static int parse_value(struct parser *parser, struct json_value **result);

static int parse_key(struct parser *parser, char **key)
{
    skip_space(parser);
    if (*parser->cursor != '"')
        return reject(parser, "a key in quotes");
    const int code = parse_text(parser, key);
    if (code != 0)
        return code;
    skip_space(parser);
    if (*parser->cursor != ':')
        return reject(parser, "a colon");
    ++parser->cursor;
    return 0;
}

/* The values up to the closing bracket; the cursor is at the opening one. */
static int parse_container(struct parser *parser, struct json_value *container)
{
    const bool object = *parser->cursor == '{';
    const char close = object ? '}' : ']';
    struct json_value **place = &container->first;

    container->kind = object ? JSON_OBJECT : JSON_ARRAY;
    ++parser->cursor;
    skip_space(parser);
    if (*parser->cursor == close) {
        ++parser->cursor;
        return 0;
    }
    for (;; ++parser->cursor) {
        char *key = NULL;
        int code = object ? parse_key(parser, &key) : 0;

        if (code == 0)
            code = parse_value(parser, place);
        if (code != 0)
            return code;
        (*place)->key = key;
        place = &(*place)->next;
        skip_space(parser);
        if (*parser->cursor == close)
            break;
        if (*parser->cursor != ',')
            return reject(parser, object ? "a comma or }" : "a comma or ]");
    }
    ++parser->cursor;
    return 0;
}

static bool take_word(struct parser *parser, const char *word)
{
    const size_t length = strlen(word);

    if (strncmp(parser->cursor, word, length) != 0)
        return false;
    parser->cursor += length;
    return true;
}

static int parse_plain(struct parser *parser, struct json_value *value)
{
    if (*parser->cursor == '"') {
        value->kind = JSON_TEXT;
        return parse_text(parser, &value->text);
    }
    if (take_word(parser, "null"))
        value->kind = JSON_NULL;
    else if (take_word(parser, "true"))
        value->kind = JSON_TRUE;
    else if (take_word(parser, "false"))
        value->kind = JSON_FALSE;
    else
        return parse_number(parser, value);
    return 0;
}

static int parse_value(struct parser *parser, struct json_value **result)
{
    *result = calloc(1, sizeof **result);
    if (!*result)
        return report_error("not enough memory to read %s", parser->path);
    skip_space(parser);
    if (*parser->cursor != '{' && *parser->cursor != '[')
        return parse_plain(parser, *result);
    if (parser->depth == MAX_DEPTH)
        return report_error("%s: more than %d brackets in each other", parser->path, MAX_DEPTH);
    ++parser->depth;
    const int code = parse_container(parser, *result);
    --parser->depth;
    return code;
}

int json_tree_parse(struct json_tree *tree, const uint8_t *bytes, uint64_t size, const char *path)
{
    *tree = (struct json_tree){NULL, malloc((size_t)size + 1)};
    if (!tree->text)
        return report_error("not enough memory to read %s", path);
    if (size > 0)
        memcpy(tree->text, bytes, (size_t)size);
    tree->text[size] = '\0';
    struct parser parser = {.start = tree->text, .cursor = tree->text, .path = path};
    int code = parse_value(&parser, &tree->root);
    skip_space(&parser);
    if (code == 0 && parser.cursor != tree->text + size)
        code = reject(&parser, "the end");
    return code;
}

static void free_value(struct json_value *value)
{
    while (value) {
        struct json_value *next = value->next;

        free_value(value->first);
        if (value->kind == JSON_NUMBER)
            free(value->text);
        free(value);
        value = next;
    }
}

void json_tree_free(struct json_tree *tree)
{
    free_value(tree->root);
    free(tree->text);
    *tree = (struct json_tree){NULL, NULL};
}

const struct json_value *json_find(const struct json_value *value, const char *key, enum json_kind kind)
{
    if (!value || value->kind != JSON_OBJECT)
        return NULL;
    for (value = value->first; value; value = value->next) {
        if (strcmp(value->key, key) == 0)
            return value->kind == kind ? value : NULL;
    }
    return NULL;
}
