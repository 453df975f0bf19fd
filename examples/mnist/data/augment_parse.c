/* SPDX-License-Identifier: MIT */
#include "data/augment.h"

#include "data/elastic.h"
#include "support/nearest.h"
#include "support/report.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[] = {"rotate", "affine", "elastic", "jitter"};
enum { KINDS = sizeof kind_names / sizeof kind_names[0] };

/* In the order of enum augment_interpolation. */
static const char *const interpolation_names[] = {"nearest", "bilinear", NULL};

/* In the order of enum augment_kind. Parameters that are not given are 0. */
static const struct augment_operation defaults[] = {
    {.kind = AUGMENT_ROTATE, .scale_low = 1, .scale_high = 1},
    {.kind = AUGMENT_AFFINE, .scale_low = 1, .scale_high = 1},
    {.kind = AUGMENT_ELASTIC, .alpha = 50, .sigma = 5, .interpolation = AUGMENT_BILINEAR},
    {.kind = AUGMENT_JITTER},
};

/* What the name of an operation without parameters means; NULL = the operation with its defaults. */
static const char *const recipes[] = {
    "rotate:7:fill=1",
    "rotate:6:fill=1,affine:deg=7,shear=7,translate=.1,scale=.8-1.2,jitter:.4",
    NULL,
    NULL,
};

/* A number is stored at `offset`; the second number of a range LOW-HIGH at `offset_high`; of a word, its index. */
static const struct parameter {
    enum augment_kind kind;
    const char *name;
    double min, max;
    size_t offset, offset_high; /* in struct augment_operation; offset_high 0 = not a range */
    const char *const *words;   /* NULL = a number */
} parameters[] = {
    {AUGMENT_ROTATE, "deg", 0, 360, offsetof(struct augment_operation, degrees), 0, NULL},
    {AUGMENT_ROTATE, "fill", 0, 255, offsetof(struct augment_operation, fill), 0, NULL},
    {AUGMENT_ROTATE, "interpolation", 0, 0, offsetof(struct augment_operation, interpolation), 0, interpolation_names},
    {AUGMENT_AFFINE, "deg", 0, 360, offsetof(struct augment_operation, degrees), 0, NULL},
    {AUGMENT_AFFINE, "shear", 0, 80, offsetof(struct augment_operation, shear), 0, NULL},
    {AUGMENT_AFFINE, "translate", 0, 1, offsetof(struct augment_operation, translate), 0, NULL},
    {AUGMENT_AFFINE, "scale", 0.1, 10, offsetof(struct augment_operation, scale_low),
     offsetof(struct augment_operation, scale_high), NULL},
    {AUGMENT_AFFINE, "fill", 0, 255, offsetof(struct augment_operation, fill), 0, NULL},
    {AUGMENT_AFFINE, "interpolation", 0, 0, offsetof(struct augment_operation, interpolation), 0, interpolation_names},
    {AUGMENT_ELASTIC, "alpha", 0, 1000, offsetof(struct augment_operation, alpha), 0, NULL},
    {AUGMENT_ELASTIC, "sigma", 0.5, ELASTIC_MAX_SIGMA, offsetof(struct augment_operation, sigma), 0, NULL},
    {AUGMENT_ELASTIC, "fill", 0, 255, offsetof(struct augment_operation, fill), 0, NULL},
    {AUGMENT_ELASTIC, "interpolation", 0, 0, offsetof(struct augment_operation, interpolation), 0, interpolation_names},
    {AUGMENT_JITTER, "brightness", 0, 1, offsetof(struct augment_operation, brightness), 0, NULL},
    {AUGMENT_JITTER, "contrast", 0, 1, offsetof(struct augment_operation, contrast), 0, NULL},
};
enum { PARAMETERS = sizeof parameters / sizeof parameters[0] };

/* What is parsed, and how messages call it, e.g. "--augment". */
struct spec {
    const char *name, *text;
};

static int column_of(const struct spec *spec, const char *at)
{
    return (int)(at - spec->text) + 1;
}

/* The kind whose name is the first word of `text`, or -1. */
static int find_kind(const char *text)
{
    for (int kind = 0; kind < KINDS; ++kind) {
        size_t length = strlen(kind_names[kind]);

        if (strncmp(text, kind_names[kind], length) == 0 &&
            strchr(":,", text[length])) /* strchr() also finds the terminating 0 */
            return kind;
    }
    return -1;
}

static size_t word_length(const char *text)
{
    return strcspn(text, ":,");
}

/* Reads a finite decimal number, unlike strtod(), which accepts more. */
static bool read_decimal(const char **text, double *value)
{
    char *end;

    if (!strchr(".0123456789", **text) || !**text || ((*text)[0] == '0' && ((*text)[1] | 32) == 'x'))
        return false;
    *value = strtod(*text, &end);
    bool good = end != *text && isfinite(*value);
    *text = end;
    return good;
}

static int parse_word_value(struct augment_operation *operation, const struct parameter *parameter,
                            const struct spec *spec, const char *word, const char *value)
{
    struct nearest nearest = nearest_begin(value, word_length(value));
    char suggestion[NEAREST_ROOM];

    for (int i = 0; parameter->words[i]; ++i) {
        const double index = i;

        if (strlen(parameter->words[i]) == word_length(value) &&
            strncmp(parameter->words[i], value, word_length(value)) == 0) {
            memcpy((char *)operation + parameter->offset, &index, sizeof index);
            return 0;
        }
        nearest_try(&nearest, parameter->words[i]);
    }
    return report_usage("%s: '%.*s' at column %d: %s of %s is %s or %s%s", spec->name, (int)word_length(word), word,
                        column_of(spec, word), parameter->name, kind_names[operation->kind], parameter->words[0],
                        parameter->words[1], nearest_text(&nearest, suggestion));
}

static int parse_parameter_value(struct augment_operation *operation, const struct parameter *parameter,
                                 const struct spec *spec, const char *word, const char *value)
{
    if (parameter->words)
        return parse_word_value(operation, parameter, spec, word, value);

    const char *cursor = value;
    double low = 0, high = 0;
    bool whole = strcmp(parameter->name, "fill") == 0;
    bool good = read_decimal(&cursor, &low);

    high = low;
    if (good && parameter->offset_high)
        good = *cursor++ == '-' && read_decimal(&cursor, &high) && low <= high;
    good = good && strchr(":,", *cursor) && low >= parameter->min && high <= parameter->max;
    if (whole)
        good = good && low == floor(low);
    if (!good) {
        const char *kind = parameter->offset_high ? "a range LOW-HIGH" : whole ? "a whole number" : "a number";

        return report_usage("%s: '%.*s' at column %d: %s of %s is %s from %g to %g", spec->name, (int)word_length(word),
                            word, column_of(spec, word), parameter->name, kind_names[operation->kind], kind,
                            parameter->min, parameter->max);
    }
    memcpy((char *)operation + parameter->offset, &low, sizeof low);
    if (parameter->offset_high)
        memcpy((char *)operation + parameter->offset_high, &high, sizeof high);
    return 0;
}

/* The parameter, or the next operation, that a word was probably meant to be. */
static struct nearest nearest_parameter(const struct augment_operation *operation, const char *word)
{
    struct nearest nearest = nearest_begin(word, strcspn(word, "=:,"));

    for (int i = 0; i < PARAMETERS; ++i) {
        if (parameters[i].kind == operation->kind)
            nearest_try(&nearest, parameters[i].name);
    }
    for (int kind = 0; kind < KINDS; ++kind)
        nearest_try(&nearest, kind_names[kind]);
    return nearest;
}

static int reject_parameter(const struct augment_operation *operation, const struct spec *spec, const char *word)
{
    const struct nearest nearest = nearest_parameter(operation, word);
    char suggestion[NEAREST_ROOM];

    return report_usage("%s: %s has no parameter '%.*s' (column %d)%s", spec->name, kind_names[operation->kind],
                        (int)word_length(word), word, column_of(spec, word), nearest_text(&nearest, suggestion));
}

/* Parses "name=value" or a value alone, which is the angle of rotate or both factors of jitter. */
static int parse_parameter(struct augment_operation *operation, const struct spec *spec, const char *word)
{
    size_t length = word_length(word);
    const char *equals = memchr(word, '=', length);
    size_t name_length = equals ? (size_t)(equals - word) : 0;
    bool bare = !equals && (operation->kind == AUGMENT_ROTATE || operation->kind == AUGMENT_JITTER);
    bool found = false;

    if (length == 0)
        return report_usage("%s: a parameter of %s is missing at column %d", spec->name, kind_names[operation->kind],
                            column_of(spec, word));
    if (bare && nearest_parameter(operation, word).best)
        return reject_parameter(operation, spec, word);
    for (int i = 0; i < PARAMETERS; ++i) {
        const struct parameter *parameter = &parameters[i];
        bool named =
            equals && strlen(parameter->name) == name_length && strncmp(word, parameter->name, name_length) == 0;

        const bool taken = named || (bare && !parameter->words && strcmp(parameter->name, "fill") != 0);
        if (parameter->kind != operation->kind || !taken)
            continue;
        int code = parse_parameter_value(operation, parameter, spec, word, named ? equals + 1 : word);
        if (code != 0)
            return code;
        found = true;
    }
    return found ? 0 : reject_parameter(operation, spec, word);
}

static int reject_operation(const struct spec *spec, const char *word)
{
    const int length = (int)word_length(word);
    struct nearest nearest = nearest_begin(word, (size_t)length);
    char suggestion[NEAREST_ROOM];

    for (int kind = 0; kind < KINDS; ++kind)
        nearest_try(&nearest, kind_names[kind]);
    if (word == spec->text)
        nearest_try(&nearest, "none");
    return report_usage("%s: '%.*s' at column %d; expected rotate, affine, elastic or jitter%s", spec->name, length,
                        word, column_of(spec, word), nearest_text(&nearest, suggestion));
}

/* Parses the parameters that follow the name of an operation; *given is their number. Moves `*cursor` after them. */
static int parse_parameters(struct augment_operation *operation, const struct spec *spec, const char **cursor,
                            int *given)
{
    int code = 0;

    for (*given = 0; code == 0 && (**cursor == ':' || (**cursor == ',' && find_kind(*cursor + 1) < 0)); ++*given) {
        code = parse_parameter(operation, spec, ++*cursor);
        *cursor += word_length(*cursor);
    }
    return code;
}

/* Appends the operations of an entry that begins at `start`. */
static int append(struct augment_list *list, const struct augment_list *entry, const struct spec *spec,
                  const char *start)
{
    if (list->count + entry->count > AUGMENT_MAX)
        return report_usage("%s: more than %d operations at column %d", spec->name, AUGMENT_MAX,
                            column_of(spec, start));
    memcpy(&list->operations[list->count], entry->operations, (size_t)entry->count * sizeof entry->operations[0]);
    list->count += entry->count;
    return 0;
}

static int parse_operations(struct augment_list *list, const struct spec *spec);

/* Parses one entry of the list, and moves `*cursor` after it. */
static int parse_entry(struct augment_list *entry, const struct spec *spec, const char **cursor)
{
    const char *start = *cursor;
    const int kind = find_kind(start);
    int given = 0;

    if (kind < 0)
        return reject_operation(spec, start);
    entry->count = 1;
    entry->operations[0] = defaults[kind];
    *cursor += word_length(start);
    const int code = parse_parameters(&entry->operations[0], spec, cursor, &given);
    if (code != 0 || given > 0)
        return code;
    if (kind == AUGMENT_JITTER)
        return report_usage("%s: jitter at column %d needs parameters, e.g. jitter:.4", spec->name,
                            column_of(spec, start));
    return recipes[kind] ? parse_operations(entry, &(struct spec){spec->name, recipes[kind]}) : 0;
}

static int parse_operations(struct augment_list *list, const struct spec *spec)
{
    const char *cursor = spec->text;

    for (list->count = 0;; ++cursor) { /* over the comma before the next operation */
        const char *start = cursor;
        struct augment_list entry = {.count = 0};

        int code = parse_entry(&entry, spec, &cursor);
        if (code == 0)
            code = append(list, &entry, spec, start);
        if (code != 0 || !*cursor)
            return code;
    }
}

int augment_parse(struct augment_list *list, const char *text, const char *name)
{
    list->count = 0;
    return strcmp(text, "none") == 0 ? 0 : parse_operations(list, &(struct spec){name, text});
}
