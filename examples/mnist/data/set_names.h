/* SPDX-License-Identifier: MIT */
/*
 * The names that people have the files of data sets by. Words of a name may be separated by anything; a prefix names
 * one of several sets; .gz or .zip may follow; upper case does not matter:
 *
 *     train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte
 *     qmnist-test-labels-idx2-int.gz, emnist-letters-train-images.idx3-ubyte, x_train.npy, kmnist-test-imgs.npz
 *     train.csv and test.csv, mnist_train.csv and mnist_test.csv, images and labels in one file
 *     mnist.npz, all in one file
 */
#ifndef MNIST_SET_NAMES_H
#define MNIST_SET_NAMES_H

#include <stdbool.h>

/* A part of a data set in a file of its own. */
enum set_part { TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS, SET_PARTS, NO_PART = SET_PARTS };

enum set_kind {
    SET_ARRAYS, /* a file per part: IDX or NumPy */
    SET_TABLES, /* a CSV file per set, paths[TRAIN_IMAGES] and paths[TEST_IMAGES] */
    SET_ARCHIVE /* one .npz, paths[TRAIN_IMAGES] */
};

enum { SET_NAME_ROOM = 200 };

/* What a file name says. */
struct set_name {
    bool known; /* it is the name of a part, table or archive */
    enum set_kind kind;
    enum set_part part;
    bool packed;
    char prefix[SET_NAME_ROOM]; /* "emnist-letters" */
    char plain[SET_NAME_ROOM];  /* the whole name in lower case, words separated by -, without .gz */
};

/* Understands the name of a file, without its directory. */
struct set_name set_name_read(const char *file_name);

/* The part that a name such as "x_train.npy" speaks of, or NO_PART. */
enum set_part set_name_part(const char *name);

#endif
