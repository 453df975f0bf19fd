/* SPDX-License-Identifier: MIT */
/* Reads JSON (RFC 8259) into a tree of values. */
#ifndef MNIST_JSON_READER_H
#define MNIST_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_kind kind;
    double number;            /* of a number */
    char *text;               /* of a text: UTF-8, ended by 0; of a number, as it is written */
    char *key;                /* of a member of an object; NULL elsewhere */
    struct json_value *first; /* of an array or object */
    struct json_value *next;  /* in the array or object that holds this value */
};

struct json_problem {
    size_t offset; /* in the text */
    const char *expected;
    bool memory; /* what is missing is memory: the text may be right */
};

/*
 * Parses a text that is one value, with blanks around it. Returns NULL and fills `problem` if it is not JSON, nested
 * too deeply or of too many values, or there is no memory. A text must not have the character 0.
 */
struct json_value *json_parse(const char *text, size_t size, struct json_problem *problem);
void json_free(struct json_value *value);

/* The member of an object; NULL if there is none, or if `object` is NULL or no object. */
const struct json_value *json_member(const struct json_value *object, const char *key);

/* The same, if it is of this kind. */
const struct json_value *json_find(const struct json_value *object, const char *key, enum json_kind kind);

/* The number, or NaN for NULL or anything else. */
double json_number(const struct json_value *value);

/* The text, or NULL for NULL or anything else. */
const char *json_string(const struct json_value *value);

#endif
