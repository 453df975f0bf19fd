/* SPDX-License-Identifier: MIT */
/* The bar of a long work in the last line of a terminal. */
#ifndef MNIST_BAR_H
#define MNIST_BAR_H

#include <stddef.h>
#include <stdio.h>

/* Draws the bar for this share of the work, 0 to 1, and `line` beside it, over the bar before. */
void bar_draw(FILE *terminal, double share, const char *line);

/* Erases the bar, so that lines can be printed. */
void bar_erase(FILE *terminal);

/* "1:02:03" or "2:03" */
void duration_text(char *text, size_t size, double seconds);

#endif
