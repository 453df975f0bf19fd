/* SPDX-License-Identifier: MIT */
/* Text in UTF-8: its characters, and the columns that they take on a terminal. */
#ifndef MNIST_UTF8_TEXT_H
#define MNIST_UTF8_TEXT_H

#include <stddef.h>

/* Bytes of the byte order mark that a text may begin with: 3, or 0 if it has none. */
size_t utf8_mark(const void *text, size_t size);

/* Bytes of the character at `text`, or 0 if it is invalid (also for overlong forms and surrogates). */
int utf8_length(const char *text);

/* Columns of a valid text: two for the characters of East Asia and for pictures, one for others. */
int utf8_columns(const char *text);

/* Bytes of the longest beginning of a valid text that takes at most `columns` columns. */
int utf8_cut(const char *text, int columns);

/* Blanks that fill a valid text up to `columns` columns. */
int utf8_blanks(const char *text, int columns);

/* Ends a valid text of which a buffer may have taken only a part before a character that is not whole. */
void utf8_end_whole(char *text);

#endif
