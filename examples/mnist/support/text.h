/* SPDX-License-Identifier: MIT */
/* Formatted text in allocated memory, and words quoted for a shell. */
#ifndef MNIST_TEXT_H
#define MNIST_TEXT_H

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

/* Prints a word, quoted where a shell would otherwise change it. */
void print_word(FILE *stream, const char *word);

#endif
