/* SPDX-License-Identifier: MIT */
#include "support/json.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Text -------------------------------------------------------------------------------------- */

/* Bytes of the UTF-8 sequence at `text`, or 0 if it is invalid (also for overlong forms and surrogates). */
static int utf8_length(const unsigned char *text)
{
    int length = text[0] < 0x80                      ? 1
                 : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                 : text[0] >= 0xe0 && text[0] < 0xf0 ? 3
                 : text[0] >= 0xf0 && text[0] < 0xf5 ? 4
                                                     : 0;

    for (int i = 1; i < length; ++i) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] >= 0xa0) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] >= 0x90))
        return 0;
    return length;
}

static void write_json_string(FILE *stream, const char *text)
{
    const unsigned char *cursor = (const unsigned char *)text;

    fputc('"', stream);
    while (*cursor) {
        int length = utf8_length(cursor);

        if (length == 0)
            fputs("\\ufffd", stream);
        else if (*cursor < 0x20 || *cursor == 0x7f)
            fprintf(stream, "\\u%04x", *cursor);
        else if (*cursor == '"' || *cursor == '\\')
            fprintf(stream, "\\%c", *cursor);
        else
            fwrite(cursor, 1, (size_t)length, stream);
        cursor += length ? length : 1;
    }
    fputc('"', stream);
}

/* ---- Structure --------------------------------------------------------------------------------- */

static void new_json_line(struct json_writer *json)
{
    fprintf(json->stream, "\n%*s", 2 * json->depth, "");
}

static void begin_json_value(struct json_writer *json, const char *key)
{
    if (!json->first)
        fputc(',', json->stream);
    if (json->depth > 0)
        new_json_line(json);
    json->first = false;
    if (key) {
        write_json_string(json->stream, key);
        fputs(": ", json->stream);
    }
}

static void begin_container(struct json_writer *json, const char *key, char bracket)
{
    begin_json_value(json, key);
    fputc(bracket, json->stream);
    ++json->depth;
    json->first = true;
}

static void end_container(struct json_writer *json, char bracket)
{
    --json->depth;
    if (!json->first)
        new_json_line(json);
    fputc(bracket, json->stream);
    json->first = false;
    if (json->depth == 0)
        fputc('\n', json->stream);
}

struct json_writer json_open(FILE *stream)
{
    return (struct json_writer){stream, 0, true};
}

void json_begin_object(struct json_writer *json, const char *key)
{
    begin_container(json, key, '{');
}

void json_end_object(struct json_writer *json)
{
    end_container(json, '}');
}

void json_begin_array(struct json_writer *json, const char *key)
{
    begin_container(json, key, '[');
}

void json_end_array(struct json_writer *json)
{
    end_container(json, ']');
}

/* ---- Values ------------------------------------------------------------------------------------ */

void json_text(struct json_writer *json, const char *key, const char *text)
{
    begin_json_value(json, key);
    write_json_string(json->stream, text);
}

void json_real(struct json_writer *json, const char *key, double value)
{
    char text[32] = "null";
    int digits = 1;

    if (isfinite(value)) {
        do
            snprintf(text, sizeof text, "%.*g", digits, value);
        while (digits++ < 17 && strtod(text, NULL) != value);
    }
    for (char *comma = text; *comma; ++comma) { /* the decimal point of some locales */
        if (*comma == ',')
            *comma = '.';
    }
    begin_json_value(json, key);
    fputs(text, json->stream);
}

void json_integer(struct json_writer *json, const char *key, int64_t value)
{
    begin_json_value(json, key);
    fprintf(json->stream, "%" PRId64, value);
}

void json_boolean(struct json_writer *json, const char *key, bool value)
{
    begin_json_value(json, key);
    fputs(value ? "true" : "false", json->stream);
}
