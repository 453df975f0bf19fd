/* SPDX-License-Identifier: MIT */
/*
 * Writes JSON (RFC 8259) in the order of the calls, indented by two spaces per level, or in one line. `key` is NULL
 * inside an array and for the outermost value. For write errors, see ferror() of the stream.
 */
#ifndef MNIST_JSON_H
#define MNIST_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json_writer {
    FILE *stream;
    int depth;
    bool first;    /* the current object or array is empty so far */
    bool one_line; /* without spaces and line breaks, as in files with a value per line */
};

struct json_writer json_open(FILE *stream);
struct json_writer json_open_line(FILE *stream);
void json_begin_object(struct json_writer *json, const char *key);
void json_end_object(struct json_writer *json);
void json_begin_array(struct json_writer *json, const char *key);
void json_end_array(struct json_writer *json);

/* Bytes that are not UTF-8 become U+FFFD. */
void json_text(struct json_writer *json, const char *key, const char *text);

/*
 * The shortest decimal number that is read back as the same double, with a decimal point in every locale, for any file;
 * "" if the value is not finite. Returns `text`.
 */
enum { JSON_REAL_ROOM = 32 };
const char *json_real_text(char text[JSON_REAL_ROOM], double value);

/* Writes the shortest decimal number that is read back as the same double, or null if it is not finite. */
void json_real(struct json_writer *json, const char *key, double value);
void json_integer(struct json_writer *json, const char *key, int64_t value);
void json_boolean(struct json_writer *json, const char *key, bool value);

#endif
