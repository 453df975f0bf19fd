/* SPDX-License-Identifier: MIT */
#include "support/options.h"

#include "support/file_system.h"
#include "support/nearest.h"
#include "support/report.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Values ------------------------------------------------------------------------------------ */

static int set_integer(const struct option *option, const char *text)
{
    char *end;

    errno = 0;
    intmax_t value = strtoimax(text, &end, 10);
    bool number = end != text && !*end && strchr("-0123456789", *text);

    if (!number || errno == ERANGE || (double)value < option->min || (double)value > option->max) {
        if (option->max >= 9e18)
            return report_usage("%s: '%s' is not a whole number from %.0f to 2^63 - 1", option->name, text,
                                option->min);
        return report_usage("%s: '%s' is not a whole number from %.0f to %.0f", option->name, text, option->min,
                            option->max);
    }
    *option->target.integer = value;
    return 0;
}

static int set_real(const struct option *option, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    bool number = end != text && !*end && strspn(text, "+-.0123456789eE") == strlen(text);

    if (!number || !isfinite(value) || value < option->min || value > option->max)
        return report_usage("%s: '%s' is not a number from %g to %g", option->name, text, option->min, option->max);
    *option->target.real = value;
    return 0;
}

/* Writes "a, b or c". */
static void join_choices(char *text, size_t size, const char *const *choices)
{
    size_t length = 0;

    text[0] = '\0';
    for (int i = 0; choices[i] && length < size; ++i) {
        const char *separator = i == 0 ? "" : choices[i + 1] ? ", " : " or ";

        length += (size_t)snprintf(text + length, size - length, "%s%s", separator, choices[i]);
    }
}

static int set_choice(const struct option *option, const char *text)
{
    char words[256], suggestion[NEAREST_ROOM];

    for (int32_t i = 0; option->choices[i]; ++i) {
        if (strcmp(option->choices[i], text) == 0) {
            *option->target.choice = i;
            return 0;
        }
    }
    struct nearest nearest = nearest_begin(text, strlen(text));
    for (int32_t i = 0; option->choices[i]; ++i)
        nearest_try(&nearest, option->choices[i]);
    join_choices(words, sizeof words, option->choices);
    return report_usage("%s: '%s' is not %s%s", option->name, text, words, nearest_text(&nearest, suggestion));
}

static int set_value(const struct option *option, const char *text)
{
    switch (option->kind) {
    case OPTION_INTEGER:
        return set_integer(option, text);
    case OPTION_REAL:
        return set_real(option, text);
    case OPTION_CHOICE:
        return set_choice(option, text);
    default:
        if (!*text)
            return report_usage("%s needs a value: %s", option->name, option->value);
        *option->target.text = text;
        return 0;
    }
}

/* ---- The command line -------------------------------------------------------------------------- */

/* The option whose name is the first `length` bytes of `name`, or NULL. */
static struct option *find_option(struct option *options, int count, const char *name, size_t length)
{
    for (int i = 0; i < count; ++i) {
        if (options[i].kind != OPTION_HEADING && strlen(options[i].name) == length &&
            strncmp(options[i].name, name, length) == 0)
            return &options[i];
    }
    return NULL;
}

/* Reports an argument that should be, or looks like, an option. */
static int reject_option(const struct option *options, int count, const char *argument, size_t length,
                         const char *problem)
{
    struct nearest nearest = nearest_begin(argument, length);
    char suggestion[NEAREST_ROOM];

    for (int i = 0; i < count; ++i) {
        if (options[i].kind != OPTION_HEADING && options[i].kind != OPTION_FILES)
            nearest_try(&nearest, options[i].name);
    }
    nearest_try(&nearest, "--help");
    return report_usage("%s '%.*s'%s", problem, (int)length, argument, nearest_text(&nearest, suggestion));
}

/* Where to put the arguments that are not options, or NULL. */
static struct file_arguments *find_file_arguments(struct option *options, int count)
{
    for (int i = 0; i < count; ++i) {
        if (options[i].kind == OPTION_FILES)
            return options[i].target.files;
    }
    return NULL;
}

/* A minus followed by a digit begins a number. */
static bool is_option_like(const char *argument)
{
    return argument[0] == '-' && !strchr(".0123456789", argument[1]);
}

/* No option: a word, or - and -:N for standard input. */
static bool is_plain(const char *argument)
{
    return argument[0] != '-' || !argument[1] || argument[1] == ':';
}

/* Reports what follows an option and is no value. "--name=value" takes any. */
static int reject_value(struct option *options, int count, const struct option *option, const char *next)
{
    if (find_option(options, count, next, strcspn(next, "=")))
        return report_usage("%s needs a value: %s; %s is an option", option->name, option->value, next);
    return report_usage("%s needs a value: %s; for '%s' write %s=%s", option->name, option->value, next, option->name,
                        next);
}

int options_parse(struct option *options, int count, int argc, char **argv)
{
    struct file_arguments *files = find_file_arguments(options, count);
    bool ended = false;

    if (files)
        *files = (struct file_arguments){argv, 0};
    for (int i = 0; i < argc; ++i) {
        const char *argument = argv[i];
        const char *value = strchr(argument, '=');
        size_t length = value ? (size_t)(value - argument) : strlen(argument);

        if (!ended && (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0))
            return OPTIONS_HELP;
        if (strcmp(argument, "--") == 0 && !ended) { /* what follows are no options */
            ended = true;
            continue;
        }
        if (ended || is_plain(argument)) {
            if (!files)
                return reject_option(options, count, argument, length, "an option is missing before");
            argv[files->count++] = argv[i];
            continue;
        }
        if (length == strlen("--help") && strncmp(argument, "--help", length) == 0)
            return report_usage("--help takes no value");
        struct option *option = find_option(options, count, argument, length);
        if (!option)
            return reject_option(options, count, argument, length, "there is no option");
        option->given = true;
        if (option->kind == OPTION_FLAG) {
            if (value)
                return report_usage("%s takes no value", option->name);
            *option->target.flag = true;
            continue;
        }
        if (!value && option->without && (i + 1 == argc || is_option_like(argv[i + 1]))) {
            set_value(option, option->without);
            continue;
        }
        if (!value && i + 1 == argc)
            return report_usage("%s needs a value: %s", option->name, option->value);
        if (!value && strncmp(argv[i + 1], "--", 2) == 0)
            return reject_value(options, count, option, argv[i + 1]);
        int code = set_value(option, value ? value + 1 : argv[++i]);
        if (code != 0)
            return code;
    }
    return 0;
}

bool options_given(const struct option *options, int count, const char *name)
{
    for (int i = 0; i < count; ++i) {
        if (options[i].kind != OPTION_HEADING && strcmp(options[i].name, name) == 0)
            return options[i].given;
    }
    return false;
}

int options_check_distinct(struct option *options, int count, const char *first, const char *second)
{
    const struct option *a = find_option(options, count, first, strlen(first));
    const struct option *b = find_option(options, count, second, strlen(second));

    if (!*a->target.text || !*b->target.text || !file_same(*a->target.text, *b->target.text))
        return 0;
    return report_usage("%s and %s both name the file %s", first, second, *a->target.text);
}

/* ---- Comparison -------------------------------------------------------------------------------- */

static bool equal_words(const char *a, const char *b)
{
    for (;;) {
        a += strspn(a, " ");
        b += strspn(b, " ");
        size_t length = strcspn(a, " ");
        if (length != strcspn(b, " ") || strncmp(a, b, length) != 0)
            return false;
        if (length == 0)
            return true;
        a += length;
        b += length;
    }
}

bool options_equal(const struct option *a, const struct option *b)
{
    switch (a->kind) {
    case OPTION_FLAG:
        return *a->target.flag == *b->target.flag;
    case OPTION_INTEGER:
        return *a->target.integer == *b->target.integer;
    case OPTION_REAL:
        return *a->target.real == *b->target.real;
    case OPTION_CHOICE:
        return *a->target.choice == *b->target.choice;
    default:
        return equal_words(*a->target.text, *b->target.text);
    }
}

void option_text(const struct option *option, char text[OPTION_TEXT_ROOM])
{
    switch (option->kind) {
    case OPTION_FLAG:
        snprintf(text, OPTION_TEXT_ROOM, "%s", *option->target.flag ? "on" : "off");
        break;
    case OPTION_INTEGER:
        snprintf(text, OPTION_TEXT_ROOM, "%" PRId64, *option->target.integer);
        break;
    case OPTION_REAL:
        snprintf(text, OPTION_TEXT_ROOM, "%.15g", *option->target.real);
        if (strtod(text, NULL) != *option->target.real)
            snprintf(text, OPTION_TEXT_ROOM, "%.17g", *option->target.real);
        break;
    case OPTION_CHOICE:
        snprintf(text, OPTION_TEXT_ROOM, "%s", option->choices[*option->target.choice]);
        break;
    default:
        snprintf(text, OPTION_TEXT_ROOM, "'%s'", *option->target.text);
    }
}

/* ---- Help -------------------------------------------------------------------------------------- */

enum { HELP_COLUMN = 24, HELP_WIDTH = 80 };

/* Prints the text from HELP_COLUMN to HELP_WIDTH, with lines broken between words and at "\n". */
static void print_option_help(const char *text)
{
    int column = HELP_COLUMN;

    while (*text) {
        int length = (int)strcspn(text, " \n");
        bool first = column == HELP_COLUMN;

        if (!first && column + 1 + length > HELP_WIDTH) {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
            first = true;
        }
        column += printf("%s%.*s", first ? "" : " ", length, text);
        text += length;
        if (*text == '\n') {
            printf("\n%*s", HELP_COLUMN, "");
            column = HELP_COLUMN;
        }
        if (*text)
            ++text;
    }
    putchar('\n');
}

static void print_options_help(const struct option *options, int count)
{
    for (int i = 0; i < count; ++i) {
        const struct option *option = &options[i];

        if (option->kind == OPTION_HEADING) {
            printf("\n%s\n", option->name);
            continue;
        }
        int length = printf("  %s%s%s", option->name, option->value ? " " : "", option->value ? option->value : "");
        if (length > HELP_COLUMN - 2) {
            putchar('\n');
            length = 0;
        }
        printf("%*s", HELP_COLUMN - length, "");
        print_option_help(option->help);
    }
}

int options_run(struct option *options, int count, const struct help *help, int argc, char **argv)
{
    int code = options_parse(options, count, argc, argv);

    if (code == OPTIONS_HELP) {
        fputs(help->introduction, stdout);
        print_options_help(options, count);
        printf("\n%s", help->examples);
    }
    return code;
}
