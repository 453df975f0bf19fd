/* SPDX-License-Identifier: MIT */
/* A token of the architecture, e.g. "conv3-16p1": a layer's name and its numbers. */
#ifndef NORMNET_LAYERS_TOKEN_H
#define NORMNET_LAYERS_TOKEN_H

#include "layers/shape.h"
#include "normnet.h"

struct token {
    const char *text; /* whole */
    const char *rest; /* after the name */
    int32_t column;   /* of its first character, from 1 */
};

enum { NORMNET__MAX_DIMENSION = 65536 }; /* channels, features, kernel sides */

/* Reads digits at *text, moves it past them and stores the number; false without a digit or above `max`. */
bool normnet__read_number(const char **text, int32_t max, int32_t *number);

/* Reads all of `text` as a decimal of up to ten digits, with a point or without: "1", "0.1", ".1". */
bool normnet__read_decimal(const char *text, double *value);

/* Fails with `status` and a message of the token, its column, the shape of the layer's input and the reason. */
normnet_status normnet__reject_token(normnet_status status, const struct token *token, struct shape in,
                                     const char *reason);

/* NORMNET_EARCH if anything follows the name. */
normnet_status normnet__expect_no_numbers(const struct token *token, struct shape in);

/* "8x26x26", or "128" for features; `text` holds at least 40 bytes. */
const char *normnet__shape_text(char *text, struct shape shape);

#endif
