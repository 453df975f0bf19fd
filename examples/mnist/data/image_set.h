/* SPDX-License-Identifier: MIT */
/* Images with their labels: the training or the test set of a data set, usually in two IDX files. */
#ifndef MNIST_IMAGE_SET_H
#define MNIST_IMAGE_SET_H

#include "data/idx.h"

#include <stdbool.h>

struct image_set {
    const uint8_t *images; /* count x channels x height x width */
    const uint8_t *labels; /* count */
    int64_t count;
    struct idx_file image_file, label_file; /* images and labels point into these, or */
    uint8_t *generated;                     /* into this */
};

/*
 * Opens the two files of the set `name`, "train" or "t10k", in a directory. Returns 0, or reports what is wrong. Close
 * the set after a failure too.
 */
int image_set_open(struct image_set *set, const char *directory, const char *name);
void image_set_close(struct image_set *set);

/* Whether `path` is one of the two files of the set `name` in a directory. */
bool image_set_has_file(const char *directory, const char *name, const char *path);

#endif
