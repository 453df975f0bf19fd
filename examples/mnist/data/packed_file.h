/* SPDX-License-Identifier: MIT */
/*
 * A file for reading that may be packed: with gzip, or in a zip archive, alone or as the path says:
 * "digits.zip/raw/train-images-idx3-ubyte".
 */
#ifndef MNIST_PACKED_FILE_H
#define MNIST_PACKED_FILE_H

#include "support/whole_file.h"

/* Opens the file, which may lie in an archive, as it is. Returns 0, or reports what is wrong. */
int packed_file_find(struct whole_file *file, const char *path);

/* Opens the file and unpacks it. Its contents decide, not its name. Returns 0, or reports what is wrong. */
int packed_file_open(struct whole_file *file, const char *path);

/* Unpacks a file that is open, in its place. An archive of several files is left as it is. */
int packed_file_unpack(struct whole_file *file, const char *path);

#endif
