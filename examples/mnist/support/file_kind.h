/* SPDX-License-Identifier: MIT */
/*
 * Files of other kinds than expected, told by their first bytes. The library knows the same kinds for models, but has
 * no function for them, and this program includes only its header.
 */
#ifndef MNIST_FILE_KIND_H
#define MNIST_FILE_KIND_H

#include <stddef.h>
#include <stdint.h>

/* "a PNG image"; NULL if the bytes are of no kind that is known here. */
const char *file_kind_name(const uint8_t *bytes, size_t size);

/*
 * Reports what the file is instead of `expected`, "an IDX file" say, or how it begins; returns the exit code. For a
 * file that has been found not to be the expected one.
 */
int file_kind_reject(const char *path, const uint8_t *bytes, size_t size, const char *expected);

#endif
