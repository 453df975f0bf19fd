/* SPDX-License-Identifier: MIT */
/* Reads JSON (RFC 8259) into a tree of values. */
#ifndef MNIST_JSON_TREE_H
#define MNIST_JSON_TREE_H

#include <stdint.h>

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_kind kind;
    char *key;                       /* in an object; NULL otherwise */
    char *text;                      /* of a text; of a number, as it is written */
    double number;                   /* of a number */
    struct json_value *first, *next; /* the first value in this one, and the one after this in its parent */
};

/* The tree and its memory. Free it also after a failure. */
struct json_tree {
    struct json_value *root;
    char *text; /* keys and texts point into it */
};

/* Parses `size` bytes of the file `path`. Returns 0, or reports in which line and column it is no JSON. */
int json_tree_parse(struct json_tree *tree, const uint8_t *bytes, uint64_t size, const char *path);
void json_tree_free(struct json_tree *tree);

/* The value of a key in an object; NULL if `value` is NULL or no object, or has no such key of this kind. */
const struct json_value *json_find(const struct json_value *value, const char *key, enum json_kind kind);

#endif
