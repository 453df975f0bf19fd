/* SPDX-License-Identifier: MIT */
/* Standard streams and the terminal that they may be connected to. */
#ifndef MNIST_TERMINAL_H
#define MNIST_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/*
 * Opens standard input, output and error on /dev/null if the program was started without them. Otherwise the next file
 * that is opened would take their number and receive what is printed.
 */
void open_standard_streams(void);

bool is_terminal(FILE *stream);

/*
 * Whether text in UTF-8 is shown as such: what the locale of the environment, or the console of Windows, says.
 */
bool terminal_is_utf8(void);
int terminal_width(FILE *stream); /* in columns; 80 if unknown */

#endif
