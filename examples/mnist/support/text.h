/* SPDX-License-Identifier: MIT */
/* Formatted text in allocated memory, and words quoted for a shell. */
#ifndef MNIST_TEXT_H
#define MNIST_TEXT_H

#include <stdbool.h>
#include <stdio.h>

/* The attribute of a function whose arguments are those of printf: compilers check them against the format. */
#if defined(__MINGW32__)
#define PRINTF_FORMAT __attribute__((format(gnu_printf, 1, 2))) /* C11's formats, not those of Windows */
#elif defined(__GNUC__)
#define PRINTF_FORMAT __attribute__((format(printf, 1, 2)))
#else
#define PRINTF_FORMAT
#endif

/* A printf into newly allocated memory; free() it. NULL without memory. */
char *text_of(const char *format, ...) PRINTF_FORMAT;

/* Puts ? in the place of control characters, which would steer a terminal or break a line of a table. */
void text_make_printable(char *text);

/* Prints a name of the user's on standard output, made printable, with text before and after it. */
void print_name(const char *before, const char *name, const char *after);

/* Whether a path begins at the root, or at a drive of Windows, which has a letter. */
bool text_is_absolute(const char *path);

/* The last part of a path, without the folders before it. */
const char *text_base_name(const char *path);

/* A word, quoted where a shell would otherwise change it; free() it. NULL without memory. */
char *text_quote(const char *word);

/* Prints it. */
void print_word(FILE *stream, const char *word);

#endif
