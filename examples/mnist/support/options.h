/* SPDX-License-Identifier: MIT */
/*
 * Command line options, described by a table: "--name value" or "--name=value", and flags, which take no value. A value
 * that begins with -- needs the second form. After the argument "--", no other is an option. The table has the type and
 * range of each value, where to store it, and its help text.
 */
#ifndef MNIST_OPTIONS_H
#define MNIST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum option_kind {
    OPTION_HEADING, /* not an option: a heading in the help text */
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_INTEGER,
    OPTION_REAL,
    OPTION_CHOICE,
    OPTION_FILES /* not an option: receives all other arguments, which are an error without it */
};

/* The arguments that are not options, in their order. */
struct file_arguments {
    char **names;
    int count;
};

struct option {
    enum option_kind kind;
    const char *name;  /* "--epochs"; the text of a heading */
    const char *value; /* the name of its value in the help text, e.g. "N" */
    const char *help;  /* wrapped when it is printed; "\n" begins a new line */
    union {
        bool *flag;
        const char **text;
        int64_t *integer;
        double *real;
        int32_t *choice; /* receives the index of the word in `choices` */
        struct file_arguments *files;
    } target;
    double min, max;            /* of an integer or a real */
    const char *const *choices; /* of a choice, ended by NULL */
    const char *without;        /* the value if none follows; NULL = that is an error */
    bool given;                 /* set by options_parse */
};

/* What options_parse() returns for --help. */
enum { OPTIONS_HELP = -1 };

/*
 * Fills the targets from the arguments. Returns 0, OPTIONS_HELP, or the exit code of the report. Moves the arguments
 * that are not options to the beginning of `argv`.
 */
int options_parse(struct option *options, int count, int argc, char **argv);

/* What the help text of a command has before and after its table of options. */
struct help {
    const char *introduction; /* "Usage: ..." and what the command does */
    const char *examples;     /* last, after an empty line */
};

/* Does the same, and prints the help text for --help. */
int options_run(struct option *options, int count, const struct help *help, int argc, char **argv);

/* Whether the option was on the command line. */
bool options_given(const struct option *options, int count, const char *name);

/* Returns 0, or reports that two options name the same file. */
int options_check_distinct(struct option *options, int count, const char *first, const char *second);

/* Whether the targets of two options of the same kind are equal. Texts are compared word by word. */
bool options_equal(const struct option *a, const struct option *b);

/* Writes the value of the option as a user would type it. A long text is cut off. */
enum { OPTION_TEXT_ROOM = 200 };
void option_text(const struct option *option, char text[OPTION_TEXT_ROOM]);

#endif
