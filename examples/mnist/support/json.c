/* SPDX-License-Identifier: MIT */
#include "support/json.h"

#include "support/utf8_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Text -------------------------------------------------------------------------------------- */

static void write_json_string(FILE *stream, const char *text)
{
    fputc('"', stream);
    while (*text) {
        int length = utf8_length(text);

        if (length == 0)
            fputs("\\ufffd", stream);
        else if ((unsigned char)*text < 0x20 || *text == 0x7f)
            fprintf(stream, "\\u%04x", (unsigned char)*text);
        else if (*text == '"' || *text == '\\')
            fprintf(stream, "\\%c", *text);
        else
            fwrite(text, 1, (size_t)length, stream);
        text += length ? length : 1;
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
    if (json->depth > 0 && !json->one_line)
        new_json_line(json);
    json->first = false;
    if (key) {
        write_json_string(json->stream, key);
        fputs(json->one_line ? ":" : ": ", json->stream);
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
    if (!json->first && !json->one_line)
        new_json_line(json);
    fputc(bracket, json->stream);
    json->first = false;
    if (json->depth == 0)
        fputc('\n', json->stream);
}

struct json_writer json_open(FILE *stream)
{
    return (struct json_writer){stream, 0, true, false};
}

struct json_writer json_open_line(FILE *stream)
{
    return (struct json_writer){stream, 0, true, true};
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

const char *json_real_text(char text[JSON_REAL_ROOM], double value)
{
    int digits = 1;

    text[0] = '\0';
    if (isfinite(value)) {
        do
            snprintf(text, JSON_REAL_ROOM, "%.*g", digits, value);
        while (digits++ < 17 && strtod(text, NULL) != value);
    }
    for (char *comma = text; *comma; ++comma) { /* the decimal point of some locales */
        if (*comma == ',')
            *comma = '.';
    }
    return text;
}

void json_real(struct json_writer *json, const char *key, double value)
{
    char text[JSON_REAL_ROOM];

    begin_json_value(json, key);
    fputs(isfinite(value) ? json_real_text(text, value) : "null", json->stream);
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
