/* SPDX-License-Identifier: MIT */
/*
 * Finds the files of a data set under the names that people have them by. Words of a name may be separated by anything;
 * a prefix names one of several sets; .gz or .zip may follow; upper case does not matter:
 *
 *     train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte
 *     qmnist-test-labels-idx2-int.gz, emnist-letters-train-images.idx3-ubyte, x_train.npy, kmnist-test-imgs.npz
 *     train.csv and test.csv, mnist_train.csv and mnist_test.csv, images and labels in one file
 *     mnist.npz, all in one file
 *
 * They lie in the directory or, if no complete set is there, one or two directories below it.
 */
#ifndef MNIST_SET_FILES_H
#define MNIST_SET_FILES_H

#include <stdbool.h>
#include <stddef.h>

/* A part of a data set in a file of its own. */
enum set_part { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS, SET_PARTS, NO_PART = SET_PARTS };

enum set_kind {
    SET_ARRAYS, /* a file per part: IDX or NumPy */
    SET_TABLES, /* a CSV file per set, paths[TRAIN_IMAGES] and paths[TEST_IMAGES] */
    SET_ARCHIVE /* one .npz, paths[TRAIN_IMAGES] */
};

struct set_files {
    enum set_kind kind;
    char *paths[SET_PARTS]; /* NULL = not there or not needed */
};

/*
 * Finds the set in `place`, a directory, or the set that the file `place` belongs to; with `test_only`, a set without
 * training images is complete. Returns 0, or reports what is missing with the name that is nearest to it, or which sets
 * there are to choose from.
 */
int set_files_find(struct set_files *files, const char *place, bool test_only);
void set_files_free(struct set_files *files);

/* The part that a name such as "x_train.npy" speaks of, or NO_PART. */
enum set_part set_files_part(const char *name);

#endif
