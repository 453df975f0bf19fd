/* SPDX-License-Identifier: MIT */
#include "layers/layer.h"

#include "base/message.h"
#include "layers/convolution.h"
#include "layers/dropout.h"
#include "layers/norm.h"
#include "layers/pool.h"

#include <stdio.h>
#include <string.h>

static const struct layer_type *const types[] = {
    &normnet__conv,      &normnet__fc,        &normnet__relu,         &normnet__norm_of_config, &normnet__dropout,
    &normnet__maxpool,   &normnet__avgpool,   &normnet__gap,          &normnet__flatten,        &normnet__batchnorm,
    &normnet__groupnorm, &normnet__layernorm, &normnet__instancenorm,
};

const struct layer_type *normnet__find_layer_type(const char *word, int32_t length)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; ++i)
        if (strlen(types[i]->word) == (size_t)length && memcmp(types[i]->word, word, (size_t)length) == 0)
            return types[i];
    return NULL;
}

normnet_status normnet__reject_token(normnet_status status, const struct token *token, struct shape in,
                                     const char *reason)
{
    char shape[40];

    return normnet__fail(status, "architecture, column %d: '%.64s' with input %s: %s", token->column, token->text,
                         normnet__shape_text(shape, in), reason);
}

const char *normnet__shape_text(char *text, struct shape shape)
{
    if (shape.flat)
        snprintf(text, 40, "%d", shape.channels);
    else
        snprintf(text, 40, "%dx%dx%d", shape.channels, shape.height, shape.width);
    return text;
}

bool normnet__read_number(const char **text, int32_t limit, int32_t *number)
{
    int32_t value = 0;

    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        value = value * 10 + (**text - '0');
        if (value > limit)
            return false;
    }
    *number = value;
    return true;
}
