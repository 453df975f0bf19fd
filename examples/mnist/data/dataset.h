/* SPDX-License-Identifier: MIT */
/* The training and test images: files in one directory, or generated digits. */
#ifndef MNIST_DATASET_H
#define MNIST_DATASET_H

#include "data/image_set.h"

#include <normnet.h>

/* Selects the generated digits instead of a directory. */
#define DATASET_GENERATED "generated"

struct dataset {
    char *directory; /* or a file of the set; NULL = generated digits */
    struct set_files files;
    int64_t
        held_out; /* test images that were taken from the end of the training images, because test.csv has no labels */
    int32_t channels, height, width;
    int32_t classes;    /* the largest label of all training images, used or not, plus 1 */
    double *mean, *std; /* per channel, of the used training images, scaled to 0..1, rounded to four decimals */
    struct image_set train, validation, test; /* the validation images are held out of the training images */
};

/*
 * Opens the data set in `directory` (see set_files.h). If it is NULL: the one in $NORMNET_DATA; without that variable
 * MNIST in the user's cache directory; without that the generated digits. The last `validate` training images become
 * the validation images; of the others the first `limit` are used, or all if it is 0. So the validation images do not
 * depend on the limit. Returns 0, or reports what is wrong.
 */
int dataset_open(struct dataset *data, const char *directory, int64_t limit, int64_t validate);

/* Opens the test images only; classes, mean and std are not set. The training files may be missing. */
int dataset_open_test(struct dataset *data, const char *directory);

/*
 * A part of a data set, which must outlive it: with fewer training images and other validation images, as in
 * dataset_open(). Returns 0, or reports that no training images are left.
 */
int dataset_divide(struct dataset *part, const struct dataset *whole, int64_t limit, int64_t validate);

/* Frees what dataset_divide() has allocated. */
void dataset_close_part(struct dataset *part);

void dataset_close(struct dataset *data);

/* Returns 0, or reports that the output file `path` of an option is a file of the data set. `path` may be NULL. */
int dataset_check_distinct(const struct dataset *data, const char *option, const char *path);

/* SHA-256 of the used images of a set: their number, shape, pixels and labels. */
void dataset_checksum(const struct dataset *data, const struct image_set *set, char hexadecimal[65]);

/* Print where the images are from, their number and shape. */
void dataset_print(const struct dataset *data);
void dataset_print_test(const struct dataset *data); /* of the validation images if there are any */

/* channels x height x width */
size_t dataset_image_bytes(const struct dataset *data);

/* Tensors over `count` images and labels of the data set's shape. */
void dataset_tensors(const struct dataset *data, const uint8_t *images, const uint8_t *labels, int64_t count,
                     normnet_tensor *image_tensor, normnet_tensor *label_tensor);

#endif
