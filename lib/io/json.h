/* SPDX-License-Identifier: MIT */
/*
 * A strict parser for the part of JSON (RFC 8259) that a safetensors header needs: objects, arrays, strings and
 * integers from 0 to 2^48 - 1. Each function reads one token, after skipping whitespace. Errors are NORMNET_EFORMAT;
 * the message has the offset in the file.
 */
#ifndef NORMNET_IO_JSON_H
#define NORMNET_IO_JSON_H

#include "normnet.h"

#include <stdbool.h>

struct json {
    const unsigned char *bytes; /* of the file */
    int64_t at, end;            /* offsets of the next byte and of the end of the JSON text */
};

/* "byte <at>: <problem>". */
normnet_status normnet__json_reject(int64_t at, const char *problem);

/* Checks that the rest is well-formed UTF-8. */
normnet_status normnet__json_check_utf8(const struct json *json);

/* If `character` comes next, consumes it and returns true. */
bool normnet__json_accept(struct json *json, char character);

/* Reads `character`; anything else is rejected with the message `problem`. */
normnet_status normnet__json_expect(struct json *json, char character, const char *problem);

/*
 * Reads a string. `text` receives it with the escapes replaced, which never makes it longer, and a terminating NUL; the
 * string itself may contain NULs.
 */
normnet_status normnet__json_string(struct json *json, char *text, int64_t *length);

normnet_status normnet__json_number(struct json *json, int64_t *number);

/* Checks that the text ends here. */
normnet_status normnet__json_expect_end(struct json *json);

#endif
