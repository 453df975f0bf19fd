/* SPDX-License-Identifier: MIT */
/*
 * Finds the files of a data set by their names. They lie in the directory or, if no complete set is there, one or two
 * directories below it, or anywhere in a zip archive.
 */
#ifndef MNIST_SET_FILES_H
#define MNIST_SET_FILES_H

#include "data/set_names.h"

#include <stdbool.h>

struct set_files {
    enum set_kind kind;
    char *paths[SET_PARTS]; /* NULL = not there or not needed */
};

/*
 * Finds the set in `place`, a directory or a zip archive, or the set that the file `place` belongs to, which may be in
 * an archive: "digits.zip/raw/train-images-idx3-ubyte". With `test_only`, a set without training images is complete.
 * Returns 0, or reports what is missing with the name that is nearest to it, or which sets
 * there are to choose from.
 */
int set_files_find(struct set_files *files, const char *place, bool test_only);
void set_files_free(struct set_files *files);

#endif
