/* SPDX-License-Identifier: MIT */
/*
 * MNIST as a table, as Kaggle and others publish it: one image per line, its label first and then the pixels row by
 * row, with or without a line of names before. Commas, semicolons or tabs separate the numbers.
 */
#ifndef MNIST_CSV_H
#define MNIST_CSV_H

#include "data/array.h"
#include "support/mapped_file.h"

/* What csv_read() makes: two arrays in memory of their own. */
struct csv_table {
    struct array images; /* count x pixels */
    struct array labels; /* count; values = NULL if the table has none */
    uint8_t *memory;
};

/* Returns 0, or reports what is wrong with the file, with its line; free(table->memory). */
int csv_read(struct csv_table *table, const struct mapped_file *file, const char *path);

#endif
