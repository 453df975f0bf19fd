/* SPDX-License-Identifier: MIT */
#include "layers/token.h"

#include "base/message.h"

#include <stdio.h>

bool normnet__read_number(const char **text, int32_t max, int32_t *number)
{
    int32_t value = 0;

    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        value = value * 10 + (**text - '0');
        if (value > max)
            return false;
    }
    *number = value;
    return true;
}

bool normnet__read_decimal(const char *text, double *value)
{
    double digits_value = 0.0, unit = 1.0;
    int digits = 0;
    bool fraction = false;

    for (; *text != '\0'; ++text) {
        if (*text == '.' && !fraction) {
            fraction = true;
            continue;
        }
        if (*text < '0' || *text > '9' || ++digits > 10)
            return false;
        digits_value = digits_value * 10.0 + (*text - '0');
        unit *= fraction ? 10.0 : 1.0;
    }
    *value = digits_value / unit;
    return digits > 0;
}

normnet_status normnet__reject_token(normnet_status status, const struct token *token, struct shape in,
                                     const char *reason)
{
    char shape[40];

    return normnet__fail(status, "architecture, column %d: '%.64s' with input %s: %s", token->column, token->text,
                         normnet__shape_text(shape, in), reason);
}

normnet_status normnet__expect_no_numbers(const struct token *token, struct shape in)
{
    if (*token->rest == '\0')
        return NORMNET_OK;
    return normnet__reject_token(NORMNET_EARCH, token, in, "expected nothing after the name");
}

const char *normnet__shape_text(char *text, struct shape shape)
{
    if (shape.flat)
        snprintf(text, 40, "%d", shape.channels);
    else
        snprintf(text, 40, "%dx%dx%d", shape.channels, shape.height, shape.width);
    return text;
}
