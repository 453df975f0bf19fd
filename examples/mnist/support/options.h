/* SPDX-License-Identifier: MIT */
/*
 * Command line options from a table: "--name value" or "--name=value", flags without a value. The
 * table is the parser, the help text and the check of every value at once.
 */
#ifndef MNIST_OPTIONS_H
#define MNIST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum option_kind {
    OPTION_HEADING, /* no option: a line of the help text */
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_INTEGER,
    OPTION_REAL,
    OPTION_CHOICE,
    OPTION_FILES /* no option: takes the arguments that are none; the others refuse them */
};

/* Arguments that are no options, in their order. */
struct file_arguments {
    char **names;
    int count;
};

struct option {
    enum option_kind kind;
    const char *name;  /* "--epochs"; the text of a heading */
    const char *value; /* what the help calls its value, e.g. "N" */
    const char *help;
    union {
        bool *flag;
        const char **text;
        int64_t *integer;
        double *real;
        int32_t *choice; /* receives the index of the word in `choices` */
        struct file_arguments *files;
    } target;
    double least, most;         /* of an integer or a real */
    const char *const *choices; /* of a choice, ended by NULL */
    bool given;                 /* set by options_parse */
};

/* What options_parse returns when the user asked for --help. */
enum { OPTIONS_HELP = -1 };

/*
 * Fills the targets from the arguments; returns 0, OPTIONS_HELP, or the exit code of the report. The names of
 * OPTION_FILES come to stand at the beginning of `argv`.
 */
int options_parse(struct option *options, int count, int argc, char **argv);

/* The same for a whole command: with --help, prints the introduction and the table as help text. */
int options_run(struct option *options, int count, const char *introduction, int argc, char **argv);

/* Whether an option of the table was on the command line. */
bool options_given(const struct option *options, int count, const char *name);

/* Reports it if two options name the same file, of which one would take the other's place; returns 0 otherwise. */
int options_check_distinct(struct option *options, int count, const char *first, const char *second);

/* Whether the targets of two options of the same kind hold the same; of texts, the same words. */
bool options_equal(const struct option *a, const struct option *b);

/* What the option's target holds, as one would type it; a long text is cut off. */
enum { OPTION_TEXT_ROOM = 200 };
void option_text(const struct option *option, char text[OPTION_TEXT_ROOM]);

#endif
