/* SPDX-License-Identifier: MIT */
/*
 * An array of numbers as it lies in a file, and what becomes of it: images as bytes, and labels as bytes. Unsigned
 * bytes are used where they are; other types are converted if their values are whole and in range. Images of
 * floating-point numbers are from 0 to 1 or from 0 to 255.
 */
#ifndef MNIST_ARRAY_H
#define MNIST_ARRAY_H

#include <stdbool.h>
#include <stdint.h>

enum array_type {
    ARRAY_U8,
    ARRAY_I8,
    ARRAY_U16,
    ARRAY_I16,
    ARRAY_U32,
    ARRAY_I32,
    ARRAY_U64,
    ARRAY_I64,
    ARRAY_F32,
    ARRAY_F64,
    ARRAY_BOOL
};

enum { ARRAY_MAX_RANK = 5 };

struct array {
    enum array_type type;
    bool big_endian;
    int32_t rank;
    int64_t shape[ARRAY_MAX_RANK]; /* each at least 1 */
    const uint8_t *values;         /* in the memory of the file */
};

/* Bytes of one value. */
int array_type_bytes(enum array_type type);

/*
 * Checks the dimensions and that exactly `bytes` bytes hold the values of array->shape and array->type. Returns 0, or
 * reports what is wrong with the file `path`.
 */
int array_check_size(const struct array *array, uint64_t bytes, const char *path);

/* Whether it is the number of pixels of a square image of at least 2 x 2. */
bool array_is_square(int64_t pixels);

/* Whether rows x columns numbers may be the pixels of one picture: sides up to 4096, none above four times the other.
 */
bool array_may_be_picture(int64_t rows, int64_t columns);

struct image_array {
    int64_t count;
    int32_t channels, height, width;
    const uint8_t *pixels; /* count x channels x height x width */
    uint8_t *converted;    /* memory of these pixels, NULL if they lie in the array */
};

/*
 * The images in an array of N x H x W, N x C x H x W, N x H x W x C (C = 1 or 3, as TensorFlow orders them) or N x P
 * with P = side x side. Returns 0, or reports what is wrong with the file `path`. free(images->converted).
 */
int array_images(struct image_array *images, const struct array *array, const char *path);

struct label_array {
    int64_t count;
    const uint8_t *labels;
    uint8_t *converted; /* as for images */
};

/*
 * The labels in an array of N, of N x 1, of N x 8 (QMNIST: the class is in the first column) or of N x K with one 1 per
 * row, in the column of the class. Otherwise as array_images().
 */
int array_labels(struct label_array *labels, const struct array *array, const char *path);

#endif
