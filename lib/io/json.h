/* SPDX-License-Identifier: MIT */
/*
 * The part of JSON (RFC 8259) that a safetensors header needs, read strictly: objects, arrays, strings and whole
 * numbers from 0 to 2^48 - 1. What the grammar does not name is refused where it stands; blanks are space, tab,
 * carriage return and line feed. A refusal is NORMNET_EFORMAT and names the byte of the file.
 */
#ifndef NORMNET_IO_JSON_H
#define NORMNET_IO_JSON_H

#include "normnet.h"

#include <stdbool.h>

struct json {
    const unsigned char *bytes; /* of the file */
    int64_t at, end;            /* the next byte of the text, and where the text ends */
};

/* "byte <at>: <what was expected or is wrong>". */
normnet_status normnet__json_reject(int64_t at, const char *wrong);

/* Is all that is left well-formed UTF-8: shortest forms, no surrogates, nothing above U+10FFFF? */
normnet_status normnet__json_check_utf8(const struct json *json);

/* Skips blanks and reads `character` if it comes next. */
bool normnet__json_accept(struct json *json, char character);

/* The same; another character is refused with `wrong`. */
normnet_status normnet__json_expect(struct json *json, char character, const char *wrong);

/*
 * Skips blanks and reads a string. `text` receives it without its escapes, which never makes it longer, and a final 0;
 * it may hold zeros itself.
 */
normnet_status normnet__json_string(struct json *json, char *text, int64_t *length);

normnet_status normnet__json_number(struct json *json, int64_t *number);

/* Only blanks are left. */
normnet_status normnet__json_expect_end(struct json *json);

#endif
