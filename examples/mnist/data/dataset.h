/* SPDX-License-Identifier: MIT */
/* The images to train and to test with: four IDX files of one directory, or generated digits. */
#ifndef MNIST_DATASET_H
#define MNIST_DATASET_H

#include "data/image_set.h"

#include <normnet.h>

/* The word that stands for the generated digits where a directory is expected. */
#define DATASET_GENERATED "generated"

struct dataset {
    char *directory; /* NULL = generated digits */
    int32_t channels, height, width;
    int32_t classes;    /* the largest label of all training images, used or not, plus one */
    double *mean, *std; /* per channel, of the training images that are used, scaled to 0..1, rounded to four digits */
    struct image_set train, test;
};

/*
 * Opens the data set in `directory`; if that is NULL, in $NORMNET_DATA, else in the user's cache
 * directory if MNIST is there, else the generated digits. Of the training images the first `limit`
 * are used (0 = all). Returns 0, or reports what is wrong.
 */
int dataset_open(struct dataset *data, const char *directory, int64_t limit);

/* The test images alone, for which the others need not be there; classes, mean and std stay empty. */
int dataset_open_test(struct dataset *data, const char *directory);

void dataset_close(struct dataset *data);

/*
 * Reports it if the option names one of the data set's files, read or not, whose place what is written would take;
 * returns 0 otherwise. `path` may be NULL.
 */
int dataset_check_distinct(const struct dataset *data, const char *option, const char *path);

/* SHA-256 of the images of a set that are used: their number and shape, their pixels and their labels. */
void dataset_checksum(const struct dataset *data, const struct image_set *set, char hexadecimal[65]);

/* What is used and where it comes from. */
void dataset_print(const struct dataset *data);
void dataset_print_test(const struct dataset *data);

/* channels x height x width */
size_t dataset_image_bytes(const struct dataset *data);

/* Tensors over `count` images and labels of the data set's shape. */
void dataset_tensors(const struct dataset *data, const uint8_t *images, const uint8_t *labels, int64_t count,
                     normnet_tensor *image_tensor, normnet_tensor *label_tensor);

#endif
