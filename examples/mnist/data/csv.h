/* SPDX-License-Identifier: MIT */
/*
 * MNIST as a table, as Kaggle and others publish it: one image per line, its label first and then the pixels row by
 * row, with or without a line of names before. The names may say that the label stands elsewhere, or that numbers of
 * the images stand before. Without names it may be the last, if that column has all classes and the first has not.
 * Commas, semicolons, tabs, vertical bars or blanks separate the numbers.
 */
#ifndef MNIST_CSV_H
#define MNIST_CSV_H

#include "data/array.h"
#include "support/whole_file.h"

#include <stdbool.h>

/* What csv_read() makes: two arrays in memory of their own. */
struct csv_table {
    struct array images; /* count x pixels */
    struct array labels; /* count; values = NULL if the table has none */
    uint8_t *memory;
};

/* Whether the bytes begin as text in columns. */
bool csv_begins(const uint8_t *data, size_t size);

/*
 * Unless `pixels` is 0, lines that are no images of so many pixels may be the rows of one image; then table->images is
 * rows x columns. Returns 0, or reports what is wrong with the file, with its line; free(table->memory).
 */
int csv_read(struct csv_table *table, const struct whole_file *file, const char *path, int64_t pixels);

#endif
