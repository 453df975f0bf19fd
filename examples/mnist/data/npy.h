/* SPDX-License-Identifier: MIT */
/* NPY, the file format of NumPy's arrays: a magic number, a version, and a header that is a Python dictionary. */
#ifndef MNIST_NPY_H
#define MNIST_NPY_H

#include "data/array.h"
#include "support/whole_file.h"

#include <stdbool.h>

bool npy_begins(const uint8_t *data, size_t size);

/* Reads the header. The values stay where the file is. Returns 0, or reports what is wrong with the file. */
int npy_read(struct array *array, const struct whole_file *file, const char *path);

#endif
