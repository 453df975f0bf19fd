/* SPDX-License-Identifier: MIT */
/* The images of the command `predict`, read from PNG, PNM, IDX, NumPy and CSV files, which may be packed. */
#ifndef MNIST_IMAGE_FILES_H
#define MNIST_IMAGE_FILES_H

#include "data/fit.h"

#include <stdbool.h>

/* An argument that stands for standard input. */
#define STANDARD_INPUT "-"

struct image_name {
    const char *path; /* not ended by 0 */
    int path_length;
    int64_t index; /* in a file of several; -1 = the file is one image */
    enum fit fit;  /* what was done to it */
    bool inverted;
};

struct image_files {
    struct fit_target target; /* all images become like this */

    /* For files of several images that are named without an index: */
    int64_t first, max_count; /* the images to take of each */
    int64_t several;          /* how many of them there were */
    int64_t left_out;         /* images after the last one that was taken */

    bool input_read; /* standard input, which can be read once */

    int64_t count, room;
    struct image_name *names;
    uint8_t *pixels; /* count x channels x height x width */

    char **notes; /* a line for each image that was changed; one for those of an array */
    int64_t note_count;
};

/*
 * Appends the images of one argument: a file, or FILE:INDEX for one image of a file of several, unless a file has this
 * very name. FILE may be - for standard input. The argument must outlive `images`. Returns 0, or reports what is wrong
 * with the file.
 */
int image_files_add(struct image_files *images, const char *argument);

/* Bytes of one image: channels x height x width. */
size_t image_files_bytes(const struct image_files *images);

void image_files_free(struct image_files *images);

#endif
