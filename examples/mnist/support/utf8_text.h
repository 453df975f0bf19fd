/* SPDX-License-Identifier: MIT */
/* Text in UTF-8: its characters, and the columns that they take on a terminal. */
#ifndef MNIST_UTF8_TEXT_H
#define MNIST_UTF8_TEXT_H

/* Bytes of the character at `text`, or 0 if it is invalid (also for overlong forms and surrogates). */
int utf8_length(const char *text);

/* Columns of a valid text: two for the characters of East Asia and for pictures, one for others. */
int utf8_columns(const char *text);

/* Bytes of the longest beginning of a valid text that takes at most `columns` columns. */
int utf8_cut(const char *text, int columns);

#endif
