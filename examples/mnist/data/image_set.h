/* SPDX-License-Identifier: MIT */
/* Images with their labels: the training or the test set of a data set. */
#ifndef MNIST_IMAGE_SET_H
#define MNIST_IMAGE_SET_H

#include "data/set_files.h"
#include "support/whole_file.h"

struct image_set {
    const uint8_t *images; /* count x channels x height x width */
    const uint8_t *labels; /* count; NULL for a test table without labels */
    int64_t count;
    int32_t channels, height, width;
    struct whole_file files[2]; /* images and labels point into these, or */
    uint8_t *memory[2];         /* into these */
};

/*
 * Opens the training or the test set among the files. Returns 0, or reports what is wrong. Close the set after a
 * failure too.
 */
int image_set_open(struct image_set *set, const struct set_files *files, bool test);
void image_set_close(struct image_set *set);

#endif
