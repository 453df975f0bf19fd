/* SPDX-License-Identifier: MIT */
/* The architecture string: tokens separated by whitespace, each of which becomes one layer. */
#include "net/network.h"

#include "base/message.h"
#include "base/text.h"
#include "layers/layer_type.h"

#include <stdio.h>
#include <string.h>

static bool is_space(char character)
{
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

/* ---- The default ----------------------------------------------------------------------------------- */

/* What a network without padding and a padded one need, in rows and in columns. */
enum { MIN_SIZE = 18, MIN_PADDED_SIZE = 8 };

normnet_status normnet__default_architecture(const normnet_config *config, char *text)
{
    const int32_t size = config->height < config->width ? config->height : config->width;
    const char *padding = size < MIN_SIZE ? "p1" : "";

    if (size < MIN_PADDED_SIZE)
        return normnet__fail(NORMNET_EARCH,
                             "the default network is for images of at least %dx%d pixels; config.height is %d and "
                             "config.width %d: set config.architecture",
                             (int)MIN_PADDED_SIZE, (int)MIN_PADDED_SIZE, config->height, config->width);
    (void)snprintf(text, NORMNET__ARCHITECTURE_BYTES,
                   "conv3-8%s relu norm dropout conv3-16%s relu norm dropout maxpool2 conv1-8 "
                   "conv3-16%s relu norm dropout conv3-16%s relu norm dropout conv3-16%s relu norm dropout gap "
                   "conv1-16 relu norm dropout conv1-%d",
                   padding, padding, padding, padding, padding, config->classes);
    return NORMNET_OK;
}

/* ---- Reading ------------------------------------------------------------------------------------- */

normnet_status normnet__count_tokens(const char *text, int32_t *count)
{
    int32_t length = 0;

    *count = 0;
    for (; text[length] != '\0'; ++length) {
        if (length >= NORMNET__MAX_ARCHITECTURE)
            return normnet__fail(NORMNET_ELIMIT, "the architecture is longer than %d bytes",
                                 (int)NORMNET__MAX_ARCHITECTURE);
        if (!is_space(text[length]) && (length == 0 || is_space(text[length - 1])))
            ++*count;
    }
    if (*count == 0)
        return normnet__fail(NORMNET_EARCH, "the architecture is empty");
    return NORMNET_OK;
}

/* A name is a run of lower-case letters; the layer type reads what follows. */
static int32_t name_length(const char *text)
{
    int32_t length = 0;

    while (text[length] >= 'a' && text[length] <= 'z')
        ++length;
    return length;
}

static bool is_letter(char character)
{
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z');
}

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* Blanks of web pages and text processors: no-break, those of general punctuation, and the ideographic one. */
static bool is_foreign_space(const char *text)
{
    return strncmp(text, "\xC2\xA0", 2) == 0 || strncmp(text, "\xE2\x80", 2) == 0 ||
           strncmp(text, "\xE3\x80\x80", 3) == 0;
}

/* "conv3-8," or "conv3-8->relu": what stands between words of other lists. In "conv(3,8)" it is between numbers. */
static bool has_separator(const char *text)
{
    for (; *text != '\0'; ++text)
        if ((strchr(",;|/+>&", *text) != NULL && (is_letter(text[1]) || text[1] == '\0')) || is_foreign_space(text))
            return true;
    return false;
}

/* PyTorch's classes have the number of dimensions in their names: "BatchNorm2d". */
static bool has_dimensions(const char *rest)
{
    return is_digit(rest[0]) && (rest[1] == 'd' || rest[1] == 'D');
}

static normnet_status reject_word(const struct token *token, struct shape in)
{
    char bytes[320];
    struct text reason = {bytes, sizeof bytes, 0};
    const struct layer_type *nearest;
    const char *rest;
    int32_t length = 0;

    while (is_letter(token->text[length]) || token->text[length] == '_')
        ++length;
    nearest = normnet__nearest_layer_type(token->text, length);
    rest = token->text + length;
    rest += has_dimensions(rest) ? 2 : 0;
    normnet__append(&reason, "there is no such layer; ");
    if (nearest == NULL) {
        normnet__append(&reason, "expected one of");
        for (const struct layer_type *const *type = normnet__layer_types; *type != NULL; ++type)
            normnet__append(&reason, " %s", (*type)->name);
    } else if (is_digit(*rest) || *rest == '.' || (*rest == '-' && is_digit(rest[1])))
        normnet__append(&reason, "did you mean '%s%.64s'?", nearest->name, rest);
    else if (strcmp(nearest->name, nearest->example) == 0)
        normnet__append(&reason, "did you mean '%s'?", nearest->name);
    else
        normnet__append(&reason, "did you mean '%s', e.g. '%s'?", nearest->name, nearest->example);
    return normnet__reject_token(NORMNET_EARCH, token, in, reason.to);
}

static normnet_status read_layer(struct layer *layer, struct token *token, const normnet_config *config)
{
    const int32_t length = name_length(token->text);

    if (has_separator(token->text))
        return normnet__reject_token(NORMNET_EARCH, token, layer->in, "spaces separate layers: 'conv3-8 norm relu'");
    layer->type = normnet__find_layer_type(token->text, length);
    if (layer->type == NULL || has_dimensions(token->text + length))
        return reject_word(token, layer->in);
    layer->token = token->text;
    layer->column = token->column;
    token->rest = token->text + length;
    return layer->type->resolve(layer, token, config);
}

static normnet_status check_end(const struct network *network)
{
    const struct layer *last = &network->layers[network->layer_count - 1];
    char shape[40];

    if (last->out.channels == network->classes && last->out.height == 1 && last->out.width == 1)
        return NORMNET_OK;
    return normnet__fail(NORMNET_EARCH,
                         "architecture, column %d: the last layer '%.64s' gives %s values per image; expected one for "
                         "each of %d classes",
                         last->column, last->token, normnet__shape_text(shape, last->out), network->classes);
}

normnet_status normnet__read_architecture(struct network *network, const normnet_config *config, int32_t lanes,
                                          char *tokens)
{
    struct shape shape = {config->channels, config->height, config->width, false};

    network->input = shape;
    network->classes = config->classes;
    network->lanes = lanes;
    network->layer_count = 0;
    strcpy(tokens, config->architecture);
    for (char *text = tokens; *text != '\0';) {
        struct layer *layer = &network->layers[network->layer_count];
        struct token token;
        normnet_status status;

        if (is_space(*text)) {
            ++text;
            continue;
        }
        token = (struct token){.text = text, .rest = text, .column = (int32_t)(text - tokens) + 1};
        while (*text != '\0' && !is_space(*text))
            ++text;
        if (*text != '\0')
            *text++ = '\0';
        *layer = (struct layer){.index = network->layer_count, .lanes = lanes, .in = shape, .batch_norm = -1};
        status = read_layer(layer, &token, config);
        if (status != NORMNET_OK)
            return status;
        shape = layer->out;
        network->layer_count += 1;
    }
    return check_end(network);
}

/* ---- Comparing ----------------------------------------------------------------------------------- */

/* Types that share their `same` are interchangeable, e.g. groupnorm and instancenorm. */
static bool same_layer(const struct layer *one, const struct layer *other)
{
    return one->type->same == other->type->same && strcmp(one->module, other->module) == 0 &&
           one->out.channels == other->out.channels && one->weight.count == other->weight.count &&
           one->bias.count == other->bias.count && one->type->same(one, other);
}

int32_t normnet__first_difference(const struct network *one, const struct network *other)
{
    const int32_t layers = one->layer_count < other->layer_count ? one->layer_count : other->layer_count;

    for (int32_t i = 0; i < layers; ++i)
        if (!same_layer(&one->layers[i], &other->layers[i]))
            return i;
    return one->layer_count == other->layer_count ? -1 : layers;
}
