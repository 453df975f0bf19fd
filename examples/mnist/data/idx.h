/* SPDX-License-Identifier: MIT */
/*
 * IDX, the file format of MNIST: 0, 0, the type of the values (8 = unsigned byte), the number of dimensions, each
 * dimension as a big-endian 32-bit number, then the values, big-endian too.
 */
#ifndef MNIST_IDX_H
#define MNIST_IDX_H

#include "data/array.h"
#include "support/whole_file.h"

#include <stdbool.h>

/* Whether the bytes begin with two zeros and one of IDX's types. */
bool idx_begins(const uint8_t *data, size_t size);

/*
 * Reads the header. The values stay where the file is. Returns 0, or reports what is wrong with the file: not IDX, an
 * unknown type, too many dimensions, shorter or longer than its header says.
 */
int idx_read(struct array *array, const struct whole_file *file, const char *path);

#endif
