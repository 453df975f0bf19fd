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
int terminal_width(FILE *stream); /* in columns; 80 if unknown */

#endif
